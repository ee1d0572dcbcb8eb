"""Networks of one's own, as Keras users write them: inputs, outputs, the last layer."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.networks import own
from zoo.training import run

L = keras.layers
D = 3  # of data
IMAGE = (4, 4, 1)


def dense(inputs, units, activation=None):
    return keras.Sequential([keras.Input((inputs,)), L.Dense(units, activation)])


def functional():
    x, z = keras.Input((D,)), keras.Input((2,))
    return keras.Model([x, z], L.Dense(1)(L.Concatenate()([x, z])))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.joined, self.last = L.Concatenate(), L.Dense(1)

    def call(self, x, z):
        return self.last(self.joined([x, z]))[:, 0]


def ali(**networks):
    return zoo.create("ali", image_shape=(D,), latent_dim=2, **networks)


@pytest.mark.parametrize("make", [functional, Subclassed])
def test_discriminators_of_pairs_and_of_one_logit_or_none(make):
    discriminator = make()
    model = ali(discriminator=discriminator, encoder=dense(D, 4), decoder=dense(2, D))
    model.compile()
    x = tf.random.stateless_uniform([8, D], [0, 0])
    assert np.isfinite(model.fit(x, batch_size=4, verbose=0).history["loss"][0])
    z = model.encode(x).mean()
    inputs = ([x, z],) if make is functional else (x, z)
    expected = np.reshape(discriminator(*inputs), [-1])
    np.testing.assert_allclose(model.apply("discriminator", x, z), expected, atol=1e-6)


@pytest.mark.parametrize(
    "role, network, words",
    [
        ("encoder", lambda: dense(D, 2), r"a network of \[B, 3\] -> \[B, 4\].*\[B, 2\]"),
        ("decoder", lambda: dense(D, D), r"a network of \[B, 2\] -> \[B, 3\]"),
        ("discriminator", lambda: dense(D, 1), r"a network of \[B, 3\], \[B, 2\] -> \[B\]"),
        ("encoder", lambda: "mlp", "a Keras network"),
    ],
)
def test_other_shapes_are_refused_when_the_model_is_made(role, network, words):
    with pytest.raises((ValueError, TypeError), match=f"Invalid `{role}`: expected {words}"):
        ali(**{role: network()})


def test_roles_whose_functions_the_method_uses():
    with pytest.raises(TypeError, match="`flow`: expected a "):
        zoo.create("real_nvp", image_shape=(D,), flow=dense(D, D))
    with pytest.raises(TypeError, match="`discriminator`: expected a network made of rows"):
        zoo.create("vae_gan", image_shape=(D,), latent_dim=2, discriminator=dense(D, 1))


# The picture that each activation's output stands for, of outputs before it.
PICTURES = {
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "tanh": lambda a: (np.tanh(a) + 1) / 2,
    None: lambda a: 1 / (1 + np.exp(-a)),
}


@pytest.mark.parametrize("activation", PICTURES)
def test_a_decoder_may_end_in_pixels_and_is_told(activation, recwarn):
    decoder = dense(2, 16, activation)
    decoder.add(L.Reshape(IMAGE))
    model = zoo.create("vae", image_shape=IMAGE, latent_dim=2, decoder=decoder)
    told = [str(w.message) for w in recwarn if "logits are meant" in str(w.message)]
    assert len(told) == (activation is not None)
    z = np.random.default_rng(0).standard_normal((5, 2)).astype(np.float32)
    kernel, bias = decoder.layers[0].get_weights()
    expected = PICTURES[activation](z @ kernel + bias)
    np.testing.assert_allclose(model.decode(z).mean(), expected.reshape(5, *IMAGE), atol=1e-5)


def test_a_discriminator_may_end_in_a_probability():
    with pytest.warns(UserWarning, match="'discriminator' ends in sigmoid"):
        model = zoo.create("gan", image_shape=(D,), discriminator=dense(D, 1, "sigmoid"))
    x = np.random.default_rng(0).random((5, D), np.float32)
    kernel, bias = model.discriminator.layers[0].get_weights()
    np.testing.assert_allclose(
        model.apply("discriminator", x), (x @ kernel + bias)[:, 0], atol=1e-5
    )


def test_a_run_records_them_alike_in_every_process():
    first, second = (own.record({"discriminator": functional()}) for _ in range(2))
    assert first == second == json.loads(json.dumps(first))
    again = own.revive(first)["discriminator"]
    assert again.input_shape == [(None, D), (None, 2)] and again.output_shape == (None, 1)
    identity = run.describe(ali(discriminator=functional()), "data", 4, 0)
    assert identity["networks"] == first
    assert "networks" not in run.describe(ali(), "data", 4, 0)


def test_a_recorded_network_imports_no_module():
    hostile = {"module": "subprocess", "class_name": "Popen", "config": {"args": "false"}}
    with pytest.raises(ValueError, match="`encoder`: expected layers of Keras"):
        own.revive({"encoder": hostile})


def test_a_run_of_them_is_restored_and_exported(tmp_path):
    model = ali(discriminator=functional(), encoder=dense(D, 4), decoder=dense(2, D))
    rows = np.random.default_rng(0).random((40, D), np.float32)
    np.savez(tmp_path / "own.npz", x=rows)
    data = zoo.data.load(f"npz:{tmp_path / 'own.npz'}")
    zoo.training.train(
        model, data, tmp_path / "run", steps=2, batch_size=4, sample_every=0, progress=False
    )
    again = zoo.restore(tmp_path / "run")
    assert isinstance(again.discriminator, keras.Model)
    np.testing.assert_array_equal(again.sample(3, seed=0), model.sample(3, seed=0))
    served = zoo.load(zoo.export(again, tmp_path / "exported").parent)
    expected = model.encode(rows[:3]).mean()
    np.testing.assert_allclose(served.encode(rows[:3]).mean(), expected, atol=1e-5)


def test_only_models_of_the_zoo_are_exported(tmp_path):
    with pytest.raises(TypeError, match="`model`: expected a model of zoo.create"):
        zoo.export(keras.Sequential(), tmp_path / "exported")
    assert not list(tmp_path.iterdir())
