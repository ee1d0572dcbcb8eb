"""The verbs of a trained model: sample, encode, decode, reconstruct, log_prob, classify.

Public verbs check their input and work on arrays; their row-wise twins are traceable, and row i of
what they return depends on row i of their inputs alone, so that a server may batch requests.
"""

import functools

import numpy as np
import tensorflow as tf

from zoo import checks, distributions, seeds
from zoo.errors import refusal
from zoo.networks import Pair

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
        if self.classifies:
            verbs.add("classify")
        return frozenset(verbs)

    @property
    def density(self):
        """What `log_prob` returns: "exact", "lower_bound" or None."""
        return self.DENSITY

    @property
    def dequantises(self):
        """Whether `log_prob` is that of grey levels plus uniform noise (`dequantised_codes`)."""
        return False

    @property
    def conditional(self):
        """Whether the verbs need `y`."""
        return (self.num_classes or self.num_attributes) is not None

    @property
    def classifies(self):
        """Whether `class_logits(x)` tells the classes of the data."""
        return hasattr(self, "class_logits") and self.num_classes is not None

    @property
    def levels(self):
        """Levels of latent variables; 1 is the nearest to x."""
        return 1

    @property
    def parts(self):
        """Names that `encode` takes as `part`: "z", the whole code, first."""
        return ("z",)

    @property
    def code_dim(self):
        """Width of the code that `decode` takes."""
        return self.latent_dim

    @property
    def code_classes(self):
        """Width of the categorical part, which is first in the code; None without one."""
        return None

    @property
    def has_discriminator_features(self):
        """Whether a discriminator has a hidden layer of x alone."""
        pair = self.networks.get("discriminator")
        return isinstance(pair, Pair) and bool(pair.x.rows)

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
        """q(z|x), a TFP distribution with batch shape [B].

        Args:
            x: [B, *image_shape].
            y: labels, for conditional models.
            level: of a hierarchy, int in [1, levels]; None gives the joint distribution of all.
            part: of the code, one of `parts`.
        """
        self._must("encode")
        checks.level(level, self.levels, part, self.parts)
        x, y = self._x(x), self._labels(y, len(x))
        with self.inference():
            q = self._posterior(x, y) if level == 1 else self.posterior_of_level(x, level)
            if part != "z":
                q = self.posterior_of_part(x, part)
        return self._lazy(q)

    def decode(self, z, y=None):
        """p(x|z), a TFP distribution over [B, *image_shape], from whole codes [B, code_dim]."""
        self._must("decode")
        z = tf.convert_to_tensor(checks.latents(z, self.code_dim))
        y = self._labels(y, len(z))
        with self.inference():
            return self._lazy(self._likelihood(z, y))

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

    def features(self, x, y=None):
        """{name: hidden layer of the encoder, [B, ...]}, first to last, in inference mode.

        An implicit encoder is given noise 0.

        Args:
            x: [B, *image_shape].
            y: labels, for conditional models.
        """
        self._must("encode")
        encoder = self.networks.get("encoder")
        if not hasattr(encoder, "trace"):
            expected = "a model whose encoder is made of rows, as those of tables are"
            raise ValueError(refusal("features", expected, type(encoder).__name__))
        x, y = self._x(x), self._labels(y, len(x))
        extra = [tf.zeros([len(x), self._encoder_noise])] if self._encoder_noise else []
        extra += [] if y is None else [self.label_vector(y)]
        with self.inference():
            hidden = self.trace("encoder", x, *([tf.concat(extra, axis=1)] if extra else []))
        return {f"row_{i}": layer for i, layer in enumerate(hidden)}

    def discriminator_features(self, x):
        """The last hidden layer of x alone in the discriminator, float32 [B, F]."""
        if not self.has_discriminator_features:
            expected = "a model whose discriminator has a layer of x alone"
            raise ValueError(refusal("discriminator_features", expected, self.method))
        x = self._x(x)
        return self._by_rows("discriminator_features_rows", len(x), x)

    def inpaint(self, x, known, y=None, steps=20, level=1, seed=None):
        """Fills the hidden pixels of x: draws the code of what is there, decodes it, and again.

        A Markov chain on the hidden pixels: x <- known x + (1 - known) x', x' the mean of p(x|z),
        z ~ q(z|x), begun at pixels of 1/2.

        Args:
            x: [B, *image_shape]; hidden pixels are not read.
            known: bool, 1 where x is kept: [B, *image_shape] or of a shape that broadcasts to it.
            y: labels, for conditional models.
            steps: int >= 1.
            level: of a hierarchy, from which x' is drawn.
            seed: int.

        Returns:
            [B, *image_shape].

        Reference: Rezende et al., arXiv 1401.4082, appendix F, on the encoder and decoder of
            Belghazi et al., HALI, arXiv 1802.01071.
        """
        self._must("reconstruct")
        checks.level(level, self.levels)
        steps, x = checks.count(steps, "steps"), self._x(x)
        try:
            known = np.broadcast_to(np.asarray(known, bool), x.shape)
        except (TypeError, ValueError):
            expected = f"booleans that broadcast to {tuple(x.shape)}"
            raise ValueError(refusal("known", expected, np.shape(known))) from None
        known, rows = tf.constant(known), _row_seeds(len(x), seed)
        y, given, x = self._labels(y, len(x)), x, tf.where(known, x, 0.5)
        for step in range(steps):
            found = self._by_rows("redraw_rows", len(x), x, rows + step, y=y, level=level)
            x = tf.where(known, given, found)
        return x

    # Row by row: traceable, unchecked; row i of the outputs depends on row i of the inputs alone.
    # Exports use these.

    def sample_rows(self, seeds_, y=None):
        """x, [B, *image_shape], from int64 seeds [B]: z ~ p(z), then the mean of p(x|z)."""
        with self.inference():
            z = distributions.sample_rows(self.prior, seeds_, "z")
            return _shown(self._likelihood(z, y), seeds_)

    def redraw_rows(self, x, seeds_, y=None, level=1):
        """Mean of p(x|z) at a draw of q(z|x), [B, *image_shape]."""
        with self.inference():
            z = distributions.sample_rows(self._posterior(x, y), seeds_, "z")
            return _shown(self._likelihood(z, y), seeds_)

    def discriminator_features_rows(self, x):
        """[B, F]."""
        with self.inference():
            # Row by row: noise layers are off, and there is no batch normalisation over z.
            hidden = self.networks["discriminator"].x(x, training=False)
            return tf.reshape(tf.cast(hidden, tf.float32), [tf.shape(x)[0], -1])

    def encode_rows(self, x, seeds_, y=None):
        """{"loc", "scale"} of a Gaussian q(z|x), or {"value"}: the code, drawn if implicit."""
        with self.inference():
            q = self._posterior(x, y)
            family, parameters = distributions.describe(q)
            if family == "normal":
                return parameters
            return {"value": distributions.sample_rows(q, seeds_, "z")}

    def decode_rows(self, z, seeds_, y=None):
        """{"mean", "sample"} of p(x|z); of an autoregressive one, {"sample"}."""
        with self.inference():
            p = self._likelihood(z, y)
            sample = {"sample": distributions.sample_rows(p, seeds_, "x")}
            return sample if distributions.is_implicit(p) else {"mean": p.mean(), **sample}

    def reconstruct_rows(self, x, seeds_, y=None, level=1):
        """The mean of p(x|z) at the mean of q(z|x), or at a draw of an implicit q(z|x)."""
        with self.inference():
            q = self._posterior(x, y)
            implicit = distributions.is_implicit(q)
            z = distributions.sample_rows(q, seeds_, "z") if implicit else q.mean()
            return _shown(self._likelihood(z, y), seeds_)

    def log_prob_rows(self, x, seeds_, y=None, samples=1):
        """log p(x) or its bound, [B] nats."""
        raise NotImplementedError

    def log_joint_rows(self, x, z, y=None):
        """log p(z) + log p(x|z) of pairs, [B] nats, where p(x|z) is no point mass."""
        with self.inference():
            return self.prior.log_prob(z) + self._likelihood(z, y).log_prob(x)

    def classify_rows(self, x):
        """Logits [B, num_classes]."""
        with self.inference():
            return self.class_logits(x)

    def _lazy(self, distribution):
        """The networks of an implicit distribution run when it is used, then in inference mode."""
        implicit = distributions.is_implicit(distribution)
        return distribution.within(self.inference) if implicit else distribution

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


def _shown(p, seeds_):
    """The image that stands for p(x|z): its mean, or a draw of one known by its draws."""
    return distributions.sample_rows(p, seeds_, "x") if distributions.is_implicit(p) else p.mean()


def _row_seeds(n, seed):
    return seeds.row_seeds(n, checks.seed(seed))
