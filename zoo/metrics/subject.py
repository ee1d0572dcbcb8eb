"""What is measured, a model and its data, and how: what several metrics need, computed once."""

import dataclasses
import functools
import gc
import itertools
from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from zoo import checks, distributions, files, seeds
from zoo.data import Dataset
from zoo.errors import refusal, unknown
from zoo.metrics import fits
from zoo.metrics.simulation import simulate
from zoo.model import GenerativeModel

BATCH = 500  # examples a call of `encode`
# Batches until garbage is collected: TFP's bijectors refer to their inputs and outputs in circles,
# 20 MB a batch of a flow on MNIST, and Python by itself waits for hundreds of batches.
COLLECTED = 16
HIDDEN_LAYERS = 3  # of each encoder, beside the codes, in ALI's features
INCEPTION_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels.h5"
Rows = dict[str, np.ndarray]  # arrays of as many rows each
Features = Literal["codes", "hidden"]


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a model is measured.

    Args:
        split: what is measured; classifiers of codes are always trained on "train".
        seed: of samples, draws, pairings and labelled subsets.
        limit: the first rows of each split only; None takes all.
        iwae_samples: importance samples of `nll` where `log_prob` is a lower bound.
        svm_features: "codes", or "hidden": the codes of all levels and the last three hidden layers
            of each level's encoder, as ALI.
        svm_repeats: labelled draws of `svm_error`.
        ais_chains: of `ais` and `ais_gap`, for each of their first 100 examples at most.
        ais_steps: T of these chains, >= 2.
        inception_weights: file of the weights of Keras's Inception v3, in whose features samples
            are compared with data; None takes those of the zoo's own classifier.

    Raises:
        TypeError, ValueError: a count that is no int >= 1, unknown features.
        FileNotFoundError: no file of weights.
    """

    split: str = "test"
    seed: int = 0
    limit: int | None = None
    iwae_samples: int = 100
    svm_features: Features = "codes"
    svm_repeats: int = 100
    ais_chains: int = 8
    ais_steps: int = 500
    inception_weights: str | None = None

    def __post_init__(self) -> None:
        if self.svm_features not in get_args(Features):
            raise unknown("svm_features", self.svm_features, get_args(Features))
        for argument in ("iwae_samples", "svm_repeats", "limit", "ais_chains", "ais_steps"):
            value = getattr(self, argument)
            if value is not None:
                checks.whole(value, argument)
        weights = self.inception_weights
        if weights is not None and not files.checked_path(weights, "inception_weights").is_file():
            expected = f"a file such as {INCEPTION_FILE}, published with Keras"
            raise FileNotFoundError(refusal("inception_weights", expected, str(weights)))


class Subject:
    """A model and its data; whatever is computed is computed once, and only when needed.

    Args:
        model: what is measured.
        dataset: data of its image shape.
        protocol: how.

    Attributes:
        once: `once(compute)` is compute(self), computed when it is first asked for.
    """

    once: Callable[[Callable[["Subject"], Any]], Any]

    def __init__(
        self, model: GenerativeModel, dataset: Dataset, protocol: Protocol = Protocol()
    ) -> None:
        self.model, self.dataset, self.protocol = model, dataset, protocol
        self.split, self.seed = protocol.split, protocol.seed
        # One cache an instance: it goes with its subject.
        self.once = functools.cache(lambda compute: compute(self))
        for cached in ("samples", "reconstructions", "codes", "posteriors", "clusters"):
            setattr(self, cached, functools.cache(getattr(self, cached)))

    # --- data ---------------------------------------------------------------------------------

    @functools.cached_property
    def arrays(self) -> Rows:
        """{"x"[, "y"]}, what is measured."""
        return self.dataset.arrays(self.split, self.protocol.limit)

    @property
    def x(self) -> np.ndarray:
        """The data that is measured, [N, *image_shape]."""
        return self.arrays["x"]

    @property
    def y(self) -> np.ndarray:
        """Its labels, [N] or [N, A]."""
        return self.arrays["y"]

    def labels(self, rows: Rows) -> np.ndarray | None:
        """The labels of some rows for the verbs: None unless the model is conditional."""
        return rows.get("y") if self.model.conditional else None

    @property
    def held_out_rows(self) -> int:
        """Rows at the end of train to choose on: as many as the data's validation split has."""
        rows = self.dataset.size("train")
        if self.protocol.limit is not None:
            rows = min(self.protocol.limit, rows)
        elif "validation" in self.dataset.splits:
            return min(self.dataset.size("validation"), rows // 2)
        return max(1, rows // 6)

    def held_out(self, read: Callable[[str], Rows]) -> Rows:
        """{name: rows} of the validation split, without one of the last sixth of train.

        Args:
            read: callable from a split's name to {name: rows}.
        """
        if "validation" in self.dataset.splits:
            return read("validation")
        return {name: rows[-self.held_out_rows :] for name, rows in read("train").items()}

    # --- what the model makes of them ---------------------------------------------------------

    @functools.cached_property
    def samples_are(self) -> str:
        """What `samples` are, in words."""
        if "decode" not in self.model.capabilities:
            return "draws of p(x)"
        p = fits.likelihood(self.model)
        if distributions.is_deterministic(p):
            return "what the generator makes"
        likely = distributions.is_likelihood(p, self.dataset.binary)
        return "draws of p(x|z)" if likely else "means of p(x|z)"

    def samples(self, n: int, seed: int | None = None) -> np.ndarray:
        """x ~ p(x), [n, *image_shape]: draws of p(x|z) where it is a likelihood, not its means."""
        seed = self.seed if seed is None else seed
        if self.samples_are == "draws of p(x|z)":
            return np.asarray(simulate(self.model, n, seed=seed)[0])
        return self.means(n, seed)

    def means(self, n: int, seed: int | None = None) -> np.ndarray:
        """What the verb `sample` shows: means of p(x|z), [n, *image_shape]."""
        return np.asarray(self.model.sample(n, seed=self.seed if seed is None else seed))

    @functools.cached_property
    def reconstructions_are(self) -> str:
        """What `reconstructions` are, in words."""
        p, q = fits.likelihood(self.model), fits.posterior(self.model)
        x_hat, z = "the mean of p(x|z)", "the mean of q(z|x)"
        if distributions.is_deterministic(p):
            x_hat = "what the decoder makes"
        elif distributions.is_implicit(p):
            x_hat = "a draw of p(x|z)"
        if distributions.is_deterministic(q):
            z = "the code of x"
        elif distributions.is_implicit(q):
            z = "a draw of q(z|x)"
        return f"x_hat is {x_hat} at {z}"

    def reconstructions(self, level: int = 1) -> np.ndarray:
        """x_hat of `x` from a level of the code, [N, ...]."""
        y = self.labels(self.arrays)
        return np.asarray(self.model.reconstruct(self.x, y=y, level=level, seed=self.seed))

    @functools.cached_property
    def codes_are(self) -> str:
        """What the means among `codes` are, in words."""
        return self._means_of(1) + (", q(y|x) among them" if self.model.code_classes else "")

    def _means_of(self, level: int) -> str:
        q = fits.posterior(self.model, level)
        if distributions.is_deterministic(q):
            return "codes of x"
        if distributions.has_exact_mean(q):
            if draws := getattr(q, "mean_draws", None):
                part = f"the part that noise decides from {draws:,} draws, the same for every x"
                return f"means of q(z|x), {part}"
            return "means of q(z|x)"
        return f"means of {distributions.MEAN_DRAWS} draws of q(z|x), of the same noise for every x"

    def codes(self, split: str) -> Rows:
        """{"mean": E[z|x] [N, d], "draw": z ~ q(z|x) [N, d][, "y"]} of a split."""

        def encode(x: Any, y: Any, index: int) -> Rows:
            q = self.model.encode(x, y=y)
            draw = q.sample(seed=seeds.fold(self.seed, split, index))
            return {"mean": flat(q.mean()), "draw": flat(draw)}

        return self.over(split, encode)

    def posteriors(self, split: str) -> Rows:
        """{"loc", "scale"[, "y"]} of a Gaussian q(z|x), [N, d] each."""

        def encode(x: Any, y: Any, index: int) -> Rows:
            _, parameters = distributions.describe(self.model.encode(x, y=y))
            return {name: flat(value) for name, value in parameters.items()}

        return self.over(split, encode)

    def features(self, split: str) -> Rows:
        """{"mean": each encoder's last hidden layers beside E[z|x] of every level, [N, F]}, "y"."""
        levels = range(1, self.model.levels + 1)

        def encode(x: Any, y: Any, index: int) -> Rows:
            layers = last_layers(self.model.features(x), HIDDEN_LAYERS)
            codes = [self.model.encode(x, y=y, level=level).mean() for level in levels]
            return {"mean": np.concatenate([flat(v) for v in (*layers, *codes)], axis=1)}

        return self.over(split, encode)

    @property
    def features_are(self) -> str:
        """What `features` are, in words."""
        levels = range(1, self.model.levels + 1)
        each = [f"level {level}: {self._means_of(level)}" for level in levels[1:]]
        codes = "; ".join([self.codes_are, *each])
        return f"the last {HIDDEN_LAYERS} hidden layers of each encoder and its output ({codes})"

    def hidden(self, split: str, rows: int | None = None) -> Rows:
        """{"hidden": the last hidden layer of x's encoder, [N, F][, "y"]} of the first rows."""

        def encode(x: Any, y: Any, index: int) -> Rows:
            layers = self.model.features(x, y=y)
            return {"hidden": flat(last_layers(layers, 1)[0])}

        return self.over(split, encode, rows)

    def clusters(self, split: str) -> Rows:
        """{"probabilities": q(y|x), "log_odds": log q / (1 - q), [N, K][, "y"]} of a split.

        Log-odds tell apart what rounds to a probability of 1.
        """

        def encode(x: Any, y: Any, index: int) -> Rows:
            if "y" in self.model.parts:
                logits = self.model.encode(x, part="y").logits_parameter()
            else:  # log q, the first of what is read
                logits = self.model.read(x).mean()[:, : self.model.clusters]
            log_q = special.log_softmax(np.asarray(logits, np.float64), axis=1)
            q, surest = np.exp(log_q), np.argmax(log_q, axis=1)[:, None]
            less = log_q.copy()
            np.put_along_axis(less, surest, -np.inf, axis=1)
            not_q = np.log1p(-np.exp(less))  # log (1 - q), of all but the largest at most 1/2
            others = special.logsumexp(less, axis=1, keepdims=True)
            np.put_along_axis(not_q, surest, others, axis=1)
            return {"probabilities": q, "log_odds": log_q - not_q}

        return self.over(split, encode)

    def over(
        self, split: str, compute: Callable[[Any, Any, int], Rows], rows: int | None = None
    ) -> Rows:
        """Joins {name: rows} of each batch, so that a split's images need not fit into memory.

        Args:
            split: its name.
            compute: (x, labels for the verbs, index of the batch) -> {name: rows}.
            rows: the first so many only; None takes what the protocol allows.

        Returns:
            {name: rows of the whole split}, with the labels "y" where there are any.
        """
        parts: list[Rows] = []
        for batch in self.batches(split, rows):
            part = compute(batch["x"], self.labels(batch), len(parts))
            parts.append(part | ({"y": batch["y"]} if "y" in batch else {}))
            if len(parts) % COLLECTED == 0:
                gc.collect()
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def batches(self, split: str, rows: int | None = None) -> Iterator[Rows]:
        """{"x"[, "y"]} of a split in stored order, of at most `BATCH` examples each.

        Args:
            rows: as `over`.
        """
        size = self.dataset.size(split)
        if (split, self.split) == ("train", "validation") and self.dataset.validation_in_train:
            size -= self.dataset.size("validation")  # no measured row is its own reference
        bounds = size, self.protocol.limit, rows
        left = min(bound for bound in bounds if bound is not None)
        for batch in self.dataset.batches(split, min(BATCH, left)):
            if left <= 0:
                return
            yield {key: np.asarray(value)[:left] for key, value in batch.items()}
            left -= len(batch["x"])


def last_layers(layers: dict[str, Any], count: int) -> list[Any]:
    """The last so many layers of each encoder, whose names in `layers` end in row_<i>."""
    encoder = lambda item: item[0].rpartition("row_")[0]
    groups = itertools.groupby(layers.items(), encoder)
    return [layer for _, group in groups for _, layer in list(group)[-count:]]


def flat(layer: ArrayLike) -> np.ndarray:
    """float32 [B, F] of a layer's outputs [B, ...]."""
    layer = np.asarray(layer, np.float32)
    return layer.reshape(len(layer), -1)
