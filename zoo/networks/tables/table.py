"""What a table of networks holds."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Table:
    """Networks by role, and what they share.

    Attributes:
        roles: {role: rows}; a discriminator's rows are {"x": rows, "z": rows, "joint": rows}, of
            which a discriminator of x alone leaves z out.
        image_shape: the data it is made for, or None for any.
        slope: of the leaky ReLUs.
        init_stddev: of the Gaussian initial weights, or None for He's and Glorot's, as in `Stack`.
        momentum, epsilon: of the batch normalisation.
        reference: paper and table.
    """

    roles: dict[str, Any]
    image_shape: tuple[int, ...] | None = None
    slope: float = 0.01
    init_stddev: float | None = None
    momentum: float = 0.95
    epsilon: float = 1e-4
    reference: str = ""
