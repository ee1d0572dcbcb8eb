"""Every metric that a model's capabilities and its data allow, each beside its protocol."""

import functools
from typing import NamedTuple

import numpy as np

from zoo import checks, distributions
from zoo.errors import refusal, unknown
from zoo.metrics import (
    ais,
    ask,
    classifier,
    clustering,
    latents,
    likelihood,
    modes,
    parzen,
    reconstruction,
    svm,
)
from zoo.metrics.measure import Measure
from zoo.metrics.subject import Subject

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
    metrics=None,
    svm_features="codes",
    svm_repeats=100,
    ais_chains=ais.CHAINS,
    ais_steps=ais.STEPS,
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
        metrics: names of the metrics to compute; None takes all that apply but the slow ones, which
            are measured only when they are asked for: `ais`, `ais_gap`, `parzen`,
            `wasserstein_critic`, and likelihoods of train data. Those of reconstructions from a
            level above 1 end in `_level_<l>`.
        svm_features: "codes", or "hidden": the codes of all levels and the encoder's last three
            hidden layers, as ALI.
        svm_repeats: labelled draws of `svm_error`.
        ais_chains: of `ais` and `ais_gap`, for each of their first 100 examples at most.
        ais_steps: T of these chains, >= 2.

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
    counts = {
        "iwae_samples": iwae_samples,
        "svm_repeats": svm_repeats,
        "limit": limit,
        "ais_chains": ais_chains,
        "ais_steps": ais_steps,
    }
    for argument, value in counts.items():
        if value is not None:
            checks.whole(value, argument)
    chosen = _chosen(model, dataset, metrics)
    subject = Subject(
        model,
        dataset,
        split,
        seed,
        limit,
        iwae_samples,
        svm_features,
        svm_repeats,
        ais_chains,
        ais_steps,
    )
    measured = {}
    for index, (name, metric) in enumerate(chosen.items()):
        if progress is not None:
            progress(name, index, len(chosen))
        entry = metric.measure(subject).as_dict()
        source = "samples" if name in OF_SAMPLES else split
        measured[name] = {**entry, "split": source, "seed": seed}
    return measured


def applicable(model, dataset):
    """Names of the metrics that fit a model and a data set, in the order of `METRICS`."""
    return list(_fitting(model, dataset))


def _fitting(model, dataset):
    every = _metrics_of(model)
    return {name: metric for name, metric in every.items() if metric.applies(model, dataset)}


def _metrics_of(model):
    """{name: metric}: `METRICS`, those of reconstructions once more for each level above 1."""
    found = {}
    for name, metric in METRICS.items():
        found[name] = metric
        for level in range(2, model.levels + 1) if metric.levelled else ():
            measure = functools.partial(metric.measure, level=level)
            found[f"{name}_level_{level}"] = metric._replace(measure=measure)
    return found


def _chosen(model, dataset, metrics):
    fitting = _fitting(model, dataset)
    if metrics is None:
        return {name: metric for name, metric in fitting.items() if not metric.only_asked}
    for name in metrics:
        if name not in _metrics_of(model):
            raise unknown("metrics", name, _metrics_of(model))
        if name not in fitting:
            expected = "metrics that fit the model and its data, " + ", ".join(fitting)
            raise ValueError(refusal("metrics", expected, name))
    return {name: metric for name, metric in fitting.items() if name in metrics}


# --- what each metric computes ----------------------------------------------------------------


def _modes_covered(s):
    return modes.modes_covered(s.samples(modes.COVERED_SAMPLES), s.dataset.modes)


def _modes_high_quality(s):
    samples = s.samples(modes.QUALITY_SAMPLES)
    return modes.modes_high_quality(samples, s.dataset.modes, s.dataset.mode_stddev)


def _high_quality_share(s):
    samples = s.samples(modes.QUALITY_SAMPLES)
    return modes.high_quality_share(samples, s.dataset.modes, s.dataset.mode_stddev)


def _of_level(measure):
    """`measure(subject, x_hat)` as a function of a subject and the level of the reconstruction."""

    def measured(s, level=1):
        found = measure(s, s.reconstructions(level))
        if level == 1:
            return found
        return found._replace(protocol=f"{found.protocol}; reconstructed from level {level}")

    return measured


def _svm_error(s):
    """ALI's protocol; the validation rows are the last ones of train, as there."""
    hidden = s.svm_features == "hidden"
    read = s.features if hidden else s.codes
    train, test = read("train"), read(s.split)
    held_out = s.held_out_rows
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
    what = "posterior means"
    if hidden:
        codes = "codes" if s.model.levels == 1 else "codes of every level"
        what = f"{codes} and last hidden layers of the encoder"
    return measure._replace(protocol=f"{measure.protocol}; features: {what}")


def _clustering_error(s):
    naming, found = s.held_out(s.clusters), s.clusters(s.split)
    return clustering.clustering_error(
        naming["probabilities"], naming["y"], found["probabilities"], found["y"]
    )


def _of_clusters(measure):
    """`measure(probabilities, y)` as a function of a subject."""
    return lambda s: measure(*(s.clusters(s.split)[name] for name in ("probabilities", "y")))


def _parzen(s):
    held_out = s.held_out(lambda split: s.dataset.arrays(split, s.limit))
    validation = held_out["x"][: parzen.VALIDATION_ROWS]
    return parzen.parzen(s.samples(parzen.SAMPLES), validation, s.x)


def _classification_error(s):
    wrong = np.argmax(np.asarray(s.model.classify(s.x)), axis=1) != s.y
    return Measure(
        float(wrong.mean()), len(wrong), "share of examples whose largest logit is wrong"
    )


def _elbo(s):
    return likelihood.elbo(s.log_prob())


def _nll(s, train=False):
    return _of(likelihood.nll(s.log_probs(train), **s.likelihood), train)


def _bits_per_dim(s, train=False):
    dimensions = int(np.prod(s.x.shape[1:]))
    found = likelihood.bits_per_dim(s.log_probs(train), dimensions, **s.likelihood)
    return _of(found, train)


def _of(found, train):
    if not train:
        return found
    return found._replace(protocol=f"{found.protocol}; the first examples of the train split")


def _ais(s):
    return ais.ais(s.model, *s.some(ais.EXAMPLES), **s.ais)


def _ais_gap(s):
    x, y = s.some(ais.EXAMPLES)
    return ais.ais_gap(s.model, len(x), y, **s.ais)


def _of_posteriors(measure):
    """`measure(loc, scale)` as a function of a subject."""
    return lambda s: measure(*(s.posteriors(s.split)[name] for name in ("loc", "scale")))


# --- which metrics fit ------------------------------------------------------------------------


def _can(*verbs):
    return lambda model, dataset: model.capabilities.issuperset(verbs)


def _samples(model, dataset):
    return "sample" in model.capabilities and not model.conditional


def _on_modes(model, dataset):
    return _samples(model, dataset) and dataset.modes is not None


def _on_classes(verb):
    """Unconditional: the verbs of a conditional model were given the label."""

    def applies(model, dataset):
        # The labels of a toy mixture are its modes, which its own metrics are about.
        labelled = dataset.num_classes is not None and dataset.modes is None
        return verb in model.capabilities and labelled and not model.conditional

    return applies


def _clusters(model, dataset):
    # A model that was told the classes is measured by `classification_error`.
    clusters = "y" in model.parts and "classify" not in model.capabilities
    return clusters and _on_classes("encode")(model, dataset)


def _has_features(model, dataset):
    return model.has_discriminator_features and "reconstruct" in model.capabilities


def _classifies(model, dataset):
    return "classify" in model.capabilities and dataset.num_classes is not None


def _learns_few_labels(model, dataset):
    return _classifies(model, dataset) and dataset.labels is not None


def _has_likelihood(model, dataset):
    """Whether `log_prob` is one: a Bernoulli likelihood of grey pixels or real vectors is none."""
    has = "log_prob" in model.capabilities and model.density is not None
    return has and model.proper_likelihood(dataset.binary)


def _has_bound(model, dataset):
    return _has_likelihood(model, dataset) and model.density == "lower_bound"


def _has_bits(model, dataset):
    images = len(dataset.image_shape) == 3 and not dataset.binary
    return images and _has_likelihood(model, dataset)


def _has_density_of_codes(model, dataset):
    """Whether p(x|z) is a likelihood of the data, at codes that can be moved."""
    if "decode" not in model.capabilities or model.levels > 1 or model.code_classes is not None:
        return False
    proper = model.proper_likelihood(dataset.binary)
    return proper and distributions.is_likelihood(ask.likelihood(model), dataset.binary)


def _encodes_normally(model, dataset):
    return "encode" in model.capabilities and distributions.is_normal(ask.posterior(model))


def _has_information(model, dataset):
    # Codes of a conditional model need not tell what the label says.
    return not model.conditional and _encodes_normally(model, dataset)


def _meant_to_be_normal(model, dataset):
    """Whether the codes of data should be draws of N(0, I)."""
    encodes = "encode" in model.capabilities and model.levels == 1
    return encodes and distributions.is_standard_normal(model.prior)


def _has_closed_kl(model, dataset):
    return _meant_to_be_normal(model, dataset) and _encodes_normally(model, dataset)


def _has_categories(model, dataset):
    return "y" in model.parts and "encode" in model.capabilities and not model.conditional


class _Metric(NamedTuple):
    applies: callable  # (model, dataset) -> bool
    measure: callable  # (subject[, level]) -> Measure
    levelled: bool = False  # whether `measure` takes a level
    only_asked: bool = False  # too slow or too little telling to be measured unasked


def _entry(applies, of_subject, name, only_asked=False):
    """One of several measures that a subject computes at once."""
    return _Metric(applies, lambda s: getattr(s, of_subject)[name], only_asked=only_asked)


def _moment(name):
    return _entry(_can("encode"), "moments", name)


def _critic(name):
    return _entry(_samples, "critic", name, only_asked=True)


def _levelled(applies, measure):
    return _Metric(applies, _of_level(measure), levelled=True)


METRICS = {
    "modes_covered": _Metric(_on_modes, _modes_covered),
    "modes_high_quality": _Metric(_on_modes, _modes_high_quality),
    "high_quality_share": _Metric(_on_modes, _high_quality_share),
    "reconstruction_mse": _levelled(
        _can("reconstruct"), lambda s, x_hat: reconstruction.reconstruction_mse(s.x, x_hat)
    ),
    "reconstruction_ratio": _levelled(
        _can("reconstruct"),
        lambda s, x_hat: reconstruction.reconstruction_ratio(s.x, x_hat, s.seed),
    ),
    "feature_mse": _levelled(
        _has_features,
        lambda s, x_hat: reconstruction.feature_mse(s.model.discriminator_features, s.x, x_hat),
    ),
    "label_agreement": _levelled(
        _on_classes("reconstruct"),
        lambda s, x_hat: classifier.label_agreement(s.judge, s.x, x_hat),
    ),
    "one_nn_accuracy": _Metric(_on_classes("encode"), lambda s: s.neighbours(1)),
    "five_nn_accuracy": _Metric(_on_classes("encode"), lambda s: s.neighbours(5)),
    "svm_error": _Metric(_on_classes("encode"), _svm_error),
    "classification_error": _Metric(_classifies, _classification_error),
    "supervised_error": _Metric(
        _learns_few_labels, lambda s: classifier.supervised_error(s.dataset, s.x, s.y, s.seed)
    ),
    "clustering_error": _Metric(_clusters, _clustering_error),
    "clustering_error_hungarian": _Metric(
        _clusters, _of_clusters(clustering.clustering_error_hungarian)
    ),
    "nmi": _Metric(_clusters, _of_clusters(clustering.nmi)),
    "ari": _Metric(_clusters, _of_clusters(clustering.ari)),
    "elbo": _Metric(_has_bound, _elbo),
    "nll": _Metric(_has_likelihood, _nll),
    "bits_per_dim": _Metric(_has_bits, _bits_per_dim),
    "nll_of_train_data": _Metric(_has_likelihood, lambda s: _nll(s, train=True), only_asked=True),
    "bits_per_dim_of_train_data": _Metric(
        _has_bits, lambda s: _bits_per_dim(s, train=True), only_asked=True
    ),
    "active_units": _Metric(
        _can("encode"), lambda s: latents.active_units(s.codes(s.split)["mean"])
    ),
    "latent_mean_norm": _moment("latent_mean_norm"),
    "latent_max_abs_mean": _moment("latent_max_abs_mean"),
    "latent_min_std": _moment("latent_min_std"),
    "latent_max_std": _moment("latent_max_std"),
    "code_mean_square": _entry(_meant_to_be_normal, "normality", "code_mean_square"),
    "code_kurtosis": _entry(_meant_to_be_normal, "normality", "code_kurtosis"),
    "code_ks": _entry(_meant_to_be_normal, "normality", "code_ks"),
    "kl": _Metric(_has_closed_kl, _of_posteriors(latents.kl)),
    "kl_active_dims": _Metric(_has_closed_kl, _of_posteriors(latents.kl_active_dims)),
    "mutual_information": _entry(_has_information, "information", "mutual_information"),
    "mutual_information_upper": _entry(_has_information, "information", "mutual_information_upper"),
    "mutual_information_y": _Metric(
        _has_categories,
        lambda s: latents.categorical_information(s.clusters(s.split)["probabilities"]),
    ),
    "ais": _Metric(_has_density_of_codes, _ais, only_asked=True),
    "ais_gap": _Metric(_has_density_of_codes, _ais_gap, only_asked=True),
    "parzen": _Metric(_samples, _parzen, only_asked=True),
    "wasserstein_critic": _critic("wasserstein_critic"),
    "wasserstein_critic_train": _critic("wasserstein_critic_train"),
    "wasserstein_critic_of_train_data": _critic("wasserstein_critic_of_train_data"),
}
OF_SAMPLES = ("modes_covered", "modes_high_quality", "high_quality_share")
