"""Distributions made from network outputs, and the draws from them."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from zoo import distributions, networks, seeds
from zoo.networks.stack import conv, dense

tfd = tfp.distributions

GRID = np.arange(256, dtype=np.float32) / 255


def masses(loc, scale):
    """[256] probabilities of a scalar discretised logistic."""
    p = distributions.DiscretisedLogistic(tf.constant(loc), tf.constant(scale))
    return np.exp(p.log_prob(GRID).numpy().astype(np.float64))


# --- discretised logistic -------------------------------------------------------------------------


@pytest.mark.parametrize("loc", [0.5, 0.0, 1.0, 0.123, -0.4, 1.7, 100.0])
@pytest.mark.parametrize("scale", [0.125 / 255, 0.01, 0.1, 1.0, 30.0])
def test_discretised_logistic_masses_sum_to_one(loc, scale):
    p = masses(loc, scale)
    assert np.all(p >= 0)
    np.testing.assert_allclose(p.sum(), 1.0, atol=2e-5)


def test_discretised_logistic_masses_by_hand():
    # F = sigmoid; level k holds F((k + 1/2)/255) - F((k - 1/2)/255), the outer ones all beyond.
    edges = (np.arange(255) + 0.5) / 255
    cumulative = 1 / (1 + np.exp(-(edges - 0.3) / 0.05))
    expected = np.diff(np.concatenate([[0.0], cumulative, [1.0]]))
    np.testing.assert_allclose(masses(0.3, 0.05), expected, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("loc, scale", [(100.0, 1.0), (-3.0, 0.01), (0.4, 100.0)])
def test_discretised_logistic_is_exact_far_from_the_centre(loc, scale):
    # F(u + h) - F(u - h) = F(u) (1 - F(u)) 2 sinh(h) where F is an exponential or straight.
    level = 77 / 255
    u = (level - loc) / scale
    log_f, log_1f = -np.logaddexp(0, -u), -np.logaddexp(0, u)
    h = 0.5 / 255 / scale
    expected = log_f + log_1f + math.log(2 * math.sinh(h))
    p = distributions.DiscretisedLogistic(loc, scale)
    np.testing.assert_allclose(p.log_prob(level), expected, rtol=2e-5, atol=2e-4)


@pytest.mark.parametrize("log_scale", [-80.0, -6.0, 0.0, 8.0])
@pytest.mark.parametrize("loc", [-40.0, 0.0, 40.0])
def test_discretised_logistic_gradients_are_finite(log_scale, loc):
    outputs = tf.tile(tf.constant([[[[loc, log_scale]]]]), [1, 16, 16, 1])
    x = tf.reshape(tf.constant(GRID), [1, 16, 16, 1])
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        log_prob = distributions.discretised_logistic(outputs).log_prob(x)
    gradient = tape.gradient(log_prob, outputs).numpy()
    assert log_prob.shape == (1,)
    assert np.isfinite(log_prob).all()
    assert np.isfinite(gradient).all()


def test_discretised_logistic_gradient_pulls_loc_to_the_data():
    outputs = tf.constant([[[[0.0, 0.0]]], [[[0.0, 0.0]]]])  # loc = sigmoid(0) = 1/2
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        p = distributions.discretised_logistic(outputs)
        log_prob = p.log_prob(tf.reshape([0.2, 0.8], [2, 1, 1, 1]))
    below, above = tape.gradient(log_prob, outputs)[:, 0, 0, 0]
    assert below < -1e-3
    assert above > 1e-3
    np.testing.assert_allclose(p.mean()[:, 0, 0, 0], [0.5, 0.5], atol=1e-6)


@pytest.mark.parametrize("loc", [0.5, 0.02, 0.98, -0.2, 1.3])
@pytest.mark.parametrize("scale", [0.125 / 255, 0.01, 0.1, 1.0])
def test_discretised_logistic_mean_is_within_half_a_level(loc, scale):
    p = distributions.DiscretisedLogistic(loc, scale)
    assert abs(float(p.mean()) - np.sum(GRID * masses(loc, scale))) < 0.5 / 255


@pytest.mark.parametrize("loc, scale", [(0.5, 0.05), (0.1, 0.2)])
def test_discretised_logistic_samples_follow_the_masses(loc, scale):
    draws, p = 20_000, masses(loc, scale)
    x = distributions.DiscretisedLogistic(loc, scale).sample(draws, seed=[1, 2]).numpy()
    levels = np.round(x * 255)
    np.testing.assert_allclose(x, levels / 255, atol=1e-7)
    assert levels.min() >= 0
    assert levels.max() <= 255
    mean = np.sum(GRID * p)
    variance = np.sum((GRID - mean) ** 2 * p)
    assert abs(x.mean() - mean) < 4 * math.sqrt(variance / draws)
    fourth = np.sum((GRID - mean) ** 4 * p)
    assert abs(x.var() - variance) < 4 * math.sqrt((fourth - variance**2) / draws)
    counts = np.bincount(levels.astype(int), minlength=256)
    for tail in (0, 255):
        assert abs(counts[tail] - draws * p[tail]) < 4 * math.sqrt(draws * p[tail] + 1)


# --- implicit -------------------------------------------------------------------------------------


def implicit(rows=3, dims=2):
    """x = (10 i + noise) for row i."""
    offset = 10.0 * tf.range(rows, dtype=tf.float32)[:, None]
    return distributions.Implicit(lambda noise: offset + noise, dims, rows, (dims,))


def test_implicit_shapes_and_refusals():
    q = implicit()
    assert q.sample(seed=[0, 1]).shape == (3, 2)
    assert q.sample(5, seed=[0, 1]).shape == (5, 3, 2)
    assert q.batch_shape == (3,)
    assert q.event_shape == (2,)
    with pytest.raises(NotImplementedError):
        q.log_prob(tf.zeros([3, 2]))


def test_implicit_mean_is_the_average_of_draws():
    q = implicit()
    # The mean of 10 draws of N(10 i, 1): standard error sqrt(1/10); of 1000: 0.03.
    offsets = np.repeat([[0.0], [10.0], [20.0]], 2, axis=1)
    assert np.abs(q.mean() - offsets).max() < 4 * math.sqrt(1 / 10)
    many = tf.function(lambda: q.mean(draws=1000))()
    assert np.abs(many - offsets).max() < 4 / math.sqrt(1000)
    np.testing.assert_array_equal(q.mean(), q.mean())
    drawn = q.sample(10, seed=seeds.fold(0, "mean"))
    np.testing.assert_allclose(q.mean(), np.mean(drawn, axis=0), rtol=1e-6)


def test_many_implicit_draws_are_those_of_a_graph_and_carry_gradients():
    scale = tf.Variable([2.0, 3.0])
    q = distributions.Implicit(lambda noise: scale * noise, 2, 4, (2,))
    with tf.GradientTape() as tape:
        eager = q.sample(40, seed=[0, 1])
        total = tf.reduce_sum(eager)
    np.testing.assert_array_equal(eager, tf.function(lambda: q.sample(40, seed=[0, 1]))())
    # d/d scale of sum(scale * noise) is the noise's sum, which is that of the draws over the scale.
    noise = tf.reduce_sum(eager, axis=[0, 1]) / scale
    np.testing.assert_allclose(tape.gradient(total, scale), noise, rtol=1e-4)


# --- network outputs ------------------------------------------------------------------------------


def test_diagonal_normal_reads_loc_and_log_scale():
    q = distributions.diagonal_normal(tf.constant([[1.0, 2.0, 0.0, math.log(3.0)]]))
    np.testing.assert_allclose(q.mean(), [[1.0, 2.0]])
    np.testing.assert_allclose(q.stddev(), [[1.0, 3.0]], rtol=1e-6)
    # At the mean: -ln(2 pi) - ln 3, one number an example.
    np.testing.assert_allclose(
        q.log_prob([[1.0, 2.0]]), [-math.log(2 * math.pi) - math.log(3.0)], rtol=1e-6
    )


def test_unit_normal_shares_variance_1_between_outputs_and_noise():
    q = distributions.unit_normal(tf.constant([[1.0, -2.0]]), 0.6)
    np.testing.assert_allclose(q.mean(), [[0.8, -1.6]], rtol=1e-6)  # 0.8^2 + 0.6^2 = 1
    np.testing.assert_allclose(q.stddev(), [[0.6, 0.6]], rtol=1e-6)
    # At the mean: -ln(2 pi) - 2 ln 0.6, one number an example.
    np.testing.assert_allclose(
        q.log_prob([[0.8, -1.6]]), [-math.log(2 * math.pi) - 2 * math.log(0.6)], rtol=1e-5
    )


def test_scaled_normal_reads_channels():
    p = distributions.scaled_normal(tf.reshape([0.5, math.log(2.0)], [1, 1, 1, 2]))
    np.testing.assert_allclose(p.mean(), [[[[0.5]]]])
    np.testing.assert_allclose(p.stddev(), [[[[2.0]]]], rtol=1e-6)


def test_bernoulli_sums_over_pixels():
    # logit ln 3: P(1) = 3/4. Image (1, 0, 1, 1): ln(3/4) 3 + ln(1/4).
    p = distributions.bernoulli(tf.fill([1, 2, 2, 1], math.log(3.0)))
    x = tf.reshape([1.0, 0.0, 1.0, 1.0], [1, 2, 2, 1])
    np.testing.assert_allclose(p.log_prob(x), [3 * math.log(0.75) + math.log(0.25)], rtol=1e-6)
    np.testing.assert_allclose(p.mean(), np.full([1, 2, 2, 1], 0.75), rtol=1e-6)


def test_normal_has_one_stddev():
    p = distributions.normal(tf.zeros([2, 3]), 0.5)
    np.testing.assert_allclose(p.stddev(), np.full([2, 3], 0.5))
    expected = -3 * (0.5 * math.log(2 * math.pi) + math.log(0.5)) - 3 * 2.0  # (1 / 0.5)^2 / 2 = 2
    np.testing.assert_allclose(p.log_prob(tf.ones([2, 3])), [expected] * 2, rtol=1e-6)


def test_priors():
    np.testing.assert_allclose(
        distributions.standard_normal(3).log_prob(tf.zeros([3])),
        -1.5 * math.log(2 * math.pi),
        rtol=1e-6,
    )
    flat = distributions.uniform(3)
    np.testing.assert_allclose(flat.log_prob([0.9, -0.9, 0.0]), -3 * math.log(2.0), rtol=1e-6)
    assert float(flat.log_prob([1.1, 0.0, 0.0])) == -math.inf


def test_to_data():
    images = tf.reshape([0.0, math.log(3.0)], [2, 1, 1, 1])
    np.testing.assert_allclose(distributions.to_data(images)[:, 0, 0, 0], [0.5, 0.75], rtol=1e-6)
    np.testing.assert_array_equal(distributions.to_data(tf.constant([[-7.0, 9.0]])), [[-7.0, 9.0]])
    assert distributions.to_data(tf.zeros([1, 2], tf.bfloat16)).dtype == tf.float32


@pytest.mark.parametrize("of", ["diagonal_normal", "bernoulli", "deterministic", "scaled_normal"])
def test_bfloat16_outputs_become_float32(of):
    p = getattr(distributions, of)(tf.zeros([2, 4], tf.bfloat16))
    assert p.dtype == tf.float32
    assert p.mean().dtype == tf.float32


def decoder(last, **options):
    network = networks.Stack((last,), init_stddev=1e-6, **options)
    network.build((None, 5))
    return network


@pytest.mark.parametrize("bias", ["tied", "untied"])
def test_set_output_bias_gives_the_mean_of_the_batch(bias):
    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 0.9, (50, 4, 4, 2)).astype(np.float32)
    network = networks.Stack(
        (networks.stack.Reshape((4, 4, 2)), conv(2, 1, activation="linear", bias=bias)),
        init_stddev=1e-6,
    )
    network.build((None, 32))
    distributions.set_output_bias(network, x)
    mean = distributions.to_data(network(tf.zeros([1, 32])))
    if bias == "untied":  # every pixel
        np.testing.assert_allclose(mean[0], x.mean(axis=0), atol=1e-5)
    else:  # every channel
        np.testing.assert_allclose(mean[0, 0, 0], x.mean(axis=(0, 1, 2)), atol=5e-3)


def test_set_output_bias_of_a_dense_decoder_of_images():
    x = np.random.default_rng(0).uniform(0.1, 0.9, (50, 4, 4, 1)).astype(np.float32)
    network = decoder(dense(None, activation="linear"), output_shape=(4, 4, 1))
    distributions.set_output_bias(network, x)
    mean = distributions.to_data(network(tf.zeros([1, 5])))
    np.testing.assert_allclose(mean[0], x.mean(axis=0), atol=1e-5)


def test_set_output_bias_of_vectors_and_of_saturated_pixels():
    network = decoder(dense(2, activation="linear"))
    distributions.set_output_bias(network, np.array([[-3.0, 4.0], [1.0, 8.0]], np.float32))
    np.testing.assert_allclose(network(tf.zeros([1, 5])), [[-1.0, 6.0]], atol=1e-5)
    network = decoder(dense(None, activation="linear"), output_shape=(1, 2, 1))
    distributions.set_output_bias(network, np.array([[[[0.0], [1.0]]]], np.float32))
    mean = distributions.to_data(network(tf.zeros([1, 5])))
    np.testing.assert_allclose(tf.reshape(mean, [2]), [0.01, 0.99], atol=1e-5)  # black and white


def test_set_output_bias_leaves_others_networks_alone():
    distributions.set_output_bias(object(), np.zeros([2, 2], np.float32))


# --- draws ----------------------------------------------------------------------------------------

ROWS = 6


def families():
    """{name: distribution with a batch of ROWS}; row i differs from row j."""
    rng = np.random.default_rng(1)
    vectors = tf.constant(rng.standard_normal((ROWS, 4)), tf.float32)
    images = tf.constant(rng.standard_normal((ROWS, 2, 2, 2)), tf.float32)
    return {
        "normal": distributions.diagonal_normal(vectors),
        "fixed normal": distributions.normal(images, 0.3),
        "bernoulli": distributions.bernoulli(images),
        "discretised_logistic": distributions.discretised_logistic(images),
        "implicit": implicit(ROWS, 3),
        "vector_deterministic": distributions.deterministic(vectors),
        "deterministic": distributions.deterministic(images),
    }


def take(name, rows):
    """The distribution made of these rows of a family's."""
    p = families()[name]
    if name == "implicit":
        offset = 10.0 * tf.cast(rows, tf.float32)[:, None]
        return distributions.Implicit(lambda noise: offset + noise, 3, len(rows), (3,))
    return distributions.mapped(lambda parameter: tf.gather(parameter, rows), p)


NAMES = [
    "normal",
    "fixed normal",
    "bernoulli",
    "discretised_logistic",
    "implicit",
    "vector_deterministic",
    "deterministic",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [None, 2])
def test_sample_rows_depends_on_its_own_row_alone(name, n):
    rows = seeds.row_seeds(ROWS, 5)
    drawn = distributions.sample_rows(families()[name], rows, "z", n)
    event = families()[name].event_shape
    assert drawn.shape == (ROWS, *([] if n is None else [n]), *event)
    for order in ([3, 0, 5, 1, 4, 2], [4], [2, 2]):  # permutation, subset, repetition
        of_order = distributions.sample_rows(take(name, order), tf.gather(rows, order), "z", n)
        np.testing.assert_allclose(of_order, tf.gather(drawn, order), atol=1e-6)
    if "deterministic" not in name:
        elsewhere = distributions.sample_rows(families()[name], rows, "x", n)
        assert np.abs(elsewhere - drawn).max() > 1e-3
    if n and "deterministic" not in name:
        assert np.abs(drawn[:, 0] - drawn[:, 1]).max() > 1e-3


@pytest.mark.parametrize("prior", [distributions.standard_normal, distributions.uniform])
def test_sample_rows_of_a_prior(prior):
    rows = seeds.row_seeds(2000, 1)
    draw = tf.function(lambda rows: distributions.sample_rows(prior(2), rows, "z"))
    z = draw(rows).numpy()
    assert z.shape == (2000, 2)
    np.testing.assert_array_equal(distributions.sample_rows(prior(2), rows[5:8], "z"), z[5:8])
    assert distributions.sample_rows(prior(2), rows[:3], "z", 4).shape == (3, 4, 2)
    variance = 1.0 if prior is distributions.standard_normal else 1 / 3  # of U(-1, 1): 2^2 / 12
    assert np.abs(z.mean(axis=0)).max() < 4 * math.sqrt(variance / 2000)
    fourth = 3.0 if prior is distributions.standard_normal else 1 / 5
    error = math.sqrt((fourth - variance**2) / 2000)
    assert np.abs(z.var(axis=0) - variance).max() < 4 * error
    assert abs(np.corrcoef(z.T)[0, 1]) < 4 / math.sqrt(2000)
    assert abs(np.corrcoef(z[1:, 0], z[:-1, 0])[0, 1]) < 4 / math.sqrt(2000)  # neighbours


@pytest.mark.parametrize("name", NAMES)
def test_sample_rows_has_the_moments_of_its_distribution(name):
    n = 1000
    p = families()[name]
    drawn = distributions.sample_rows(p, seeds.row_seeds(ROWS, 2), "z", n).numpy()  # [B, n, ...]
    if name == "implicit":
        mean, stddev = np.repeat(10.0 * np.arange(ROWS)[:, None], 3, axis=1), np.ones((ROWS, 3))
    elif name == "discretised_logistic":
        exact = np.vectorize(lambda loc, s: np.dot(GRID, masses(loc, s)))
        squares = np.vectorize(lambda loc, s: np.dot(GRID**2, masses(loc, s)))
        loc, scale = (a.numpy() for a in (p.distribution.loc, p.distribution.scale))
        mean = exact(loc, scale)
        stddev = np.sqrt(squares(loc, scale) - mean**2)
    elif "deterministic" in name:
        mean, stddev = p.mean().numpy(), np.zeros(p.mean().shape)
    else:
        mean, stddev = p.mean().numpy(), p.stddev().numpy()
    assert np.all(np.abs(drawn.mean(axis=1) - mean) < 4.5 * stddev / math.sqrt(n) + 1e-4)
    # The standard error of a standard deviation is about 1 / sqrt(2 n) of it: 2 %.
    assert np.all(np.abs(drawn.std(axis=1) - stddev) < 0.15 * stddev + 1e-4)


@pytest.mark.parametrize("name", ["normal", "uniform", "implicit"])
def test_draw_on_two_replicas_is_one_draw_of_the_whole(monkeypatch, name):
    seed = seeds.fold(0, "z")
    rng = np.random.default_rng(2)
    outputs = tf.constant(rng.standard_normal((4, 4)), tf.float32)

    def draw(rows):
        """This replica's draw for these rows of the global batch of four."""
        part = tf.gather(outputs, rows)
        if name == "uniform":
            return distributions.draw(distributions.uniform(3), seed, len(rows))
        if name == "implicit":
            q = distributions.Implicit(lambda noise: part + noise, 4, len(rows), (4,))
            return distributions.draw(q, seed)
        return distributions.draw(distributions.diagonal_normal(part), seed)

    whole = draw([0, 1, 2, 3])
    halves = []
    for index, rows in enumerate(([0, 1], [2, 3])):
        monkeypatch.setattr(seeds, "replica", lambda index=index: (2, index))
        halves.append(draw(rows))
    np.testing.assert_allclose(tf.concat(halves, axis=0), whole, atol=1e-6)
    assert np.abs(halves[0] - halves[1]).max() > 1e-3


# --- draws of codes with several parts ------------------------------------------------------------

PROBS = np.array([0.5, 0.2, 0.3])
LOC, TRIL = (
    np.array([[2.0, 0.0], [-1.0, 1.0]], np.float32),
    np.array([[[0.5, 0.0], [0.3, 0.4]], [[0.2, 0.0], [-0.6, 1.0]]], np.float32),
)


def draws(p, n=6000):
    """n samples by each of the two ways: of training, and of the verbs."""
    batch = None if p.batch_shape.rank else n
    yield distributions.draw(p, seeds.fold(3, "z"), batch).numpy()
    rows = tf.function(lambda rows: distributions.sample_rows(p, rows, "z"))
    yield rows(seeds.row_seeds(n, 4)).numpy()


def assert_moments(found, mean, covariance, tails=1.0):
    """Within 4.5 standard errors; `tails` widens those of fourth moments above a Gaussian's."""
    n, stddev = len(found), np.sqrt(np.diag(covariance))
    assert np.all(np.abs(found.mean(axis=0) - mean) < 4.5 * stddev / math.sqrt(n) + 1e-7)
    error = tails * np.sqrt((covariance**2 + np.outer(stddev, stddev) ** 2) / n)
    assert np.all(np.abs(np.cov(found.T) - covariance) < 4.5 * error + 1e-7)


def moments_of_mixture(loc, scale_tril):
    """Mean of means; mean of covariances plus covariance of means."""
    loc, scale_tril = np.float64(loc), np.float64(scale_tril)
    inner = np.mean(scale_tril @ scale_tril.transpose(0, 2, 1), axis=0)
    return loc.mean(axis=0), inner + np.cov(loc.T, bias=True)


def test_one_hot_draws_have_their_frequencies():
    p = distributions.one_hot(np.log(PROBS))
    for found in draws(p):
        assert found.shape == (6000, 3) and found.dtype == np.float32
        assert set(np.unique(found)) == {0.0, 1.0} and (found.sum(axis=1) == 1).all()
        error = np.sqrt(PROBS * (1 - PROBS) / 6000)
        assert np.all(np.abs(found.mean(axis=0) - PROBS) < 4 * error)
    np.testing.assert_allclose(p.log_prob([0.0, 1.0, 0.0]), math.log(0.2), rtol=1e-6)


def test_mixture_draws_have_its_moments():
    p = distributions.mixture(LOC, TRIL)
    mean, covariance = moments_of_mixture(LOC, TRIL)
    for found in draws(p):
        assert_moments(found, mean, covariance, tails=1.5)
        # Half of them of each component: of x_0 = 2, 1/2 apart, against -1, 1/5 apart.
        error = 0.5 / math.sqrt(6000)
        assert abs(np.mean(found[:, 0] > 0.3) - 0.5) < 4 * error
    np.testing.assert_allclose(p.mean(), mean, rtol=1e-6)


def test_petals_are_long_along_their_radius():
    """At the angles 0, 90, 180, 270 degrees; covariances diag(r^2, t^2) and diag(t^2, r^2)."""
    loc, tril = (a.numpy() for a in distributions.petals(4, radius=2.0, radial=0.7, tangential=0.2))
    np.testing.assert_allclose(loc, [[2, 0], [0, 2], [-2, 0], [0, -2]], atol=1e-6)
    out, across = np.diag([0.49, 0.04]), np.diag([0.04, 0.49])
    found = tril @ tril.transpose(0, 2, 1)
    np.testing.assert_allclose(found, [out, across, out, across], atol=1e-6)
    # Of any number k >= 3: means cancel, and all is alike in all directions:
    # (r^2 + t^2) / 2 of the petals and radius^2 / 2 of their means.
    for k in (3, 10):
        petals = distributions.petals(k)
        mean, covariance = moments_of_mixture(*petals)
        np.testing.assert_allclose(mean, [0, 0], atol=1e-6)
        expected = (0.5**2 + 0.1**2 + 1.4**2) / 2
        np.testing.assert_allclose(covariance, expected * np.eye(2), atol=1e-6)
        for drawn in draws(distributions.mixture(*petals)):
            assert_moments(drawn, mean, covariance)


def test_component_takes_each_row_s_own_gaussian():
    index = np.tile([1, 0, 1], 2000)
    p = distributions.component(LOC, TRIL, tf.constant(index))
    assert p.batch_shape == (6000,)
    for drawn in draws(p):
        for k in (0, 1):
            assert_moments(drawn[index == k], LOC[k], TRIL[k] @ TRIL[k].T)


def test_blocks_are_independent_parts_side_by_side():
    p = distributions.blocks(distributions.one_hot(np.log(PROBS)), distributions.mixture(LOC, TRIL))
    assert p.event_shape == (5,)
    mean, covariance = moments_of_mixture(LOC, TRIL)
    both = np.zeros([5, 5])
    both[:3, :3], both[3:, 3:] = np.diag(PROBS) - np.outer(PROBS, PROBS), covariance
    for found in draws(p):
        np.testing.assert_array_equal(found[:, :3].sum(axis=1), np.ones(6000))
        assert_moments(found, np.concatenate([PROBS, mean]), both, tails=1.5)


def several():
    """{name: a prior that takes other noise than one normal}."""
    mixture = distributions.mixture(LOC, TRIL)
    one_hot = distributions.one_hot(np.log(PROBS))
    return {
        "one_hot": one_hot,
        "mixture": mixture,
        "blocks": distributions.blocks(one_hot, mixture),
    }


@pytest.mark.parametrize("name", ["one_hot", "mixture", "blocks"])
def test_rows_of_such_priors_depend_on_their_own_seed(name):
    p, rows = several()[name], seeds.row_seeds(20, 5)
    whole = distributions.sample_rows(p, rows, "z")
    part = distributions.sample_rows(p, rows[10:15], "z")
    np.testing.assert_allclose(part, whole[10:15], atol=1e-6)
    assert np.abs(distributions.sample_rows(p, rows, "x") - whole).max() > 1e-3
    many = distributions.sample_rows(p, rows, "z", 4)
    assert many.shape == (20, 4, *p.event_shape)
    assert all(np.abs(many[:, 0] - many[:, k]).max() > 1e-3 for k in (1, 2, 3))


@pytest.mark.parametrize("name", ["one_hot", "mixture", "blocks"])
def test_such_a_prior_on_two_replicas_is_one_draw_of_the_whole(monkeypatch, name):
    p, seed = several()[name], seeds.fold(0, "z")
    whole = distributions.draw(p, seed, 20)
    halves = []
    for index in (0, 1):
        monkeypatch.setattr(seeds, "replica", lambda index=index: (2, index))
        halves.append(distributions.draw(p, seed, 10))
    np.testing.assert_array_equal(tf.concat(halves, axis=0), whole)


@pytest.mark.parametrize("output", ["normal", "deterministic", "implicit"])
def test_codes_as_encoders_give_them(output):
    outputs = tf.constant([[1.0, 2.0, 0.0, math.log(3.0)]])
    network = {
        "normal": lambda: outputs,
        "deterministic": lambda: outputs[:, :2],
        "implicit": lambda noise: outputs[:, :2] + tf.reduce_sum(noise, axis=1, keepdims=True),
    }[output]
    q = distributions.code(output, network, 1, 2, noise_dim=5)
    assert q.batch_shape == (1,) and q.event_shape == (2,)
    if output == "implicit":
        assert q.noise_dim == 5
        assert distributions.code(output, network, 1, 2).noise_dim == 2
        # The sum of five: variance 5. 10 draws.
        assert np.abs(q.mean() - outputs[:, :2]).max() < 4.5 * math.sqrt(5 / 10)
    else:
        np.testing.assert_allclose(q.mean(), [[1.0, 2.0]])
        stddev = [[1.0, 3.0]] if output == "normal" else [[0.0, 0.0]]
        np.testing.assert_allclose(q.stddev(), stddev, rtol=1e-6)


def test_draw_is_reparameterised():
    outputs = tf.Variable([[0.5, -1.0, 0.1, 0.2]])
    with tf.GradientTape() as tape:
        z = distributions.draw(distributions.diagonal_normal(outputs), seeds.fold(0))
    gradient = tape.gradient(z, outputs)
    # z = loc + exp(s) eps: dz/dloc = 1, dz/ds = z - loc.
    np.testing.assert_allclose(gradient[0], [1.0, 1.0, *(z - outputs[:, :2])[0]], rtol=1e-5)


# --- the closed list ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in NAMES if name != "implicit"])
def test_describe_and_rebuild(name):
    p = families()[name]
    family, parameters = distributions.describe(p)
    again = distributions.rebuild(family, parameters)
    assert family == ("normal" if name == "fixed normal" else name)
    assert type(again) is type(p)
    assert (again.batch_shape, again.event_shape, again.dtype) == (
        p.batch_shape,
        p.event_shape,
        p.dtype,
    )
    np.testing.assert_allclose(again.mean(), p.mean())
    x = p.sample(seed=[0, 1])
    np.testing.assert_array_equal(again.sample(seed=[0, 1]), x)
    np.testing.assert_allclose(again.log_prob(x), p.log_prob(x))


def test_describe_of_implicit_and_of_strangers():
    assert distributions.describe(implicit()) == ("implicit", {})
    with pytest.raises(TypeError, match="Gamma.*closed list"):
        distributions.describe(tfd.Independent(tfd.Gamma([[1.0]], 1.0), 1))
    with pytest.raises(ValueError, match="family=.*'norma'.*Did you mean 'normal'"):
        distributions.rebuild("norma", {})
