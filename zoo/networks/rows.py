"""The rows of a network, as data: what `zoo.networks.stack` builds layers from."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeAlias


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of a table: noise on the input, a linear map, normalisation, non-linearity.

    Attributes:
        op: "dense", "conv" or "deconv".
        units: outputs (before maxout), or None for as many as the role asks: the network's last
            row.
        kernel, stride, padding: of convolutions.
        norm: batch normalisation, which replaces the bias.
        affine: whether the normalisation learns a scale and a shift.
        dropout: fraction of the *inputs* dropped while training.
        noise: stddev of Gaussian noise added to the inputs while training.
        shift: pixels by which input images are moved at most while training.
        activation: "leaky_relu", "maxout", or Keras' name of one, such as "linear" and "relu".
        pieces: maxout pieces.
        bias: "tied" (one a map), "untied" (one a pixel) or "none".
        extra: the network's second input (noise, labels, a code) joins this row's inputs, which
            adds a learned linear map of it before the non-linearity. Where no row asks for it, it
            joins the first.
        size: (height, width) that the outputs are cropped to, or None.
        spectral: whether the linear map has norm 1, by spectral normalisation.
        weight_norm: of the linear map: "fixed", whose scales keep what the data set at the start,
            "learned", or "none".
        minibatch: kernels of minibatch discrimination, which join a dense row's inputs.
        minibatch_stddev: whether the batch's standard deviation joins the inputs.
        aside: units of a normalised hidden row that stands between the inputs and all outputs but
            the first, in a discriminator's last row that tells more than one logit.
        init_stddev: of the linear map's Gaussian initial weights, or None for those of the network.
    """

    op: str
    units: int | None
    kernel: int = 1
    stride: int = 1
    padding: str = "valid"
    norm: bool = False
    affine: bool = True
    dropout: float = 0.0
    noise: float = 0.0
    shift: int = 0
    activation: str = "leaky_relu"
    pieces: int = 2
    bias: str = "tied"
    extra: bool = False
    size: tuple[int, int] | None = None
    spectral: bool = False
    weight_norm: str = "none"
    minibatch: int = 0
    minibatch_stddev: bool = False
    aside: int = 0
    init_stddev: float | None = None


def dense(units: int | None, **options: Any) -> Row:
    """A fully connected row; maps are flattened first."""
    return Row("dense", units, **options)


def conv(units: int | None, kernel: int, stride: int = 1, **options: Any) -> Row:
    """A convolution row; vectors become maps of one pixel first."""
    return Row("conv", units, kernel, stride, **options)


def deconv(units: int | None, kernel: int, stride: int = 1, **options: Any) -> Row:
    """A transposed-convolution row."""
    return Row("deconv", units, kernel, stride, **options)


@dataclasses.dataclass(frozen=True)
class Reshape:
    """A row that reshapes each example: Reshape((7, 7, 64))."""

    shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class GlobalMean:
    """A row that averages each map over its pixels, [B, H, W, C] -> [B, C]."""


@dataclasses.dataclass(frozen=True)
class MaxPool:
    """A row that keeps the largest number of each window of size x size pixels of a map.

    Windows do not overlap; those at the lower and right border may be incomplete.
    """

    size: int


AnyRow: TypeAlias = Row | Reshape | GlobalMean | MaxPool


def row_of(row: AnyRow | Mapping[str, Any]) -> AnyRow:
    """A row, as it is or as a configuration describes it."""
    if not isinstance(row, Mapping):
        return row
    fields = dict(row)  # from a config
    kind = fields.pop("row")
    if kind == "GlobalMean":
        return GlobalMean()
    if kind == "MaxPool":
        return MaxPool(fields["size"])
    return Reshape(tuple(fields["shape"])) if kind == "Reshape" else Row(**fields)
