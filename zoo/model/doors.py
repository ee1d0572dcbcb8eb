"""The doors by which Keras takes data: arrays are checked on the host, before any work.

`fit`, `evaluate`, `predict`, `train_on_batch`, `test_on_batch`, `predict_on_batch` and `model(x)`
read the same array alike, by the rule of `zoo.forms`, and so are the batches of a generator or a
`PyDataset`, one by one. A `tf.data.Dataset` is read in the graph (`zoo.model.batches`); what that
refuses leaves here as an error of one line.
"""

import contextlib
import functools
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from zoo import checks, forms, tensors
from zoo.errors import refusal
from zoo.model import saving, streams

# What TensorFlow Datasets call x and y.
_ALSO = {"image": "x", "label": "y"}
_WEIGHTS = ("sample_weight", "class_weight")
# Numbers that Keras' methods take, and the least of each; Keras reads a 0 as None.
_WHOLE = {"batch_size": 1, "validation_batch_size": 1, "epochs": 0, "initial_epoch": 0}
_WHOLE |= dict.fromkeys(("steps_per_epoch", "steps", "validation_steps"), 1)
# What Keras ignores, or trips over, where x is a stream.
_OF_ARRAYS = {
    "batch_size": "Batch the stream itself, as by data.batch(100).",
    "validation_split": "Pass validation_data.",
}
_ON_HOST = (Iterator, keras.utils.PyDataset)  # streams of arrays
# What Keras sets on a model, so that no hyper-parameter may have the name.
KERAS_NAMES = tuple(
    """
    activity_regularizer autocast built call_signature_parameters compiled history optimizer
    predict_function steps_per_execution stop_evaluating stop_predicting stop_training
    supports_jit test_function train_function unrolled_steps_per_execution
    """.split()
)
_REFUSAL = re.compile(r"Invalid `[^`\n]+`: expected [^\n]*")
DATA_NAMES = ("x", "x_labelled", "x_reference")  # of a batch, what is data
LABELS = "batches with labels y, as this model is conditional"
_WEIGHT_KEYS = ("sample_weight", "class_weight", "weight", "weights")
SOME_LABELS = "batches with labels: x_labelled and y_labelled, or y"


def named(data: Any) -> dict[str, Any]:
    """A batch by names, {"x"[, "y"], ...}, of an array, (x,), (x, y) or a dict; "image" is x.

    Raises:
        ValueError: weights of rows, which no method has; no x.
    """
    if isinstance(data, tuple):  # a list is an array
        if len(data) > 3:
            raise ValueError(refusal("data", "x, or (x, y)", f"a tuple of {len(data)}"))
        x, y, weight = (*data, None, None)[:3]
        refuse_weights(sample_weight=weight)
        found = named(x)
        if y is not None:
            _put(found, "y", y)
        return found
    if not isinstance(data, dict):
        return {"x": data}
    refuse_weights(**{name: data.get(name) for name in _WEIGHT_KEYS})
    batch: dict[str, Any] = {}
    for key, value in data.items():
        _put(batch, _ALSO[key] if key in _ALSO else key, value)
    if "x" not in batch:
        raise ValueError(refusal("data", "batches with images or vectors x", sorted(data)))
    return batch


def _put(batch: dict[str, Any], name: str, value: Any) -> None:
    if name in batch:
        raise ValueError(refusal("data", f"one {name}", f"two of them, beside {sorted(batch)}"))
    batch[name] = value


def refuse_weights(**weights: Any) -> None:
    """Refuses weights of rows or classes by their names."""
    for name, value in weights.items():
        if value is not None:
            expected = "None, as the losses of a method weigh all rows alike"
            raise ValueError(refusal(name, expected, _short(value)))


def _short(value: Any) -> Any:
    return f"shape {tuple(value.shape)}" if hasattr(value, "shape") else value


@contextlib.contextmanager
def in_one_line() -> Iterator[None]:
    """What the graph refuses leaves the block as one line, without the graph around it."""
    try:
        yield
    except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
        found = _REFUSAL.search(str(error))
        if found is None or "\n" not in str(error):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        # The assertion puts its message into brackets, before those of its condition, and escapes
        # quotes; Keras prints in bold.
        line = found[0].partition("\x1b")[0].partition("] [Condition")[0].replace("\\'", "'")
        raise kind(tensors.told(line.strip())) from None


def _door(name: str, needs_labels: bool = True) -> Callable[..., Any]:
    """Keras' method of a name, behind the checks of its arguments."""
    method = getattr(keras.Model, name)
    signature = inspect.signature(method)

    @functools.wraps(method)
    def door(self: "Doors", *arguments: Any, **options: Any) -> Any:
        given = signature.bind(self, *arguments, **options)
        found = given.arguments
        _check_options(found)
        refuse_weights(**{weight: found.get(weight) for weight in _WEIGHTS})
        if name == "fit" and isinstance(found.get("x"), (tf.data.Dataset, Iterator)):
            found.setdefault("shuffle", False)  # Keras' default warns that it cannot be heeded
        validated = found.get("validation_data") is not None
        for argument in ("x", "validation_data") if validated else ("x",):
            _check_kind(found.get(argument), argument, one_batch=name.endswith("on_batch"))
            if streams.is_empty(found.get(argument)):
                raise ValueError(refusal(argument, "a stream of at least one batch", "none"))
        # Keras' `fit` comes by `evaluate` with its own batch size, and an argument of its own.
        if not (_is_arrays(found["x"]) or found.get("kwargs")):
            for argument, hint in _OF_ARRAYS.items():
                if found.get(argument):
                    expected = "None, as batches of a stream are what they are"
                    raise ValueError(refusal(argument, expected, found[argument], hint))
        if needs_labels:
            x, y = self.checked(found.get("x"), found.get("y"))
            found |= {"x": x, "y": y}
            validation = found.get("validation_data")
            if isinstance(validation, (tuple, list)):
                batch = named(tuple(validation))
                plain = batch.keys() <= {"x", "y"}
                pair = (batch["x"], batch.get("y")) if plain else (batch, None)
                found["validation_data"] = self.checked(*pair)
            elif validation is not None:
                found["validation_data"] = self.checked(validation, None)[0]
            if not name.endswith("on_batch"):
                self._check_shares(found)
        else:
            found["x"] = self.checked_input(found.get("x"))
        with in_one_line():
            return streams.not_empty(name, method, given)

    return door


def _check_options(found: dict[str, Any]) -> None:
    """Refuses, by name, numbers and callbacks that Keras would ignore, or trip over later."""
    for argument, least in _WHOLE.items():
        if found.get(argument) is not None:
            found[argument] = checks.whole(found[argument], argument, least)
    share = found.get("validation_split")
    if share and not 0 <= share < 1:
        raise ValueError(refusal("validation_split", "a float in [0, 1)", share))
    callbacks = found.get("callbacks")
    for callback in callbacks if isinstance(callbacks, (list, tuple)) else ():
        if isinstance(callback, keras.callbacks.ModelCheckpoint) and not callback.save_weights_only:
            saving.check_path(callback.filepath, "filepath")


class Doors(keras.Model):
    """Keras' methods that take data, mixed into a model (`zoo.model.base`)."""

    image_shape: tuple[int, ...]
    num_classes: int | None
    num_attributes: int | None
    code_dim: int
    capabilities: frozenset[str]
    conditional: bool
    semi_supervised: bool
    method: str
    as_batch: Callable[[Any], dict[str, Any]]
    log_names: tuple[str, ...]
    _evaluated: tuple[str, ...]

    fit = _door("fit")
    evaluate = _door("evaluate")
    train_on_batch = _door("train_on_batch")
    test_on_batch = _door("test_on_batch")
    predict = _door("predict", needs_labels=False)
    predict_on_batch = _door("predict_on_batch", needs_labels=False)

    @property
    def metrics_names(self) -> list[str]:
        """Names of the numbers that `evaluate` returns: `loss` is the first."""
        return ["loss", *self._evaluated]

    def _flatten_metrics_in_order(self, logs: dict[str, Any]) -> Any:
        """What Keras' `evaluate` and `*_on_batch` return: sorted by name, `loss` would not lead."""
        values = [logs[name] for name in self.log_names if name in logs]
        if not values:  # of a stream that could not say how long it is
            raise ValueError(refusal("x", "a stream of at least one batch", "none"))
        return values

    @tensors.plain
    def __call__(self, inputs: Any, *arguments: Any, **options: Any) -> Any:
        checked = self.checked_input(inputs)
        with in_one_line():
            return super().__call__(checked, *arguments, **options)

    def _check_shares(self, given: dict[str, Any]) -> None:
        """Refuses arrays, as `fit` takes them, that the replicas cannot share evenly."""
        replicas = self.distribute_strategy.num_replicas_in_sync
        x, validation = given.get("x"), given.get("validation_data")
        if replicas == 1:
            return
        own = given.get("batch_size") or 32  # as Keras
        if _is_arrays(x):
            rows = len(named(x)["x"])
            held = rows - int(rows * (1.0 - (given.get("validation_split") or 0.0)))
            streams.check_share("batch_size", own, replicas)
            streams.check_share("x", (rows - held) % own, replicas)
            streams.check_share("validation_split", held % own, replicas)
        if isinstance(validation, tuple):  # of `checked`
            validation = validation[0]
        if validation is not None and _is_arrays(validation):
            rows = len(named(validation)["x"])
            size = given.get("validation_batch_size") or own
            streams.check_share("validation_batch_size", size, replicas)
            streams.check_share("validation_data", rows % size, replicas)

    @property
    def labelled_kind(self) -> bool:
        """Whether labels mean something to the model."""
        return self.num_classes is not None or self.num_attributes is not None

    def checked(self, x: Any, y: Any) -> tuple[Any, Any]:
        """(x, y) as given, labels converted, if they are arrays; streams as they are.

        Raises:
            ValueError, TypeError: in one line, by the rule of `zoo.forms`.
        """
        if not _is_arrays(x):
            return self._checked_stream(x), y
        batch = {name: forms.narrowed(value) for name, value in named((x, y)).items()}
        self.refuse_target(x if y is None else (x, y), batch)
        # With its channel: Keras' step would otherwise be traced for data of any rank.
        batch["x"] = forms.check_images(batch["x"], self.image_shape)
        rows = len(batch["x"])
        for name in sorted(batch.keys() - {"x"}):  # images before their labels
            if name in ("y", "y_labelled") and self.labelled_kind:
                kinds = self.num_classes, self.num_attributes
                batch[name] = forms.labels(batch[name], rows, *kinds, argument=name)
                continue
            if name in DATA_NAMES:
                batch[name] = forms.check_images(batch[name], self.image_shape, name)
            batch[name] = forms.beside(batch[name], rows, name, sizes=name in DATA_NAMES)
        self.need_labels(batch)
        return (batch, None) if isinstance(x, dict) else (batch["x"], batch.get("y"))

    def refuse_target(self, data: Any, batch: dict[str, Any]) -> None:
        """Refuses, of a model that takes no labels, a y that is a target: it would be ignored.

        Labels of classes, and attributes in a dict, belong to a data set and are left aside.

        Args:
            data: the batch as it was given.
            batch: the same by names.
        """
        y = batch.get("y")
        if y is None or self.labelled_kind:
            return
        y = y if hasattr(y, "dtype") else forms.numbers(y, "y", "None or labels of classes")
        y = forms.narrowed(y)
        shape, dtype = tf.TensorShape(y.shape), tf.as_dtype(y.dtype)
        if shape.rank is None or (not dtype.is_floating and shape[1:].as_list() in ([], [1])):
            return
        images = len(self.image_shape) == 3
        like_x = images and shape[1:].as_list() in ([*self.image_shape], [*self.image_shape[:-1]])
        apart = isinstance(data, tuple) and data[1:] and data[1] is not None
        if like_x or apart:
            expected = f"None or labels of classes, as {self.method} learns of x alone"
            received = f"{dtype.name} of shape {('B', *shape[1:].as_list())}"
            raise ValueError(refusal("y", expected, received, "Pass x without a target."))

    def need_labels(self, batch: dict[str, Any]) -> None:
        """Refuses a batch without the labels that the phases take."""
        if self.conditional and "y" not in batch:
            raise ValueError(refusal("data", LABELS, sorted(batch)))
        labelled = {"x_labelled", "y_labelled"} <= batch.keys() or "y" in batch
        if self.semi_supervised and not labelled:
            raise ValueError(refusal("data", SOME_LABELS, sorted(batch)))

    def checked_input(self, inputs: Any) -> Any:
        """What `call` takes, as given: arrays are checked, and refused in one line."""
        if self.conditional:
            expected = "a verb that takes y, such as reconstruct, as this model is conditional"
            raise ValueError(refusal("call", expected, "model(x)"))
        generates = "decode" in self.capabilities and "reconstruct" not in self.capabilities
        shape, argument = ((self.code_dim,), "z") if generates else (self.image_shape, "x")
        if isinstance(inputs, _ON_HOST):
            checked = lambda batch: forms.images(named(batch)["x"], shape, argument)
            return streams.each(inputs, checked)
        if not _is_arrays(inputs):
            if not isinstance(inputs, tf.data.Dataset):
                return inputs
            with in_one_line():
                rank = named(inputs.element_spec)["x"].shape.rank
                if rank is None or not forms.lacks_channel(rank, self.image_shape):
                    return inputs
                channel = lambda *parts: named(streams.one(parts))["x"][..., None]
                return inputs.map(streams.as_written(channel), deterministic=True)
        x = named(inputs)["x"]
        if tf.is_tensor(x):  # a tape may follow it
            return tensors.images(x, shape, argument)
        return forms.check_images(x, shape, argument)

    def _checked_stream(self, stream: Any) -> Any:
        """A stream whose shapes and types were checked, in one line, before it is read.

        Its values are asserted in the graph of a step; XLA drops assertions, so there they are
        checked on their way. One whose arrays lack a channel, or have labels [N, 1], is read as the
        others are: else Keras' step would be traced for data of any rank.
        """
        if isinstance(stream, tf.data.Dataset):
            replicas = self.distribute_strategy.num_replicas_in_sync
            with in_one_line():
                as_batch = lambda *parts: self.as_batch(streams.one(parts))
                if replicas > 1:
                    alone = as_batch
                    as_batch = lambda *parts: streams.asserting_share(alone(*parts), replicas)
                how: dict[str, Any] = {"num_parallel_calls": 2, "deterministic": True}
                read = stream.map(streams.as_written(as_batch), **how)
                ranks = streams.ranks(named(stream.element_spec)), streams.ranks(read.element_spec)
            mapped = getattr(self, "jit_compile", False) or replicas > 1
            return read if mapped or ranks[0] != ranks[1] else stream
        if isinstance(stream, _ON_HOST):
            return streams.each(stream, self._of_host)
        return stream

    def _of_host(self, batch: Any) -> Any:
        """A batch of arrays, x as float32: Keras casts later ones to the type of the first."""
        given = named(batch)
        if not _is_arrays(given):
            return given
        self.refuse_target(batch, given)
        arrays, _ = self.checked(given, None)
        streams.check_share("x", len(arrays["x"]), self.distribute_strategy.num_replicas_in_sync)
        for name in ("x", "x_labelled"):
            if name in arrays:
                arrays[name] = forms.as_float(arrays[name], self.image_shape)
        return arrays


def _check_kind(data: Any, argument: str, one_batch: bool) -> None:
    """Refuses what is neither arrays nor, where there may be many batches, a stream of them."""
    if _is_arrays(data):
        return
    expected = "arrays" if one_batch else "arrays, or a stream such as data.train(batch_size=100)"
    iterable = hasattr(data, "__iter__") and not isinstance(data, (str, bytes, dict))
    symbolic = isinstance(data, keras.KerasTensor)
    if one_batch or symbolic or not (iterable or isinstance(data, keras.utils.PyDataset)):
        raise TypeError(refusal(argument, expected, data))


def _is_arrays(data: Any) -> bool:
    """Whether data lie in memory: arrays, eager tensors, data frames, nested lists; dicts of them.

    Not tensors of a graph, and no streams.
    """
    if isinstance(data, dict):
        return all(map(_is_arrays, data.values()))
    if isinstance(data, (tuple, list)):
        return all(map(_is_arrays, data)) if data and hasattr(data[0], "dtype") else True
    if forms.sparse_hint(data, "x"):  # to be refused
        return True
    if isinstance(data, keras.KerasTensor) or (
        tf.is_tensor(data) and not hasattr(data, "numpy") or tf.is_symbolic_tensor(data)
    ):
        return False
    return hasattr(data, "__array__")
