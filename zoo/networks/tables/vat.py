"""Classifiers of virtual adversarial training."""

from zoo.networks.stack import dense
from zoo.networks.tables.table import Table


def _table(width: int, norm: bool, reference: str) -> Table:
    """Two hidden rows; `norm` is of the logits."""
    hidden = dense(width, norm=True, activation="relu")
    logits = dense(None, norm=norm, activation="linear")
    return Table(roles={"encoder": (hidden, hidden, logits)}, reference=reference)


VAT_MLP = _table(1200, True, "Miyato et al., arXiv 1507.00677, after the authors' code for MNIST")

VAT_SMALL_MLP = _table(256, False, "of this zoo")
