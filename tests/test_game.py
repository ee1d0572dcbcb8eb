"""What a method of one's own may get wrong: each is refused in one line; and its class in Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.small import AtOnce, Bound, InTurn, batch, make
from zoo.fields import field


def step(cls, **body):
    """One training step, eager, of a toy with another body."""
    own = type("Own", (cls,), {"__module__": __name__, **body})
    model = make(own)
    model.compile(run_eagerly=True)
    return model.train_step(tf.constant(batch(4)))


def drawn_twice(self, x):
    q = self.posterior(x)
    return {"model": tf.reduce_sum(self.draw(q, "z") - self.draw(q, "z"), axis=-1)}


def logged(self, x):
    self.log(reconstruction=tf.zeros([]))
    return Bound.bound(self, x)


def silent(self, data):
    self.play(self.bound, self.as_batch(data)["x"])


@pytest.mark.parametrize(
    "body, words",
    [
        ({"bound": lambda self, x: {"modle": tf.zeros([])}}, "player`.*Did you mean 'model'"),
        ({"bound": lambda self, x: tf.zeros([])}, r"a phase that returns \{player: loss\}"),
        ({"bound": lambda self, x: None}, "a phase that returns.*None"),
        ({"bound": lambda self, x: {}}, "a phase that returns"),
        ({"bound": lambda self, x: {"model": 0.5}}, r"loss of model`: expected a tensor, \[B\]"),
        ({"bound": lambda self, x: {"model": x}}, r"`loss.shape`: expected \[B\] or \[\]"),
        ({"bound": logged}, "`log`.*LOGS.*'reconstruction'.*Did you mean 'reconstruction_loss'"),
        ({"bound": drawn_twice}, "`place`: expected a name that no other draw.*place='z'"),
        ({"train_step": silent}, "`train_step`: expected the last line `return self.report"),
    ],
)
def test_wrong_phases_are_refused(body, words):
    with helpers.refused(ValueError, TypeError, match=words):
        step(Bound, **body)


def test_a_role_that_is_never_made_is_refused():
    players = {"model": ("encoder", "decoder", "decodr")}
    own = type("Own", (Bound,), {"__module__": __name__, "PLAYERS": players})
    with helpers.refused(ValueError, match="`PLAYERS`.*'decodr'.*Did you mean 'decoder'"):
        own(image_shape=(2,), latent_dim=2, decoder_output="normal")


class Twice(Bound):
    """A player of two phases, whose losses differ; both draw at the place "z"."""

    def train_step(self, data):
        x = self.as_batch(data)["x"]
        self.play(self.bound, x)
        self.play(self.tripled, x)
        return self.report()

    def tripled(self, x):
        self.draw(self.posterior(x), "z")
        return {"model": 3.0 * tf.reduce_sum(x**2, axis=-1)}


def test_a_player_of_two_phases_is_measured_by_both():
    model, x = make(Twice), tf.constant(batch(4))
    model.compile()
    losses = model.losses_of(x)["model"]
    assert losses.shape == (8,)
    tripled = 3.0 * tf.reduce_sum(x**2, axis=-1)
    helpers.assert_close(losses[4:], tripled)
    assert not np.allclose(losses[:4], tripled, rtol=0.1)
    model.reset_metrics()
    helpers.assert_close(model.test_step(x)["model_loss"], tf.reduce_mean(losses))


# --- names ----------------------------------------------------------------------------------------


def with_field(name, cls=Bound):
    body = {name: field("x", default=1, at_least=0), "__annotations__": {name: int}}
    return type("Own", (cls,), {"__module__": __name__, **body})


def test_fields_may_not_be_called_as_what_a_model_has():
    model = make(AtOnce)
    model.compile()
    model.fit(batch(8), validation_data=batch(8), batch_size=8, verbose=0)
    own = {name for name in vars(model) if name[0] != "_"} - type(model).HYPER_PARAMETERS.keys()
    assert {"step", "stage", "networks", "optimizers", "image_shape", "loss"} < own
    for name in sorted({*own, "reading", "name", "likelihood", "encode", "dtype"}):
        if name in model.networks:  # a class with this player
            continue
        with helpers.refused(TypeError, match=f"^Invalid `field`.*field='{name}'"):
            with_field(name)
    with helpers.refused(TypeError, match="`PLAYERS`: expected roles that no field"):
        type("Own", (Bound,), {"__module__": __name__, "PLAYERS": {"a": ("seed",)}})
    assert with_field("latent_dim").HYPER_PARAMETERS["latent_dim"].default == 1
    assert with_field("seed").HYPER_PARAMETERS["seed"].at_most is None


def test_what_looks_like_a_hyper_parameter_is_one_or_refused():
    with helpers.refused(TypeError, match="Did you mean 'learning_rate'"):
        type("Own", (Bound,), {"__module__": __name__, "lerning_rate": 1e-3})


# --- arguments ------------------------------------------------------------------------------------


SHAPE = r"`image_shape`: expected \(H, W, C\) or \(D,\), all ints >= 1"


@pytest.mark.parametrize("shape", ["44", (4.5, 4, 1), (True, 4, 1), 4, (4, None, 1), None, ("4",)])
def test_image_shape_is_of_whole_numbers(shape):
    with helpers.refused(TypeError, match=SHAPE):
        InTurn(image_shape=shape)


@pytest.mark.parametrize("shape", [(0, 4, 1), (4, 4), (), (-1,)])
def test_image_shape_has_one_or_three_axes(shape):
    with helpers.refused(ValueError, match=SHAPE):
        InTurn(image_shape=shape)


@pytest.mark.parametrize("shape", [[2], np.array([2]), tf.TensorShape([2]), (np.int64(2),)])
def test_image_shape_may_be_an_array(shape):
    assert InTurn(image_shape=shape, latent_dim=2).image_shape == (2,)


@pytest.mark.parametrize("seed", [2**31, 2**70, -1])
def test_seeds_are_those_that_all_generators_tell_apart(seed):
    with helpers.refused(ValueError, match=r"`seed`: expected an int in \[0, 2147483647\]"):
        make(Bound, seed=seed)


# --- Keras ----------------------------------------------------------------------------------------


def test_a_class_of_a_built_ins_name_leaves_the_built_in_to_keras():
    from zoo.methods.gan import GAN

    own = type("GAN", (InTurn,), {"__module__": __name__})
    assert keras.saving.get_registered_object("zoo>GAN") is GAN
    assert keras.saving.get_registered_object(f"{__name__}>GAN") is own
