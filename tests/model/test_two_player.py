"""What a GAN has before it says what its game costs: BUILD's example, whole."""

import re

import numpy as np
import pytest
import tensorflow as tf

from tests.small import D, batch, nets, sgd
from zoo.model.two_player import TwoPlayerGAN


@pytest.fixture(scope="module")
def relativistic(repository):
    """The class that BUILD prints."""
    text = (repository / "BUILD.md").read_text()
    code = re.search(r'```python\n(""".*?class RelativisticGAN.*?)```', text, re.S)[1]
    names = {"__name__": __name__}
    exec(compile(code, "BUILD.md", "exec"), names)
    return names["RelativisticGAN"]


def make(cls, **options):
    given = {**nets("decoder", "discriminator"), **options}
    return sgd(cls(image_shape=(D,), latent_dim=D, **given), rate=0.1)


def test_the_example_of_build(relativistic):
    model, x = make(relativistic, prior_family="uniform"), batch()
    assert "discriminator_loss" not in model.hyper_parameters
    assert np.abs(model.prior.sample(200, seed=0)).max() <= 1
    losses = model.losses_of(x)
    d, g = (losses[player].numpy() for player in ("discriminator", "generator"))
    assert d.shape == g.shape == (len(x),)
    for variable in model.discriminator.trainable_variables:
        variable.assign(tf.zeros_like(variable))
    for loss in model.losses_of(x).values():  # no pair is told apart: p = 1/2
        np.testing.assert_allclose(loss, np.log(2.0), rtol=1e-6)
    logs = model.train_step(x)
    assert set(logs) >= {"discriminator_accuracy_data", "discriminator_loss", "generator_loss"}


def test_a_method_has_to_say_what_its_game_costs():
    own = type("Own", (TwoPlayerGAN,), {"__module__": __name__})
    with pytest.raises(NotImplementedError):
        make(own).losses_of(batch())
