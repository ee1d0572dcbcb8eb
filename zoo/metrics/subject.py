"""What is measured, a model and its data, and how: what several metrics need, computed once."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from zoo import checks, distributions, seeds
from zoo.data import Dataset
from zoo.errors import unknown
from zoo.model import GenerativeModel

BATCH = 500  # examples a call of `encode`
HIDDEN_LAYERS = 3  # of the encoder, beside the code, in ALI's features
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
        svm_features: "codes", or "hidden": the codes of all levels and the encoder's last three
            hidden layers, as ALI.
        svm_repeats: labelled draws of `svm_error`.
        ais_chains: of `ais` and `ais_gap`, for each of their first 100 examples at most.
        ais_steps: T of these chains, >= 2.

    Raises:
        TypeError, ValueError: a count that is no int >= 1, unknown features.
    """

    split: str = "test"
    seed: int = 0
    limit: int | None = None
    iwae_samples: int = 100
    svm_features: Features = "codes"
    svm_repeats: int = 100
    ais_chains: int = 8
    ais_steps: int = 500

    def __post_init__(self) -> None:
        if self.svm_features not in get_args(Features):
            raise unknown("svm_features", self.svm_features, get_args(Features))
        for argument in ("iwae_samples", "svm_repeats", "limit", "ais_chains", "ais_steps"):
            value = getattr(self, argument)
            if value is not None:
                checks.whole(value, argument)


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
        for cached in ("reconstructions", "codes", "posteriors", "clusters"):
            setattr(self, cached, functools.cache(getattr(self, cached)))

    # --- data ---------------------------------------------------------------------------------

    @functools.cached_property
    def arrays(self) -> Rows:
        """{"x"[, "y"]}, what is measured."""
        return self.dataset.arrays(self.split, self.protocol.limit)

    @property
    def x(self) -> np.ndarray:
        return self.arrays["x"]

    @property
    def y(self) -> np.ndarray:
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

    def samples(self, n: int) -> np.ndarray:
        """[n, *image_shape]."""
        return np.asarray(self.model.sample(n, seed=self.seed))

    def reconstructions(self, level: int = 1) -> np.ndarray:
        """x_hat of `x` from a level of the code, [N, ...]."""
        y = self.labels(self.arrays)
        return np.asarray(self.model.reconstruct(self.x, y=y, level=level, seed=self.seed))

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
        """{"mean": the encoder's last layers beside E[z|x] of every level, [N, F][, "y"]}."""
        levels = range(1, self.model.levels + 1)

        def encode(x: Any, y: Any, index: int) -> Rows:
            layers = list(self.model.features(x).values())[-HIDDEN_LAYERS:]
            codes = [self.model.encode(x, y=y, level=level).mean() for level in levels]
            return {"mean": np.concatenate([flat(v) for v in (*layers, *codes)], axis=1)}

        return self.over(split, encode)

    def clusters(self, split: str) -> Rows:
        """{"probabilities": q(y|x) float64 [N, K][, "y"]} of a split."""

        def encode(x: Any, y: Any, index: int) -> Rows:
            # float64 tells probabilities apart that float32 rounds to 1.
            logits = np.asarray(self.model.encode(x, part="y").logits_parameter(), np.float64)
            return {"probabilities": special.softmax(logits, axis=1)}

        return self.over(split, encode)

    def over(self, split: str, compute: Callable[[Any, Any, int], Rows]) -> Rows:
        """Joins {name: rows} of each batch, so that a split's images need not fit into memory.

        Args:
            split: its name.
            compute: (x, labels for the verbs, index of the batch) -> {name: rows}.

        Returns:
            {name: rows of the whole split}, with the labels "y" where there are any.
        """
        parts: list[Rows] = []
        for batch in self._batches(split):
            part = compute(batch["x"], self.labels(batch), len(parts))
            parts.append(part | ({"y": batch["y"]} if "y" in batch else {}))
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def _batches(self, split: str) -> Iterator[Rows]:
        limit = self.protocol.limit
        left = self.dataset.size(split) if limit is None else limit
        for batch in self.dataset.batches(split, min(BATCH, left)):
            if left <= 0:
                return
            yield {key: np.asarray(value)[:left] for key, value in batch.items()}
            left -= len(batch["x"])


def flat(layer: ArrayLike) -> np.ndarray:
    """float32 [B, F] of a layer's outputs [B, ...]."""
    layer = np.asarray(layer, np.float32)
    return layer.reshape(len(layer), -1)
