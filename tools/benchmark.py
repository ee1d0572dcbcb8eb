"""Measures training on this machine: time, arithmetic, share of the ceiling, memory, input.

    python tools/benchmark.py
    python tools/benchmark.py --methods=ali --precisions=float32 --rounds=9
    python tools/benchmark.py --sampling
    python tools/benchmark.py --against=torch
    python tools/benchmark.py --against=torch --device=gpu --precisions=float32,mixed_bfloat16
    python tools/benchmark.py --growth --methods=vae,ali,real_nvp

For each method and precision, in a process of its own: the bare training step, the step inside
Keras' `fit`, the input pipeline alone, the checks of a batch that are part of a step, and, in turn
with them, the fastest 5x5 convolution that this machine does. Machines are noisy, so the ratios
within one run are what counts. With `--images`, the data are a file that need not fit into memory.

With `--sampling`, instead: what 16 images of 28x28 cost of autoregressive models, from Keras and
from an export, in calls of `log_prob` on the same batch.

With `--against=torch`, instead: the zoo beside its twins in PyTorch (`tools/peers/`), which `make
bench-peers` installs in an environment of its own. Sides take turns; "PyTorch / zoo" is over 1
where the zoo is faster. With `--against=FOLDER`, the other side is the zoo of another checkout.

With `--growth`, instead: what a step costs as the images, the batch and the networks grow, beside
the arithmetic that grows with them.

GFLOP are 2 per multiply-add of the convolutions and matrix products in the traced step, forward and
backward, dead nodes left out; everything else is not counted.
"""

import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Sequence
from typing import Any

import arithmetic
import common
import growth
from pages import markdown
from peers import cases, duel

from zoo import files, registry
from zoo.errors import refusal, unknown

FLAGS = (
    common.flag("methods", "tuple", ("vae", "gan", "ali"), "which methods"),
    common.flag(
        "precisions", "tuple", None, "which; None: those of BUILD.md", choices=cases.PRECISIONS
    ),
    common.flag("network", "str", "ali_mnist", "table of networks, for 28x28 images"),
    common.flag("batch_size", "int", 100, "examples a step", at_least=1),
    common.flag("latent_dim", "int", 64, "dimensions of z", at_least=1),
    common.flag("rounds", "int", 5, "rounds; figures are medians over them", at_least=1),
    common.flag("seconds", "float", 1.5, "time of each measurement in a round", at_least=0.01),
    common.flag("threads", "int", None, "threads of TensorFlow; None means one a core", at_least=1),
    common.flag("images", "int", None, "so many of noise, in a file, as the data", at_least=100),
    common.flag("case", "str", None, "one case, measured in this process; prints JSON"),
    common.flag("sampling", "bool", False, "autoregressive sampling instead of training"),
    common.flag("growth", "bool", False, "cost against image side, batch and width"),
    common.flag("against", "str", None, "torch, or the folder of another checkout, beside the zoo"),
    common.flag("device", "str", "cpu", "where `--against` computes", choices=cases.DEVICES),
    common.flag("peer_python", "str", ".venv-peers/bin/python", "interpreter of that library"),
    common.flag("duels", "tuple", cases.NAMES, "which cases of `--against`", choices=cases.NAMES),
    common.flag("write", "bool", False, "also write the table to BUILD.md"),
    common.DATA_DIR,
)
SHAPE = (28, 28, 1)
MARKS = ("<!-- bench:begin -->", "<!-- bench:end -->")
PEERS_MARKS = ("<!-- peers:begin -->", "<!-- peers:end -->")
GROWTH_MARKS = ("<!-- growth:begin -->", "<!-- growth:end -->")
SAMPLING_MARKS = ("<!-- sampling:begin -->", "<!-- sampling:end -->")
DRAWN = 16  # images at once
CHECKS = 50  # of a batch, in one graph
AUTOREGRESSIVE = (  # (method, hyper-parameters)
    ("pixel_cnn", {"pixel_layers": 12, "pixel_maps": 32, "pixel_kernel": 3}),
    ("pixel_cnn", {"pixel_layers": 6, "pixel_maps": 32, "pixel_kernel": 5}),
    ("pixel_cnn", {"pixel_layers": 12, "pixel_maps": 16, "pixel_kernel": 5, "gated": False}),
    ("pixel_cnn", {"pixel_layers": 6, "decoder_output": "logistic_mixture"}),
    ("pixel_vae", {"pixel_layers": 6, "conditioning": "dependent"}),
)


def run(flags: types.SimpleNamespace) -> None:
    """All cases, each in a process of its own, then the table."""
    _check(flags)
    if flags.case is not None:
        method, *rest = flags.case.split(":")
        if flags.growth:
            case = [int(number) for number in rest]
            found = growth.measure(method, case, flags.threads, flags.rounds, flags.seconds)
        else:
            found = measure(flags, method, *rest)
        print(json.dumps(found))
    elif flags.sampling:
        _publish(sampling_table(flags), SAMPLING_MARKS, flags.write)
    elif flags.growth:
        grown = [(method, *case) for method in flags.methods for case in growth.CASES]
        found = [_apart(flags, "--growth", case=case) for case in grown]
        _publish(growth.table(found, _cores(flags)), GROWTH_MARKS, flags.write)
    elif flags.against:
        _publish(duels(flags), PEERS_MARKS, flags.write)
    else:
        options = [f"--{n}={getattr(flags, n)}" for n in ("batch_size", "network", "latent_dim")]
        precisions = flags.precisions or ("float32", "mixed_bfloat16")
        each = [(method, precision) for precision in precisions for method in flags.methods]
        found = [_apart(flags, *options, case=case) for case in each]
        _publish(table(found, flags), MARKS, flags.write and not flags.images)


def _check(flags: types.SimpleNamespace) -> None:
    """Refuses names of no methods, and flags that what is measured would ignore."""
    for method in flags.methods:
        if method not in registry.list_methods():
            raise unknown("methods", method, registry.list_methods())
    chosen = [name for name in ("sampling", "growth", "against") if getattr(flags, name)]
    if len(chosen) > 1:
        expected = f"nothing beside --{chosen[0]}"
        raise ValueError(refusal(chosen[1], expected, getattr(flags, chosen[1])))
    for name in ("methods", "duels", "precisions", "against"):
        if name in flags.given and not getattr(flags, name):
            raise ValueError(refusal(name, "one name at least", getattr(flags, name)))
    of_steps = {"images", "network", "batch_size", "latent_dim"}
    used = {"sampling": {"images"}, "growth": of_steps, "against": {"methods", *of_steps}}
    ignored = used[chosen[0]] if chosen else set()
    ignored |= set() if "against" in chosen else {"duels", "device", "peer_python"}
    for name in sorted(ignored & set(flags.given)):
        expected = f"nothing with --{chosen[0]}" if chosen else "nothing without --against"
        raise ValueError(refusal(name, expected, getattr(flags, name)))


def _apart(flags: types.SimpleNamespace, *options: str, case: Sequence[Any]) -> dict[str, Any]:
    """What a case measures in a process of its own."""
    words = ":".join(map(str, case))
    same = ("rounds", "seconds", "threads", "data_dir", "images")
    options += tuple(f"--{n}={getattr(flags, n)}" for n in same if getattr(flags, n))
    done = subprocess.run(
        [sys.executable, __file__, f"--case={words}", *options],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    print(f"measured {words}", file=sys.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def duels(flags: types.SimpleNamespace) -> str:
    """The zoo beside another library, as a Markdown table."""
    other = _other(flags)
    found = []
    for name in flags.duels:
        for precision in flags.precisions or ("float32",):
            how = (_cores(flags), flags.rounds, flags.seconds, flags.device, precision)
            found.append(duel.duel(name, other, *how))
            print(f"measured {name}, {precision}", file=sys.stderr)
    return duel.table(found, duel.starts(other), _cores(flags))


def _other(flags: types.SimpleNamespace) -> duel.Player:
    """Whom `--against` names."""
    if flags.against == "torch":
        if not os.access(flags.peer_python, os.X_OK):
            expected = "a Python with PyTorch (`make bench-peers` makes it)"
            raise ValueError(refusal("peer_python", expected, flags.peer_python))
        return duel.torch(flags.peer_python)
    if not (pathlib.Path(flags.against) / "zoo" / "__init__.py").is_file():
        expected = "torch, or a folder that holds a checkout of the zoo"
        raise ValueError(refusal("against", expected, flags.against))
    if flags.write:
        raise ValueError(refusal("write", "False, as BUILD.md has no table of checkouts", True))
    return duel.checkout(flags.against)


def _publish(text, marks, write):
    """Prints a table and, if asked, puts it between its marks in BUILD.md."""
    print(text)
    if write:
        path = common.ROOT / "BUILD.md"
        before, _, rest = path.read_text().partition(marks[0])
        _, _, after = rest.partition(marks[1])
        files.write_text(path, f"{before}{marks[0]}\n{text}\n{marks[1]}{after}")


def measure(flags: types.SimpleNamespace, method: str, precision: str) -> dict[str, Any]:
    """One case: medians over interleaved rounds."""
    common.load()
    import bench_data
    import tensorflow as tf

    import zoo
    from zoo import training

    if flags.threads:
        training.set_threads(flags.threads)
    batch = flags.batch_size
    source = bench_data.load(SHAPE, flags.images, flags.data_dir)
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
    shape, ceiling = arithmetic.fastest_convolution(precision.removeprefix("mixed_"))
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
    for call in (ceiling.call, bare, draw, checked):
        call()
    fitted(2)
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
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "data": source.name,
    }


def sampling_table(flags: types.SimpleNamespace) -> str:
    """What drawing costs, in calls of `log_prob`, as a Markdown table; medians over the rounds."""
    common.load()
    import numpy as np

    import zoo
    from zoo import training

    if flags.threads:
        training.set_threads(flags.threads)
    heads = ("method", "`log_prob`", "`sample`", "sample / log_prob", "exported / log_prob")
    lines = markdown.header(*heads)
    for method, options in AUTOREGRESSIVE:
        model = zoo.create(method, image_shape=SHAPE, **options)
        with tempfile.TemporaryDirectory() as folder:
            served = zoo.load(zoo.export(model, folder).parent)
            x = np.asarray(model.sample(DRAWN, seed=0))
            calls = {
                "log_prob": lambda: model.log_prob(x, seed=0),  # noqa: B023
                "sample": lambda: model.sample(DRAWN, seed=0),  # noqa: B023
                "exported": lambda: served.sample(DRAWN, seed=0),  # noqa: B023
            }
            for call in calls.values():
                call()
            rounds = [
                {name: arithmetic.seconds(call, flags.seconds) for name, call in calls.items()}
                for _ in range(flags.rounds)
            ]
        median = {name: statistics.median(each[name] for each in rounds) for name in calls}
        ratio = {
            name: statistics.median(each[name] / each["log_prob"] for each in rounds)
            for name in ("sample", "exported")
        }
        words = ", ".join(f"{name} {value}" for name, value in options.items())
        cells = (
            f"{method}: {words}",
            f"{1e3 * median['log_prob']:.0f} ms",
            f"{1e3 * median['sample']:.0f} ms",
            f"{ratio['sample']:.1f}",
            f"{ratio['exported']:.0f}",
        )
        lines.append(markdown.row(*cells))
    lines += ["", f"{DRAWN} images of 28x28 on a CPU of {_cores(flags)} threads."]
    return "\n".join(lines)


def _cores(flags):
    return flags.threads or os.cpu_count()


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


def table(measured: list[dict[str, Any]], flags: types.SimpleNamespace) -> str:
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
        f"{_cores(flags)} threads. Ceiling: {notes}.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(common.main(run, FLAGS))
