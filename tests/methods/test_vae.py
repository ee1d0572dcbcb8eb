"""VAE: its bound against the evidence, its KL term, its likelihoods."""

import numpy as np
import pytest
import tensorflow as tf

from tests.methods.tiny import phase
from tests.small import D, batch, nets, sgd
from zoo import seeds
from zoo.methods.vae import VAE
from zoo.networks.stack import Stack, conv, dense


def vae(**options):
    networks = nets("encoder", "decoder")
    return VAE(image_shape=(D,), latent_dim=D, decoder_output="normal", **networks | options)


# --- the bound ------------------------------------------------------------------------------------


def test_the_bound_rises_with_samples_and_its_rows_are_independent():
    model = vae(decoder_stddev=0.5)
    x = np.repeat(batch(1), 400, axis=0)
    one, many = (model.log_prob(x, samples=k, seed=0).numpy() for k in (1, 20))
    assert one.shape == (400,)
    assert many.mean() > one.mean() + 0.1
    np.testing.assert_allclose(model.log_prob(x[:7], samples=20, seed=0), many[:7], atol=1e-4)


def linear_vae(stddev, **options):
    """p(x|z) = N(W z + b, stddev^2 I), q(z|x) = N(A x + c, s^2): it holds the exact posterior."""
    rows = lambda units: Stack((dense(units, activation="linear"),), init_stddev=0.3)
    return VAE(
        image_shape=(D,),
        latent_dim=1,
        encoder=rows(2),
        decoder=rows(D),
        decoder_output="normal",
        decoder_stddev=stddev,
        **options,
    )


_W, _STDDEV = np.array([1.2, -0.7]), 0.5


def test_log_prob_is_the_evidence_at_the_exact_posterior():
    # x ~ N(0, w w' + s^2 I). Posterior: precision 1 + w.w / s^2, mean (w.x / s^2) / precision.
    model = linear_vae(_STDDEV)
    precision = 1 + _W @ _W / _STDDEV**2
    loc = (_W / _STDDEV**2 / precision)[:, None]
    kernel = np.concatenate([loc, np.zeros([D, 1])], axis=1)
    model.encoder.set_weights([kernel, np.array([0.0, -0.5 * np.log(precision)])])
    model.decoder.set_weights([_W[None], np.zeros(D)])
    x = batch(5)
    covariance = np.outer(_W, _W) + _STDDEV**2 * np.eye(D)
    squares = np.einsum("bi,ij,bj->b", x, np.linalg.inv(covariance), x)
    evidence = -0.5 * (squares + np.log(np.linalg.det(2 * np.pi * covariance)))
    for samples in (1, 4):
        np.testing.assert_allclose(model.log_prob(x, samples=samples), evidence, atol=1e-4)


def test_it_reaches_the_truth_on_a_gaussian():
    # Minus the entropy of N(0, C), C = w w' + s^2 I: no mean log-likelihood is above it.
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4000, 1)) * _W + _STDDEV * rng.standard_normal((4000, D))
    x = x.astype(np.float32)
    covariance = np.outer(_W, _W) + _STDDEV**2 * np.eye(D)
    truth = -0.5 * np.log(np.linalg.det(2 * np.pi * np.e * covariance))
    model = linear_vae(_STDDEV, learning_rate=0.02)
    model.compile(steps_per_execution=20)
    model.fit(x, batch_size=200, epochs=15, verbose=0)
    assert abs(float(np.mean(model.log_prob(x, seed=0))) - truth) < 0.1


# --- the KL term ----------------------------------------------------------------------------------


def test_warm_up_of_the_kl_term():
    model = sgd(vae(kl_warm_up_steps=4, beta=2.0), rate=0.0)
    for step in range(6):
        with phase(model, training=True):
            assert float(model.warm_up()) == min(step / 4, 1.0)
        logs = {k: float(v) for k, v in model.train_step(tf.constant(batch())).items()}
        [t.reset_state() for t in model.metrics]
        weight = 2.0 * min(step / 4, 1.0)
        expected = logs["reconstruction_loss"] + weight * logs["kl"]
        np.testing.assert_allclose(logs["model_loss"], expected, rtol=1e-4)


def test_the_logged_elbo_is_free_of_beta_and_warm_up():
    model, x = sgd(vae(kl_warm_up_steps=10, beta=2.0), rate=0.0), tf.constant(batch())
    logs = model.train_step(x)  # the share of the KL term is 0
    for side in (logs, model.test_step(x)):
        elbo = -side["reconstruction_loss"] - side["kl"]
        np.testing.assert_allclose(side["elbo"], elbo, rtol=1e-5)


def test_evaluated_losses_are_at_full_weight():
    # Else the best checkpoint would be one of the warm-up.
    x, found = tf.constant(batch()), []
    for steps in (0, 1000):
        logs = sgd(vae(kl_warm_up_steps=steps, beta=2.0)).test_step(x)
        expected = logs["reconstruction_loss"] + 2.0 * logs["kl"]
        np.testing.assert_allclose(logs["model_loss"], expected, rtol=1e-5)
        found.append(float(logs["model_loss"]))
    assert found[0] == found[1]


def test_the_monte_carlo_kl_is_near_the_analytic_one():
    x, found = np.tile(batch(10), (2000, 1)), {}
    for kl in ("analytic", "monte_carlo"):
        model = vae(kl=kl)
        model.compile()
        found[kl] = float(model.test_step(x)["kl"])
    q = model.encode(x)
    each = (q.mean() ** 2 + q.variance() - 1) / 2 - np.log(q.stddev())
    truth = np.sum(each, axis=1).mean()
    assert truth > 0.1
    np.testing.assert_allclose(found["analytic"], truth, rtol=1e-4)
    assert found["monte_carlo"] != found["analytic"]
    z = q.sample(seed=0)
    error = np.std(q.log_prob(z) - model.prior.log_prob(z)) / np.sqrt(len(x))
    assert abs(found["monte_carlo"] - truth) < 5 * error


# --- likelihoods ----------------------------------------------------------------------------------


def one_pixel(**options):
    """Images of one pixel; q(z|x) is the prior, so that log p(x, z) / q(z|x) = log p(x|z)."""
    encoder, maps = Stack((dense(2 * D, activation="linear"),)), 1
    if options.get("decoder_output") == "discretised_logistic":
        maps = 2
    decoder = Stack((conv(maps, 1, activation="linear"),), init_stddev=0.5)
    model = VAE(image_shape=(1, 1, 1), latent_dim=D, encoder=encoder, decoder=decoder, **options)
    encoder.set_weights([np.zeros_like(w) for w in encoder.get_weights()])
    return model


@pytest.mark.parametrize(
    "output, values", [("discretised_logistic", np.arange(256) / 255), ("bernoulli", [0, 1])]
)
def test_log_prob_is_of_a_mass_that_sums_to_one(output, values):
    model = one_pixel(decoder_output=output)
    x = tf.reshape(tf.constant(values, tf.float32), [-1, 1, 1, 1])
    masses = []
    for seed in (0, 1):
        rows = tf.repeat(seeds.row_seeds(1, seed), len(x))  # every value at the same z
        masses.append(np.exp(model.log_prob_rows(x, rows).numpy().astype(np.float64)))
        np.testing.assert_allclose(masses[-1].sum(), 1.0, atol=1e-4)
    assert np.abs(masses[0] - masses[1]).max() > 1e-5  # another z, another distribution


def test_a_bernoulli_on_grey_pixels_is_no_likelihood():
    for output in ("bernoulli", "normal", "discretised_logistic"):
        model = one_pixel(decoder_output=output)
        assert model.proper_likelihood(True)
        assert model.proper_likelihood(False) == (output != "bernoulli")


def test_the_decoder_starts_at_the_mean_of_the_data():
    model = one_pixel()
    model.adapt(np.full([8, 1, 1, 1], 0.8, np.float32))
    np.testing.assert_allclose(model.decode(np.zeros([1, D])).mean(), [[[[0.8]]]], rtol=1e-5)


def test_verbs():
    model = vae()
    assert model.capabilities == {"sample", "encode", "decode", "reconstruct", "log_prob"}
    assert model.density == "lower_bound"
