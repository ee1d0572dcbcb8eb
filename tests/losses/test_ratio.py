"""Losses of ratios: each at its known optimum, of two discrete distributions; by hand; at extremes.

With p and q on five points, the mean cost of outputs v is sum p of_data(v) + q of_model(v).
"""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests.losses.calculus import LN2, gradients
from zoo.losses import ratio
from zoo.methods.f_gan import FGAN
from zoo.methods.gan import GAN

P = np.array([0.1, 0.3, 0.25, 0.05, 0.3])
Q = np.array([0.3, 0.1, 0.25, 0.2, 0.15])
R = P / Q
ESTIMATING = [name for name, row in ratio.LOSSES.items() if row.estimates]
# f of each divergence E_q f(p / q), as the f-GAN paper prints it.
F = {
    "kl": lambda u: u * np.log(u),
    "reverse_kl": lambda u: -np.log(u),
    "pearson": lambda u: (u - 1) ** 2,
    "neyman": lambda u: (1 - u) ** 2 / u,
    "squared_hellinger": lambda u: (np.sqrt(u) - 1) ** 2,
    "jensen_shannon": lambda u: u * np.log(u) - (u + 1) * np.log((1 + u) / 2),
    "bernoulli": lambda u: u * np.log(u) - (u + 1) * np.log(u + 1),
    "total_variation": lambda u: np.abs(u - 1) / 2,
}


def costs(row, v):
    """Mean cost, and its gradient at each point."""
    mean = lambda v: (
        tf.constant(P, tf.float32) * row.of_data(v) + tf.constant(Q, tf.float32) * row.of_model(v)
    )
    (slope,) = gradients(mean, v)
    return float(tf.reduce_sum(mean(tf.constant(v, tf.float32)))), slope


def optimum(name):
    """Outputs at which the mean cost is least."""
    row = ratio.LOSSES[name]
    return row.output(tf.constant(np.log(R), tf.float32)).numpy()


@pytest.mark.parametrize("name", ESTIMATING)
def test_the_optimum_is_where_the_row_says_and_gives_the_ratio_back(name):
    row, v = ratio.LOSSES[name], optimum(name)
    least, slope = costs(row, v)
    np.testing.assert_allclose(slope, 0.0, atol=1e-6)
    for move in 0.2 * np.eye(5):
        assert costs(row, v + move)[0] > least + 1e-5
        assert costs(row, v - move)[0] > least + 1e-5
    np.testing.assert_allclose(row.margin(v), np.log(R), atol=2e-6)


@pytest.mark.parametrize("name", F)
def test_minus_the_least_cost_is_the_divergence(name):
    # E_p T - E_q f*(T) = E_q f(r) at T = f'(r); tanh(v) / 2 only nears its T, sign(r - 1) / 2.
    v = 20.0 * np.sign(np.log(R)) if name == "total_variation" else optimum(name)
    found, _ = costs(ratio.DIVERGENCES[name], v)
    np.testing.assert_allclose(-found, (Q * F[name](R)).sum(), rtol=1e-5)


def test_known_values_at_the_optimum():
    # LSIF: -(1 + chi^2) / 2 with chi^2 = E_q (r - 1)^2; unconstrained KLIEP: 1 - KL(p || q).
    chi, kl = (Q * (R - 1) ** 2).sum(), (P * np.log(R)).sum()
    np.testing.assert_allclose(costs(ratio.LOSSES["lsif"], np.log(R))[0], -(1 + chi) / 2, rtol=1e-5)
    np.testing.assert_allclose(costs(ratio.LOSSES["kliep"], np.log(R))[0], 1 - kl, rtol=1e-5)


def test_by_hand():
    # At D = 3/4, v = ln 3: ln 4/3 and ln 4; 1/16 and 9/16; 3^(-1/2) and 3^(1/2);
    # D / sqrt(D^2 + (1 - D)^2) = 3 / sqrt 10; hinge 0 for data over 1, 1 + ln 3 for samples.
    v = tf.constant([math.log(3.0)])
    expected = {
        "bernoulli": (math.log(4 / 3), math.log(4)),
        "brier": (1 / 16, 9 / 16),
        "exponential": (3**-0.5, 3**0.5),
        "spherical": (-3 / math.sqrt(10), -1 / math.sqrt(10)),
        "hinge": (0.0, 1 + math.log(3)),
        "wasserstein": (-math.log(3), math.log(3)),
        "total_variation": (-0.4, 0.4),  # tanh(ln 3) = (9 - 1) / (9 + 1)
        "jensen_shannon": (math.log(4 / 3) - LN2, math.log(4) - LN2),
    }
    for name, pair in expected.items():
        row = ratio.LOSSES[name]
        np.testing.assert_allclose([row.of_data(v)[0], row.of_model(v)[0]], pair, rtol=1e-6)
    hinge = ratio.LOSSES["hinge"].generator(v, "non_saturating")
    np.testing.assert_allclose(hinge, [-math.log(3)], rtol=1e-6)


def test_least_squares_has_three_targets():
    # a, b, c = -1, 1, 1/4: at data (1/2 - 1)^2 / 2, at samples (1/2 + 1)^2 / 2, for G 1/32.
    row, v = ratio.least_squares(-1.0, 1.0, 0.25), tf.constant([0.5])
    found = row.of_data(v)[0], row.of_model(v)[0], row.generator(v, "non_saturating")[0]
    np.testing.assert_allclose(found, [0.125, 1.125, 0.03125])
    np.testing.assert_allclose(row.margin(v), [math.log(3.0)], rtol=1e-6)  # (v + 1) / (1 - v)
    np.testing.assert_allclose(row.generator(v, "minimax"), [-1.125])
    for usual in (ratio.least_squares(), ratio.LOSSES["least_squares"]):
        np.testing.assert_allclose(usual.generator(v, "non_saturating"), [0.125])
        np.testing.assert_allclose(usual.discriminator(v, v), [0.25])
    np.testing.assert_allclose(row.margin(tf.constant([5.0, -5.0])), [13.8, -13.8], atol=0.05)


def test_generators_learn_from_any_ratio():
    # Of an exact ratio: -log r, and f(r) - r f'(r), with f' by central differences.
    step = 1e-5
    for name in ESTIMATING:
        row, v = ratio.LOSSES[name], tf.constant(optimum(name))
        np.testing.assert_allclose(row.generator(v, "ratio"), -np.log(R), atol=2e-6)
        for kind in ratio.GENERATOR_LOSSES[3:]:
            f = F[kind]
            slope = (f(R + step) - f(R - step)) / (2 * step)
            found = row.generator(v, kind)
            np.testing.assert_allclose(found, f(R) - R * slope, rtol=1e-4, atol=1e-4)
    # Of the loss's own f it is the minimax loss.
    for kind in ratio.GENERATOR_LOSSES[3:]:
        row, v = ratio.LOSSES[kind], tf.constant(optimum(kind))
        own, same = (row.generator(v, each) for each in (kind, "minimax"))
        np.testing.assert_allclose(own, same, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ratio.LOSSES)
def test_every_generator_gains_by_samples_that_pass_for_data(name):
    row = ratio.LOSSES[name]
    v = row.output(tf.constant([0.3])) if row.estimates else tf.constant([0.3])
    for kind in ratio.GENERATOR_LOSSES[: None if row.estimates else 2]:
        (slope,) = gradients(lambda v, kind=kind: row.generator(v, kind), v)
        assert slope[0] < -1e-2, kind
    of_data, of_model = gradients(row.discriminator, v.numpy(), v.numpy())
    assert of_data[0] < 0 < of_model[0]


@pytest.mark.parametrize("name", ratio.LOSSES)
def test_nothing_overflows(name):
    row, v = ratio.LOSSES[name], np.array([-1e4, -100.0, 100.0, 1e4], np.float32)
    kinds = ratio.GENERATOR_LOSSES[: None if row.estimates else 2]
    losses = [row.of_data, row.of_model]
    losses += [lambda v, kind=kind: row.generator(v, kind) for kind in kinds]
    for loss in losses:
        assert np.isfinite(loss(tf.constant(v))).all()
        assert np.isfinite(gradients(loss, v)[0]).all()


def test_the_exponential_goes_on_as_its_tangent():
    v = [-3.0, 0.0, 29.0, 31.0]
    edge = math.exp(30.0)
    expected = [math.exp(-3), 1.0, math.exp(29), 2 * edge]
    np.testing.assert_allclose(ratio.exp(tf.constant(v)), expected, rtol=1e-5)
    slopes = [math.exp(-3), 1.0, math.exp(29), edge]
    np.testing.assert_allclose(gradients(ratio.exp, v)[0], slopes, rtol=1e-5)


def test_smoothed_labels_move_the_optimum():
    # p ((1 - s)(1 - D) - s D) = q D, so D = (1 - s) p / (p + q).
    share = 0.75 * P / (P + Q)
    p, q = (tf.constant(each, tf.float32) for each in (P, Q))
    row = ratio.LOSSES["bernoulli"]

    def cost(v):
        zero = tf.zeros_like(v)
        of_data = row.discriminator(v, zero, 0.25) - row.discriminator(zero, zero, 0.25)
        return p * of_data + q * row.of_model(v)

    (slope,) = gradients(cost, np.log(share / (1 - share)))
    np.testing.assert_allclose(slope, 0.0, atol=1e-6)
    # At D = 3/4: 3/4 ln 4/3 + 1/4 ln 4 for data, ln 4 for a sample.
    v = tf.constant([math.log(3.0)])
    expected = 0.75 * math.log(4 / 3) + 1.25 * math.log(4)
    np.testing.assert_allclose(row.discriminator(v, v, 0.25), [expected], rtol=1e-6)


def test_bregman_divergences():
    v = tf.linspace(-2.0, 2.0, 9)
    pairs = {  # scale and constants: e^v and -1 - v; 2 (e^v - 1) and e^2v - 1
        "kl": ("kliep", 1.0, -1.0, 0.0),
        "pearson": ("lsif", 2.0, 2.0, -1.0),
        "bernoulli": ("bernoulli", 1.0, 0.0, 0.0),
    }
    for name, (other, scale, of_data, of_model) in pairs.items():
        found, known = ratio.bregman(name), ratio.LOSSES[other]
        np.testing.assert_allclose(
            found.of_data(v), scale * known.of_data(v) + of_data, rtol=1e-5, atol=1e-5
        )
        np.testing.assert_allclose(
            found.of_model(v), scale * known.of_model(v) + of_model, rtol=1e-5, atol=1e-5
        )
    for name in ("total_variation", "hinge"):
        with pytest.raises(ValueError, match="divergence"):
            ratio.bregman(name)


def test_ranks_are_checked():
    row = ratio.LOSSES["bernoulli"]
    for ranks in ((1, 2), (2, 1)):
        with pytest.raises(ValueError, match="rank"):
            row.discriminator(*(tf.zeros([4, 1][:rank]) for rank in ranks))
    with pytest.raises(ValueError, match="rank"):
        row.generator(tf.zeros([4, 1]), "minimax")


def test_the_methods_offer_what_the_table_has():
    fields = GAN.HYPER_PARAMETERS
    assert set(fields["discriminator_loss"].choices) == set(ratio.LOSSES)
    offered = set(fields["generator_loss"].choices)
    assert offered == {"feature_matching", *ratio.GENERATOR_LOSSES}
    assert set(FGAN.HYPER_PARAMETERS["discriminator_loss"].choices) == set(ratio.DIVERGENCES)
