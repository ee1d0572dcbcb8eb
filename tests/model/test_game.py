"""The game: who moves, when, by how much, and how it is evaluated."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.small import (
    AtOnce,
    Bound,
    D,
    InTurn,
    batch,
    check_moved_at_once,
    gradients,
    make,
    same,
    sgd,
    stack,
    weights,
)
from zoo import distributions, seeds
from zoo.model import GenerativeModel
from zoo.model.game import Phase, entered
from zoo.networks.stack import Stack, dense


def test_a_phase_moves_its_player_alone():
    model = sgd(make(InTurn))
    before = weights(model)
    model.play(model.discriminator_phase, tf.constant(batch()))
    after = weights(model)
    assert same(after["generator"], before["generator"])
    assert not any(
        np.array_equal(a, b) for a, b in zip(after["discriminator"], before["discriminator"])
    )
    model.play(model.generator_phase, tf.constant(batch()))
    last = weights(model)
    assert same(last["discriminator"], after["discriminator"])
    assert not same(last["generator"], after["generator"])
    assert int(model.play_counter) == 2
    assert int(model.step) == 0


def test_players_of_one_phase_move_at_once():
    x = tf.constant(batch())
    model, in_turn = sgd(make(AtOnce)), sgd(make(AtOnce))
    before, moves = weights(model), gradients(model, model.game, x)
    model.play(model.game, x)
    after = weights(model)
    check_moved_at_once(in_turn, x, before, moves, after)


def test_noise_differs_from_play_to_play_and_from_seed_to_seed():
    def logs(seed):
        model = sgd(make(AtOnce, seed=seed), rate=0.0)
        x = tf.constant(batch())
        return [
            float(gradients(model, model.game, x)["generator"][0][0, 0]),
            model.play(model.game, x),
            float(gradients(model, model.game, x)["generator"][0][0, 0]),
        ]

    first, _, second = logs(0)
    assert first != second
    again, _, _ = logs(0)
    assert first == again
    assert logs(1)[0] != first


def test_each_call_of_a_network_has_noise_of_its_own():
    model, z = staged(), tf.constant(batch(16))

    def passes():
        with entered(Phase(seeds.fold(0, "a phase"), True)):
            return [model.apply("decoder", z) for _ in range(2)]

    first, second = passes()
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_array_equal(passes()[0], first)


def test_weights_of_a_scope_are_seen_where_statistics_are_kept():
    """An unrolled discriminator is judged a few updates ahead, on samples, too."""
    model = staged()
    variable = model.networks["encoder"].trainable_variables[0]
    ahead = variable.value + 1.0
    scope = keras.StatelessScope(state_mapping=[(variable, ahead)])
    with entered(Phase(seeds.fold(0, "a phase"), True)), scope, model.statistics_kept():
        np.testing.assert_array_equal(variable.value, ahead)


def test_draw_belongs_to_a_phase():
    with pytest.raises(RuntimeError, match="given to `play`"):
        make(Bound).draw(distributions.standard_normal(2), "z")


def test_what_no_log_is_called_is_refused():
    with entered(Phase(seeds.fold(0, "a phase"), True)):
        with helpers.refused(ValueError, match="`log`: expected a name in LOGS.*mean 'kl'"):
            make(Bound).log(k_l=tf.zeros([]))


def test_two_draws_of_a_phase_have_two_names():
    model, prior = make(Bound), distributions.standard_normal(2)
    with entered(Phase(seeds.fold(0, "a phase"), True)):
        model.draw(prior, "z", batch_of=batch(3))
        with helpers.refused(ValueError, match="`place`: expected a name that no other draw"):
            model.draw(prior, "z", batch_of=batch(3))


class Toy(GenerativeModel):
    """Two networks; the tests say who owns them."""

    PLAYERS = {"one": ("encoder",), "two": ("decoder",)}

    def make_networks(self):
        self.make("encoder", (D,), outputs=(2 * D,))
        self.make("decoder", (D,), outputs=(D,))


def test_every_network_has_an_owner():
    class Orphan(Toy):
        PLAYERS = {"one": ("encoder",)}

    class Shared(Toy):
        PLAYERS = {"one": ("encoder",), "two": ("encoder", "decoder")}

    class Meant(Shared):
        SHARED = ("encoder",)

    with pytest.raises(ValueError, match="an owner of the network 'decoder'"):
        Orphan(image_shape=(D,), latent_dim=D)
    with pytest.raises(ValueError, match="'encoder', which one and two share"):
        Shared(image_shape=(D,), latent_dim=D)
    players = Meant(image_shape=(D,), latent_dim=D).player_variables
    assert len(players["two"]) > len(players["one"]) > 0


def test_a_loss_must_reach_all_its_players_variables():
    class Halved(Bound):
        def bound(self, x):
            return {"model": tf.reduce_sum(self.posterior(x).mean(), axis=1)}  # no decoder

    model = Halved(image_shape=(D,), latent_dim=D, encoder=stack(2 * D, 1), decoder=stack(D, 2))
    model.compile()
    with pytest.raises(ValueError, match="a loss of model that reaches all its variables"):
        model.play(model.bound, tf.constant(batch()))


def test_losses_are_averaged_over_examples():
    model = sgd(make(Bound))
    with pytest.raises(ValueError, match="loss.shape"):
        model.play(
            lambda x: {"model": tf.reduce_sum(model.decoder(x), axis=1, keepdims=True)}, batch()
        )
    before = model.decoder.variables[-1].numpy()
    bias = lambda x: {"model": tf.reduce_sum(model.decoder(model.encoder(x)[:, :D]), axis=1)}
    model.play(bias, tf.constant(batch(16)))
    # The loss is a sum of outputs for each example: its mean's gradient at the output bias is 1.
    np.testing.assert_allclose(model.decoder.variables[-1], before - 0.1, atol=1e-6)


def test_clip_norm_bounds_each_players_step():
    model = sgd(make(AtOnce, clip_norm=1e-3), rate=1.0)
    before = weights(model)
    model.play(model.game, tf.constant(batch()))
    for player, now in weights(model).items():
        step = np.sqrt(sum(np.sum((a - b) ** 2) for a, b in zip(now, before[player])))
        np.testing.assert_allclose(step, 1e-3, rtol=1e-2)


@pytest.mark.parametrize(
    "schedule, factors",
    # decay_from 2, decay_steps 4: at step s, k = clip((s - 2) / 4): 1 - 0.99 k, or 0.01^k.
    [
        ("linear", [1, 1, 1, 0.7525, 0.505, 0.2575, 0.01, 0.01]),
        ("exponential", [1, 1, 1, 0.01**0.25, 0.1, 0.01**0.75, 0.01, 0.01]),
    ],
)
def test_schedules_end_at_one_per_cent(schedule, factors):
    used = {}

    class Recording(keras.optimizers.SGD):
        def apply(self, gradients, variables):
            used[self.name] = float(self.learning_rate)
            super().apply(gradients, variables)

    model = make(InTurn, lr_schedule=schedule, decay_from=2, decay_steps=4)
    given = {"discriminator": 2e-4, "generator": 0.5}
    model.compile({player: Recording(rate, name=player) for player, rate in given.items()})
    for factor in factors:
        model.train_step(tf.constant(batch()))
        for player, rate in given.items():
            np.testing.assert_allclose(used[player], rate * factor, rtol=1e-4)
            np.testing.assert_allclose(model.optimizers[player].learning_rate, rate, rtol=1e-6)


# After one step the decay is (1 + 1) / (10 + 1), or the one asked for, if less.
@pytest.mark.parametrize("ema_decay, decay", [(0.75, 2 / 11), (0.1, 0.1)])
def test_moving_average_by_hand_and_in_the_verbs(ema_decay, decay):
    model = sgd(make(AtOnce, ema_decay=ema_decay))
    first = [v.numpy() for v in model.encoder.trainable_variables]
    model.train_step(batch())
    second = [v.numpy() for v in model.encoder.trainable_variables]
    twin = make(AtOnce)
    # `decay` of the initial weights, the rest of the new ones.
    for variable, a, b in zip(twin.encoder.trainable_variables, first, second, strict=True):
        variable.assign(decay * a + (1 - decay) * b)
    x = batch(4)
    np.testing.assert_allclose(model.encode(x).mean(), twin.encode(x).mean(), atol=1e-5)
    assert np.abs(model.encoder(x)[:, :D] - model.encode(x).mean()).max() > 1e-5
    averages = dict(zip((v.path for v in model._averaged), model._averages))
    for variable, now in zip(twin.decoder.trainable_variables, model.decoder.trainable_variables):
        variable.assign(averages[now.path])
    np.testing.assert_allclose(model.sample(4, seed=0), twin.sample(4, seed=0), atol=1e-5)
    np.testing.assert_allclose(model.decode(x).mean(), twin.decode(x).mean(), atol=1e-5)
    np.testing.assert_allclose(model.reconstruct(x, seed=0), twin.reconstruct(x, seed=0), atol=1e-5)
    for variable, value in zip(model.encoder.trainable_variables, second):
        np.testing.assert_array_equal(variable, value)  # the verbs leave the weights alone


def test_weight_decay_adds_the_weights_to_their_gradients():
    x = tf.constant(batch())
    model = sgd(make(AtOnce, weight_decay=0.03))
    before, moves = weights(model), gradients(model, model.game, x)
    model.play(model.game, x)
    for player, after in weights(model).items():
        for w, g, now in zip(before[player], moves[player], after, strict=True):
            np.testing.assert_allclose(now, w - 0.1 * (g + 0.03 * w), atol=1e-6)
    with pytest.raises(ValueError, match="weight_decay=-0.1"):
        make(AtOnce, weight_decay=-0.1)


# --- stages and frozen networks -------------------------------------------------------------------


class Staged(AtOnce):
    """Both players for two steps, then the discriminator alone against frozen networks."""

    @property
    def stage_starts(self):
        return (2, 3)

    def train_step(self, data):
        x = self.as_batch(data)["x"]
        self.play(self.game if self.stage == 0 else self.second, x)
        return self.report()

    def second(self, x):
        with self.frozen():
            z_p = self.draw(self.prior, "z_p", batch_of=x)
            x_p = self.likelihood(z_p).mean()
        return {"discriminator": tf.nn.softplus(self.apply("discriminator", x_p, z_p))}


def noisy_decoder():
    """Batch normalisation and dropout: both tell training from inference."""
    rows = (dense(8, norm=True, dropout=0.5), dense(D, activation="linear"))
    return Stack(rows, init_seed=2, init_stddev=0.5)


class Later(Staged):
    """One stage more, later."""

    @property
    def stage_starts(self):
        return (4,)


def staged(kind=Staged):
    networks = {"encoder": stack(2 * D, 1), "decoder": noisy_decoder()}
    model = kind(image_shape=(D,), latent_dim=D, **networks)
    model.compile()
    return model


def test_stages_are_those_of_the_steps():
    model = staged()
    assert [model.stage_at(step) for step in range(5)] == [0, 0, 1, 2, 2]
    stages = []
    record = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: stages.append(model.stage)
    )
    model.fit(batch(40), batch_size=8, verbose=0, callbacks=[record])
    assert stages == [0, 0, 1, 2, 2]
    iterations = {player: int(o.iterations) for player, o in model.optimizers.items()}
    assert iterations == {"discriminator": 5, "generator": 2}
    model.fit(batch(8), batch_size=8, verbose=0)  # another `fit` goes on where the last one ended
    assert int(model.optimizers["generator"].iterations) == 2
    assert make(AtOnce).stage_at(100) == 0


def test_stages_begin_with_a_call_of_the_step():
    model = staged()
    model.compile(steps_per_execution=2)
    words = "`steps_per_execution`: expected a divisor of the 3 steps to where a stage begins"
    with helpers.refused(ValueError, match=words):
        model.fit(batch(8), batch_size=8, verbose=0)
    model = staged(Later)
    model.compile(steps_per_execution=2)
    model.fit(batch(24), batch_size=8, verbose=0)  # three steps: a call of two, and one of one
    with helpers.refused(ValueError, match="divisor of the 1 steps to where a stage begins"):
        model.fit(batch(24), batch_size=8, verbose=0)


def test_frozen_networks_are_in_inference_mode():
    model = staged()
    before = [v.numpy() for v in model.decoder.variables]
    seen, likelihood = [], model.likelihood
    model.likelihood = lambda z: seen.append((z, likelihood(z).mean())) or likelihood(z)
    model.play(model.second, tf.constant(batch()))
    assert same([v.numpy() for v in model.decoder.variables], before)
    ((z, x_p),) = seen
    np.testing.assert_allclose(x_p, model.decoder(z, training=False), atol=1e-6)
    model.likelihood = likelihood
    model.play(model.game, tf.constant(batch()))  # otherwise the statistics move
    assert not same([v.numpy() for v in model.decoder.variables if not v.trainable], before[-2:])


# --- evaluation -----------------------------------------------------------------------------------


def test_a_subclass_is_evaluated_by_its_own_losses():
    class Doubled(Bound):
        def bound(self, x):
            return {"model": 2.0 * super().bound(x)["model"]}

    def evaluated(kind):
        model = sgd(make(kind, **({} if kind is Bound else {"decoder_output": "normal"})))
        return model.evaluate(batch(), verbose=0, return_dict=True)["model_loss"]

    assert evaluated(Doubled) == pytest.approx(2.0 * evaluated(Bound), rel=1e-6)


def test_evaluation_moves_nothing_and_plays_each_phase_once():
    class Often(InTurn):
        def train_step(self, data):
            x = self.as_batch(data)["x"]
            for _ in range(3):
                self.play(self.counted, x, after=lambda: self.afters.append(1))
            self.play(self.generator_phase, x)
            return self.report()

        def counted(self, x):
            self.played.append(1)
            return self.discriminator_phase(x)

    model = sgd(make(Often))
    model.played, model.afters = [], []
    before = helpers.arrays(model)
    losses = model.losses_of(tf.constant(batch()))
    assert set(losses) == {"discriminator", "generator"} and len(model.played) == 1
    assert not model.afters
    helpers.assert_same_bits(helpers.arrays(model), before)
    model.train_step(tf.constant(batch()))
    assert len(model.played) == 4 and len(model.afters) == 3


def test_evaluation_plays_all_stages_and_keeps_the_present_one():
    class Staged(InTurn):
        stage_starts = (5,)

        def train_step(self, data):
            x = self.as_batch(data)["x"]
            self.play((self.discriminator_phase, self.generator_phase)[self.stage], x)
            return self.report()

    model = sgd(make(Staged))
    for stage in (0, 1):
        model.stage = stage
        assert set(model.losses_of(batch())) == {"discriminator", "generator"}
        assert model.stage == stage


def test_a_batch_that_is_refused_leaves_the_stage_as_it_is():
    model = sgd(make(InTurn))
    model.stage = 7
    with pytest.raises(ValueError, match="`x"):
        model.losses_of({"x": tf.zeros([4, 3])})
    assert model.stage == 7
