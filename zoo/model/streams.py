"""Streams of batches on their way to Keras: what a door maps them through."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from zoo.errors import refusal


class Checked(keras.utils.PyDataset):
    """A `PyDataset` whose batches go through a function."""

    def __init__(self, given: keras.utils.PyDataset, function: Callable[[Any], Any]) -> None:
        super().__init__(given.workers, given.use_multiprocessing, given.max_queue_size)
        self._given, self._function = given, function

    def __getitem__(self, index: int) -> tuple[Any]:
        return (self._function(self._given[index]),)

    @property
    def num_batches(self) -> int | None:
        return self._given.num_batches

    def on_epoch_begin(self) -> None:
        self._given.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self._given.on_epoch_end()


def each(stream: Any, function: Callable[[Any], Any]) -> Any:
    """A generator, or a `PyDataset`, whose batches go through a function one by one."""
    if isinstance(stream, keras.utils.PyDataset):
        return Checked(stream, function)
    return ((function(batch),) for batch in stream)


# Converting what we write to graph code takes a second a process, and changes nothing.
as_written = tf.autograph.experimental.do_not_convert


def one(parts: tuple[Any, ...]) -> Any:
    """A batch as the stream gave it: `map` takes a tuple apart."""
    return parts if parts[1:] else parts[0]


def is_empty(stream: Any) -> bool:
    """Whether a stream says that it has no batch; arrays without rows are refused elsewhere."""
    if isinstance(stream, tf.data.Dataset):
        return int(stream.cardinality()) == 0
    return isinstance(stream, keras.utils.PyDataset) and stream.num_batches == 0


def not_empty(name: str, method: Callable[..., Any], given: inspect.BoundArguments) -> Any:
    """What Keras' method of a name returns, unless it met no batch, which nobody could foresee."""
    # Keras' `fit` comes by `evaluate` with an argument of its own; a generator ends with an epoch.
    within = bool(given.arguments.get("kwargs"))
    fault = refusal("validation_data" if within else "x", "a stream of at least one batch", "none")
    try:
        found = method(*given.args, **given.kwargs)
    except UnboundLocalError as error:  # of Keras' loop, whose body never ran
        if name != "predict" or "batch_outputs" not in str(error):
            raise
        raise ValueError(fault) from None
    nothing = name == "fit" and bool(found.epoch) and not found.history
    if name == "evaluate" and isinstance(found, dict) and not found:
        nothing = not within or isinstance(given.arguments.get("x"), tf.data.Dataset)
    if nothing:
        raise ValueError(fault)
    return found


def ranks(batch: dict[str, Any]) -> dict[str, int | None]:
    """{name: number of axes} of a batch's specifications."""
    names = ("x", "y", "x_labelled", "y_labelled")
    return {name: batch[name].shape.rank for name in names if name in batch}


# --- what replicas share --------------------------------------------------------------------------


def check_share(argument: str, rows: int, replicas: int) -> None:
    """Refuses a batch, of arrays or of a generator, that the replicas cannot share evenly."""
    if rows % replicas:
        raise ValueError(_uneven(argument, replicas, f"{rows} rows in a batch"))


def asserting_share(batch: dict[str, tf.Tensor], replicas: int) -> dict[str, tf.Tensor]:
    """A batch in a graph, with the assertion that the replicas can share it evenly."""
    message = _uneven("x", replicas, "a batch that they cannot")
    rest = tf.shape(batch["x"])[0] % replicas
    with tf.control_dependencies([tf.debugging.assert_equal(rest, 0, message=message)]):
        return {name: tf.identity(value) for name, value in batch.items()}


def trimmed(batches: tf.data.Dataset, replicas: int) -> tf.data.Dataset:
    """Batches without the last rows of each that the replicas cannot share evenly."""

    @as_written
    def trim(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        rows = tf.shape(batch["x"])[0]
        return {name: value[: rows - rows % replicas] for name, value in batch.items()}

    return batches.map(trim, deterministic=True).filter(lambda batch: tf.shape(batch["x"])[0] > 0)


def _uneven(argument: str, replicas: int, received: str) -> str:
    return refusal(argument, f"batches whose rows {replicas} replicas share evenly", received)
