"""What a training step costs of a method in a precision: `benchmark.py`."""

import resource
import statistics
import time
import types
from collections.abc import Sequence
from typing import Any

from bench import arithmetic, start
from pages import markdown

SHAPE = (28, 28, 1)
CHECKS = 50  # of a batch, in one graph


def measure(method: str, precision: str, flags: types.SimpleNamespace) -> dict[str, Any]:
    """One case, in this process: medians over interleaved rounds.

    Args:
        method: its name.
        precision: of the networks.
        flags: of `benchmark.py`: batch_size, latent_dim, network, images, data_dir, threads,
            rounds, seconds.
    """
    start.tensorflow(flags.threads)
    import tensorflow as tf
    from bench import data

    import zoo

    batch = flags.batch_size
    source = data.load(SHAPE, flags.images, flags.data_dir)
    model = zoo.create(
        method,
        image_shape=SHAPE,
        latent_dim=flags.latent_dim,
        network=flags.network,
        dtype=precision,
    )
    model.compile()
    stream = source.train(batch, 0)
    x = next(iter(stream))["x"]
    model.adapt(x)
    bare = tf.function(lambda: model.train_step({"x": x}), autograph=False)
    counted = arithmetic.operations(bare.get_concrete_function().graph)
    feed = iter(stream)
    draw = tf.function(lambda: next(feed)["x"], autograph=False)

    @tf.function(autograph=False)
    def checked() -> tf.Tensor:  # many in a row: a call of a graph costs more than one check
        values = x
        for _ in range(CHECKS):
            values = model.as_batch({"x": values})["x"]
        return tf.reduce_max(values)

    fitted = _Fit(model, stream)
    samples = {"ceiling": [], "bare": [], "fit": [], "input": [], "checks": []}
    for call in (bare, draw, checked):
        call()
    fitted(2)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # without the ceiling
    shape, ceiling = arithmetic.fastest_convolution(precision.removeprefix("mixed_"))
    for _ in range(flags.rounds):
        samples["ceiling"].append(arithmetic.seconds(ceiling.call, flags.seconds))
        samples["bare"].append(arithmetic.seconds(bare, flags.seconds))
        samples["fit"].append(fitted(max(2, int(flags.seconds / samples["bare"][-1]))))
        samples["input"].append(arithmetic.seconds(draw, flags.seconds / 3))
        samples["checks"].append(arithmetic.seconds(checked, flags.seconds / 3) / CHECKS)
    median = {name: statistics.median(values) for name, values in samples.items()}
    of_ceiling = [
        (counted / b) / (ceiling.operations / c)
        for b, c in zip(samples["bare"], samples["ceiling"])
    ]
    return {
        "method": method,
        "precision": precision,
        "milliseconds": 1e3 * median["bare"],
        "images_per_second": batch / median["bare"],
        "gflop": counted / 1e9,
        "gflops": counted / median["bare"] / 1e9,
        "ceiling": ceiling.operations / median["ceiling"] / 1e9,
        "ceiling_shape": shape,
        "share": statistics.median(of_ceiling),
        "fit": statistics.median(f / b for f, b in zip(samples["fit"], samples["bare"])),
        "input_images_per_second": batch / median["input"],
        "checks": median["checks"] / median["bare"],
        "peak_mb": peak,
        "data": source.name,
    }


class _Fit:
    """Seconds a step inside of `model.fit`, the first step of a call left out."""

    def __init__(self, model, stream):
        import keras

        class Clock(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                self.times.append(time.perf_counter())

        self.model, self.stream, self.clock = model, stream, Clock()

    def __call__(self, steps):
        self.clock.times = []
        options = {"verbose": 0, "shuffle": False, "callbacks": [self.clock]}
        self.model.fit(self.stream, steps_per_epoch=steps + 1, **options)
        first, last = self.clock.times[0], self.clock.times[-1]
        return (last - first) / steps


def table(measured: Sequence[dict[str, Any]], flags: types.SimpleNamespace, threads: int) -> str:
    """The cases as a Markdown table, and what it was measured on."""
    heads = ("method", "precision", "ms a step", "images/s", "GFLOP a step", "GFLOP/s")
    heads += ("of the ceiling", "`fit` / bare step", "input / consumption", "checks / step")
    heads += ("peak memory",)
    lines = markdown.header(*heads)
    for c in measured:
        cells = (
            c["method"],
            c["precision"],
            f"{c['milliseconds']:.1f}",
            f"{c['images_per_second']:,.0f}",
            f"{c['gflop']:.1f}",
            f"{c['gflops']:.0f}",
            f"{100 * c['share']:.0f} %",
            f"{c['fit']:.3f}",
            f"{c['input_images_per_second'] / c['images_per_second']:.0f}",
            f"{100 * c['checks']:.2f} %",
            f"{c['peak_mb']:,.0f} MB",
        )
        lines.append(markdown.row(*cells))
    ceilings = {c["precision"]: c for c in measured}.values()
    notes = "; ".join(
        f"{c['precision']} {c['ceiling']:.0f} GFLOP/s ({c['ceiling_shape']})" for c in ceilings
    )
    lines += [
        "",
        f"Batch {flags.batch_size}, network {flags.network}, data {measured[0]['data']}, "
        f"{threads} threads. Ceiling: {notes}.",
    ]
    return "\n".join(lines)
