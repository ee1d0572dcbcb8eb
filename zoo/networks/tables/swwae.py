"""Encoders of what-where auto-encoders: the stride of a row is the size of its pool."""

from zoo.networks.stack import conv, dense
from zoo.networks.tables.table import Table


def _table(*maps: tuple[int, int]) -> Table:
    rows = [conv(m, k, 2, padding="same", norm=True, activation="relu") for m, k in maps]
    return Table(
        roles={"encoder": (*rows, dense(None, activation="linear", dropout=0.5))},
        reference="of this zoo: the sizes of Zhao et al., arXiv 1506.02351, are not known here",
    )


SWWAE_MNIST = _table((32, 5), (64, 3), (128, 3))

SWWAE_DIGITS = _table((32, 3), (64, 3))
