"""What is measured: a model and its data, with what several metrics need."""

import functools

import numpy as np
from scipy import special

from zoo import distributions, seeds
from zoo.metrics import ais, classifier, critic, latents, likelihood, neighbours

BATCH = 500  # examples a call of `encode`
HIDDEN_LAYERS = 3  # of the encoder, beside the code, in ALI's features


class Subject:
    """A model and its data; whatever is computed is computed once, and only when needed.

    Args as `zoo.metrics.evaluate`.
    """

    def __init__(
        self,
        model,
        dataset,
        split,
        seed,
        limit,
        iwae_samples,
        svm_features,
        svm_repeats,
        ais_chains=ais.CHAINS,
        ais_steps=ais.STEPS,
    ):
        self.model, self.dataset = model, dataset
        self.split, self.seed, self.limit = split, seed, limit
        self.iwae_samples, self.svm_features = iwae_samples, svm_features
        self.svm_repeats = svm_repeats
        self.ais = {"chains": ais_chains, "steps": ais_steps, "seed": seed}
        # One cache an instance: it goes with its subject.
        for cached in ("reconstructions", "codes", "posteriors", "clusters", "log_probs"):
            setattr(self, cached, functools.cache(getattr(self, cached)))

    @functools.cached_property
    def arrays(self):
        return self.dataset.arrays(self.split, self.limit)

    @property
    def x(self):
        return self.arrays["x"]

    @property
    def y(self):
        return self.arrays["y"]

    def _condition(self, y):
        """Labels for the verbs: None unless the model is conditional."""
        return y if self.model.conditional else None

    @functools.cached_property
    def judge(self):
        return classifier.judge(self.dataset)

    def reconstructions(self, level=1):
        """x_hat of `x` from a level of the code, [N, ...]."""
        y = self._condition(self.arrays.get("y"))
        return np.asarray(self.model.reconstruct(self.x, y=y, level=level, seed=self.seed))

    def codes(self, split):
        """{"mean": E[z|x] [N, d], "draw": z ~ q(z|x) [N, d][, "y"]} of a split."""

        def encode(x, y, index):
            q = self.model.encode(x, y=y)
            draw = q.sample(seed=seeds.fold(self.seed, split, index))
            return {"mean": _flat(q.mean()), "draw": _flat(draw)}

        return self._over(split, encode)

    def posteriors(self, split):
        """{"loc", "scale"[, "y"]} of a Gaussian q(z|x), [N, d] each."""

        def encode(x, y, index):
            _, parameters = distributions.describe(self.model.encode(x, y=y))
            return {name: _flat(value) for name, value in parameters.items()}

        return self._over(split, encode)

    def features(self, split):
        """{"mean": the encoder's last layers beside E[z|x] of every level, [N, F][, "y"]}."""
        levels = range(1, self.model.levels + 1)

        def encode(x, y, index):
            layers = list(self.model.features(x).values())[-HIDDEN_LAYERS:]
            codes = [self.model.encode(x, y=y, level=level).mean() for level in levels]
            return {"mean": np.concatenate([_flat(v) for v in (*layers, *codes)], axis=1)}

        return self._over(split, encode)

    def clusters(self, split):
        """{"probabilities": q(y|x) float64 [N, K][, "y"]} of a split."""

        def encode(x, y, index):
            # float64 tells probabilities apart that float32 rounds to 1.
            logits = np.asarray(self.model.encode(x, part="y").logits_parameter(), np.float64)
            return {"probabilities": special.softmax(logits, axis=1)}

        return self._over(split, encode)

    def _over(self, split, compute):
        """Joins {name: rows} of each batch, so that a split's images need not fit into memory."""
        parts = []
        for batch in self._batches(split):
            y = batch.get("y")
            part = compute(batch["x"], self._condition(y), len(parts))
            parts.append(part if y is None else {**part, "y": y})
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def _batches(self, split):
        left = self.dataset.size(split) if self.limit is None else self.limit
        for batch in self.dataset.batches(split, min(BATCH, left)):
            if left <= 0:
                return
            yield {key: np.asarray(value)[:left] for key, value in batch.items()}
            left -= len(batch["x"])

    @property
    def held_out_rows(self):
        """Rows at the end of train to choose on: as many as the data's validation split has."""
        rows = self.dataset.size("train")
        if self.limit is not None:
            rows = min(self.limit, rows)
        elif "validation" in self.dataset.splits:
            return min(self.dataset.size("validation"), rows // 2)
        return max(1, rows // 6)

    def held_out(self, read):
        """{name: rows} of the validation split, without one of the last sixth of train.

        Args:
            read: callable from a split's name to {name: rows}.
        """
        if "validation" in self.dataset.splits:
            return read("validation")
        return {name: rows[-self.held_out_rows :] for name, rows in read("train").items()}

    @functools.cached_property
    def moments(self):
        return latents.latent_moments(self.codes(self.split)["draw"])

    @functools.cached_property
    def normality(self):
        if not self.model.dequantises:
            return latents.code_normality(self.codes(self.split)["draw"])

        def encode(x, y, index):
            codes = self.model.dequantised_codes(x, seeds.fold(self.seed, self.split, index))
            return {"draw": _flat(codes)}

        found = latents.code_normality(self._over(self.split, encode)["draw"])
        note = "grey levels plus uniform noise"
        return {
            name: measure._replace(protocol=f"{measure.protocol}; {note}")
            for name, measure in found.items()
        }

    @functools.cached_property
    def information(self):
        few = slice(0, latents.INFORMATION_EXAMPLES)
        q, z = self.posteriors(self.split), self.codes(self.split)["draw"]
        return latents.mutual_information(q["loc"][few], q["scale"][few], z[few])

    @functools.cached_property
    def critic(self):
        train = self.dataset.arrays("train", max(1, len(self.x) // 2))["x"]
        sample = lambda n, seed: np.asarray(self.model.sample(n, seed=seed))
        return critic.wasserstein_critic(sample, self.x, train, self.seed)

    def some(self, n):
        """(x, y) of the first n examples, y None unless the model is conditional."""
        y = self._condition(self.arrays.get("y"))
        return self.x[:n], None if y is None else y[:n]

    def samples(self, n):
        return np.asarray(self.model.sample(n, seed=self.seed))

    def log_probs(self, train=False):
        """[N] nats: exact, or the tighter bound; of `x`, or of as many that it learned from."""
        return self.log_prob(self.bound or 1, self.learned if train else self.arrays)

    def log_prob(self, samples=1, arrays=None):
        """log p(x) or its bound of the given number of importance samples, [N] nats."""
        arrays = self.arrays if arrays is None else arrays
        y = self._condition(arrays.get("y"))
        return likelihood.log_prob(self.model, arrays["x"], y, samples=samples, seed=self.seed)

    @functools.cached_property
    def learned(self):
        """As many examples as are measured, the first of the train split."""
        return self.dataset.arrays("train", min(len(self.x), self.dataset.size("train")))

    @property
    def likelihood(self):
        """How `log_probs` are to be read: arguments of `likelihood.nll`."""
        return {"samples": self.bound, "dequantised": self.model.dequantises}

    @property
    def bound(self):
        """Importance samples of `log_probs`, None if they are exact."""
        return None if self.model.density == "exact" else self.iwae_samples

    def neighbours(self, k):
        train, test = self.codes("train"), self.codes(self.split)
        return neighbours.k_nn_accuracy(train["mean"], train["y"], test["mean"], test["y"], k)


def _flat(layer):
    return np.asarray(layer, np.float32).reshape(len(layer), -1)
