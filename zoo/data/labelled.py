"""Which few examples of a training split keep their labels: the same for every method."""

import numpy as np

from zoo.errors import refusal

_LABEL_SEED = 1_606_007


def labelled_rows(
    name: str, y: np.ndarray, num_classes: int, labels: int, label_seed: int
) -> np.ndarray:
    """Rows of the labelled subset, equally many of every class.

    Args:
        name: of the data set, for messages.
        y: int32 [N], the classes of the training examples outside of validation.
        num_classes: K.
        labels: how many rows are chosen; a multiple of K.
        label_seed: int >= 0; each seed is another choice.

    Returns:
        int64 [labels], ascending.

    Raises:
        ValueError: if labels is no multiple of K, or there are too few examples.
    """
    if labels % num_classes:
        expected = f"a multiple of the {num_classes} classes of {name}"
        raise ValueError(refusal("labels", expected, labels))
    if labels > len(y):
        expected = f"at most the {len(y)} training examples of {name} outside of validation"
        raise ValueError(refusal("labels", expected, labels))
    generator = np.random.Generator(np.random.Philox([_LABEL_SEED, label_seed]))
    order, each = generator.permutation(len(y)), labels // num_classes
    chosen = [order[y[order] == k][:each] for k in range(num_classes)]
    fewest = min(map(len, chosen))
    if fewest < each:
        expected = f"at most {fewest} of each class, as the rarest has {fewest} examples"
        raise ValueError(refusal("labels", expected, labels))
    return np.sort(np.concatenate(chosen)).astype(np.int64)
