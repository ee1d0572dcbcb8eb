"""Network outputs become TFP distributions: priors, posteriors, likelihoods.

Parameters are cast to float32 first: log-probabilities and scales are islands of full precision in
bfloat16 models.

What methods use of the room's other modules can be imported from here too: draws (`draws`,
`randomness`), the families' questions and descriptions (`families`), and the classes that TFP lacks
(`implicit`, `discretised`, `pixels`). The invertible maps of flows are in `flows`.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from zoo.distributions.discretised import LEVELS, DiscretisedLogistic, logistic_scale
from zoo.distributions.draws import Draw, at_mean, draw, drawer, sample_rows
from zoo.distributions.families import (
    describe,
    has_exact_mean,
    is_density,
    is_deterministic,
    is_implicit,
    is_likelihood,
    is_normal,
    is_standard_normal,
    mapped,
    one_event,
    rebuild,
)
from zoo.distributions.implicit import MEAN_DRAWS, Implicit
from zoo.distributions.pixels import Autoregressive
from zoo.distributions.randomness import category, noise, noise_rows

__all__ = [
    "LEVELS",
    "MEAN_DRAWS",
    "Autoregressive",
    "DiscretisedLogistic",
    "Draw",
    "Implicit",
    "at_mean",
    "autoregressive_flow",
    "bernoulli",
    "blocks",
    "categorical",
    "category",
    "code",
    "component",
    "describe",
    "deterministic",
    "diagonal_normal",
    "discretised_logistic",
    "draw",
    "drawer",
    "has_exact_mean",
    "is_density",
    "is_deterministic",
    "is_implicit",
    "is_likelihood",
    "is_normal",
    "is_standard_normal",
    "likelihood",
    "mapped",
    "mixture",
    "noise",
    "noise_rows",
    "normal",
    "one_hot",
    "petals",
    "rebuild",
    "sample_rows",
    "scaled_normal",
    "set_output_bias",
    "standard_normal",
    "to_data",
    "uniform",
    "unit_normal",
]

# --- priors ---------------------------------------------------------------------------------------


def standard_normal(dimensions: int, stddev: float = 1.0) -> tfd.Distribution:
    """N(0, stddev^2 I) on vectors, batch shape []."""
    return tfd.Independent(tfd.Normal(tf.zeros(dimensions), tf.fill([dimensions], stddev)), 1)


def uniform(shape: int | tuple[int, ...], low: float = -1.0) -> tfd.Distribution:
    """U(low, 1) on arrays of a shape (an int for vectors), batch shape []."""
    ones = tf.ones(shape)
    return tfd.Independent(tfd.Uniform(low * ones, ones), ones.shape.rank)


def one_hot(logits: tf.Tensor | np.ndarray) -> tfd.Distribution:
    """Categorical over K classes as one-hot vectors; batch shape [] for logits [K]."""
    return tfd.OneHotCategorical(logits=tf.cast(logits, tf.float32), dtype=tf.float32)


def categorical(logits: tf.Tensor) -> tfd.Distribution:
    """q(y|x) of a class, int32 in [0, K), from logits [B, K]."""
    return tfd.Categorical(logits=tf.cast(logits, tf.float32))


def blocks(*distributions: tfd.Distribution) -> tfd.Distribution:
    """Independent parts of one code, concatenated in this order."""
    return tfd.Blockwise(list(distributions))


def petals(
    components: int, radius: float = 1.4, radial: float = 0.5, tangential: float = 0.1
) -> tuple[tf.Tensor, tf.Tensor]:
    """Gaussians in the plane on a circle, long in the direction of its radius.

    Args:
        components: int, at even angles.
        radius: of the circle of means.
        radial, tangential: standard deviations.

    Returns:
        (loc [K, 2], scale_tril [K, 2, 2]).

    Reference: Makhzani et al., Adversarial autoencoders, arXiv 1511.05644, figure 4 (a mixture of
        ten 2-D Gaussians; its sizes are not printed, these are ours).
    """
    angle = 2.0 * math.pi * tf.range(components, dtype=tf.float32) / components
    out = tf.stack([tf.cos(angle), tf.sin(angle)], axis=-1)  # [K, 2]
    along = tf.stack([-tf.sin(angle), tf.cos(angle)], axis=-1)
    covariance = sum(
        stddev**2 * axis[:, :, None] * axis[:, None, :]
        for stddev, axis in ((radial, out), (tangential, along))
    )
    return radius * out, tf.linalg.cholesky(covariance)


def mixture(loc: tf.Tensor, scale_tril: tf.Tensor) -> tfd.Distribution:
    """Equal parts of the Gaussians N(loc[k], scale_tril[k] scale_tril[k]^T), batch shape []."""
    return tfd.MixtureSameFamily(
        tfd.Categorical(logits=tf.zeros(loc.shape[0])),
        tfd.MultivariateNormalTriL(loc, scale_tril),
    )


def component(loc: tf.Tensor, scale_tril: tf.Tensor, index: tf.Tensor) -> tfd.Distribution:
    """The Gaussians of a mixture that `index` [B] names, batch shape [B]."""
    return tfd.MultivariateNormalTriL(tf.gather(loc, index), tf.gather(scale_tril, index))


def autoregressive_flow(
    networks: Sequence[Callable[[tf.Tensor], tf.Tensor]], dimensions: int
) -> tfd.Distribution:
    """N(0, I) through autoregressive maps, whose densities cost one pass and whose draws d passes.

    Args:
        networks: callables, z [B, d] -> [B, d, 2], shift and log scale of z_i given those before;
            between two maps the order of the entries turns round. A log scale is bent to within
            +-5, as a network's output grows with z, and one of 90 is an infinite density.
        dimensions: d.

    Reference: Chen et al., VLAE, arXiv 1611.02731, section 3.2; Papamakarios et al., MAF, arXiv
        1705.07057, equations 3 and 4.
    """
    turn = tfb.Permute(list(range(dimensions))[::-1])

    def bounded(
        network: Callable[[tf.Tensor], tf.Tensor],
    ) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
        def of(z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            loc, log_scale = tf.unstack(network(z), axis=-1)
            return loc, 5.0 * tf.tanh(log_scale / 5.0)

        return of

    chain = []
    for network in networks:
        chain += [tfb.MaskedAutoregressiveFlow(bounded(network)), turn]
    return tfd.TransformedDistribution(standard_normal(dimensions), tfb.Chain(chain[:-1]))


# --- posteriors and likelihoods -------------------------------------------------------------------


def diagonal_normal(outputs: tf.Tensor) -> tfd.Distribution:
    """q(z|x) = N(loc, diag(scale^2)) from [B, 2 d]: loc, log scale (ALI, section 2.1)."""
    loc, log_scale = tf.split(tf.cast(outputs, tf.float32), 2, axis=-1)
    return tfd.Independent(tfd.Normal(loc, tf.exp(log_scale)), 1)


def unit_normal(outputs: tf.Tensor, stddev: float) -> tfd.Distribution:
    """N(sqrt(1 - stddev^2) outputs, stddev^2 I) from [B, d], stddev < 1.

    Outputs of mean 0 and variance 1 make samples of mean 0 and variance 1.
    """
    loc = tf.cast(outputs, tf.float32) * math.sqrt(1.0 - stddev**2)
    return tfd.Independent(tfd.Normal(loc, tf.fill(tf.shape(loc), stddev)), 1)


def code(
    kind: Literal["normal", "deterministic", "implicit"],
    network: Callable[..., tf.Tensor],
    rows: int | tf.Tensor,
    dimensions: int,
    noise_dim: int | None = None,
) -> tfd.Distribution:
    """q(z|x) as an encoder gives it.

    Args:
        kind: "normal", "deterministic", or "implicit", a function of x and noise.
        network: callable, `*noise` -> [B, d], or [B, 2 d] for "normal"; noise [B, noise_dim] is
            given to implicit ones.
        rows: B, int or scalar tensor.
        dimensions: d.
        noise_dim: int, None for d.
    """
    if kind == "normal":
        return diagonal_normal(network())
    if kind == "deterministic":
        return deterministic(network())
    return Implicit(network, noise_dim or dimensions, rows, (dimensions,))


def deterministic(outputs: tf.Tensor) -> tfd.Distribution:
    """A point mass at the network's output; `VectorDeterministic` for [B, d]."""
    loc = tf.cast(outputs, tf.float32)
    if loc.shape.rank == 2:
        return tfd.VectorDeterministic(loc)
    return one_event(tfd.Deterministic(loc))


def bernoulli(outputs: tf.Tensor) -> tfd.Distribution:
    """p(x|z) = prod Bernoulli(sigmoid(logits)) from [B, ...]."""
    return one_event(tfd.Bernoulli(logits=tf.cast(outputs, tf.float32), dtype=tf.float32))


def normal(loc: tf.Tensor, stddev: float) -> tfd.Distribution:
    """p(x|z) = N(loc, stddev^2 I) from [B, ...] and a fixed scalar."""
    loc = tf.cast(loc, tf.float32)
    return one_event(tfd.Normal(loc, tf.fill(tf.shape(loc), tf.constant(stddev, tf.float32))))


def scaled_normal(outputs: tf.Tensor) -> tfd.Distribution:
    """p(x|z) = N(loc, diag(scale^2)) from [..., 2 C]: loc, log scale per pixel and channel."""
    loc, log_scale = tf.split(tf.cast(outputs, tf.float32), 2, axis=-1)
    return one_event(tfd.Normal(loc, tf.exp(log_scale)))


def discretised_logistic(outputs: tf.Tensor) -> tfd.Distribution:
    """p(x|z) on 256 levels from [B, H, W, 2 C]: logit of loc, log of scale in units of x."""
    loc, log_scale = tf.split(tf.cast(outputs, tf.float32), 2, axis=-1)
    return one_event(DiscretisedLogistic(tf.sigmoid(loc), logistic_scale(log_scale)))


def likelihood(
    family: Literal["bernoulli", "discretised_logistic", "normal", "deterministic"],
    outputs: tf.Tensor,
    stddev: float,
) -> tfd.Distribution:
    """p(x|z) of a decoder's outputs.

    Args:
        family: "bernoulli", "discretised_logistic", "normal" or "deterministic".
        outputs: [B, ...]; the last two families' means are `to_data` of them.
        stddev: of "normal"; the others ignore it.
    """
    if family == "bernoulli":
        return bernoulli(outputs)
    if family == "discretised_logistic":
        return discretised_logistic(outputs)
    mean = to_data(outputs)
    return normal(mean, stddev) if family == "normal" else deterministic(mean)


def to_data(outputs: tf.Tensor) -> tf.Tensor:
    """Network outputs in the data's range, float32: sigmoid for images, unchanged vectors."""
    outputs = tf.cast(outputs, tf.float32)
    return outputs if outputs.shape.rank == 2 else tf.sigmoid(outputs)


def set_output_bias(decoder: keras.layers.Layer, x: tf.Tensor | np.ndarray) -> None:
    """Sets a decoder's output bias so that its first outputs are near the mean of a batch x.

    The log-odds of the mean of each pixel (clipped to [0.01, 0.99]), or the mean for vectors.
    Networks without `set_output_bias` (one's own) are left alone.

    Reference: Dumoulin et al., ALI, appendix A.
    """
    if not hasattr(decoder, "set_output_bias"):
        return
    mean = tf.reduce_mean(tf.cast(x, tf.float32), axis=0)
    if mean.shape.rank == 3:
        mean = tf.clip_by_value(mean, 0.01, 0.99)
        mean = tf.math.log(mean) - tf.math.log1p(-mean)
    decoder.set_output_bias(mean)
