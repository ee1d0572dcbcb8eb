"""Losses in float16: small gradients survive, what overflows moves nobody on any replica."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.small import KINDS, Bound, D, batch, make, stack
from zoo.model.loss_scale import LossScale
from zoo.networks.layers import BatchNorm
from zoo.optimizers import FusedAdam
from zoo.training import checkpoints

FIRST = 2.0**15


class Weighted(Bound):
    """A bound of which the loss is weighted."""

    def bound(self, x):
        return {"model": self.weight * super().bound(x)["model"]}


def weighted(dtype="mixed_float16", value=1.0):
    model = make(Weighted, dtype=dtype)
    model.weight = tf.Variable(value, trainable=False)
    model.compile()
    return model


def player_of(model):
    """A function of a batch, traced once: the logs of one step."""
    step = tf.function(lambda x: model.train_step({"x": x}))

    def play(x=None):
        model.reset_metrics()
        logs = step(tf.constant(batch() if x is None else x))
        return {name: float(value) for name, value in logs.items()}

    return play


def scale_of(**now):
    scale = LossScale(lambda name, **options: keras.Variable(shape=(), name=name, **options))
    for name, value in now.items():
        scale.state[name].assign(value)
    return scale


def state(scale):
    return float(scale.value), int(scale.steady)


# --- the scale ------------------------------------------------------------------------------------


def test_gradients_leave_the_scale():
    scale = scale_of(loss_scale=8.0)
    found = {"a": [tf.constant([16.0, -4.0]), None], "b": [tf.constant(2.0)]}
    gradients, fine = scale.gradients(found)
    np.testing.assert_array_equal(gradients["a"][0], [2.0, -0.5])
    assert gradients["a"][1] is None and float(gradients["b"][0]) == 0.25 and bool(fine)
    assert state(scale) == (8.0, 1)
    assert float(scale.of(tf.constant(3.0))) == 24.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_overflow_of_one_player_halves_the_scale_and_holds_all(bad):
    scale = scale_of(loss_scale=8.0, steady_plays=5)
    found = {"a": [tf.constant([1.0, bad])], "b": [tf.constant([3.0])]}
    gradients, fine = scale.gradients(found)
    assert not bool(fine) and state(scale) == (4.0, 0)
    np.testing.assert_array_equal(gradients["a"][0], [0.0, 0.0])
    np.testing.assert_array_equal(gradients["b"][0], [0.0])


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [((8.0, 1998), 1.0, (8.0, 1999)), ((8.0, 1999), 1.0, (16.0, 0)), ((1.0, 3), np.inf, (1.0, 0))],
)
def test_the_scale_doubles_after_2000_steady_plays_and_ends_at_1(before, value, after):
    scale = scale_of(loss_scale=before[0], steady_plays=before[1])
    scale.gradients({"a": [tf.constant([value])]})
    assert state(scale) == after


@pytest.mark.parametrize("make_one", [FusedAdam, keras.optimizers.SGD, keras.optimizers.Adagrad])
def test_an_optimizer_that_leaves_out_a_play_forgets_nothing(make_one):
    def after(*steps):
        variable, scale = keras.Variable([1.0, -2.0]), scale_of()
        optimizer = scale.heeded(make_one(0.1))
        optimizer.build([variable])
        for gradient, moves in steps:
            optimizer.apply([tf.constant(gradient)], [variable], moves=moves)
        return [v.numpy() for v in (variable, *optimizer.variables)]

    yes, no = tf.constant(True), tf.constant(False)
    first, second = ([0.5, -1.0], yes), ([1.5, 2.0], yes)
    expected = after(first, second)
    for found in (
        after(first, ([7.0, np.inf], no), second),
        after(*((gradient, None) for gradient, _ in (first, second))),
    ):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_players_optimizers_show_the_one_scale():
    scale = scale_of(loss_scale=8.0, steady_plays=3)
    players = [scale.heeded(FusedAdam(0.1)) for _ in range(2)]
    for each in players:
        each.build([keras.Variable([1.0])])
        assert isinstance(each, keras.optimizers.LossScaleOptimizer)
        assert float(each.scale_loss(2.0)) == 16.0 and int(each.step_counter) == 3
        each.learning_rate = 0.5
        assert float(each.inner_optimizer.learning_rate) == 0.5
    scale.gradients({"a": [tf.constant([np.inf])]})
    assert [float(each.dynamic_scale) for each in players] == [4.0, 4.0]


# --- models ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("float16")
@pytest.mark.parametrize("kind", helpers.first_of(list(KINDS)))
def test_steps_are_those_of_float32_to_rounding(kind):
    found = []
    for dtype in ("float32", "mixed_float16"):
        model = make(kind, dtype=dtype)
        model.compile()
        play = player_of(model)
        found.append([play() for _ in range(3)])
    assert model.state["loss_scale"] == FIRST
    assert {v.dtype for network in model.networks.values() for v in network.weights} == {"float32"}
    assert {network.compute_dtype for network in model.networks.values()} == {"float16"}
    assert model.sample(2, seed=0).dtype == tf.float32
    for exact, rounded in zip(*found):  # a unit of float16 is 2^-10
        for name, value in exact.items():
            assert rounded[name] == pytest.approx(value, rel=1e-2, abs=5e-3), name


@pytest.mark.usefixtures("float16")
def test_a_rate_that_falls_is_that_of_float32():
    steps = []
    for dtype, schedule in (
        ("float32", "linear"), ("mixed_float16", "linear"), ("float32", "constant"),
    ):  # fmt: skip
        falling = {} if schedule == "constant" else {"lr_schedule": schedule, "decay_steps": 2}
        model = make(Bound, dtype=dtype, **falling)
        model.compile()
        before = [v.numpy() for v in model.trainable_variables]
        play = player_of(model)
        for _ in range(3):
            play()
        moved = [v.numpy() - was for v, was in zip(model.trainable_variables, before)]
        steps.append(np.concatenate([each.ravel() for each in moved]))
        assert float(model.optimizers["model"].learning_rate) == pytest.approx(model.learning_rate)
    falls, in_float16, stays = steps
    far = np.linalg.norm(stays - falls)
    assert np.linalg.norm(in_float16 - falls) < 0.05 * far


@pytest.mark.usefixtures("float16")
def test_gradients_below_the_range_of_float16_move_the_weights():
    # The mean of 16 losses, weighted by 1e-6, has slopes of about 6e-8: float16 ends there.
    norms = [
        player_of(weighted(dtype, 1e-6))()["model_gradient_norm"]
        for dtype in ("float32", "mixed_float16")
    ]
    assert norms[1] == pytest.approx(norms[0], rel=2e-2)


@pytest.mark.usefixtures("float16")
def test_an_overflow_moves_nobody_and_training_goes_on():
    model = weighted(value=1e8)
    before = helpers.arrays(model)
    play = player_of(model)
    logs = play()
    assert logs["model_gradient_norm"] == 0.0 and np.isfinite(logs["model_loss"])
    after = helpers.arrays(model)
    changed = {path for path in after if not np.array_equal(after[path], before[path])}
    assert changed == {"loss_scale", "step", "play_counter"}
    assert after["loss_scale"] == FIRST / 2
    model.weight.assign(1.0)
    assert play()["model_gradient_norm"] > 0
    assert int(model.optimizers["model"].iterations) == 1


@pytest.mark.usefixtures("float16")
def test_an_overflow_on_one_replica_holds_both(two_replicas):
    strategy = two_replicas
    with strategy.scope():
        model = weighted()
    before = [v.numpy() for v in model.player_variables["model"]]
    step = tf.function(lambda x: strategy.run(lambda x: model.train_step({"x": x}), args=(x,)))

    def run(*halves):
        step(
            strategy.experimental_distribute_values_from_function(
                lambda context: tf.constant(halves[context.replica_id_in_sync_group])
            )
        )
        return float(model.state["loss_scale"].numpy()), [
            v.numpy() for v in model.player_variables["model"]
        ]

    scale, weights = run(batch(8), np.full([8, D], 6e4, np.float32))
    assert scale == FIRST / 2 and model.optimizer.iterations.numpy() == 0
    for a, b in zip(weights, before, strict=True):
        np.testing.assert_array_equal(a, b)
    scale, weights = run(batch(8), batch(8, seed=1))
    assert scale == FIRST / 2 and model.optimizer.iterations.numpy() == 1
    assert any((a != b).any() for a, b in zip(weights, before, strict=True))


@pytest.mark.usefixtures("float16")
def test_checkpoints_hold_the_scale(tmp_path):
    model, other = weighted(value=1e8), weighted(value=1e8)
    player_of(model)()
    path = checkpoints.save(model, tmp_path, 1)
    checkpoints.restore(other, path)
    assert float(other.state["loss_scale"]) == FIRST / 2
    assert "loss_scale" not in weighted("float32").state


@pytest.mark.usefixtures("float16")
@pytest.mark.parametrize(
    "given",
    [
        "sgd",
        lambda: keras.optimizers.Adam(1e-2, amsgrad=True),
        lambda: keras.optimizers.AdamW(1e-2, weight_decay=0.1),
        lambda: keras.optimizers.SGD(1e-2, gradient_accumulation_steps=2),
    ],
    ids=["sgd", "amsgrad", "adamw", "accumulated"],
)
def test_any_optimizer_of_keras_leaves_out_an_overflow(given):
    model = weighted(value=1e8)
    model.compile(given if isinstance(given, str) else given())
    before = helpers.arrays(model)
    play = player_of(model)
    play()
    after = helpers.arrays(model)
    changed = {path for path in after if not np.array_equal(after[path], before[path])}
    assert changed == {"loss_scale", "step", "play_counter"}
    model.weight.assign(1.0)
    start = model.encoder.get_weights()
    for _ in range(2):  # one that accumulates moves at every second play
        assert play()["model_gradient_norm"] > 0
    assert any((a != b).any() for a, b in zip(model.encoder.get_weights(), start, strict=True))
    assert float(model.optimizer.iterations) >= 1


@pytest.mark.usefixtures("float16")
def test_optimizers_are_those_given_and_can_be_given_again():
    model, own = make(Bound, dtype="mixed_float16"), keras.optimizers.SGD(0.25)
    model.compile(own)
    assert model.optimizers["model"].inner_optimizer is own
    model.optimizer.learning_rate = 0.5
    assert float(own.learning_rate) == 0.5
    model.compile(model.optimizers)
    assert model.optimizers["model"].inner_optimizer is own
    other = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.25))
    with pytest.raises(ValueError, match="expected an optimizer that scales no loss"):
        model.compile(other)


@pytest.mark.usefixtures("float16")
def test_keras_files_hold_the_model_and_its_scale(tmp_path):
    model = make(Bound, dtype="mixed_float16")
    model.compile()
    player_of(model)()
    model.state["loss_scale"].assign(64.0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.state["loss_scale"] == 64.0 and again.compiled
    slots, expected = (each.optimizers["model"].variables for each in (again, model))
    assert int(again.optimizer.iterations) == 1
    for a, b in zip(slots, expected, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(again.encode(batch()).mean(), model.encode(batch()).mean())


@pytest.mark.usefixtures("float16")
@pytest.mark.parametrize("decay", [None, 0.9])
def test_weights_of_other_precisions_are_taken(decay, tmp_path):
    plain, model = (make(Bound, dtype=d, ema_decay=decay) for d in ("float32", "mixed_float16"))
    plain.encoder.blocks[0].linear.kernel.assign_add(tf.ones([D, 8]))
    plain.restart_averages()
    plain.save_weights(tmp_path / "plain.weights.h5")
    model.state["loss_scale"].assign(64.0)
    for set_ in (
        lambda: model.set_weights(plain.get_weights()),
        lambda: model.load_weights(tmp_path / "plain.weights.h5"),
    ):
        model.encoder.blocks[0].linear.kernel.assign(tf.zeros([D, 8]))
        set_()
        found = model.encode(batch()).mean()
        np.testing.assert_allclose(found, plain.encode(batch()).mean(), atol=0.02)
        assert model.state["loss_scale"] == 64.0


@pytest.mark.usefixtures("float16")
@pytest.mark.parametrize("decays", [(None, None), (0.9, 0.9), (None, 0.9)])
def test_other_precisions_take_the_weights_of_float16(decays, tmp_path):
    model, plain = (
        make(Bound, dtype=dtype, ema_decay=decay)
        for dtype, decay in zip(("mixed_float16", "float32"), decays)
    )
    kernel = model.encoder.blocks[0].linear.kernel
    kernel.assign_add(tf.ones([D, 8]))
    model.restart_averages()
    model.step.assign(7)
    model.save_weights(tmp_path / "half.weights.h5")
    for set_ in (
        lambda: plain.set_weights(model.get_weights()),
        lambda: plain.load_weights(tmp_path / "half.weights.h5"),
    ):
        plain.encoder.blocks[0].linear.kernel.assign(tf.zeros([D, 8]))
        plain.step.assign(0)
        set_()
        np.testing.assert_array_equal(plain.encoder.blocks[0].linear.kernel, kernel)
        assert int(plain.step) == 7
        found = plain.encode(batch()).mean()
        np.testing.assert_allclose(found, model.encode(batch()).mean(), atol=0.02)


@pytest.mark.usefixtures("float16")
def test_networks_of_one_s_own_in_float16_scale_the_losses_too():
    encoder, decoder = stack(2 * D, 1, dtype="mixed_float16"), stack(D, 2)
    own = Bound(
        image_shape=(D,), decoder_output="normal", latent_dim=D, encoder=encoder, decoder=decoder
    )
    assert "loss_scale" in own.state and "loss_scale" not in make(Bound).state


@pytest.mark.usefixtures("float16")
def test_population_statistics_outlive_a_pass_that_overflows():
    norm = BatchNorm(dtype="mixed_float16")
    norm.build((None, 2))
    x = tf.constant([[1.0, 6e4], [3.0, np.inf]], tf.float16)
    norm(x, training=True)
    mean, variance = norm.moving_mean.numpy(), norm.moving_variance.numpy()
    assert mean[0] == pytest.approx(2.0 * (1.0 - norm.momentum), rel=1e-2)
    assert mean[1] == 0.0 and variance[1] == 1.0
