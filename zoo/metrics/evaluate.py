"""Every metric that a model's capabilities and its data allow, each beside its protocol."""

import functools
from typing import NamedTuple

import numpy as np

from zoo import checks, seeds
from zoo.errors import refusal, unknown
from zoo.metrics import latents, likelihood, modes, neighbours, reconstruction, svm
from zoo.metrics.measure import Measure

BATCH = 500  # examples a call of `encode`
HIDDEN_LAYERS = 3  # of the encoder, beside the code, in ALI's features
SVM_POOL = 20_000  # rows that labelled draws come from: wide features of all of train need not fit
LABELS_PER_CLASS = 100  # ALI's protocol; fewer where a class is smaller


def evaluate(
    model,
    dataset,
    *,
    split="test",
    seed=0,
    limit=None,
    progress=None,
    iwae_samples=100,
    select=None,
    svm_features="codes",
    svm_repeats=100,
):
    """Measures a model on a data set.

    Args:
        model: a `GenerativeModel`.
        dataset: a `zoo.data.Dataset` of the model's image shape.
        split: what is measured; classifiers of codes are always trained on "train".
        seed: of samples, draws, pairings and labelled subsets.
        limit: the first rows of each split only; None takes all.
        progress: callable `(name, index, count)`, called before each metric.
        iwae_samples: importance samples of `nll` where `log_prob` is a lower bound.
        select: names of the metrics to compute; None takes all that apply.
        svm_features: "codes", or "hidden": codes and the encoder's last three hidden layers, as
            ALI.
        svm_repeats: labelled draws of `svm_error`.

    Returns:
        {metric: {"value", "n", "split", "seed", "protocol"[, "std"][, "standard_error"]}}, for
        JSON; the split of metrics of samples is "samples".

    Raises:
        ValueError: an unknown metric, one that does not fit the model or its data, data of another
            shape.
    """
    if tuple(dataset.image_shape) != tuple(model.image_shape):
        expected = f"data of the model's image shape {tuple(model.image_shape)}"
        raise ValueError(refusal("dataset.image_shape", expected, tuple(dataset.image_shape)))
    if svm_features not in ("codes", "hidden"):
        raise unknown("svm_features", svm_features, ("codes", "hidden"))
    counts = {"iwae_samples": iwae_samples, "svm_repeats": svm_repeats, "limit": limit}
    for argument, value in counts.items():
        if value is not None:
            checks.count(value, argument)
    subject = _Subject(model, dataset, split, seed, limit, iwae_samples, svm_features, svm_repeats)
    measured = {}
    names = _chosen(subject, select)
    for index, name in enumerate(names):
        if progress is not None:
            progress(name, index, len(names))
        entry = METRICS[name].measure(subject).as_dict()
        source = "samples" if name in OF_SAMPLES else split
        measured[name] = {**entry, "split": source, "seed": seed}
    return measured


def applicable(model, dataset):
    """Names of the metrics that fit a model and a data set, in the order of `METRICS`."""
    return [name for name, metric in METRICS.items() if metric.applies(model, dataset)]


def _chosen(subject, select):
    fitting = applicable(subject.model, subject.dataset)
    if select is None:
        return fitting
    for name in select:
        if name not in METRICS:
            raise unknown("select", name, METRICS)
        if name not in fitting:
            expected = "metrics that fit the model and its data, " + ", ".join(fitting)
            raise ValueError(refusal("select", expected, name))
    return [name for name in fitting if name in select]


class _Subject:
    """A model and its data, with what several metrics need, computed once and only when needed."""

    def __init__(self, model, dataset, split, seed, limit, iwae_samples, svm_features, svm_repeats):
        self.model, self.dataset = model, dataset
        self.split, self.seed, self.limit = split, seed, limit
        self.iwae_samples, self.svm_features = iwae_samples, svm_features
        self.svm_repeats = svm_repeats

    @functools.cached_property
    def arrays(self):
        return self.dataset.arrays(self.split, self.limit)

    @property
    def x(self):
        return self.arrays["x"]

    @property
    def y(self):
        return self.arrays["y"]

    @property
    def condition(self):
        """Labels for the verbs: None unless the model is conditional."""
        return self.y if self.model.conditional else None

    @functools.cached_property
    def reconstructions(self):
        return np.asarray(self.model.reconstruct(self.x, y=self.condition, seed=self.seed))

    @functools.cached_property
    def codes(self):
        """{"mean": E[z|x], "draw": z ~ q(z|x), "y": labels or None} of the split."""
        return self._encoded(self.split)

    @functools.cached_property
    def train_codes(self):
        return self._encoded("train")

    def _encoded(self, split, hidden=False):
        """Codes of a split batch by batch, so that its images need not fit into memory at once."""
        parts = []
        for batch in self._batches(split):
            y = batch.get("y")
            q = self.model.encode(batch["x"], y=y if self.model.conditional else None)
            part = {
                "mean": q.mean(),
                "draw": q.sample(seed=seeds.fold(self.seed, split, len(parts))),
            }
            if hidden:
                layers = list(self.model.features(batch["x"]).values())[-HIDDEN_LAYERS:]
                part["mean"] = np.concatenate([_flat(v) for v in (*layers, part["mean"])], axis=1)
            parts.append({**part, "y": y} if y is not None else part)
        return {key: np.concatenate([np.asarray(p[key]) for p in parts]) for key in parts[0]}

    def _batches(self, split):
        left = self.dataset.size(split) if self.limit is None else self.limit
        for batch in self.dataset.batches(split, min(BATCH, left)):
            if left <= 0:
                return
            yield {key: np.asarray(value)[:left] for key, value in batch.items()}
            left -= len(batch["x"])

    @functools.cached_property
    def moments(self):
        return latents.latent_moments(self.codes["draw"])

    def samples(self, n):
        return np.asarray(self.model.sample(n, seed=self.seed))

    @functools.cached_property
    def log_probs(self):
        """[N] nats: exact, or the tighter bound."""
        return likelihood.log_prob(
            self.model, self.x, self.condition, samples=self.bound or 1, seed=self.seed
        )

    @property
    def bound(self):
        """Importance samples of `log_probs`, None if they are exact."""
        return None if self.model.density == "exact" else self.iwae_samples

    def neighbours(self, k):
        train, test = self.train_codes, self.codes
        return neighbours.k_nn_accuracy(train["mean"], train["y"], test["mean"], test["y"], k)


def _flat(layer):
    return np.asarray(layer, np.float32).reshape(len(layer), -1)


# --- what each metric computes ----------------------------------------------------------------


def _modes_covered(s):
    return modes.modes_covered(s.samples(modes.COVERED_SAMPLES), s.dataset.modes)


def _modes_high_quality(s):
    samples = s.samples(modes.QUALITY_SAMPLES)
    return modes.modes_high_quality(samples, s.dataset.modes, s.dataset.mode_stddev)


def _high_quality_share(s):
    samples = s.samples(modes.QUALITY_SAMPLES)
    return modes.high_quality_share(samples, s.dataset.modes, s.dataset.mode_stddev)


def _svm_error(s):
    """ALI's protocol; the validation rows are the last ones of train, as there."""
    hidden = s.svm_features == "hidden"
    train = s._encoded("train", hidden) if hidden else s.train_codes
    test = s._encoded(s.split, hidden) if hidden else s.codes
    held_out = _validation_rows(s)
    pool = slice(0, min(SVM_POOL, len(train["y"]) - held_out))
    smallest = int(np.unique(train["y"][pool], return_counts=True)[1].min())
    measure = svm.l2_svm_error(
        (train["mean"][pool], train["y"][pool]),
        (train["mean"][-held_out:], train["y"][-held_out:]),
        (test["mean"], test["y"]),
        labels_per_class=min(LABELS_PER_CLASS, smallest),
        repeats=s.svm_repeats,
        seed=s.seed,
    )
    what = "codes and last hidden layers of the encoder" if hidden else "posterior means"
    return measure._replace(protocol=f"{measure.protocol}; features: {what}")


def _validation_rows(s):
    """Rows at the end of train to choose C on: as many as the data's validation split has."""
    rows = s.dataset.size("train") if s.limit is None else min(s.limit, s.dataset.size("train"))
    if s.limit is None and "validation" in s.dataset.splits:
        return min(s.dataset.size("validation"), rows // 2)
    return max(1, rows // 6)


def _classification_error(s):
    wrong = np.argmax(np.asarray(s.model.classify(s.x)), axis=1) != s.y
    return Measure(
        float(wrong.mean()), len(wrong), "share of examples whose largest logit is wrong"
    )


def _elbo(s):
    return likelihood.elbo(likelihood.log_prob(s.model, s.x, s.condition, seed=s.seed))


# --- which metrics fit ------------------------------------------------------------------------


def _can(*verbs):
    return lambda model, dataset: model.capabilities.issuperset(verbs)


def _on_modes(model, dataset):
    return "sample" in model.capabilities and dataset.modes is not None and not model.conditional


def _on_labelled_codes(model, dataset):
    # The labels of a toy mixture are its modes, which its own metrics are about; and the codes of
    # a conditional encoder were given the label.
    labelled = dataset.num_classes is not None and dataset.modes is None
    return "encode" in model.capabilities and labelled and not model.conditional


def _classifies(model, dataset):
    return "classify" in model.capabilities and dataset.num_classes is not None


def _has_likelihood(model, dataset):
    """Whether `log_prob` is one: a Bernoulli likelihood of grey pixels or real vectors is none."""
    has = "log_prob" in model.capabilities and model.density is not None
    return has and model.proper_likelihood(dataset.binary)


def _has_bound(model, dataset):
    return _has_likelihood(model, dataset) and model.density == "lower_bound"


def _has_bits(model, dataset):
    images = len(dataset.image_shape) == 3 and not dataset.binary
    return images and _has_likelihood(model, dataset)


class _Metric(NamedTuple):
    applies: callable  # (model, dataset) -> bool
    measure: callable  # (subject) -> Measure


def _moment(name):
    return _Metric(_can("encode"), lambda s: s.moments[name])


METRICS = {
    "modes_covered": _Metric(_on_modes, _modes_covered),
    "modes_high_quality": _Metric(_on_modes, _modes_high_quality),
    "high_quality_share": _Metric(_on_modes, _high_quality_share),
    "reconstruction_mse": _Metric(
        _can("reconstruct"), lambda s: reconstruction.reconstruction_mse(s.x, s.reconstructions)
    ),
    "reconstruction_ratio": _Metric(
        _can("reconstruct"),
        lambda s: reconstruction.reconstruction_ratio(s.x, s.reconstructions, s.seed),
    ),
    "one_nn_accuracy": _Metric(_on_labelled_codes, lambda s: s.neighbours(1)),
    "five_nn_accuracy": _Metric(_on_labelled_codes, lambda s: s.neighbours(5)),
    "svm_error": _Metric(_on_labelled_codes, _svm_error),
    "classification_error": _Metric(_classifies, _classification_error),
    "elbo": _Metric(_has_bound, _elbo),
    "nll": _Metric(_has_likelihood, lambda s: likelihood.nll(s.log_probs, s.bound)),
    "bits_per_dim": _Metric(
        _has_bits,
        lambda s: likelihood.bits_per_dim(s.log_probs, int(np.prod(s.x.shape[1:])), s.bound),
    ),
    "active_units": _Metric(_can("encode"), lambda s: latents.active_units(s.codes["mean"])),
    "latent_mean_norm": _moment("latent_mean_norm"),
    "latent_max_abs_mean": _moment("latent_max_abs_mean"),
    "latent_min_std": _moment("latent_min_std"),
    "latent_max_std": _moment("latent_max_std"),
}
OF_SAMPLES = ("modes_covered", "modes_high_quality", "high_quality_share")
