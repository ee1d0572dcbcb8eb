"""What training is given, as phases take it: float images, labels as vectors."""

from typing import Any

import tensorflow as tf

from zoo import forms
from zoo.errors import refusal
from zoo.model.doors import SOME_LABELS, Doors, named


class Batches(Doors):
    """Batches and labels of a model, into which this is mixed (`zoo.model.base`)."""

    def phase_inputs(self, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        """What the phases take of a batch: x; x and y if conditional; x, x_labelled, y_labelled."""
        if self.semi_supervised:
            return self.labelled(batch)
        return (batch["x"], batch["y"]) if self.conditional else (batch["x"],)

    def as_batch(self, data: Any) -> dict[str, tf.Tensor]:
        """The batch as a dict with float32 `x`; `fit` may be given an array, (x, y) or a dict.

        Raises:
            ValueError, TypeError: what is seen of shapes and types; an assertion in the graph
                refuses values.
        """
        batch = named(data)
        self.need_labels(batch)
        for name in ("x", "x_labelled"):
            if name in batch:
                batch[name] = self.as_images(batch[name], name)
        for name in ("y", "y_labelled"):
            if name in batch and self.labelled_kind:
                batch[name] = self._as_labels(batch[name], name)
        return batch

    def as_images(self, x: Any, argument: str = "x") -> tf.Tensor:
        """float32 [B, *image_shape] by the rule of `zoo.forms`, which also says it of arrays."""
        x, image = _numbers(x, argument), len(self.image_shape) == 3
        forms.check_type(x.dtype.as_numpy_dtype, image, argument)
        if x.shape.rank is not None and forms.lacks_channel(x.shape.rank, self.image_shape):
            x = x[..., None]
        if not x.shape[1:].is_compatible_with(self.image_shape):
            # A reshape would make rows of [B, 4] into twice as many of [2 B, 2].
            expected = forms.shape_words(self.image_shape)
            raise ValueError(refusal(f"{argument}.shape", expected, tuple(x.shape)))
        given, x = x.dtype, tf.cast(x, tf.float32)
        x = tf.ensure_shape(x, (None, *self.image_shape))
        if given == tf.uint8 and image:
            return x / 255.0
        if given.is_floating and image:
            middle = (forms.LOWEST + forms.HIGHEST) / 2
            inside = tf.abs(x - middle) <= forms.HIGHEST - middle  # false of NaN
            return _where(inside, x, argument, forms.PIXELS)
        return _where(tf.math.is_finite(x), x, argument, forms.FINITE) if given.is_floating else x

    def _as_labels(self, y: Any, argument: str) -> tf.Tensor:
        """int32 [B], or float32 [B, A], by the rule of `zoo.forms`."""
        y, classes, attributes = _numbers(y, argument), self.num_classes, self.num_attributes
        expected = forms.label_words(classes, attributes)
        if attributes is not None:
            y = y[:, None] if attributes == 1 and y.shape.rank == 1 else y
            if not y.shape.is_compatible_with((None, attributes)):
                raise ValueError(refusal(f"{argument}.shape", expected, tuple(y.shape)))
            y = tf.ensure_shape(tf.cast(y, tf.float32), (None, attributes))
            return _where(tf.math.is_finite(y), y, argument, forms.FINITE)
        y = y[:, 0] if y.shape.rank == 2 and y.shape[1] == 1 else y
        if not y.shape.is_compatible_with((None,)):
            hint = forms.ONE_HOT if y.shape[-1] == classes else ""
            raise ValueError(refusal(f"{argument}.shape", expected, tuple(y.shape), hint))
        if not y.dtype.is_integer:
            hint = f"Pass {argument}.astype('int32')."
            raise TypeError(refusal(f"{argument}.dtype", expected, y.dtype.name, hint))
        y = tf.ensure_shape(tf.cast(y, tf.int32), (None,))
        return _where((y >= 0) & (y < classes), y, argument, expected)

    def check_data(self, dataset: Any) -> None:
        """Refuses data of another shape, or whose labels are not those that the model takes.

        Args:
            dataset: a `zoo.data.Dataset`.
        """
        if tuple(dataset.image_shape) != self.image_shape:
            expected = f"{tuple(dataset.image_shape)}, as {dataset.name} has"
            raise ValueError(refusal("image_shape", expected, self.image_shape))
        for argument in ("num_classes", "num_attributes"):
            mine, its = getattr(self, argument), getattr(dataset, argument)
            if mine is not None and mine != its:
                expected = f"{its}, as {dataset.name} has {'none' if its is None else its}"
                raise ValueError(refusal(argument, expected, mine))
        if dataset.labels is not None and not self.semi_supervised:
            flags = ["--label_use=classify"] if hasattr(self, "label_use") else []
            if self.num_classes is None:
                flags.insert(0, f"--num_classes={dataset.num_classes}")
            learns = hasattr(self, "class_logits")
            hint = f"Add {' '.join(flags)}." if learns else ""
            expected = f"None, as {self.method} would not learn from them"
            raise ValueError(refusal("labels", expected, dataset.labels, hint))

    @property
    def label_width(self) -> int:
        """Width of `label_vector`, 0 for models that are not conditional."""
        return (self.num_classes or self.num_attributes or 0) if self.conditional else 0

    def label_vector(self, y: tf.Tensor) -> tf.Tensor:
        """Labels as networks take them, float32 [B, label_width]: one-hot, or attributes."""
        if self.num_attributes is not None:
            return tf.cast(y, tf.float32)
        return tf.one_hot(y, self.num_classes)

    def labels_of(self, y: tf.Tensor | None) -> list[tf.Tensor]:
        """[`label_vector(y)`], or [] without labels: what joins other inputs."""
        return [] if y is None else [self.label_vector(y)]

    def labelled(self, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        """(x, x_labelled, y_labelled) of a semi-supervised batch, or of one with all labels."""
        if "x_labelled" in batch:
            return batch["x"], batch["x_labelled"], batch["y_labelled"]
        if "y" not in batch:
            raise ValueError(refusal("data", SOME_LABELS, sorted(batch)))
        return batch["x"], batch["x"], batch["y"]


def _numbers(value: Any, argument: str) -> tf.Tensor:
    tensor = tf.convert_to_tensor(value)
    if not (tensor.dtype.is_floating or tensor.dtype.is_integer or tensor.dtype.is_bool):
        raise TypeError(refusal(f"{argument}.dtype", "numbers", tensor.dtype.name))
    return tensor


def _where(condition: tf.Tensor, value: tf.Tensor, argument: str, expected: str) -> tf.Tensor:
    """`value`; a step whose batch does not fulfil the condition everywhere ends before any work."""
    message = refusal(argument, expected, "other values in a batch")
    if tf.executing_eagerly():
        if not tf.reduce_all(condition):
            raise ValueError(message)
        return value
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(condition), [message])]):
        return tf.identity(value)
