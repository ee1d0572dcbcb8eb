"""What Keras users hand to `compile` and `fit`: optimizers, callbacks, frozen layers, policies."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import compile_forms
from tests.helpers import refused
from tests.small import AtOnce, Bound, InTurn, batch, make, same
from zoo.model import logs

K = keras.optimizers


def test_the_page_of_docs_says_what_compile_takes():
    found = [compile_forms.outcome(*form[:2]) for form in compile_forms.FORMS]
    assert found == [classes for _, _, classes in compile_forms.FORMS]
    written = compile_forms.PAGE.read_text()
    assert compile_forms.page(found) == written, "write it anew: python -m tests.compile_forms"


def test_an_optimizer_of_another_model_is_refused():
    used = K.SGD(0.1)
    make(Bound).compile(used)
    with pytest.raises(ValueError, match="an optimizer that was not used before"):
        make(Bound).compile(used)


def test_callbacks_move_every_player_alike():
    model = make(AtOnce, lr_schedule="linear", decay_steps=4)
    model.compile({"generator": K.SGD(0.5)})
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    plateau = keras.callbacks.ReduceLROnPlateau(
        "loss", factor=0.5, patience=1, min_delta=1e9, min_lr=0.0
    )
    model.fit(batch(8), batch_size=8, epochs=2, verbose=0, callbacks=[halve, plateau])
    rates = {player: float(o.learning_rate) for player, o in model.optimizers.items()}
    assert rates == pytest.approx({"discriminator": 2e-4 / 8, "generator": 0.5 / 8}, rel=1e-5)
    model.optimizer.learning_rate = 0.25
    assert [float(o.learning_rate) for o in model.optimizers.values()] == [0.25, 0.25]
    assert float(model.optimizer.learning_rate) == 0.25


def test_two_schedules_of_one_rate_are_refused():
    schedule = K.schedules.CosineDecay(1e-3, 10)
    make(AtOnce).compile({"generator": K.Adam(schedule)})
    with pytest.raises(ValueError, match="a float learning rate with lr_schedule='linear'"):
        make(AtOnce, lr_schedule="linear", decay_steps=4).compile({"generator": K.Adam(schedule)})
    with pytest.raises(ValueError, match="`decay_steps`: expected an int >= 1 with lr_schedule"):
        make(AtOnce, lr_schedule="linear")


def test_monitors_know_loss_and_directions():
    model = make(AtOnce)
    model.compile()
    stop = keras.callbacks.EarlyStopping(min_delta=1e9, patience=0)  # of val_loss
    history = model.fit(
        batch(16), validation_data=(batch(8),), epochs=5, verbose=0, callbacks=[stop]
    ).history
    assert len(history["val_loss"]) == 2
    for side in ("", "val_"):
        total = sum(history[f"{side}{player}_loss"][0] for player in model.players)
        np.testing.assert_allclose(history[f"{side}loss"][0], total, rtol=1e-6)
    for monitor, better in (("val_generator_loss", tf.less), ("discriminator_loss", tf.less)):
        watching = keras.callbacks.EarlyStopping(monitor)
        watching.set_model(model)
        watching._set_monitor_op()
        assert bool(watching.monitor_op(0.0, 1.0)) is bool(better(0.0, 1.0))


def test_what_is_better_when_it_rises():
    rising = {"discriminator_accuracy_data", "information", "marginal_entropy", "elbo"}
    falling = {"code_error", "kl", "generator_loss", "discriminator_gradient_norm"}
    assert {name for name in rising | falling if logs.rises(f"val_{name}")} == rising


@pytest.mark.parametrize("kind, role", [(AtOnce, "encoder"), (InTurn, "discriminator")])
@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_frozen_networks_and_players(kind, role, ema_decay):
    model = make(kind, ema_decay=ema_decay)
    model.networks[role].trainable = False
    model.compile()
    before = [v.numpy() for v in model.networks[role].variables]
    learning = [r for r in model.networks if r != role]
    first = {r: [v.numpy() for v in model.networks[r].variables] for r in learning}
    logs = model.fit(batch(16), batch_size=8, verbose=0).history
    assert all(np.isfinite(v[0]) for v in logs.values())
    assert same([v.numpy() for v in model.networks[role].variables], before)
    for r in learning:
        assert not same([v.numpy() for v in model.networks[r].variables], first[r])
    assert np.isfinite(model.sample(2, seed=0)).all()


@pytest.mark.parametrize("at_first", [True, False])
def test_freezing_after_compile_is_refused_until_it_is_compiled_again(at_first):
    model = make(AtOnce)
    encoder = model.networks["encoder"]
    encoder.trainable = at_first
    model.compile()
    model.fit(batch(8), batch_size=8, verbose=0)
    encoder.trainable = not at_first
    before = [v.numpy() for v in encoder.variables]
    for door in (lambda: model.fit(batch(8), verbose=0), lambda: model.train_on_batch(batch(8))):
        with refused(ValueError, match=r"`trainable`: expected compile\(\), with"):
            door()
    model.compile()
    model.fit(batch(8), batch_size=8, verbose=0)
    assert same([v.numpy() for v in encoder.variables], before) is at_first


@pytest.mark.parametrize("steps", [0, "auto", 1.5])
def test_steps_per_execution_is_an_int(steps):
    with refused(ValueError, TypeError, match="`steps_per_execution`: expected an int >= 1"):
        make(Bound).compile(steps_per_execution=steps)


def test_weights_in_float16_are_refused_and_losses_want_a_compiled_model():
    with pytest.raises(ValueError, match="`dtype`: expected mixed_float16.* Received: .*'float16'"):
        make(Bound, dtype="float16")
    with pytest.raises(ValueError, match=r"a compiled one: call compile\(\)"):
        make(Bound).losses_of(batch(4))
