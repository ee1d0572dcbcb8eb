"""What a training step costs as images, batch and networks grow: `benchmark.py --growth`."""

import dataclasses
import resource
import statistics
from collections.abc import Sequence
from typing import Any

from bench import arithmetic, start
from pages import markdown

# (side, batch, width); the first is what the others are compared with.
CASES = ((28, 100, 1), (64, 100, 1), (128, 100, 1), (28, 25, 1), (28, 400, 1), (28, 100, 2))
LATENT_DIM = 64
# Methods without a table of networks say their width in hyper-parameters of their own.
_WIDTHS = {
    "real_nvp": {"hidden_units": 32},
    "pixel_cnn": {"pixel_maps": 16},
}
_OTHERS = {
    "real_nvp": {"scales": 2, "couplings": 2},
    "pixel_cnn": {"pixel_layers": 3, "pixel_kernel": 3, "pixel_first_kernel": 5},
}


def knows(method: str) -> bool:
    """Whether a method's width is said here, as it has no table of networks."""
    return method in _WIDTHS


def case_words(case: Sequence[int]) -> str:
    """`64x64, batch 100, width 1`, of (side, batch, width)."""
    side, batch, width = case
    return f"{side}x{side}, batch {batch}, width {width}"


def widened(table: Any, factor: int) -> Any:
    """A table of networks whose hidden rows have `factor` times the units."""
    from zoo.networks import stack

    def wider(rows: Any) -> Any:
        if isinstance(rows, dict):
            return {part: wider(own) for part, own in rows.items()}
        return tuple(map(row_of, rows))

    def row_of(row: Any) -> Any:
        if isinstance(row, stack.Reshape):
            return stack.Reshape((*row.shape[:-1], factor * row.shape[-1]))
        units = getattr(row, "units", None)
        return row if units is None else dataclasses.replace(row, units=factor * units)

    roles = {role: wider(rows) for role, rows in table.roles.items()}
    return dataclasses.replace(table, roles=roles)


def model_of(method: str, side: int, width: int) -> Any:
    """A compiled model for images of a side, whose networks are `width` times as wide."""
    import zoo
    from zoo.networks import auto, tables

    shape = (side, side, 1)
    if method in _WIDTHS:
        options = {name: width * units for name, units in _WIDTHS[method].items()}
        options |= _OTHERS[method]
    else:
        tables.TABLES["widened"] = widened(auto.table(shape), width)
        options = {"network": "widened", "latent_dim": LATENT_DIM}
    model = zoo.create(method, image_shape=shape, **options)
    model.compile()
    return model


def measure(
    method: str, case: Sequence[int], threads: int | None, rounds: int, seconds: float
) -> dict[str, Any]:
    """One case, in this process, whose peak of memory is the case's: medians over the rounds.

    Args:
        method: its name.
        case: (side, batch, width).
        threads: of TensorFlow, None for one a core.
        rounds: how many.
        seconds: of each round.
    """
    side, batch, width = case
    start.tensorflow(threads)
    import tensorflow as tf

    model = model_of(method, side, width)
    x = tf.random.stateless_uniform([batch, side, side, 1], [0, 0])
    step = tf.function(lambda: model.train_step({"x": x}), autograph=False)
    operations = arithmetic.operations(step.get_concrete_function().graph)
    step()
    times = [arithmetic.seconds(step, seconds) for _ in range(rounds)]
    return {
        "method": method,
        "case": list(case),
        "seconds": statistics.median(times),
        "operations": operations,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def table(found: Sequence[dict[str, Any]], threads: int) -> str:
    """The cases as a Markdown table: each beside the first of its method.

    `time / arithmetic` over 1: time grows faster than what is computed.
    """
    heads = ("method", "case", "ms a step", "GFLOP", "time", "arithmetic", "time / arithmetic")
    heads += ("peak memory",)
    lines = markdown.header(*heads)
    first: dict[str, dict[str, Any]] = {}
    for each in found:
        base = first.setdefault(each["method"], each)
        time, work = (each[what] / base[what] for what in ("seconds", "operations"))
        cells = (
            each["method"],
            case_words(each["case"]),
            f"{1e3 * each['seconds']:,.1f}",
            f"{each['operations'] / 1e9:,.2f}",
            *("1" if each is base else f"{ratio:.2f}" for ratio in (time, work, time / work)),
            f"{each['peak_mb']:,.0f} MB",
        )
        lines.append(markdown.row(*cells))
    networks = f"network auto, latent_dim {LATENT_DIM}"
    others = "; ".join(
        f"{method} with " + ", ".join(f"{n} {v}" for n, v in (_WIDTHS[method] | own).items())
        for method, own in _OTHERS.items()
        if method in first
    )
    words = "; ".join(filter(None, (networks, others)))
    notes = f"float32, {threads} threads; {words}."
    lines += ["", f"{notes} Time and arithmetic are multiples of the first row's."]
    return "\n".join(lines)
