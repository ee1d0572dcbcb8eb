"""What training is given, as phases take it: float images, labels as vectors."""

from typing import Any

import tensorflow as tf

from zoo.errors import refusal


class Batches:
    """Batches and labels of a model, into which this is mixed (`zoo.model.base`)."""

    image_shape: tuple[int, ...]
    num_classes: int | None
    num_attributes: int | None
    conditional: bool
    semi_supervised: bool

    def phase_inputs(self, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        """What the phases take of a batch: x; x and y if conditional; x, x_labelled, y_labelled."""
        if self.semi_supervised:
            return self.labelled(batch)
        return (batch["x"], batch["y"]) if self.conditional else (batch["x"],)

    def as_batch(self, data: Any) -> dict[str, tf.Tensor]:
        """The batch as a dict with float32 `x`; `fit` may be given an array, (x, y) or a dict."""
        if isinstance(data, (tuple, list)):
            data = dict(zip(("x", "y"), data))
        elif not isinstance(data, dict):
            data = {"x": data}
        images = ("x", "x_labelled")
        batch = {k: self._as_images(v) if k in images else v for k, v in data.items()}
        if self.conditional and "y" not in batch:
            expected = "batches with labels y, as this model is conditional"
            raise ValueError(refusal("data", expected, sorted(batch)))
        return batch

    def _as_images(self, x: tf.Tensor) -> tf.Tensor:
        if x.dtype == tf.uint8:
            x = tf.cast(x, tf.float32) / 255.0
        shape = tf.TensorShape(x.shape)[1:]
        one_map = len(self.image_shape) == 3 and self.image_shape[-1] == 1
        if one_map and shape.rank == 2:
            x, shape = x[..., None], shape + (1,)
        if not shape.is_compatible_with(self.image_shape):
            # A reshape would make rows of [B, 4] into twice as many of [2 B, 2].
            expected = f"[B, {', '.join(map(str, self.image_shape))}]"
            raise ValueError(refusal("x.shape", expected, tuple(x.shape)))
        return tf.cast(tf.ensure_shape(x, (None, *self.image_shape)), tf.float32)

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
            expected = "batches with labels: x_labelled and y_labelled, or y"
            raise ValueError(refusal("data", expected, sorted(batch)))
        return batch["x"], batch["x"], batch["y"]
