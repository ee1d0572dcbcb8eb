"""What the tests of the two-stage GANs share."""

import keras
import numpy as np
import tensorflow as tf

import zoo
from tests import helpers
from tests.methods.tiny import linear, moved, states
from tests.small import D, batch
from zoo.networks.stack import Pair, Stack, dense

GAN_ROLES = {"decoder", "discriminator"}


def networks():
    """Small ones with batch normalisation, whose statistics must not move either."""
    hidden = dense(8, norm=True, activation="relu")
    last = dense(None, activation="linear")
    rows = lambda seed, *more: Stack((hidden, last), *more, init_seed=seed, init_stddev=0.5)
    return {
        "decoder": rows(1, (D,)),
        "discriminator": Pair(Stack(()), None, rows(2)),
        "encoder": rows(3, (D,)),
    }


def known_gan():
    """G(z) = z W, and networks for it: a decoder."""
    weights = np.array([[1.0, 0.5], [-0.3, 0.8]], np.float32)
    decoder = linear(D)
    decoder.build((None, D))
    decoder.set_weights([weights, np.zeros(D)])
    return decoder, weights


def check_stages(make, play_counts):
    """Each stage moves its own roles alone, moving statistics included.

    Args:
        make: callable `(**hyper_parameters)` -> model.
        play_counts: plays of a step in each stage.
    """
    model = make(pretrain_steps=2, learning_rate=0.01)
    model.compile()
    found, plays = [states(model)], [0]

    def record(batch, logs):
        found.append(states(model))
        plays.append(int(model.play_counter))

    after_each = keras.callbacks.LambdaCallback(on_train_batch_end=record)
    model.fit(ring().train(8, 0).take(4), verbose=0, callbacks=[after_each])
    first, second = GAN_ROLES, set(model.networks) - GAN_ROLES
    steps = [moved(a, b) for a, b in zip(found, found[1:])]
    assert steps == [first, first, second, second]
    assert np.diff(plays).tolist() == [play_counts[0]] * 2 + [play_counts[1]] * 2
    counts = {player: int(o.iterations) for player, o in model.optimizers.items()}
    assert counts == dict.fromkeys(model.players, 2)


def check_the_loops_agree(make, tmp_path):
    """`fit`, and `zoo.training.train` in one go or cut in the second stage, end alike."""
    by_fit, data = make(pretrain_steps=2), ring()
    by_fit.compile()
    by_fit.fit(data.train(8, 0).take(5), verbose=0)

    def train(run_dir, steps):
        model = make(pretrain_steps=2)
        zoo.training.train(
            model,
            data,
            run_dir,
            steps=steps,
            batch_size=8,
            sample_every=0,
            steps_per_execution=3,  # calls of 1, 1 (the stage ends) and 3 steps
            progress=False,
        )
        assert int(model.step) == steps
        return helpers.arrays(model)

    unbroken = train(tmp_path / "unbroken", 5)
    train(tmp_path / "cut", 3)  # one step into the second stage
    helpers.assert_same_bits(train(tmp_path / "cut", 5), unbroken)
    helpers.assert_close(helpers.arrays(by_fit), unbroken, 1e-6)


def check_trained_weights_need_no_first_stage(make):
    """With `pretrain_steps=0` the second stage begins at once."""
    model = make(pretrain_steps=0)
    model.compile()
    before = states(model)
    model.train_step(tf.constant(batch()))
    assert moved(before, states(model)) == set(model.networks) - GAN_ROLES


def ring():
    return zoo.data.load("gaussian_ring")
