"""How much memory the model of a run may ask for: what describes it may be anybody's file."""

import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from zoo.errors import refusal

# Numbers that any model may have; of a larger one the run must hold files. A variable counts for so
# many at least, as it takes time to make.
_SMALL, _LEAST = 2**26, 2**14


def of_run(run_dir: str | os.PathLike) -> int:
    """Numbers that the model of a run may have: few, or twice the bytes that its weights take."""
    files = pathlib.Path(run_dir).rglob("*.npz")
    # Blocks, as a file may seem to have terabytes. Published networks lack those that only train.
    return _SMALL + 2 * sum(path.stat().st_blocks * 512 for path in files if path.is_file())


@contextlib.contextmanager
def allowance(numbers: int) -> Iterator[None]:
    """Refuses, in the block, the variable with which there are more than so many numbers.

    Before it is made: its shape comes from a trace of its initial value.
    """
    left = numbers

    def create(make: Any, **options: Any) -> tf.Variable:
        nonlocal left
        value = options["initial_value"]
        if callable(value):
            with tf.__internal__.FuncGraph("initial_value").as_default():
                value = value()
        shape = tf.TensorShape(getattr(value, "shape", ()))
        left -= max(_LEAST, shape.num_elements() or 0)
        if left < 0:
            expected = f"at most {numbers} numbers, or a run that holds more"
            raise ValueError(refusal("weights", expected, f"another variable of shape {shape}"))
        return make(**options)

    with tf.variable_creator_scope(create):
        yield
