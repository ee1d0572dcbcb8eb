"""Keras around a game: `fit`, `evaluate`, `.keras` files, own models, precision, XLA."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import helpers
from tests.small import KINDS, AtOnce, Bound, D, batch, make, same, sgd, stack, weights


def test_fit_validates_and_stops_early():
    model = make(Bound)
    model.compile()
    seen = []
    stop = keras.callbacks.EarlyStopping(monitor="val_model_loss", mode="min", min_delta=1e9)
    record = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(dict(logs))
    )
    history = model.fit(
        batch(16),
        validation_data=(batch(8, seed=1), None),
        batch_size=8,
        epochs=5,
        verbose=0,
        callbacks=[stop, record],
    )
    assert len(history.history["model_loss"]) == len(seen) == 2  # the second is no better by 1e9
    names = {"model_loss", "reconstruction_loss", "kl"}
    names |= {"loss"}
    assert set(model.log_names) == names | {"model_gradient_norm"}  # none without an update
    assert set(seen[0]) == set(model.log_names) | {f"val_{name}" for name in names}
    for logs in seen:  # negative ELBO = reconstruction + KL, in training and in validation
        for side in ("", "val_"):
            total = logs[f"{side}reconstruction_loss"] + logs[f"{side}kl"]
            np.testing.assert_allclose(logs[f"{side}model_loss"], total, rtol=1e-4)


def test_validation_leaves_everything_as_it_was():
    model = make(AtOnce)
    model.compile()
    before = {k: v.numpy() for k, v in model.state.items()}
    model.evaluate(batch(16), batch_size=8, verbose=0)
    assert all(np.array_equal(v.numpy(), before[k]) for k, v in model.state.items())


@pytest.mark.parametrize("kind", helpers.first_of(KINDS))
def test_saved_models_train_on_as_if_never_saved(kind, tmp_path):
    options = {} if kind is Bound else {"ema_decay": 0.9}
    model = make(kind, **options)
    first = next(iter(model.PLAYERS))
    model.compile({first: keras.optimizers.SGD(0.01, momentum=0.9)})
    model.fit(batch(32), batch_size=8, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.hyper_parameters == model.hyper_parameters
    assert list(again.state) == list(model.state)
    for path, variable in model.state.items():
        np.testing.assert_array_equal(again.state[path], variable, err_msg=path)
    assert {p: type(o) for p, o in again.optimizers.items()} == {
        p: type(o) for p, o in model.optimizers.items()
    }
    np.testing.assert_array_equal(again.sample(3, seed=0), model.sample(3, seed=0))
    for one in (model, again):
        one.fit(batch(8, seed=2), batch_size=8, shuffle=False, verbose=0)
    assert int(again.step) == 5
    for path, variable in model.state.items():
        np.testing.assert_allclose(again.state[path], variable, atol=1e-7, err_msg=path)


def test_a_keras_model_of_ones_own(tmp_path):
    encoder = keras.Sequential([keras.Input((D,)), keras.layers.Dense(2 * D)])
    model = Bound(
        image_shape=(D,),
        latent_dim=D,
        encoder=encoder,
        decoder=stack(D, 2),
        decoder_output="normal",
    )
    model.compile()
    model.fit(batch(16), batch_size=8, verbose=0)
    assert model.networks["encoder"] is encoder
    assert model.encode(batch(3)).mean().shape == (3, D)
    model.save(tmp_path / "own.keras")
    again = keras.models.load_model(tmp_path / "own.keras")
    np.testing.assert_array_equal(again.encode(batch(3)).mean(), model.encode(batch(3)).mean())


def test_bfloat16_computes_log_probs_in_float32():
    model = zoo.create(
        "tests.small:Bound",
        image_shape=(D,),
        latent_dim=D,
        decoder_output="normal",
        dtype="mixed_bfloat16",
    )
    model.compile()
    logs = model.train_step(tf.constant(batch()))
    assert np.isfinite(float(logs["model_loss"]))
    assert model.encoder(batch(2)).dtype == tf.bfloat16
    assert {v.dtype for v in model.encoder.variables} == {"float32"}
    assert model.log_prob(batch(2)).dtype == tf.float32
    assert model.sample(2).dtype == tf.float32


def test_one_step_under_xla():
    model = sgd(make(Bound), jit_compile=True)
    x, before = batch(8), weights(model)["model"]
    # The KL term has no noise (XLA draws other numbers): (loc^2 + scale^2 - 1) / 2 - ln scale.
    q = model.encode(x)
    kl = np.sum((q.mean() ** 2 + q.variance() - 1) / 2 - np.log(q.stddev()), axis=1).mean()
    history = model.fit(x, batch_size=8, verbose=0).history
    np.testing.assert_allclose(history["kl"][0], kl, rtol=1e-4)
    assert int(model.step) == 1
    assert not same(weights(model)["model"], before)
