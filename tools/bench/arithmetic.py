"""What a traced step computes, and how long a call of it takes: what the benchmarks share."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf

_CEILING_SHAPES = ((28, 64), (14, 128), (14, 256))  # side, maps in and out, batch 100, 5x5


def operations(graph: "tf.Graph") -> int:
    """2 per multiply-add of the convolutions and products that the graph's results need."""
    needed, stack = set(), [t.op for t in graph.outputs] + list(graph.control_outputs)
    while stack:
        op = stack.pop()
        if op not in needed:
            needed.add(op)
            stack += [t.op for t in op.inputs] + list(op.control_inputs)
    return sum(_operations(op) for op in needed)


def _operations(op):
    size = lambda shape: shape.num_elements()
    if op.type == "Conv2D":
        return 2 * size(op.outputs[0].shape) * size(op.inputs[1].shape[:3])
    if op.type == "Conv2DBackpropInput":
        return 2 * size(op.inputs[2].shape) * size(op.inputs[1].shape[:3])
    if op.type == "Conv2DBackpropFilter":
        return 2 * size(op.inputs[2].shape) * size(op.outputs[0].shape[:3])
    if op.type == "MatMul":
        inner = op.inputs[0].shape[0 if op.get_attr("transpose_a") else 1]
        return 2 * size(op.outputs[0].shape) * inner
    return 0


def seconds(call: Callable[[], Any], at_least: float) -> float:
    """Seconds a call, over as many calls as take `at_least` seconds."""
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < at_least:
        result = call()
        count += 1
    for leaf in result.values() if isinstance(result, dict) else [result]:
        leaf.numpy()  # wait for the last one
    return (time.perf_counter() - began) / count


class Convolution:
    """A 5x5 convolution, [100, side, side, maps] -> the same shape."""

    def __init__(self, side: int, maps: int, dtype: str):
        import tensorflow as tf

        x = tf.cast(tf.random.stateless_normal([100, side, side, maps], [0, 0]), dtype)
        w = tf.cast(tf.random.stateless_normal([5, 5, maps, maps], [0, 1]), dtype)
        self.call = tf.function(lambda: tf.nn.conv2d(x, w, 1, "SAME")[0, 0, 0, 0])
        self.operations = 2 * 100 * side**2 * 25 * maps**2


def fastest_convolution(dtype: str) -> tuple[str, Convolution]:
    """(its shape in words, the fastest `Convolution`) of `_CEILING_SHAPES`, on a short trial."""
    tried = []
    for side, maps in _CEILING_SHAPES:
        convolution = Convolution(side, maps, dtype)
        convolution.call()
        rate = convolution.operations / seconds(convolution.call, 0.5)
        tried.append((rate, f"100x{side}x{side}x{maps}, 5x5, {maps} maps", convolution))
    return max(tried, key=lambda each: each[0])[1:]
