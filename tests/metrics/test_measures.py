"""What a figure is of: masses or densities, means or draws; its error, and its baseline."""

import contextlib
import math

import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sklearn_metrics

import zoo
from tests.helpers import refused
from tests.metrics.toys import LABELLED, Data, Grey, Linear
from zoo import distributions, metrics
from zoo.metrics import ais, clustering, critic, latents, likelihood, measure, simulation, subject

# --- errors ---------------------------------------------------------------------------------------


def test_the_jackknife_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(0).normal(size=30)
    value, error = measure.jackknifed(np.mean, values, groups=30)
    assert value == pytest.approx(values.mean())
    assert error == pytest.approx(values.std(ddof=1) / math.sqrt(30), rel=1e-9)
    assert measure.jackknifed(np.mean, values[:1])[1] is None


@pytest.mark.parametrize(
    "measured",
    [
        lambda r: latents.code_normality(r.normal(size=(400, 2)))["code_kurtosis"],
        lambda r: latents.latent_moments(r.normal(size=(400, 1)))["latent_min_std"],
        lambda r: clustering.nmi(*clusters(r)),
        lambda r: clustering.ari(*clusters(r)),
    ],
)
def test_errors_are_the_spread_over_data_sets(measured):
    random = np.random.default_rng(1)
    found = [measured(random) for _ in range(50)]
    spread = np.std([each.value for each in found], ddof=1)  # known to 1 / sqrt(100) = 10 %
    assert np.mean([m.standard_error for m in found]) == pytest.approx(spread, rel=0.35)


def clusters(random, n=400):
    """(q(y|x), y) of three clusters that are right for 80 of 100 examples."""
    y = random.integers(0, 3, n)
    return np.eye(3)[np.where(random.uniform(size=n) < 0.8, y, random.integers(0, 3, n))], y


def test_agreement_is_scikit_learns():
    q, y = clusters(np.random.default_rng(2))
    expected = sklearn_metrics.normalized_mutual_info_score(y, q.argmax(axis=1))
    assert clustering.nmi(q, y).value == pytest.approx(expected)


# --- masses and densities, and the baseline -------------------------------------------------------


def test_independent_pixels_by_hand():
    # Three examples of two pixels, two levels: counts (2, 1) and (0, 3); of all pixels 2 and 4.
    # s = (2.5 / 7, 4.5 / 7); p_1 = (2 + s_0, 1 + s_1) / 4, p_2 = (s_0, 3 + s_1) / 4.
    x = np.array([[0, 1], [0, 1], [1, 1]], np.float32)
    counts = likelihood.level_counts([x[:2], x[2:]], 2)
    np.testing.assert_array_equal(counts, [[2, 1], [0, 3]])
    log_p = likelihood.pixel_log_probs(counts)
    expected = np.array([[2 + 2.5 / 7, 1 + 4.5 / 7], [2.5 / 7, 3 + 4.5 / 7]]) / 4
    np.testing.assert_allclose(np.exp(log_p), expected, rtol=1e-12)
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1.0, rtol=1e-12)
    found = likelihood.independent_pixels(np.array([[1.0, 0.0]]), log_p)
    np.testing.assert_allclose(found, math.log(expected[0, 1] * expected[1, 0]), rtol=1e-12)


def test_independent_pixels_reach_the_entropy_of_pixels_that_are_independent():
    # 17 of 256 levels, evenly: ln 17 a pixel. A histogram of n examples costs 16 / (2 n) more.
    random = np.random.default_rng(0)
    train, test = (random.integers(0, 17, (n, 3, 2)) / 16.0 for n in (20_000, 2_000))
    log_p = likelihood.pixel_log_probs(likelihood.level_counts([train], 256))
    found = likelihood.independent_pixels(test, log_p)
    assert -found.mean() == pytest.approx(6 * (math.log(17) + 16 / 40_000), abs=0.01)
    unseen = likelihood.independent_pixels(np.full([1, 3, 2], 0.5 + 2 / 255), log_p)
    assert np.isfinite(unseen).all() and unseen[0] < -6 * 20


def test_the_baseline_is_measured_beside_a_mass_and_not_beside_a_density():
    rows = {"x": np.random.default_rng(0).integers(0, 2, (40, 4, 4, 1)).astype(np.float32)}
    binary, grey = (Data(binary=b, train=rows, test=rows) for b in (True, False))
    names = ["nll", "nll_independent_pixels"]
    model = Grey(log_prob=lambda x, **given: np.zeros(len(x)))
    found = metrics.evaluate(model, binary, metrics=names)
    # Fair coins: about 16 ln 2 nats, less what a histogram of 40 examples learns of their noise.
    assert found[names[1]]["value"] == pytest.approx(16 * math.log(2), rel=0.06)
    assert "2 levels" in found[names[1]]["protocol"]
    assert "p(x) a probability mass" in found["nll"]["protocol"]
    bits = ["bits_per_dim", "bits_per_dim_independent_pixels"]
    assert set(bits) <= set(metrics.applicable(model, grey))
    assert not set(bits) & set(metrics.applicable(model, binary))
    dense = Grey(decode=Linear().decode, log_prob=model.log_prob)
    assert not {*bits, names[1]} & set(metrics.applicable(dense, grey))
    protocol = metrics.evaluate(dense, grey, metrics=["nll", "elbo"])
    assert all("a density of pixels in [0, 1]" in p["protocol"] for p in protocol.values())
    protocol = metrics.evaluate(Linear(), LABELLED, metrics=["nll"])["nll"]["protocol"]
    assert "p(x) a density, " in protocol


def test_a_mass_of_bits_sums_to_one_and_a_density_does_not():
    """What bits need: the sum over all 256 levels of exp(log p) is at most 1."""
    levels = np.arange(256, dtype=np.float32).reshape(-1, 1, 1, 1) / 255
    for output, mass in (("discretised_logistic", True), ("normal", False)):
        options = {"image_shape": (1, 1, 1), "latent_dim": 2, "decoder_output": output}
        model = zoo.create("vae", **options)
        p = model.decode(np.zeros((1, 2), np.float32))
        total = float(tf.reduce_sum(tf.exp(p.log_prob(levels))))
        assert (total == pytest.approx(1.0, abs=1e-3)) == mass
        names = metrics.applicable(model, Data(test={"x": levels}))
        assert ("bits_per_dim" in names) == mass


@pytest.mark.parametrize("output", ["categorical", "logistic_mixture"])
def test_seventeen_levels_of_grey_sum_to_one_and_others_are_refused(output):
    options = {"pixel_layers": 1, "pixel_maps": 4, "grey_levels": 17, "decoder_output": output}
    model = zoo.create("pixel_cnn", image_shape=(1, 1, 1), **options)
    levels = np.arange(17, dtype=np.float32).reshape(-1, 1, 1, 1) / 16
    assert np.exp(model.log_prob(levels)).sum() == pytest.approx(1.0, abs=1e-4)
    model.adapt(levels)
    model.adapt(np.round(levels * 255) / 255)  # as 8-bit images hold them
    with refused(ValueError, match="`grey_levels`: expected as many.*Received: grey_levels=17"):
        model.adapt(levels + 1 / 32)


# --- draws and means ------------------------------------------------------------------------------


class Means(Linear):
    """As `Linear`; its verb `sample` shows means of p(x|z), which vary half as much as x."""

    def sample(self, n, y=None, seed=None):
        rows = zoo.seeds.row_seeds(n, seed)
        return self.decode(distributions.sample_rows(self.prior, rows, "z")).mean()


def test_samples_are_draws_of_p_of_x_where_it_is_a_likelihood():
    toy = Data(3, modes=np.zeros((1, 2)), **LABELLED.splits)
    toy.mode_stddev = 1.0
    names = ["high_quality_share", "modes_covered"]
    found = metrics.evaluate(Means(), toy, metrics=names)
    # |x|^2 / 2 of x ~ N(0, 2 I) is exponential of mean 2: a share 1 - exp(-9 / 4) within 3; of the
    # means, N(0, I), it would be 1 - exp(-9 / 2) = 0.989.
    share = found["high_quality_share"]
    assert share["value"] == pytest.approx(1 - math.exp(-9 / 4), abs=4 * share["standard_error"])
    assert all("samples: draws of p(x|z); floor: " in each["protocol"] for each in found.values())
    s = subject.Subject(Means(), toy)
    np.testing.assert_allclose(simulation.simulate(Means(), 5)[1], s.means(5), rtol=1e-6)
    dull = Means(decode=lambda z, y=None: distributions.bernoulli(z))
    assert subject.Subject(dull, toy).samples_are == "means of p(x|z)"
    point = Means(decode=lambda z, y=None: distributions.deterministic(z))
    assert subject.Subject(point, toy).samples_are == "what the generator makes"


def test_reconstructions_say_what_they_are():
    found = subject.Subject(Linear(), LABELLED)
    assert found.reconstructions_are == "x_hat is the mean of p(x|z) at the mean of q(z|x)"
    assert subject.Subject(Noisy(), LABELLED).reconstructions_are.endswith("at a draw of q(z|x)")


class Noisy(Linear):
    """q(z|x) = N(x / 2, 9 I), known by its draws alone."""

    def encode(self, x, y=None, level=1):
        x = tf.convert_to_tensor(x)
        return distributions.Implicit(lambda noise: x / 2.0 + 3.0 * noise, 2, len(x), (2,))


def test_codes_without_a_mean_are_averages_of_draws_and_have_no_active_units():
    s = subject.Subject(Noisy(), LABELLED)
    x, codes = LABELLED.arrays("test")["x"], s.codes("test")["mean"]
    # The same noises for every x: what is left of them is one shift, of standard error 3 / 16.
    shift = codes - x / 2
    np.testing.assert_allclose(shift, np.repeat(shift[:1], len(x), axis=0), atol=1e-5)
    assert np.abs(shift).max() < 4 * 3 / 16
    names = metrics.applicable(Noisy(), LABELLED)
    assert "active_units" not in names and "active_units" in metrics.applicable(Linear(), LABELLED)
    found = metrics.evaluate(Noisy(), LABELLED, metrics=["one_nn_accuracy"])["one_nn_accuracy"]
    assert found["value"] == 1.0 and "means of 256 draws of q(z|x)" in found["protocol"]
    assert "same noise" in found["protocol"]


# --- hidden layers --------------------------------------------------------------------------------


def test_hidden_layers_are_without_the_output_and_those_of_every_encoder():
    x = np.random.default_rng(0).uniform(size=(3, 8, 8, 1)).astype(np.float32)
    model = zoo.create("ali", image_shape=(8, 8, 1), latent_dim=4, network="ali_digits")
    layers = model.features(x)
    with model.inference():
        *hidden, outputs = model.trace("encoder", tf.constant(x))
    assert list(layers) == [f"row_{i}" for i in range(len(hidden))]
    assert outputs.shape[-1] == 8  # loc and log scale of four dimensions
    features = subject.Subject(model, Data(2, test={"x": x})).features("test")["mean"]
    last = [np.reshape(layer, (3, -1)) for layer in hidden[-3:]]
    expected = np.concatenate([*last, model.encode(x).mean()], axis=1)
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-6)


def test_the_last_layers_of_each_encoder():
    names = ["row_0", "row_1", "row_2", "row_3", "level_2_row_0", "level_3_row_0", "level_3_row_1"]
    assert subject.last_layers({name: name for name in names}, 2) == [*names[2:4], *names[4:]]


def test_neighbours_in_the_last_hidden_layer():
    model = Linear(features=lambda x, y=None: {"row_0": 0 * x, "row_1": x})
    names = ["one_nn_accuracy_hidden"]
    found = metrics.evaluate(model, LABELLED, metrics=names)["one_nn_accuracy_hidden"]
    assert found["value"] == 1.0 and found["protocol"].endswith("the encoder's last hidden layer")
    assert names[0] not in metrics.applicable(Linear(has_features=False), LABELLED)


# --- chains and critics that must not learn from what they measure --------------------------------


class Averaged(Linear):
    """A prior with a network whose weights, outside of `inference`, are not those of the verbs.

    z ~ N(0, I) inside, shifted by 5 outside; x = z + N(0, I).
    """

    inside = False

    @contextlib.contextmanager
    def inference(self):
        before, self.inside = self.inside, True
        yield
        self.inside = before

    @property
    def prior(self):
        shift = lambda: 0.0 if self.inside else 5.0
        network = lambda z: tf.stack([tf.zeros_like(z) + shift(), tf.zeros_like(z)], axis=-1)
        return distributions.autoregressive_flow([network], 2)

    def log_joint_rows(self, x, z, y=None):
        with self.inference():
            return self.prior.log_prob(z) + self.decode(z).log_prob(x)


def test_chains_ask_the_weights_that_the_verbs_use_and_keep_the_steps_of_the_pilots(monkeypatch):
    seen, anneal = {}, ais._anneal

    def spy(path, z, betas, seed, place, step_sizes=None):
        found = anneal(path, z, betas, seed, place, step_sizes)
        seen[place] = step_sizes, found[1], path.chains
        return found

    monkeypatch.setattr(ais, "_anneal", spy)
    model = Averaged()
    x, z = ais.simulate(model, 400)
    assert np.abs(np.mean(z, axis=0)).max() < 4 / math.sqrt(400)
    lower, upper = ais.bounds(model, x[:40], z[:40], chains=8, steps=8, start="prior")
    truth = -np.log(4 * math.pi) - np.square(x[:40]).sum(axis=1) / 4  # log N(x; 0, 2 I)
    for bound in (lower, upper):
        error = bound - truth
        assert abs(error.mean()) < 0.15 + 4 * error.std(ddof=1) / math.sqrt(len(error))
    # Chains that adapt as they are measured are no bound.
    assert {place: given is None for place, (given, *_) in seen.items()} == {
        "pilots": True, "forward": False, "backward": False,
    }  # fmt: skip
    adapted = seen["pilots"][1]
    assert seen["forward"][0] is adapted
    assert [chains for *_, chains in seen.values()] == [ais.PILOTS, 8, 8]


def test_the_critic_is_measured_on_samples_that_it_did_not_learn_from(monkeypatch):
    monkeypatch.setattr(critic, "STEPS", 2)
    monkeypatch.setattr(critic, "SAMPLES", 100)
    drawn = []

    def sample(n, seed):
        drawn.append(np.random.default_rng(seed).normal(size=(100, 2))[:n].astype(np.float32))
        return drawn[-1]

    data = np.random.default_rng(9).normal(size=(60, 2))
    critic.wasserstein_critic(sample, data, data, seed=4)
    learned, measured = drawn
    assert len(learned) == 100 and len(measured) == 30
    assert not {row.tobytes() for row in learned} & {row.tobytes() for row in measured}
