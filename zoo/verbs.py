"""The verbs of a trained model: sample, encode, decode, reconstruct, log_prob, classify.

Public verbs check their input and work on arrays; their row-wise twins are traceable, and row i of
what they return depends on row i of their inputs alone, so that a server may batch requests.
"""

import functools

import tensorflow as tf

from zoo import checks, distributions, seeds

_CHUNK = 512  # rows a call of the public verbs: bounds memory, whatever n


class Verbs:
    """What every `GenerativeModel` can be asked, from its `prior`, `posterior` and `likelihood`."""

    @property
    def capabilities(self):
        """The verbs this model has."""
        verbs = {"sample"}
        if hasattr(self, "likelihood"):
            verbs.add("decode")
        if hasattr(self, "posterior"):
            verbs |= {"encode", "reconstruct"} if "decode" in verbs else {"encode"}
        if self.DENSITY:
            verbs.add("log_prob")
        if hasattr(self, "classifier"):
            verbs.add("classify")
        return frozenset(verbs)

    @property
    def density(self):
        """What `log_prob` returns: "exact", "lower_bound" or None."""
        return self.DENSITY

    @property
    def conditional(self):
        """Whether the verbs need `y`."""
        return self.CONDITIONAL and (self.num_classes or self.num_attributes) is not None

    @property
    def levels(self):
        """Levels of latent variables."""
        return 1

    def proper_likelihood(self, binary):
        """Whether `log_prob` is a likelihood of data that are (not) binary."""
        return True

    def sample(self, n, y=None, seed=None):
        """n samples of p(x), [n, *image_shape].

        Args:
            n: int >= 1.
            y: labels [n], for conditional models.
            seed: int; the same seed gives the same samples, row i whatever n. None draws a new one.
        """
        self._must("sample")
        n = checks.count(n)
        return self._by_rows("sample_rows", n, _row_seeds(n, seed), y=self._labels(y, n))

    def encode(self, x, y=None, level=1, part="z"):
        """q(z|x), a TFP distribution with batch shape [B]."""
        self._must("encode")
        checks.level(level, self.levels, part)
        x, y = self._x(x), self._labels(y, len(x))
        with self.inference():
            q = self._posterior(x, y)
        if isinstance(q, distributions.Implicit):  # its network runs when it is sampled
            q = q.within(self.inference)
        return q

    def decode(self, z, y=None):
        """p(x|z), a TFP distribution over [B, *image_shape]."""
        self._must("decode")
        z = tf.convert_to_tensor(checks.latents(z, self.latent_dim))
        y = self._labels(y, len(z))
        with self.inference():
            return self._likelihood(z, y)

    def reconstruct(self, x, y=None, level=1, seed=None):
        """Mean of p(x|z) at the mean of q(z|x), or at a draw from an implicit q(z|x).

        Returns:
            [B, *image_shape].
        """
        self._must("reconstruct")
        checks.level(level, self.levels)
        x = self._x(x)
        rows = _row_seeds(len(x), seed)
        return self._by_rows(
            "reconstruct_rows", len(x), x, rows, y=self._labels(y, len(x)), level=level
        )

    def log_prob(self, x, y=None, samples=1, seed=None):
        """log p(x), or the bound that `density` names, [B] nats.

        Args:
            x: [B, *image_shape].
            y: labels, for conditional models.
            samples: importance samples of a lower bound, int >= 1.
            seed: of the importance samples.
        """
        self._must("log_prob")
        samples = checks.count(samples, "samples")
        x = self._x(x)
        rows = _row_seeds(len(x), seed)
        return self._by_rows(
            "log_prob_rows", len(x), x, rows, y=self._labels(y, len(x)), samples=samples
        )

    def classify(self, x):
        """Logits of the classes, [B, num_classes]."""
        self._must("classify")
        x = self._x(x)
        return self._by_rows("classify_rows", len(x), x)

    def features(self, x):
        """{name: hidden layer of the encoder, [B, ...]}, first to last, in inference mode."""
        self._must("encode")
        with self.inference():
            hidden = self.networks["encoder"].trace(self._x(x))
        return {f"row_{i}": layer for i, layer in enumerate(hidden)}

    # Row by row: traceable, unchecked; row i of the outputs depends on row i of the inputs alone.
    # Exports use these.

    def sample_rows(self, seeds_, y=None):
        """x, [B, *image_shape], from int64 seeds [B]: z ~ p(z), then the mean of p(x|z)."""
        with self.inference():
            z = distributions.sample_rows(self.prior, seeds_, "z")
            return self._likelihood(z, y).mean()

    def encode_rows(self, x, seeds_, y=None):
        """{"loc", "scale"} of a Gaussian q(z|x), or {"value"}: the code, drawn if implicit."""
        with self.inference():
            q = self._posterior(x, y)
            family, parameters = distributions.describe(q)
            if family == "normal":
                return parameters
            return {"value": distributions.sample_rows(q, seeds_, "z")}

    def decode_rows(self, z, seeds_, y=None):
        """{"mean", "sample"} of p(x|z)."""
        with self.inference():
            p = self._likelihood(z, y)
            return {"mean": p.mean(), "sample": distributions.sample_rows(p, seeds_, "x")}

    def reconstruct_rows(self, x, seeds_, y=None, level=1):
        """The mean of p(x|z) at the mean of q(z|x), or at a draw of an implicit q(z|x)."""
        with self.inference():
            q = self._posterior(x, y)
            implicit = isinstance(q, distributions.Implicit)
            z = distributions.sample_rows(q, seeds_, "z") if implicit else q.mean()
            return self._likelihood(z, y).mean()

    def log_prob_rows(self, x, seeds_, y=None, samples=1):
        """log p(x) or its bound, [B] nats."""
        raise NotImplementedError

    def classify_rows(self, x):
        """Logits [B, num_classes]."""
        with self.inference():
            return self.classifier(x)

    def _posterior(self, x, y):
        return self.posterior(x) if y is None else self.posterior(x, y)

    def _likelihood(self, z, y):
        return self.likelihood(z) if y is None else self.likelihood(z, y)

    def _by_rows(self, verb, n, *inputs, **options):
        """Calls a traced row-wise verb in chunks, so that memory is bounded."""
        y = options.pop("y", None)
        key = (verb, *sorted(options.items()))
        if key not in self._functions:
            traced = functools.partial(getattr(self, verb), **options)
            self._functions[key] = tf.function(traced, reduce_retracing=True, autograph=False)
        if y is not None:
            inputs = (*inputs, y)
        parts = [
            self._functions[key](*(tf.convert_to_tensor(i[start : start + _CHUNK]) for i in inputs))
            for start in range(0, n, _CHUNK)
        ]
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis=0)

    def _must(self, verb):
        checks.capability(verb, self.capabilities, self.method)

    def _x(self, x):
        return tf.convert_to_tensor(checks.images(x, self.image_shape))

    def _labels(self, y, n):
        return checks.labels(y, n, self.num_classes, self.num_attributes, self.conditional)


def _row_seeds(n, seed):
    return seeds.row_seeds(n, checks.seed(seed))
