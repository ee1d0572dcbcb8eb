"""IWAE: its bound between the ELBO and the evidence, its two gradients, its passes and networks."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import helpers
from tests.methods.tiny import linear, phase, seen_by
from tests.small import D, batch, gradients, nets, same, sgd
from zoo.methods.iwae import IWAE
from zoo.methods.vae import VAE

CONFORMANCE = {
    "images": {"importance_samples": 3, "estimator": "doubly_reparameterised"},
    "vectors": {"importance_samples": 2},
}


def small(method=IWAE, **options):
    networks = nets("encoder", "decoder")
    options = {"decoder_output": "normal", "decoder_stddev": 0.5} | networks | options
    return sgd(method(image_shape=(D,), latent_dim=D, **options))


# --- scalars: z ~ N(0, 1), x = W z + S eps, q(z|x) = N(a x + c, t^2) ------------------------------

_W, _S = 0.8, 0.6
_VARIANCE = _W**2 + _S**2  # of x ~ N(0, W^2 + S^2)
_EXACT = _W / _VARIANCE, 0.0, _S / np.sqrt(_VARIANCE)  # a, c and t of p(z|x)
_WIDE = _EXACT[0], 0.2, 1.3 * _EXACT[2]  # q has heavier tails than p(z|x): the weights are bounded
_X = 0.7


def scalar(a, c, t, **options):
    encoder, decoder = linear(2), linear(1)
    options = {"decoder_output": "normal", "decoder_stddev": _S} | options
    networks = {"encoder": encoder, "decoder": decoder}
    model = IWAE(image_shape=(1,), latent_dim=1, **networks, **options)
    encoder.set_weights([np.array([[a, 0.0]]), np.array([c, np.log(t)])])
    decoder.set_weights([np.array([[_W]]), np.zeros(1)])
    return sgd(model)


def evidence(x):
    return -0.5 * (x**2 / _VARIANCE + np.log(2 * np.pi * _VARIANCE))


def rows(n):
    return tf.fill([n, 1], _X)


def bounds(k, n=4096):
    """[n / k] estimates of the bound at x = _X, from the same n draws whatever k."""
    model = scalar(*_WIDE, importance_samples=k)
    with phase(model):
        return -model.bound(rows(n // k))["model"].numpy().astype(np.float64)


def error(values):
    """Four standard errors of the mean."""
    return 4 * np.std(values) / np.sqrt(len(values))


def test_at_the_exact_posterior_the_bound_is_the_evidence():
    x = batch(6)[:, :1]
    for k in (1, 5):
        for estimator in ("reparameterised", "doubly_reparameterised"):
            model = scalar(*_EXACT, importance_samples=k, estimator=estimator)
            with phase(model):
                found = -model.bound(tf.constant(x))["model"]
            np.testing.assert_allclose(found, evidence(x[:, 0]), atol=1e-5)


@pytest.mark.parametrize("method", [VAE, IWAE])
def test_the_reported_bound_knows_no_beta(method):
    twins = (small(method, beta=beta) for beta in (0.3, 1.0))
    weighted, plain = (twin.log_prob(batch(), samples=2, seed=0) for twin in twins)
    np.testing.assert_array_equal(weighted, plain)


def test_the_bound_rises_from_the_elbo_with_k():
    # k = 1: the evidence less KL(q || p(z|x)) = ln(1 / r) + (r^2 + (c / s)^2 - 1) / 2, r = t / s.
    r, s = _WIDE[2] / _EXACT[2], _EXACT[2]
    gap = -np.log(r) + (r**2 + (_WIDE[1] / s) ** 2 - 1) / 2
    each = bounds(1)
    assert gap > 0.05 and abs(each.mean() - (evidence(_X) - gap)) < error(each)
    for k in (2, 4, 8, 16):  # pairs of estimates against the one of all their draws
        lower, higher = bounds(k // 2).reshape(-1, 2).mean(axis=1), bounds(k)
        assert np.all(higher >= lower - 1e-5)  # log is concave: draw by draw, not in mean alone
        assert (higher - lower).mean() > error(higher - lower) > 0


def test_the_bound_tends_to_the_evidence():
    # E log 1/k sum w = log p - Var(w / p) / 2 k + O(1/k^2), and with p(z|x) = N(m, s^2)
    # E_q (w / p)^2 = int N(z; m, s^2)^2 / N(z; m + c, t^2) dz
    #               = t^2 / (s sqrt(2 t^2 - s^2)) exp(c^2 / (2 t^2 - s^2)).
    (_, c, t), s = _WIDE, _EXACT[2]
    left = 2 * t**2 - s**2
    variance = t**2 / (s * np.sqrt(left)) * np.exp(c**2 / left) - 1
    k = 64
    found = bounds(k, n=64 * 1024)
    expected = evidence(_X) - variance / (2 * k)
    assert abs(found.mean() - expected) < error(found) + (variance / k) ** 2
    assert error(found) + (variance / k) ** 2 < 0.04


def test_with_one_draw_it_is_the_vae():
    x = tf.constant(batch())
    iwae, vae = small(importance_samples=1, beta=0.7), small(VAE, kl="monte_carlo", beta=0.7)
    with phase(iwae):
        found = iwae.bound(x)["model"]
    with phase(vae):
        np.testing.assert_array_equal(found, vae.bound(x)["model"])
    helpers.assert_close(
        dict(enumerate(gradients(iwae, iwae.bound, x)["model"])),
        dict(enumerate(gradients(vae, vae.bound, x)["model"])),
        tolerance=1e-6,
    )


# --- the two gradients ----------------------------------------------------------------------------


def repeated_gradients(model, n=4096, plays=25):
    """(of the encoder [plays, 4], of the decoder [plays, 2]), each from n rows' own draws."""
    found = []
    for play in range(plays):
        model.play_counter.assign(play)
        moves = gradients(model, model.bound, rows(n))["model"]
        found.append(np.concatenate([move.ravel() for move in moves]))
    found = np.array(found, np.float64)
    return found[:, :4], found[:, 4:]


@pytest.mark.parametrize(
    "k, beta", [(5, 0.4), *(pytest.param(k, 1.0, marks=pytest.mark.every) for k in (1, 5))]
)
def test_both_gradients_agree_in_mean_and_the_decoder_s_exactly(k, beta):
    options = {"importance_samples": k, "beta": beta}
    (plain, of_decoder), (doubly, of_same_decoder) = (
        repeated_gradients(scalar(*_WIDE, estimator=estimator, **options))
        for estimator in ("reparameterised", "doubly_reparameterised")
    )
    np.testing.assert_allclose(of_decoder, of_same_decoder, rtol=1e-5, atol=1e-6)
    differences = (plain - doubly).T
    for difference in differences:
        assert abs(difference.mean()) < error(difference)
    size = np.abs(doubly.mean(axis=0)).max()
    assert max(error(difference) for difference in differences) < 0.2 * size
    assert np.abs(differences).max() > 1e-3  # draw by draw they differ


def test_at_the_exact_posterior_the_doubly_reparameterised_gradient_is_zero():
    # w does not depend on z there; the other estimator is zero in mean alone.
    found = {
        estimator: gradients(model, model.bound, rows(8))["model"][:2]
        for estimator in ("reparameterised", "doubly_reparameterised")
        for model in [scalar(*_EXACT, importance_samples=4, estimator=estimator)]
    }
    largest = {name: max(np.abs(g).max() for g in each) for name, each in found.items()}
    assert largest["doubly_reparameterised"] < 1e-5 and largest["reparameterised"] > 1e-2


@pytest.mark.parametrize("estimator", ["reparameterised", "doubly_reparameterised"])
def test_the_logged_elbo_is_free_of_beta(estimator):
    model, x = small(estimator=estimator, beta=2.0, learning_rate=1e-9), tf.constant(batch())
    for logs in (model.train_step(x), model.test_step(x)):
        elbo = -logs["reconstruction_loss"] - logs["kl"]
        np.testing.assert_allclose(logs["elbo"], elbo, rtol=1e-4)


def test_a_step_of_each_estimator():
    x, moved = tf.constant(batch()), {}
    for estimator in ("reparameterised", "doubly_reparameterised"):
        model = small(estimator=estimator)
        logs = {name: float(value) for name, value in model.train_step(x).items()}
        moved[estimator] = {
            role: [v.numpy() for v in network.trainable_variables]
            for role, network in model.networks.items()
        }
        # log 1/k sum w is at most log max w, at least the mean of log w, which the logs hold.
        assert logs["model_loss"] < logs["reconstruction_loss"] + logs["kl"]
    helpers.assert_close(*(dict(enumerate(each["decoder"])) for each in moved.values()))
    assert not same(*(each["encoder"] for each in moved.values()))


def test_it_reaches_the_truth():
    # Minus the entropy of N(0, W^2 + S^2): no mean log-likelihood is above it.
    x = np.sqrt(_VARIANCE) * np.random.default_rng(0).standard_normal((4000, 1))
    model = scalar(0.1, 0.5, 1.0, estimator="doubly_reparameterised", learning_rate=0.02)
    model.compile(steps_per_execution=20)
    model.decoder.set_weights([np.array([[0.1]]), np.ones(1)])
    model.fit(x.astype(np.float32), batch_size=200, epochs=15, verbose=0)
    truth = evidence(x).mean()
    assert abs(float(np.mean(model.log_prob(x, samples=5, seed=0))) - truth) < 0.02


# --- passes, networks, arguments ------------------------------------------------------------------


def test_one_pass_of_each_network(monkeypatch):
    model, x = small(importance_samples=7), tf.constant(batch(4))
    encoded, decoded = (seen_by(model, role, monkeypatch) for role in ("encoder", "decoder"))
    with phase(model):
        assert model.bound(x)["model"].shape == (4,)
    assert [each.shape for (each,) in encoded] == [(4, D)]
    ((z,),) = decoded
    assert z.shape == (4 * 7, D) and len(np.unique(z[:, 0])) == 4 * 7


def test_the_networks_are_the_paper_s():
    model = zoo.create("iwae", image_shape=(28, 28, 1), latent_dim=50, network="iwae_mlp")
    shapes = [v.shape for v in model.player_variables["model"]]
    assert shapes[::2] == [(784, 200), (200, 200), (200, 100), (50, 200), (200, 200), (200, 784)]
    for network in model.networks.values():
        assert [row.activation for row in network.rows] == ["tanh", "tanh", "linear"]


def test_the_kl_is_by_sampling():
    with helpers.refused(ValueError, match="`kl`"):
        small(kl="analytic")


def test_log_prob_is_that_of_the_vae():
    x = batch(5)
    found = small(importance_samples=3).log_prob(x, samples=10, seed=1)
    np.testing.assert_array_equal(found, small(VAE).log_prob(x, samples=10, seed=1))
    assert small().density == "lower_bound"
