"""A data set whose batches come with as many examples of another one."""

from typing import Any

import tensorflow as tf

from zoo.data.dataset import Dataset
from zoo.errors import refusal


class Compared(Dataset):
    """One data set, and beside each of its batches as many rows of a reference, "x_reference".

    All else, such as arrays and splits, is that of the first.

    Args:
        dataset: the first.
        reference: the other one, of the same shape.

    Raises:
        ValueError: it has another shape.
    """

    def __init__(self, dataset: Dataset, reference: Dataset) -> None:
        if reference.image_shape != dataset.image_shape:
            expected = f"data of shape {dataset.image_shape}, as {dataset.name} has"
            received = f"{reference.name} of {reference.image_shape}"
            raise ValueError(refusal("reference", expected, received))
        vars(self).update(vars(dataset))
        self.reference = reference
        both = f", reference={reference.description}"
        self.description, self._content = self.description + both, self._content + both

    def check_training(self, batch_size: int, seed: int = 0, **options: Any) -> int | None:
        """As of `Dataset`, for both."""
        few = {k: v for k, v in options.items() if k != "labelled_batch_size"}
        self._of_both.check_training(batch_size, self._other_seed(seed), **few)
        return super().check_training(batch_size, seed, **options)

    def train(self, batch_size: int, seed: int = 0, **options: Any) -> tf.data.Dataset:
        """As of `Dataset`, with "x_reference"; step s of a seed is always the same batch."""
        few = {k: v for k, v in options.items() if k != "labelled_batch_size"}
        found = super().train(batch_size, seed, **options)
        return _joined(found, self._of_both.train(batch_size, self._other_seed(seed), **few))

    def batches(self, split: str, batch_size: int) -> tf.data.Dataset:
        """As of `Dataset`, with "x_reference": rows of that split, or of the `default_split`.

        They begin again where there are fewer than the data have.
        """
        other = self._of_both
        own = split if split in other.splits else other.default_split
        again = other.batches(own, batch_size).unbatch().repeat().batch(batch_size)
        return _joined(super().batches(split, batch_size), again)

    @property
    def _of_both(self) -> Dataset:
        assert self.reference is not None
        return self.reference

    @staticmethod
    def _other_seed(seed: int) -> int:
        """So that a data set beside itself comes in two orders."""
        return (seed + 1) % 2**31


def _joined(dataset: tf.data.Dataset, reference: tf.data.Dataset) -> tf.data.Dataset:
    @tf.autograph.experimental.do_not_convert
    def both(batch: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        rows = other["x"][: tf.shape(batch["x"])[0]]
        return batch | {"x_reference": tf.ensure_shape(rows, batch["x"].shape)}

    joined = tf.data.Dataset.zip(dataset, reference).map(both)
    return joined.with_options(dataset.options())
