"""A model's call, its evaluation and its verbs agree: weights, statistics, mode, noise."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.small import AtOnce, Bound, D, InTurn, batch, nets, sgd, stack
from zoo.networks.stack import dense


def noisy(units, seed):
    """A network that is another one in training mode: dropout, batch normalisation."""
    return stack(units, seed, dense(8, activation="tanh", norm=True, dropout=0.5))


def bound(**options):
    networks = {"encoder": noisy(2 * D, 1), "decoder": noisy(D, 2)}
    model = Bound(image_shape=(D,), latent_dim=D, decoder_output="normal", **networks, **options)
    return sgd(model)


def kl(q):
    """KL(q || N(0, I)), mean over the batch, nats."""
    return np.sum((q.mean() ** 2 + q.variance() - 1) / 2 - np.log(q.stddev()), axis=1).mean()


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_evaluation_is_of_the_network_that_the_verbs_use(ema_decay):
    model, x = bound(ema_decay=ema_decay), batch()
    for _ in range(3):
        model.train_step(tf.constant(batch(seed=1)))
    model.reset_metrics()
    logs = model.test_step(tf.constant(x))
    np.testing.assert_allclose(logs["kl"], kl(model.encode(x)), rtol=1e-5)
    np.testing.assert_allclose(model(x), model.reconstruct(x, seed=0), atol=1e-6)


def test_a_call_of_a_model_without_inference_is_decode():
    model = sgd(InTurn(image_shape=(D,), latent_dim=3, ema_decay=0.9))
    model.train_step(tf.constant(batch()))
    z = np.eye(3, dtype=np.float32)
    for found in (model(z), model.predict(z, verbose=0)):
        np.testing.assert_allclose(found, model.decode(z).mean(), atol=1e-6)


def test_a_call_draws_for_each_row():
    networks = nets("decoder", "discriminator")
    networks["encoder"] = stack(D, 1, dense(8, activation="tanh", extra=True))
    model = AtOnce(image_shape=(D,), latent_dim=D, implicit=True, **networks)
    x = np.repeat(batch(1), 3, axis=0)
    found = model(x).numpy()
    np.testing.assert_allclose(found, model.reconstruct(x, seed=0), atol=1e-6)
    assert np.abs(found[0] - found[1]).max() > 1e-4


def test_an_implicit_posterior_runs_on_the_averages():
    networks = nets("decoder", "discriminator")
    networks["encoder"] = stack(D, 1, dense(8, activation="tanh", extra=True))
    options = {"implicit": True, "ema_decay": 0.9}
    model = AtOnce(image_shape=(D,), latent_dim=D, **options, **networks)
    drawn = lambda: model.encode(batch(3)).sample(seed=tf.constant([0, 1]))
    before = drawn()
    for variable in model.networks["encoder"].trainable_variables:
        variable.assign_add(tf.ones(variable.shape))
    np.testing.assert_array_equal(drawn(), before)


def test_batches_have_noise_of_their_own_and_an_evaluation_can_be_repeated():
    model, x = bound(), batch(8)

    def losses():
        seen = []
        record = keras.callbacks.LambdaCallback()
        record.on_test_batch_end = lambda index, logs: seen.append(logs["reconstruction_loss"])
        twice = np.concatenate([x, x])
        model.evaluate(twice, batch_size=8, verbose=0, callbacks=[record])
        return seen[0], 2 * seen[1] - seen[0]  # logs are means so far

    first, second = losses()
    assert abs(first - second) > 1e-3
    assert losses() == (first, second)
    model.step.assign(1)
    assert abs(losses()[0] - first) > 1e-4


# --- averaged weights and their batch statistics --------------------------------------------------


def test_batch_statistics_are_averaged_with_the_weights():
    model, decay = bound(ema_decay=0.1), 0.1  # at step 1: less than (1 + 1) / (10 + 1)
    variables = model.encoder.variables
    assert sum(not v.trainable for v in variables) == 2
    first = [v.numpy() for v in variables]
    model.train_step(tf.constant(5.0 + batch()))
    second = [v.numpy() for v in variables]
    with model.inference():
        averages = [v.value.numpy() for v in variables]
    for one, other, average, variable in zip(first, second, averages, variables, strict=True):
        np.testing.assert_allclose(average, decay * one + (1 - decay) * other, atol=1e-6)
        assert np.abs(average - other).max() > 1e-4, variable.path
    held = [v.numpy() for path, v in model.state.items() if path.startswith("averages/")]
    for average in averages:  # a checkpoint holds them
        assert any(np.array_equal(average, each) for each in held if each.shape == average.shape)


def test_networks_of_ones_own_may_hold_what_is_no_number():
    # The state of Keras' own dropout is a count, which has no average.
    encoder = keras.Sequential(
        [
            keras.Input((D,)),
            keras.layers.Dropout(0.5, seed=1),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(2 * D),
        ]
    )
    networks = {"encoder": encoder, "decoder": stack(D, 2)}
    options = {"decoder_output": "normal", "ema_decay": 0.5}
    model = sgd(Bound(image_shape=(D,), latent_dim=D, **networks, **options))
    model.train_step(tf.constant(batch()))
    kinds = {str(v.dtype) for v in model._averaged}
    assert kinds == {"float32"} and np.isfinite(model.encode(batch(2)).mean()).all()
