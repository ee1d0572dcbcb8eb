"""Losses of a discriminator that estimates r = p_data / p_model, and of the generator it teaches.

A row of `LOSSES` says what the discriminator's output v costs at data and at samples; it minimises
the sum of the two means, whose optimum is a known function of r. From the same row follow the
losses of the generator, so that any discriminator can teach by any of them:

    minimax          - cost of samples: the other side of the same game
    non_saturating   cost of samples if they were data: the labels swapped
    ratio            - log r
    kl, pearson, ... f'(r) r - f(r), negative: an f-divergence from the estimated r

Reference: Mohamed and Lakshminarayanan, Learning in implicit generative models, arXiv 1610.03483,
    table 1; Nowozin, Cseke, Tomioka, f-GAN, arXiv 1606.00709, tables 2 and 6.
"""

import dataclasses
import math
from collections.abc import Callable

import tensorflow as tf

from zoo.errors import unknown

Function = Callable[[tf.Tensor], tf.Tensor]  # elementwise

_EDGE = 30.0  # e^30 = 1e13: a ratio beyond it is no estimate any more
_NEAR = 1e-6  # how near to 0 and 1 a probability is taken


@dataclasses.dataclass(frozen=True)
class RatioLoss:
    """What a discriminator's output costs, elementwise.

    Attributes:
        of_data, of_model: its cost at data and at samples; their sum is to be minimised.
        margin: a number that is positive where the output says "data": log r of the output at the
            optimum, if `estimates` says so.
        output: log r -> the output at the optimum; None where that does not determine it.
        labels: whether it is a loss of the labels 1 and 0, which may be smoothed.
        fooled: cost of samples that pass for data, None for `of_data`.
    """

    of_data: Function
    of_model: Function
    margin: Function = tf.identity
    output: Function | None = tf.identity
    labels: bool = False
    fooled: Function | None = None

    @property
    def estimates(self) -> bool:
        """Whether the output at the optimum determines r."""
        return self.output is not None

    def discriminator(
        self, of_data: tf.Tensor, of_model: tf.Tensor, smoothing: float = 0.0
    ) -> tf.Tensor:
        """Cost of the outputs at as many data as samples, [B].

        Args:
            of_data, of_model: [B], the discriminator's outputs.
            smoothing: of the label of data, which is 1 - smoothing (one-sided: Salimans et al.,
                arXiv 1606.03498, section 3.4).
        """
        tf.debugging.assert_rank(of_model, 1)
        return self.at_data(of_data, smoothing) + self.of_model(of_model)

    def at_data(self, of_data: tf.Tensor, smoothing: float = 0.0) -> tf.Tensor:
        """The part of `discriminator` that data cost, [B]."""
        tf.debugging.assert_rank(of_data, 1)
        cost = self.of_data(of_data)
        if smoothing:
            cost = (1.0 - smoothing) * cost + smoothing * self.of_model(of_data)
        return cost

    def generator(self, of_model: tf.Tensor, kind: str) -> tf.Tensor:
        """The generator's loss, [B], of the outputs at its samples.

        Args:
            of_model: [B].
            kind: of `GENERATOR_LOSSES`; those from "ratio" on need a loss that `estimates` r.
        """
        tf.debugging.assert_rank(of_model, 1)
        if kind == "minimax":
            return -self.of_model(of_model)
        if kind == "non_saturating":
            return (self.fooled or self.of_data)(of_model)
        if kind == "ratio":
            return -self.margin(of_model)
        return -bregman(kind).of_model(self.margin(of_model))


def exp(v: tf.Tensor) -> tf.Tensor:
    """e^v, from v = 30 on its tangent there: it never overflows, and its gradient never dies."""
    low = tf.minimum(v, _EDGE)
    return tf.exp(low) * (1.0 + (v - low))


def _log(u: tf.Tensor) -> tf.Tensor:
    return tf.math.log(tf.maximum(u, _NEAR))


def least_squares(a: float = 0.0, b: float = 1.0, c: float = 1.0) -> RatioLoss:
    """1/2 (v - b)^2 at data, 1/2 (v - a)^2 at samples, 1/2 (v - c)^2 for the generator.

    At the optimum v = (b r + a) / (r + 1), so r = (v - a) / (b - v), which is taken from 1e-6 to
    1e6; beyond, "ratio" and the f-divergences have no gradient.

    Args:
        a: target at samples.
        b: target at data, another one.
        c: the generator's; with (-1, 1, 0) it minimises Pearson's chi^2 between p_data + p_model
            and 2 p_model.

    Reference: Mao et al., LSGAN, arXiv 1611.04076, equations 2, 8 and 9.
    """

    def towards(target: float) -> Function:
        return lambda v: 0.5 * tf.square(v - target)

    def log_ratio(v: tf.Tensor) -> tf.Tensor:
        share = tf.clip_by_value((v - a) / (b - a), _NEAR, 1.0 - _NEAR)
        return tf.math.log(share) - tf.math.log1p(-share)

    return RatioLoss(
        of_data=towards(b),
        of_model=towards(a),
        margin=log_ratio,
        output=lambda log_r: a + (b - a) * tf.sigmoid(log_r),
        labels=True,
        fooled=towards(c),
    )


def _spherical(v: tf.Tensor) -> tf.Tensor:
    """- D / sqrt(D^2 + (1 - D)^2), D = sigmoid(v)."""
    d, other = tf.sigmoid(v), tf.sigmoid(-v)
    return -d * tf.math.rsqrt(tf.square(d) + tf.square(other))


# Rows of f-GAN's tables: the cost at data is -T, at samples f*(T), of T = g_f(v), each in closed
# form. At the optimum T = f'(r), and minus the cost is the divergence
# E_model f(r), r = p_data / p_model.
DIVERGENCES = {
    "kl": RatioLoss(  # f(u) = u log u, T = v, f*(T) = e^(T - 1)
        of_data=lambda v: -v,
        of_model=lambda v: exp(v - 1.0),
        margin=lambda v: v - 1.0,
        output=lambda log_r: 1.0 + log_r,
    ),
    "reverse_kl": RatioLoss(  # f(u) = -log u, T = -e^-v, f*(T) = -1 - log -T
        of_data=lambda v: exp(-v),
        of_model=lambda v: v - 1.0,
    ),
    "pearson": RatioLoss(  # f(u) = (u - 1)^2, T = v, f*(T) = T^2 / 4 + T
        of_data=lambda v: -v,
        of_model=lambda v: 0.25 * tf.square(v) + v,
        margin=lambda v: _log(1.0 + 0.5 * v),
        output=lambda log_r: 2.0 * (exp(log_r) - 1.0),
    ),
    "neyman": RatioLoss(  # f(u) = (1 - u)^2 / u, T = 1 - e^-v, f*(T) = 2 - 2 sqrt(1 - T)
        of_data=lambda v: exp(-v) - 1.0,
        of_model=lambda v: 2.0 - 2.0 * exp(-0.5 * v),
        margin=lambda v: 0.5 * v,
        output=lambda log_r: 2.0 * log_r,
    ),
    "squared_hellinger": RatioLoss(  # f(u) = (sqrt u - 1)^2, T = 1 - e^-v, f*(T) = T / (1 - T)
        of_data=lambda v: exp(-v) - 1.0,
        of_model=lambda v: exp(v) - 1.0,
        margin=lambda v: 2.0 * v,
        output=lambda log_r: 0.5 * log_r,
    ),
    # f(u) = u log u - (u + 1) log((u + 1) / 2), T = log 2 - log(1 + e^-v), f*(T) = -log(2 - e^T)
    "jensen_shannon": RatioLoss(
        of_data=lambda v: tf.nn.softplus(-v) - math.log(2.0),
        of_model=lambda v: tf.nn.softplus(v) - math.log(2.0),
    ),
    # The GAN's: f(u) = u log u - (u + 1) log(u + 1), T = log D, f*(T) = -log(1 - D), D = sigmoid v
    "bernoulli": RatioLoss(
        of_data=lambda v: tf.nn.softplus(-v),
        of_model=tf.nn.softplus,
        labels=True,
    ),
    "total_variation": RatioLoss(  # f(u) = |u - 1| / 2, T = tanh(v) / 2, f*(T) = T
        of_data=lambda v: -0.5 * tf.tanh(v),
        of_model=lambda v: 0.5 * tf.tanh(v),
        output=None,  # T is sign(r - 1) / 2
    ),
}


LOSSES = {
    **DIVERGENCES,
    "brier": RatioLoss(  # (1 - D)^2 and D^2
        of_data=lambda v: tf.square(tf.sigmoid(-v)),
        of_model=lambda v: tf.square(tf.sigmoid(v)),
        labels=True,
    ),
    "exponential": RatioLoss(  # sqrt((1 - D) / D) and sqrt(D / (1 - D))
        of_data=lambda v: exp(-0.5 * v),
        of_model=lambda v: exp(0.5 * v),
        labels=True,
    ),
    "hinge": RatioLoss(  # its optimum is 1 or -1, the sign of log r
        of_data=lambda v: tf.nn.relu(1.0 - v),
        of_model=lambda v: tf.nn.relu(1.0 + v),
        output=None,
        labels=True,
        fooled=lambda v: -v,  # as Miyato et al., arXiv 1802.05957
    ),
    "spherical": RatioLoss(
        of_data=_spherical,
        of_model=lambda v: _spherical(-v),
        labels=True,
    ),
    "least_squares": least_squares(),
    "lsif": RatioLoss(  # 1/2 E_model r^2 - E_data r, r = e^v: least squares of r itself
        of_data=lambda v: -exp(v),
        of_model=lambda v: 0.5 * exp(2.0 * v),
    ),
    "kliep": RatioLoss(  # E_model r - E_data log r, r = e^v: without KLIEP's constraint E r = 1
        of_data=lambda v: -v,
        of_model=exp,
    ),
    "wasserstein": RatioLoss(  # of a critic of bounded slope
        of_data=lambda v: -v,
        of_model=tf.identity,
        output=None,
    ),
}

# What a generator may learn by; from "ratio" on by an estimate of r.
GENERATOR_LOSSES = (
    "minimax",
    "non_saturating",
    "ratio",
    *(name for name, row in DIVERGENCES.items() if row.estimates),
)


def bregman(divergence: str) -> RatioLoss:
    """Bregman's divergence of f between r and its estimate e^v, but for a constant.

        E_data -f'(e^v) + E_model [e^v f'(e^v) - f(e^v)]

    It is the row of `DIVERGENCES`, of the output that stands for r = e^v. "kl" makes it `kliep`,
    "pearson" twice `lsif`, "bernoulli" the same row.

    Args:
        divergence: a name of `DIVERGENCES` whose row `estimates` r.

    Raises:
        ValueError: another name.

    Reference: Mohamed and Lakshminarayanan, arXiv 1610.03483, section 3.3.
    """
    row = DIVERGENCES.get(divergence)
    if row is None or row.output is None:
        raise unknown("divergence", divergence, GENERATOR_LOSSES[3:])
    output = row.output
    return RatioLoss(
        of_data=lambda v: row.of_data(output(v)),
        of_model=lambda v: row.of_model(output(v)),
    )
