"""What training is given, as phases take it: float images, labels as vectors."""

from typing import Any

import tensorflow as tf

from zoo import tensors
from zoo.errors import refusal
from zoo.model.doors import DATA_NAMES, SOME_LABELS, Doors, named


class Batches(Doors):
    """Batches and labels of a model, into which this is mixed (`zoo.model.base`)."""

    def phase_inputs(self, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        """What the phases take of a batch: x; x and y if conditional; x, x_labelled, y_labelled."""
        if self.semi_supervised:
            return self.labelled(batch)
        return (batch["x"], batch["y"]) if self.conditional else (batch["x"],)

    @tensors.plain
    def as_batch(self, data: Any) -> dict[str, tf.Tensor]:
        """The batch as a dict with float32 `x`; `fit` may be given an array, (x, y) or a dict.

        Raises:
            ValueError, TypeError: what is seen of shapes and types; an assertion in the graph
                refuses values.
        """
        batch = named(data)
        self.refuse_target(data, batch)
        self.need_labels(batch)
        for name in DATA_NAMES:
            if name in batch:
                batch[name] = self.as_images(batch[name], name)
        for name, images in (("y", "x"), ("y_labelled", "x_labelled")):
            if name in batch and self.labelled_kind:
                kinds = self.num_classes, self.num_attributes
                y = tensors.graph_labels(batch[name], *kinds, argument=name)
                batch[name] = tensors.as_many(y, batch[images], name) if images in batch else y
        return batch

    def as_images(self, x: Any, argument: str = "x") -> tf.Tensor:
        """float32 [B, *image_shape] by the rule of `zoo.forms`, which also says it of arrays."""
        return tensors.graph_images(x, self.image_shape, argument)

    def check_data(self, dataset: Any) -> None:
        """Refuses data of another shape, or whose labels are not those that the model takes.

        Args:
            dataset: a `zoo.data.Dataset`.
        """
        if tuple(dataset.image_shape) != self.image_shape:
            expected = f"{tuple(dataset.image_shape)}, as {dataset.name} has"
            raise ValueError(refusal("image_shape", expected, self.image_shape))
        reference = getattr(dataset, "reference", None)
        if (reference is not None) != self.NEEDS_REFERENCE:
            expected = "a second data set" if self.NEEDS_REFERENCE else "None"
            name = None if reference is None else reference.name
            hint = f"{self.method} compares {'two data sets' if self.NEEDS_REFERENCE else 'none'}."
            raise ValueError(refusal("reference_dataset", expected, name, hint))
        for argument in ("num_classes", "num_attributes"):
            mine, its = getattr(self, argument), getattr(dataset, argument)
            if mine is not None and mine != its:
                expected = f"{its}, as {dataset.name} has {'none' if its is None else its}"
                raise ValueError(refusal(argument, expected, mine))
        if dataset.labels is not None and not self.semi_supervised:
            other_use = getattr(self, "label_use", "classify") != "classify"
            flags = ["--label_use=classify"] if other_use else []
            if self.num_classes is None:
                flags.insert(0, f"--num_classes={dataset.num_classes}")
            learns = hasattr(self, "class_logits")
            hint = f"Add {' '.join(flags)}." if learns and flags else ""
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
