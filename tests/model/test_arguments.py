"""Arguments of models: refused by name, taken by `compile`, enough to make a twin."""

import keras
import pytest

import zoo
from tests import helpers
from tests.small import Bound, D, InTurn, make, same, weights

BOUND = "tests.small:Bound"


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"learning_rat": 0.1}, ValueError, "learning_rat=.*|Did you mean 'learning_rate'"),
        (
            {"latent_dim": 0},
            ValueError,
            "Invalid `latent_dim`: expected an int >= 1. Received: latent_dim=0",
        ),
        ({"latent_dim": 2.0}, TypeError, "latent_dim=2.0"),
        ({"beta_1": 1.0}, ValueError, r"a float in \[0, 1\). Received: beta_1=1.0"),
        ({"learning_rate": 0.0}, ValueError, "learning_rate=0.0"),
        ({"network": 3}, TypeError, "network=3"),
        ({"decoder_output": "norml"}, ValueError, "Did you mean 'normal'"),
        ({"num_classes": 10}, ValueError, "num_classes=10"),
        ({"num_attributes": 10}, ValueError, "num_attributes=10"),
        ({"image_shape": (0,)}, ValueError, r"image_shape=\(0,\)"),
        ({"image_shape": (4, 4)}, ValueError, r"image_shape=\(4, 4\)"),
        ({"image_shape": 4}, TypeError, "image_shape=4"),
        ({"ema_decay": 1.0}, ValueError, "ema_decay=1.0"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, error, message):
    with pytest.raises(error, match=message) as told:
        zoo.create(BOUND, **({"image_shape": (D,)} | arguments))
    assert type(told.value) is error
    assert "\n" not in str(told.value)


def test_a_constructor_in_place_of_fields_is_refused():
    with helpers.refused(TypeError, match=r"`Own.__init__`: expected fields, such as gamma: float"):
        type("Own", (Bound,), {"__init__": lambda self, **base: None, "__module__": __name__})


def test_optimizers_by_player():
    model = make(InTurn, generator_learning_rate=0.25)
    model.compile({"discriminator": keras.optimizers.SGD(0.5)})
    assert isinstance(model.optimizers["discriminator"], keras.optimizers.SGD)
    assert float(model.optimizers["generator"].learning_rate) == 0.25
    assert float(model.optimizers["generator"].beta_1) == 0.5
    with pytest.raises(ValueError, match="Did you mean 'discriminator'"):
        model.compile({"discriminater": keras.optimizers.SGD(0.5)})


def test_a_twin_from_its_hyper_parameters():
    model = zoo.create(BOUND, image_shape=(D,), latent_dim=3, seed=5, decoder_output="normal")
    twin = zoo.create(model.method, **model.hyper_parameters)
    assert twin.hyper_parameters == model.hyper_parameters
    assert same(weights(twin)["model"], weights(model)["model"])
    other = zoo.create(BOUND, **(model.hyper_parameters | {"seed": 6}))
    assert not same(weights(other)["model"], weights(model)["model"])
