"""M2: its bounds by enumeration and against the evidence, what labels teach, its code."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.methods import scalar
from tests.methods.scalar import K
from tests.methods.tiny import check_labelled_batches_leave_the_population_alone, phase
from tests.metrics.toys import Data
from tests.small import D, batch, gradients, sgd, stack
from zoo import distributions, metrics, seeds
from zoo.losses import likelihood
from zoo.methods.m2 import M2
from zoo.networks.stack import Stack, conv, dense

CONFORMANCE = {
    "images": {"num_classes": 10},
    "vectors": None,
    "data": {"labels": 20},
    "train": {"labelled_batch_size": 4},
}

X, Y = batch(6)[:, :1], np.array([0, 1, 2, 2, 1, 0], np.int32)
DATA = {"x": X, "x_labelled": 0.5 - X, "y_labelled": Y}


def toy(shift=0.0, **options):
    return scalar.set_exact(M2(**scalar.SETTINGS, **scalar.networks() | options), shift)


def logs(model, data=DATA):
    return {name: float(value) for name, value in model.test_step(data).items()}


# --- the bounds -----------------------------------------------------------------------------------


def test_bounds_are_the_evidence_at_the_exact_posteriors():
    # Each draw of z gives log p(x, y) then; the sum over y has no noise at all.
    model = toy(kl="monte_carlo")
    with phase(model):
        joint = model.class_bounds(tf.constant(X), draw=model.draw, kl=model.kl)
        elbo = likelihood.marginal_bound(joint, model.logits_of(tf.constant(X)))
    np.testing.assert_allclose(joint, scalar.log_joint(X), atol=1e-4)
    np.testing.assert_allclose(elbo, scalar.evidence(X), atol=1e-4)
    found, labelled = logs(model), scalar.log_joint(DATA["x_labelled"])[np.arange(6), Y]
    np.testing.assert_allclose(found["elbo"], scalar.evidence(X).mean(), atol=1e-4)
    np.testing.assert_allclose(found["labelled_elbo"], labelled.mean(), atol=1e-4)
    for samples in (1, 4):
        found = model.log_prob(X, samples=samples, seed=0)
        np.testing.assert_allclose(found, scalar.evidence(X), atol=1e-4)


@pytest.mark.parametrize("kl", ["analytic", "monte_carlo"])
def test_the_exact_sum_is_that_of_all_classes_one_by_one(kl):
    model, x = M2(**scalar.SETTINGS, **scalar.networks(), kl=kl), tf.constant(X)
    draw = distributions.at_mean
    joint = model.class_bounds(x, draw=draw, kl=kl)
    logits = model.logits_of(x).numpy().astype(float)
    q = np.exp(logits - np.logaddexp.reduce(logits, axis=1)[:, None])
    expected = np.zeros(6)
    for y in range(K):
        code_y = np.tile(np.eye(K, dtype=np.float32)[y], (6, 1))
        loc, log_scale = model.encoder(x, code_y).numpy().T
        mean = model.decoder(np.column_stack([code_y, loc])).numpy()[:, 0]
        gap = (loc**2 + np.exp(2 * log_scale) - 1) / 2 - log_scale
        if kl == "monte_carlo":  # log q(z) / p(z) at the mean of q
            gap = loc**2 / 2 - log_scale
        bound = scalar.log_normal(X[:, 0], mean, scalar.S**2) - np.log(K) - gap
        np.testing.assert_allclose(joint[:, y], bound, rtol=1e-4)
        expected += q[:, y] * (bound - np.log(q[:, y]))
    found = likelihood.marginal_bound(joint, tf.constant(logits, tf.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_an_encoder_of_the_caller_s_own_is_given_a_row_for_each_class():
    x, y = keras.Input((1,)), keras.Input((K,))
    outputs = keras.layers.Dense(2)(keras.layers.Concatenate()([x, y]))
    found = [
        model.class_bounds(tf.constant(X), draw=distributions.at_mean, kl="analytic")
        for model in (toy(encoder=keras.Model([x, y], outputs)), toy())
    ]
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_a_worse_posterior_costs_its_divergence():
    # A mean that is off by t costs KL = t^2 / (2 v), v = S^2 / variance of q; the KL in closed form
    # leaves the noise of log p(x|y, z), whose deviation is below 4 here.
    shift, v, n = 0.7, scalar.S**2 / scalar.VARIANCE, 1000
    model, x = toy(shift), tf.constant(np.repeat(X[:1], n, axis=0))
    with phase(model):
        joint = model.class_bounds(x, draw=model.draw, kl="analytic").numpy()
    assert joint.std(axis=0).max() < 4
    expected = scalar.log_joint(X[0]) - shift**2 / (2 * v)
    assert np.abs(joint.mean(axis=0) - expected).max() < 4 * 4 / np.sqrt(n)
    many = float(np.mean(model.log_prob(X, samples=500, seed=0)))  # importance sampling mends it
    assert abs(many - scalar.evidence(X).mean()) < 0.05
    one = model.log_prob(np.repeat(X[:1], n, axis=0), seed=0).numpy()
    assert one.mean() < scalar.evidence(X)[0] - 0.1


def test_the_gap_of_the_classifier_is_its_divergence():
    model = toy(kl="monte_carlo")
    scalar.set_linear(model.classifier, [[1.0, -0.5, 0.2]], bias=[0.1, 0.0, -0.3])
    logits = model.classify(X).numpy().astype(float)
    log_q = logits - np.logaddexp.reduce(logits, axis=1)[:, None]
    log_p = scalar.log_joint(X) - scalar.evidence(X)[:, None]
    gap = np.sum(np.exp(log_q) * (log_q - log_p), axis=1)
    assert gap.mean() > 0.1
    np.testing.assert_allclose(logs(model)["elbo"], np.mean(scalar.evidence(X) - gap), rtol=1e-4)


def test_a_class_is_asked_for_by_its_code():
    words = "`y`: expected None.* Decode a code, which begins with the one-hot"
    with helpers.refused(ValueError, match=words):
        toy().sample(2, y=[0, 1])


def test_bounds_with_and_without_labels_agree_where_the_class_is_sure():
    model = toy(kl="monte_carlo")
    for y in range(K):
        bias = np.where(np.arange(K) == y, 100.0, 0.0)
        scalar.set_linear(model.classifier, np.zeros([1, K]), bias=bias)
        found = logs(model, {"x": X, "y": np.full(6, y, np.int32)})
        np.testing.assert_allclose(found["elbo"], found["labelled_elbo"], rtol=1e-5)


# --- what is learned from what --------------------------------------------------------------------


def test_the_weights_of_the_terms():
    for alpha, weight in ((0.0, 0.0), (2.0, 0.0), (0.0, 3.0)):
        found = logs(toy(alpha=alpha, labelled_weight=weight))
        expected = alpha * found["cross_entropy"] - found["elbo"] - weight * found["labelled_elbo"]
        np.testing.assert_allclose(found["model_loss"], expected, rtol=1e-5)


def of_classifier(model):
    """The gradient of the game at the classifier's kernel, from a play on `DATA`."""
    arguments = [tf.constant(DATA[name]) for name in ("x_labelled", "y_labelled")]
    found = gradients(model, lambda x: model.bound(x, *arguments), tf.constant(X))["model"]
    names = [id(v) for v in model.player_variables["model"]]
    return found[names.index(id(model.classifier.trainable_variables[0]))]


def test_labels_teach_the_classifier_by_the_cross_entropy_alone():
    # The sum of U is at its largest where q(y|x) = p(y|x), so nothing is left but alpha's term.
    still = of_classifier(toy(kl="monte_carlo", alpha=0.0, labelled_weight=5.0))
    np.testing.assert_allclose(still, np.zeros([1, K]), atol=1e-4)
    moved = of_classifier(toy(kl="monte_carlo", alpha=2.0))
    x = DATA["x_labelled"]
    p = np.exp(scalar.log_joint(x) - scalar.evidence(x)[:, None])
    expected = 2.0 * np.mean(x * (p - np.eye(K)[Y]), axis=0)
    np.testing.assert_allclose(moved[0], expected, atol=1e-4)


def test_unlabelled_examples_teach_the_classifier_by_the_bounds():
    # d U / d logit_y = q_y (L_y - log q_y - U).
    model = toy(kl="monte_carlo", alpha=0.0)
    scalar.set_linear(model.classifier, np.zeros([1, K]))
    bounds = scalar.log_joint(X) - np.log(1 / K)
    expected = -np.mean(X * (bounds - bounds.mean(axis=1, keepdims=True)) / K, axis=0)
    np.testing.assert_allclose(of_classifier(model)[0], expected, atol=1e-4)


def test_labelled_batches_leave_the_population_alone():
    norm = lambda units, seed: stack(units, seed, dense(8, norm=True, activation="tanh"))
    networks = {"classifier": norm(K, 1), "encoder": norm(2 * D, 2), "decoder": norm(D, 3)}
    settings = {"image_shape": (D,), "latent_dim": D, "num_classes": K}
    model = sgd(M2(**settings, **networks, decoder_output="normal"))
    data = {"x": batch(8), "x_labelled": batch(6, seed=1), "y_labelled": Y}
    data = {name: tf.constant(value) for name, value in data.items()}
    check_labelled_batches_leave_the_population_alone(model, data, *networks)


def test_it_finds_the_classes_of_data_with_three_labels():
    # p(y|x) errs on 1 of 8 at least; three labels alone leave the border between classes open.
    rng = np.random.default_rng(0)
    y = rng.integers(0, K, 3000).astype(np.int32)
    x = (2 * scalar.M[y] + 0.5 * rng.standard_normal(3000)).astype(np.float32)[:, None]
    first = [int(np.flatnonzero(y == k)[0]) for k in range(K)]
    options = {"learning_rate": 0.02, "alpha": 1.0, "labelled_weight": 0.01}
    model = M2(**scalar.SETTINGS, **scalar.networks(), **options)
    model.compile(steps_per_execution=20)
    labelled = {"x_labelled": x[first], "y_labelled": y[first]}
    stream = tf.data.Dataset.from_tensor_slices(x).batch(150).repeat()
    model.fit(stream.map(lambda x: {"x": x, **labelled}), steps_per_epoch=400, verbose=0)
    assert (np.argmax(model.classify(x), axis=1) != y).mean() < 0.05


# --- likelihoods, code and verbs ------------------------------------------------------------------


@pytest.mark.parametrize(
    "output, values", [("discretised_logistic", np.arange(256) / 255), ("bernoulli", [0, 1])]
)
def test_log_prob_is_of_a_mass_that_sums_to_one(output, values):
    encoder = Stack((dense(2 * D, activation="linear"),))
    maps = 2 if output == "discretised_logistic" else 1
    decoder = Stack((conv(maps, 1, activation="linear"),), init_stddev=0.5)
    networks = {"encoder": encoder, "decoder": decoder, "classifier": stack(K, 0)}
    settings = {"image_shape": (1, 1, 1), "latent_dim": D, "num_classes": K}
    model = M2(**settings, **networks, decoder_output=output)
    encoder.set_weights([np.zeros_like(w) for w in encoder.get_weights()])  # q(z|x, y) = p(z)
    x = tf.reshape(tf.constant(values, tf.float32), [-1, 1, 1, 1])
    rows = tf.repeat(seeds.row_seeds(1, 0), len(x))  # every value at the same z
    found = model.row_function("log_prob_rows", samples=2)(x, rows)
    masses = np.exp(found.numpy().astype(np.float64))
    np.testing.assert_allclose(masses.sum(), 1.0, atol=1e-4)


def test_the_code_is_the_class_and_the_style():
    model = toy()
    code, style = model.encode(X).mean().numpy(), model.encode(X, part="style")
    y = np.argmax(scalar.log_joint(X), axis=1)
    np.testing.assert_array_equal(code[:, :K], np.eye(K)[y])
    expected = scalar.W / scalar.VARIANCE * (X[:, 0] - scalar.M[y])
    np.testing.assert_allclose(code[:, K], expected, atol=1e-5)
    np.testing.assert_allclose(style.mean()[:, 0], expected, atol=1e-5)
    p = np.exp(scalar.log_joint(X) - scalar.evidence(X)[:, None])
    np.testing.assert_allclose(model.encode(X, part="y").probs_parameter(), p, atol=1e-5)
    np.testing.assert_allclose(model.reconstruct(X), model.decode(code).mean(), atol=1e-6)
    # One style in all classes: x is moved by M_y alone.
    all_y = np.column_stack([np.eye(K), np.full(K, 0.3)]).astype(np.float32)
    moved = model.decode(all_y).mean()[:, 0] - scalar.W * 0.3
    np.testing.assert_allclose(moved, scalar.M, atol=1e-5)


def test_the_gap_between_the_true_class_and_all():
    # At the mean of q(z|x, y), x - W z - M_y is the share S^2 / VARIANCE of x - M_y.
    data, model = Data(num_classes=K, test={"x": X, "y": Y}), toy()
    rest = (X - scalar.M) * scalar.S**2 / scalar.VARIANCE
    each = scalar.log_normal(rest, 0.0, scalar.S**2)
    found = metrics.evaluate(model, data, metrics=["class_gap"])["class_gap"]
    expected = each[np.arange(6), Y] - each.mean(axis=1)
    np.testing.assert_allclose(found["value"], expected.mean(), rtol=1e-4)
    np.testing.assert_allclose(found["standard_error"], expected.std(ddof=1) / 6**0.5, rtol=1e-3)
    scalar.set_linear(model.decoder, np.zeros([K + 1, 1]))  # y and z are ignored
    found = metrics.evaluate(model, data, metrics=["class_gap"])["class_gap"]
    np.testing.assert_allclose(found["value"], 0.0, atol=1e-5)


@pytest.mark.parametrize("samples", [1, 300, 4000])
def test_log_prob_decodes_a_bounded_number_of_rows_a_call(monkeypatch, samples):
    calls, by_rows = [], M2._by_rows

    def counting(self, name, x, *inputs, chunk, samples, **options):
        calls.append((chunk, samples))
        return by_rows(self, name, x, *inputs, chunk=chunk, samples=samples, **options)

    monkeypatch.setattr(M2, "_by_rows", counting)
    assert toy().log_prob(X, samples=samples, seed=0).shape == (6,)
    assert sum(drawn for _, drawn in calls) == samples
    # Rows of x, draws of each and every class.
    assert all(chunk * drawn * K <= 5000 for chunk, drawn in calls)
    assert max(chunk * drawn * K for chunk, drawn in calls) > 1000  # and not one by one


def test_samples_are_of_all_classes():
    n = 2000
    x = toy().sample(n, seed=0).numpy()[:, 0]  # W z + M_y
    variance = scalar.W**2 + scalar.M.var()
    assert abs(x.mean() - scalar.M.mean()) < 4 * np.sqrt(variance / n)
    assert abs(x.var() - variance) < 4 * variance * np.sqrt(2 / n)


def test_verbs():
    model = toy()
    verbs = {"sample", "encode", "decode", "reconstruct", "log_prob", "classify"}
    assert model.capabilities == verbs and model.density == "lower_bound"
    assert not model.conditional and model.code_dim == K + 1
    with helpers.refused(ValueError, match="`num_classes`"):
        M2(**scalar.SETTINGS | {"num_classes": None})
