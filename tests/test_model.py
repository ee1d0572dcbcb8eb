"""The game: who moves, when, by how much; the verbs; round trips."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import helpers
from tests.small import AtOnce, Bound, D, InTurn, batch, gradients, make, same, sgd, stack, weights
from zoo import distributions
from zoo.model import GenerativeModel
from zoo.networks.stack import Stack, dense

BOUND = "tests.small:Bound"


# --- the game -------------------------------------------------------------------------------------


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
    for player in before:  # w - 0.1 g, both gradients taken before either update
        for w, g, now in zip(before[player], moves[player], after[player], strict=True):
            np.testing.assert_allclose(now, w - 0.1 * g, atol=1e-6)
    # In turn, the generator would answer the discriminator's new weights: another step.
    for variable, value in zip(in_turn.player_variables["discriminator"], after["discriminator"]):
        variable.assign(value)
    others = gradients(in_turn, in_turn.game, x)["generator"]
    assert max(np.abs(a - b).max() for a, b in zip(others, moves["generator"])) > 1e-4


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
    model = make(
        InTurn, lr_schedule=schedule, decay_from=2, decay_steps=4, generator_learning_rate=0.5
    )
    model.compile()
    step = tf.function(model.train_step)
    for factor in factors:
        step(tf.constant(batch()))
        rates = {player: float(o.learning_rate) for player, o in model.optimizers.items()}
        np.testing.assert_allclose(rates["discriminator"], 2e-4 * factor, rtol=1e-4)
        np.testing.assert_allclose(rates["generator"], 0.5 * factor, rtol=1e-4)


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
    averages = dict(zip((v.path for v in model._trained), model._averages))
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


def staged():
    networks = {"encoder": stack(2 * D, 1), "decoder": noisy_decoder()}
    model = Staged(image_shape=(D,), latent_dim=D, **networks)
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


# --- data -----------------------------------------------------------------------------------------


def test_as_batch():
    model = make(Bound)
    x, y = batch(4), np.arange(4)
    for data in (x, (x,), (x, y), {"x": x}, {"x": x, "y": y}, tf.constant(x)):
        np.testing.assert_array_equal(model.as_batch(data)["x"], x)
    np.testing.assert_array_equal(model.as_batch((x, y))["y"], y)
    assert model.as_batch({"x": x, "other": 3})["other"] == 3
    np.testing.assert_array_equal(
        model.as_batch({"x": x, "x_labelled": x[:2]})["x_labelled"], x[:2]
    )
    assert model.as_batch(x.astype(np.float64))["x"].dtype == tf.float32


def test_as_batch_of_images():
    model = zoo.create(BOUND, image_shape=(4, 4, 1), latent_dim=2)
    bytes_ = np.arange(32, dtype=np.uint8).reshape(2, 4, 4) * 8
    for data in (bytes_, tf.constant(bytes_)):
        scaled = model.as_batch(data)["x"]
        assert scaled.shape == (2, 4, 4, 1)
        np.testing.assert_allclose(scaled[..., 0], bytes_ / 255, rtol=1e-6)


def test_as_batch_refuses_another_shape():
    # Four values a row are not two rows of two.
    with pytest.raises(ValueError, match=r"x.shape"):
        make(Bound).as_batch(np.zeros([6, 2 * D], np.float32))


class Labelled(AtOnce):
    """A toy that is given labels."""

    LABELS = ("num_classes", "num_attributes")


def labelled(**options):
    networks = {"encoder": stack(2 * D, 1), "decoder": stack(D, 2)}
    return Labelled(image_shape=(D,), latent_dim=D, **networks, **options)


def test_label_vectors():
    one_hot, attributes = labelled(num_classes=3), labelled(num_attributes=2)
    np.testing.assert_array_equal(one_hot.label_vector(tf.constant([2, 0])), [[0, 0, 1], [1, 0, 0]])
    found = attributes.label_vector(np.array([[0, 1], [3, -1]]))
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(found, [[0, 1], [3, -1]])
    widths = [model.label_width for model in (one_hot, attributes, labelled())]
    assert widths == [3, 2, 0]
    assert [m.conditional for m in (one_hot, attributes, labelled())] == [True, True, False]


def test_conditional_models_want_labels_in_their_batches():
    x, y = batch(4), np.arange(4) % 3
    model = labelled(num_classes=3)
    for data in (x, (x,), {"x": x}, {"x": x, "x_labelled": x, "y_labelled": y}):
        with helpers.refused(ValueError, match="batches with labels y, as this model"):
            model.as_batch(data)
    found = model.phase_inputs(model.as_batch((x, y)))
    np.testing.assert_array_equal(found[1], y)
    assert len(labelled().phase_inputs(labelled().as_batch((x, y)))) == 1


def test_streams_of_semi_supervised_batches():
    x, few, y = batch(4), batch(2, seed=1), np.array([2, 0])
    model = make(AtOnce)
    streams = {"x": x, "x_labelled": few, "y_labelled": y}
    for found, expected in zip(model.labelled(streams), (x, few, y), strict=True):
        np.testing.assert_array_equal(found, expected)
    found = model.labelled({"x": x, "y": np.arange(4)})  # all labels known
    assert found[0] is x and found[1] is x
    with helpers.refused(ValueError, match="x_labelled and y_labelled, or y"):
        model.labelled({"x": x})


# --- arguments ------------------------------------------------------------------------------------


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


def test_optimizers_by_player():
    model = make(InTurn, generator_learning_rate=0.25)
    model.compile({"discriminator": keras.optimizers.SGD(0.5)})
    assert isinstance(model.optimizers["discriminator"], keras.optimizers.SGD)
    assert float(model.optimizers["generator"].learning_rate) == 0.25
    assert float(model.optimizers["generator"].beta_1) == 0.5
    with pytest.raises(ValueError, match="Did you mean 'discriminator'"):
        model.compile({"discriminater": keras.optimizers.SGD(0.5)})


# --- verbs ----------------------------------------------------------------------------------------

VERBS = {
    AtOnce: {"sample", "encode", "decode", "reconstruct"},
    InTurn: {"sample", "decode"},
    Bound: {"sample", "encode", "decode", "reconstruct", "log_prob"},
}


@pytest.mark.parametrize("kind", VERBS)
def test_capabilities_and_missing_verbs(kind):
    model = make(kind)
    assert model.capabilities == VERBS[kind]
    assert model.density == ("lower_bound" if kind is Bound else None)
    x = batch(3)
    for verb in ("encode", "decode", "reconstruct", "log_prob", "classify"):
        if verb in VERBS[kind]:
            assert getattr(model, verb)(x) is not None
            continue
        have = ", ".join(sorted(VERBS[kind]))
        with pytest.raises(
            ValueError, match=f"^{model.method} cannot {verb}: expected one of {have}."
        ):
            getattr(model, verb)(x)


@pytest.mark.parametrize("kind", VERBS)
def test_samples_are_a_function_of_the_seed_and_the_row(kind):
    model = make(kind)
    x = model.sample(16, seed=3)
    assert x.shape == (16, D)
    np.testing.assert_array_equal(model.sample(16, seed=3), x)
    np.testing.assert_allclose(model.sample(8, seed=3), x[:8], atol=1e-6)
    assert np.abs(model.sample(16, seed=4) - x).max() > 1e-3
    assert np.abs(model.sample(16) - model.sample(16)).max() > 1e-3  # None draws a new one
    for n, error in ((0, ValueError), (2.0, TypeError), (True, TypeError)):
        with pytest.raises(error, match=f"expected an int >= 1. Received: n={n}"):
            model.sample(n)
    with pytest.raises(ValueError, match="unconditional"):
        model.sample(2, y=[0, 1])


def test_more_rows_than_a_chunk():
    model = make(InTurn)
    x = model.sample(600, seed=0)  # chunks of 512
    assert x.shape == (600, D)
    np.testing.assert_allclose(model.sample(520, seed=0), x[:520], atol=1e-6)


def test_verbs_refuse_bad_data():
    model = make(Bound)
    with pytest.raises(ValueError, match="x.shape"):
        model.encode(np.zeros([2, D + 1], np.float32))
    with pytest.raises(ValueError, match="NaN"):
        model.reconstruct(np.full([2, D], np.nan, np.float32))
    with pytest.raises(ValueError, match="samples=0"):
        model.log_prob(batch(2), samples=0)
    with pytest.raises(ValueError, match="level=2"):
        model.encode(batch(2), level=2)


# --- Keras ----------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("kind", VERBS)
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


def test_a_twin_from_its_hyper_parameters():
    model = zoo.create(BOUND, image_shape=(D,), latent_dim=3, seed=5, decoder_output="normal")
    twin = zoo.create(model.method, **model.hyper_parameters)
    assert twin.hyper_parameters == model.hyper_parameters
    assert same(weights(twin)["model"], weights(model)["model"])
    other = zoo.create(BOUND, **(model.hyper_parameters | {"seed": 6}))
    assert not same(weights(other)["model"], weights(model)["model"])


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
        BOUND, image_shape=(D,), latent_dim=D, decoder_output="normal", dtype="mixed_bfloat16"
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


def test_draw_belongs_to_a_phase():
    with pytest.raises(RuntimeError, match="given to `play`"):
        make(Bound).draw(distributions.standard_normal(2), "z")


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
    model.stage = 1
    assert set(model.losses_of(batch())) == {"discriminator", "generator"} and model.stage == 1


def test_a_constructor_in_place_of_fields_is_refused():
    with helpers.refused(TypeError, match=r"`Own.__init__`: expected fields, such as gamma: float"):
        type("Own", (Bound,), {"__init__": lambda self, **base: None, "__module__": __name__})
