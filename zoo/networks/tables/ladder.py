"""Encoders of ladder networks; the ladder itself adds normalisation and noise to each row."""

from zoo.networks.stack import dense
from zoo.networks.tables.table import Table


def _table(*units: int, reference: str) -> Table:
    rows = [dense(n, activation="relu") for n in units]
    encoder = (*rows, dense(None, activation="linear"))
    return Table(roles={"encoder": encoder}, momentum=0.9, epsilon=1e-10, reference=reference)


LADDER_MLP = _table(
    *(1000, 500, 250, 250, 250),
    reference="Rasmus et al., Ladder networks, arXiv 1507.02672, section 4.1",
)

LADDER_SMALL_MLP = _table(250, 100, reference="of this zoo")
