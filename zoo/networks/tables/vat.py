"""Classifiers of virtual adversarial training."""

from zoo.networks.stack import dense
from zoo.networks.tables.table import Table


def _table(width: int, reference: str) -> Table:
    hidden = dense(width, norm=True, activation="relu")
    return Table(
        roles={"encoder": (hidden, hidden, dense(None, activation="linear"))}, reference=reference
    )


VAT_MLP = _table(1200, "Miyato et al., arXiv 1507.00677, after the authors' code for MNIST")

VAT_SMALL_MLP = _table(256, "of this zoo")
