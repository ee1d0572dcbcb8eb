"""Methods that are the GAN but for its choices: each is `gan` with these, to the bit.

What the choices do is asked of a discriminator D(x) = w.x + b, whose slope is |w| everywhere.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests.helpers import arrays, assert_same_bits, choose, refused
from tests.methods.gans import FAMILY, make, played, softplus
from tests.methods.tiny import phase
from tests.small import D, batch, gradients, hidden, stack
from zoo.methods.gan import GAN
from zoo.networks.minibatch import MinibatchStddev
from zoo.networks.stack import Stack, dense

CONFORMANCE = {
    "dcgan": {},
    "dragan": {},
    "f_gan": {},
    "gan_gp": {},
    "lsgan": {},
    "unrolled_gan": {"images": {"unrolled_steps": 1}, "vectors": {"unrolled_steps": 1}},
    "wgan": {"images": {"discriminator_steps": 2}, "vectors": {"discriminator_steps": 2}},
    "wgan_gp": {"images": {"discriminator_steps": 2}, "vectors": {"discriminator_steps": 2}},
}


# Losses of D and G of the outputs d at data and m at samples, without the penalty.
BERNOULLI = lambda d, m: softplus(-d) + softplus(m)
LOSSES = {
    "dcgan": (BERNOULLI, lambda d, m: softplus(-m)),
    "dragan": (BERNOULLI, lambda d, m: softplus(-m)),
    "f_gan": (lambda d, m: -d + np.exp(m - 1.0), lambda d, m: -np.exp(m - 1.0)),
    "gan_gp": (BERNOULLI, lambda d, m: softplus(-m)),
    "lsgan": (lambda d, m: (d - 1) ** 2 / 2 + m**2 / 2, lambda d, m: (m - 1) ** 2 / 2),
    "unrolled_gan": (BERNOULLI, lambda d, m: -BERNOULLI(d, m)),  # all of f, of D some steps later
    "wgan": (lambda d, m: m - d, lambda d, m: -m),
    "wgan_gp": (lambda d, m: m - d, lambda d, m: -m),
}
PENALISED = {"dragan", "gan_gp", "wgan_gp"}  # by 10 (|w| - 1)^2
STEPS = {"wgan": 5, "wgan_gp": 5}
UNIFORM = {"dcgan", "dragan"}


def bent(**row):
    """A discriminator with one hidden row."""
    rows = dense(8, activation="tanh", **row), dense(None, activation="linear")
    return Stack(rows, (), init_seed=3, init_stddev=0.5)


def test_the_family_is_what_is_described():
    assert set(FAMILY) == set(LOSSES) == set(CONFORMANCE)


@pytest.mark.parametrize("method", FAMILY)
def test_it_is_gan_with_its_choices(method):
    model = make(method)
    twin = make("gan", **{k: v for k, v in model.hyper_parameters.items() if k in CHOICES})
    assert type(model).train_step is GAN.train_step
    assert_same_bits(arrays(twin), arrays(model))
    one, two = (each.losses_of(batch()) for each in (model, twin))
    assert one.keys() == two.keys() == {"discriminator", "generator"}
    for name, value in one.items():
        np.testing.assert_array_equal(value, two[name], err_msg=name)


CHOICES = set(GAN.HYPER_PARAMETERS) - {"learning_rate"}


@pytest.mark.parametrize("method", FAMILY)
def test_its_losses_are_those_of_its_paper(method):
    model, x = make(method, latent_dim=3, decoder=stack(D, 2, hidden())), batch(12)
    found = played(model, x)
    of_d, of_g = LOSSES[method]
    d, m = x @ found.w + found.b, found.x_p @ found.w + found.b
    penalty = 10 * (np.linalg.norm(found.w) - 1) ** 2 if method in PENALISED else 0.0
    assert not penalty or penalty > 0.1
    np.testing.assert_allclose(
        found.losses["discriminator"], of_d(d, m).mean() + penalty, rtol=1e-4
    )
    if method == "unrolled_gan":
        w, b = unrolled(found.w, found.b, x, found.x_p, steps=5, rate=0.1)
        assert np.linalg.norm(w - found.w) > 0.1
        d, m = x @ w + b, found.x_p @ w + b
    np.testing.assert_allclose(found.losses["generator"], of_g(d, m).mean(), rtol=1e-4)
    assert model.discriminator_steps == STEPS.get(method, 1)
    assert (model.clip_value == 0.01) == (method == "wgan")
    z = model.prior.sample(500, seed=0).numpy()
    assert (np.abs(z).max() <= 1) == (method in UNIFORM)


def unrolled(w, b, x, x_p, steps, rate):
    """Weights of the linear D after steps of Adam on the GAN's loss, its moments from 0."""
    values, m, v = np.append(w, b), 0.0, 0.0
    rows, rows_p = (np.column_stack([each, np.ones(len(each))]) for each in (x, x_p))
    sigmoid = lambda u: 1 / (1 + np.exp(-u))
    for t in range(1, steps + 1):
        g = (-sigmoid(-rows @ values)[:, None] * rows).mean(axis=0)
        g += (sigmoid(rows_p @ values)[:, None] * rows_p).mean(axis=0)
        m, v = 0.5 * m + 0.5 * g, 0.999 * v + 0.001 * g**2
        values = values - rate * (m / (1 - 0.5**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return values[:-1], values[-1]


# --- the choices ----------------------------------------------------------------------------------


def test_penalties_weigh_what_they_say():
    # By |w|: 10 (|w| - 1)^2, 0 or the same one-sided, 10 |w|^2 at data.
    model, x = make(penalty="r1", penalty_weight=2.0), batch(12)
    plain, kernel = played(model, x), model.discriminator.trainable_variables[0]
    for scale in (0.2, 3.0):
        size = scale * np.linalg.norm(plain.w)
        over = max(0.0, size - 1)
        expected = {"two_sided": (size - 1) ** 2, "one_sided": over**2, "r1": size**2}
        expected["dragan"] = expected["two_sided"]
        kernel.assign(scale * plain.w[:, None])
        for penalty, value in {None: 0.0, **expected}.items():
            choose(model, penalty=penalty)
            found = played(model, x)
            base = BERNOULLI(x @ found.w + found.b, found.x_p @ found.w + found.b).mean()
            np.testing.assert_allclose(
                found.losses["discriminator"], base + 2 * value, rtol=1e-4, err_msg=str(penalty)
            )


def test_penalty_points():
    x, x_p = tf.constant(batch(400)), tf.constant(10.0 + batch(400, seed=1))
    for penalty in ("two_sided", "one_sided"):
        model = make(penalty=penalty)
        with phase(model):
            share = (model.penalty_points(x, x_p) - x_p) / (x - x_p)
        np.testing.assert_allclose(share[:, 0], share[:, 1], atol=1e-4)  # one number a row
        assert 0 <= np.min(share) < 0.02 and 0.98 < np.max(share) < 1.001
    model = make(penalty="r1")
    with phase(model):
        np.testing.assert_array_equal(model.penalty_points(x, x_p), x)
    model = make(penalty="dragan")
    with phase(model):
        added = (model.penalty_points(x, x_p) - x).numpy()
    # mix * stddev / 2 * noise, both uniform: its mean is stddev / 8, its bound stddev / 2.
    stddev = np.std(x)
    assert added.min() >= 0 and 0.4 * stddev < added.max() < 0.5 * stddev
    np.testing.assert_allclose(added.mean(), stddev / 8, rtol=0.12)


def test_instance_noise_is_on_all_that_the_discriminator_sees_and_fades():
    x = tf.constant(batch(2000))
    for steps, expected in ((0, 0.5), (40, 0.5 * 0.75)):  # 10 of 40 steps are over
        model = make(instance_noise=0.5, instance_noise_steps=steps)
        model.step.assign(10)
        with phase(model):
            pair = [each.numpy() for each in model.as_seen(x, 2 * x)]
        noises = pair[0] - x.numpy(), pair[1] - 2 * x.numpy()
        for noise in noises:  # 4,000 numbers: the deviation is off by 1.1 %
            np.testing.assert_allclose(noise.std(), expected, rtol=0.045)
            assert abs(noise.mean()) < 4 * expected / np.sqrt(4000)
        assert abs(np.mean(noises[0] * noises[1])) < 4 * expected**2 / np.sqrt(4000)


def test_weights_are_clipped_after_each_of_the_discriminators_updates(monkeypatch):
    model, largest = make("wgan", rate=1.0, clip_value=0.02, discriminator_steps=3), []
    play = model.play

    def spy(*arguments, **options):
        play(*arguments, **options)
        largest.append(max(np.abs(v).max() for v in model.discriminator.get_weights()))

    monkeypatch.setattr(model, "play", spy)
    model.train_step(batch())
    assert largest == [np.float32(0.02)] * 4


def test_feature_matching():
    model, x = make(generator_loss="feature_matching", discriminator=bent()), batch()
    found = played(model, x)
    means = [np.mean(model.discriminator.trace(each)[0], axis=0) for each in (x, found.x_p)]
    expected = np.mean((means[0] - means[1]) ** 2)
    np.testing.assert_allclose(found.losses["generator"], expected, rtol=1e-4)


def test_smoothed_labels():
    x = batch(12)
    found = played(make(label_smoothing=0.2), x)
    d, m = x @ found.w + found.b, found.x_p @ found.w + found.b
    expected = (0.8 * softplus(-d) + 0.2 * softplus(d) + softplus(m)).mean()
    np.testing.assert_allclose(found.losses["discriminator"], expected, rtol=1e-5)


def test_what_a_critic_logs():
    x = batch(12)
    model = make("wgan_gp")
    assert model.phase_logs == ("wasserstein",)
    logs = model.test_step(x)
    found = played(model, x)
    np.testing.assert_allclose(
        logs["wasserstein"], ((x - found.x_p) @ found.w).mean(), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("loss", ["bernoulli", "kl"])
def test_a_generator_that_looks_ahead_smooths_labels_and_sees_data(loss):
    # One step of descent of D on f, by hand; then all of f, or of the samples alone.
    model, x, rate = make("unrolled_gan", unrolled_steps=1, unrolled_update="descent"), batch(), 0.1
    smooth = 0.2 if loss == "bernoulli" else 0.0
    choose(model, discriminator_loss=loss, label_smoothing=smooth)
    found = played(model, x)
    rows, rows_p = (np.column_stack([each, np.ones(len(each))]) for each in (x, found.x_p))
    values, sigmoid = np.append(found.w, found.b), lambda u: 1 / (1 + np.exp(-u))
    d, m = rows @ values, rows_p @ values
    if loss == "bernoulli":
        of_data = lambda d: (1 - smooth) * softplus(-d) + smooth * softplus(d)
        slopes, of_model = (sigmoid(d) - (1 - smooth), sigmoid(m)), softplus
    else:
        of_data, of_model = lambda d: -d, lambda m: np.exp(m - 1)
        slopes = -np.ones(len(d)), np.exp(m - 1)
    values -= rate * (slopes[0] @ rows / len(d) + slopes[1] @ rows_p / len(m))
    after = of_data(rows @ values), of_model(rows_p @ values)
    assert np.abs(after[0].mean()) > 0.1
    expected = -(after[0].mean() + after[1].mean())
    np.testing.assert_allclose(found.losses["generator"], expected, rtol=1e-4)
    choose(model, generator_loss="non_saturating", label_smoothing=0.0)
    if not smooth:  # the labels swapped: what data would cost, of samples alone
        expected = of_data(rows_p @ values).mean()
        np.testing.assert_allclose(played(model, x).losses["generator"], expected, rtol=1e-4)
    found = []
    for training in (False, True):  # in training batch statistics are kept, the weights ahead too
        with phase(model, training):
            found.append(model.generator_phase(tf.constant(x))["generator"])
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_the_gradient_of_the_generator_goes_through_the_updates():
    """Against central differences of its loss along the gradient, in float32: 1 %."""
    model, x = make("unrolled_gan", unrolled_steps=2, rate=0.5), tf.constant(batch())
    moves = gradients(model, model.generator_phase, x)["generator"]
    variables = model.player_variables["generator"]
    norm = np.sqrt(sum((g**2).sum() for g in moves))
    step, values = 1e-2, []
    start = [v.numpy() for v in variables]

    def loss():
        return gradients_loss(model, x)

    for sign in (1, -1):
        for variable, value, g in zip(variables, start, moves, strict=True):
            variable.assign(value + sign * step * g / norm)
        values.append(loss())
    np.testing.assert_allclose((values[0] - values[1]) / (2 * step), norm, rtol=1e-2)
    for variable, value in zip(variables, start, strict=True):
        variable.assign(value)
    choose(model, unrolled_steps=0)
    others = gradients(model, model.generator_phase, x)["generator"]
    assert max(np.abs(a - b).max() for a, b in zip(moves, others, strict=True)) > 1e-3


def gradients_loss(model, x):
    """The generator's loss on the noise of `gradients`."""
    from zoo import seeds
    from zoo.model.game import Phase, entered

    context = Phase(seeds.fold(model.seed, "play", model.play_counter.value), training=True)
    with entered(context):
        return float(tf.reduce_mean(model.generator_phase(x)["generator"]))


# --- combinations ---------------------------------------------------------------------------------


def test_every_combination_is_allowed_or_refused_by_a_rule():
    model, fields = make(discriminator=bent()), GAN.HYPER_PARAMETERS
    losses = fields["discriminator_loss"].choices
    labels = {"bernoulli", "brier", "exponential", "hinge", "spherical", "least_squares"}
    for loss in losses:
        choose(model, discriminator_loss=loss)
        for generator_loss in fields["generator_loss"].choices:
            choose(model, generator_loss=generator_loss)
            needs_ratio = model.generator_loss not in (
                "minimax",
                "non_saturating",
                "feature_matching",
            )
            has_none = model.discriminator_loss in {"hinge", "total_variation", "wasserstein"}
            check(model, "generator_loss", needs_ratio and has_none)
        choose(model, generator_loss="minimax", label_smoothing=0.1)
        check(model, "label_smoothing", model.discriminator_loss not in labels)
        choose(model, label_smoothing=0.0)


def check(model, argument, refuses):
    """The choices of a model are refused for this argument, or allowed."""
    if refuses:
        with refused(ValueError, match=f"`{argument}`"):
            model.check_choices()
    else:
        model.check_choices()


def test_combinations_run():
    model, x, fields = make(discriminator=bent()), batch(6), GAN.HYPER_PARAMETERS
    choices = [{"discriminator_loss": d} for d in fields["discriminator_loss"].choices]
    choices += [
        {"penalty": p, "unrolled_steps": 2, "unrolled_update": u, "instance_noise": 0.1}
        for p, u in (("two_sided", "adam"), ("dragan", "adam"), ("r1", "descent"))
    ]
    for options in choices:
        choose(model, **options)
        critic = options.get("discriminator_loss") == "wasserstein"
        if critic:
            model.compile()  # it logs by another name
        values = [float(tf.reduce_mean(v)) for v in model.losses_of(x).values()]
        assert np.isfinite(values).all(), options
        if "discriminator_loss" not in options:
            moves = gradients(model, model.generator_phase, tf.constant(x))["generator"]
            assert all(np.isfinite(g).all() for g in moves), options
        choose(model, **{name: fields[name].default for name in options})
        if critic:
            model.compile()


def test_what_does_not_go_together_is_refused():
    cases = [
        ("targets", {"targets": (0.0, 1.0)}, {}),
        ("targets", {"targets": (1.0, 1.0, 0.0)}, {}),
        ("penalty", {"penalty": "r1"}, {"norm": True}),
        ("penalty", {"penalty": "two_sided"}, {"minibatch_stddev": True}),
        ("unrolled_steps", {"unrolled_steps": 1}, {"norm": True}),
        ("unrolled_steps", {"unrolled_steps": 1}, {"noise": 0.1}),
        ("unrolled_steps", {"unrolled_steps": 1}, {"spectral": True}),
    ]
    for argument, options, row in cases:
        with refused(ValueError, match=f"`{argument}`"):
            make(discriminator=bent(**row), **options)


def test_penalties_go_with_spectral_normalisation_and_own_networks():
    make("gan_gp", discriminator=bent(spectral=True)).losses_of(batch())
    own = keras.Sequential([keras.layers.Dense(4), MinibatchStddev(), keras.layers.Dense(1)])
    with refused(ValueError, match="`penalty`"):
        make("gan_gp", discriminator=own)


@pytest.mark.every
def test_all_choices_at_once_in_a_graph_of_bfloat16():
    rows = dense(8, activation="tanh"), dense(None, activation="linear")
    model = zoo.create(
        "gan",
        image_shape=(D,),
        latent_dim=D,
        dtype="mixed_bfloat16",
        decoder=Stack(rows, (D,), dtype="mixed_bfloat16"),
        discriminator=Stack(rows, (), dtype="mixed_bfloat16"),
        penalty="dragan",
        unrolled_steps=1,
        clip_value=0.5,
        instance_noise=0.1,
        instance_noise_steps=10,
        prior_family="uniform",
        generator_loss="kl",
        lr_schedule="linear",
        decay_steps=10,
    )
    model.compile()
    before = arrays(model)
    logs = tf.function(model.train_step)(batch())
    assert all(np.isfinite(value) for value in logs.values())
    after = arrays(model)
    for path in before:
        assert before[path].dtype in (np.float32, np.int64)
    for role in model.networks:
        assert any((before[p] != after[p]).any() for p in before if f"networks/{role}" in p)
