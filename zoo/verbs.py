"""The verbs: what a trained model can be asked, the same for Keras models and for exports.

`Verbs` holds the public verbs: their checks, their documentation, and calls of at most 512 rows at
a time, which bound memory. They take arrays and tensors; a `tf.GradientTape` follows them, and in
`tf.function` or `Dataset.map` they are part of the graph, in one call. What they compute comes from
a back end, a subclass that defines the functions of the last section: `zoo.model.rows.Rows` for
Keras models, `zoo.serving.Served` for exports.
"""

import functools
import math
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from zoo import checks, tensors
from zoo.errors import refusal

_CHUNK = 512  # rows a call
_DRAWS = 5_000  # rows times importance samples a call


@tensors.plain_methods
class Verbs:
    """What every model can be asked; the verbs that it has are its `capabilities`.

    Attributes:
        method: name of the method that made it.
        image_shape: (H, W, C), or (D,) for vectors.
        latent_dim: dimensions of z.
        code_dim: width of the code that `decode` takes.
        code_classes: width of the code's categorical part, which comes first; None without one.
        levels: number of levels of latent variables; level 1 is the nearest to x.
        parts: names that `encode` takes as `part`: "z", the whole code, first.
        num_classes, num_attributes: of the labels, or None.
        conditional: whether the verbs need labels `y`.
        capabilities: the verbs that this model has.
        density: what `log_prob` returns: "exact", "lower_bound" or None.
    """

    method: str
    image_shape: tuple[int, ...]
    latent_dim: int
    code_dim: int
    code_classes: int | None
    levels: int
    parts: tuple[str, ...]
    num_classes: int | None
    num_attributes: int | None
    conditional: bool
    capabilities: frozenset[str]
    density: str | None

    def sample(self, n: int, y: npt.ArrayLike | None = None, seed: int | None = None) -> tf.Tensor:
        """n samples of p(x), [n, *image_shape].

        Args:
            n: int >= 1.
            y: labels [n], for conditional models.
            seed: int; the same seed gives the same samples, row i whatever n. None draws a new
                one, in a `tf.function` at each of its calls.
        """
        self._must("sample")
        n = checks.whole(n, "n")
        return self._by_rows("sample_rows", tensors.row_seeds(n, seed), y=self._labels(y, n))

    def encode(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        level: int | None = 1,
        part: str = "z",
    ) -> tfd.Distribution:
        """q(z|x), a TFP distribution with batch shape [B].

        Args:
            x: [B, *image_shape].
            y: labels, for conditional models.
            level: of a hierarchy, int in [1, levels]; None gives the joint distribution of all,
                which exports do not have.
            part: of the code, one of `parts`.
        """
        self._must("encode")
        depth = checks.level(level, self.levels, part, self.parts, joint=True)
        data = self._x(x)
        return self.posterior_of(data, self._labels_of(y, data), depth, part)

    def decode(self, z: npt.ArrayLike, y: npt.ArrayLike | None = None) -> tfd.Distribution:
        """p(x|z), a TFP distribution over [B, *image_shape], from whole codes [B, code_dim]."""
        self._must("decode")
        codes = tensors.images(z, (self.code_dim,), "z")
        return self.likelihood_of(codes, self._labels_of(y, codes))

    def reconstruct(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        level: int = 1,
        seed: int | None = None,
    ) -> tf.Tensor:
        """Mean of p(x|z) at the mean of q(z|x), or at a draw from an implicit q(z|x).

        Args:
            x: [B, *image_shape].
            y: labels, for conditional models.
            level: of a hierarchy, from whose code x is reconstructed.
            seed: int, of the draws of distributions that have no mean.

        Returns:
            [B, *image_shape].
        """
        self._must("reconstruct")
        depth = checks.level(level, self.levels)
        data = self._x(x)
        inputs = data, tensors.row_seeds(tensors.count(data), seed)
        labels = self._labels_of(y, data)
        return self._by_rows("reconstruct_rows", *inputs, y=labels, level=depth)

    def log_prob(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        samples: int = 1,
        seed: int | None = None,
    ) -> tf.Tensor:
        """log p(x), or the bound that `density` names, [B] nats.

        With one sample, a model and its export give the same value for the same seed.

        Args:
            x: [B, *image_shape].
            y: labels, for conditional models.
            samples: importance samples of a lower bound, int >= 1.
            seed: of the importance samples.
        """
        self._must("log_prob")
        samples, data = checks.whole(samples, "samples"), self._x(x)
        return self._bound(data, self._labels_of(y, data), samples, seed)

    def classify(self, x: npt.ArrayLike) -> tf.Tensor:
        """Logits of the classes, [B, num_classes]."""
        self._must("classify")
        return self._by_rows("classify_rows", self._x(x))

    def read(self, x: npt.ArrayLike, y: npt.ArrayLike | None = None) -> tfd.Distribution:
        """What a network of the method's own tells of x, where it is no posterior of the code.

        InfoGAN's q(c|x), for instance, of the part c of its code.

        Args:
            x: [B, *image_shape].
            y: labels, for conditional models.

        Returns:
            A TFP distribution with batch shape [B].
        """
        self._must("read")
        data = self._x(x)
        return self.reading_of(data, self._labels_of(y, data))

    def log_ratio(self, x: npt.ArrayLike) -> tf.Tensor:
        """log r(x) = log p(x) - log q(x) of the model's two data sets, [B] nats.

        Args:
            x: [B, *image_shape].
        """
        self._must("log_ratio")
        return self._by_rows("log_ratio_rows", self._x(x))

    def inpaint(
        self,
        x: npt.ArrayLike,
        known: npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        steps: int = 20,
        level: int = 1,
        seed: int | None = None,
    ) -> tf.Tensor:
        """Fills the hidden pixels of x: draws the code of what is there, decodes it, and again.

        A Markov chain on the hidden pixels: x <- known x + (1 - known) x', x' the mean of p(x|z),
        z ~ q(z|x), begun at pixels of 1/2. Models have it that can `reconstruct`.

        Args:
            x: [B, *image_shape]; hidden pixels are not read.
            known: bool, or 0 and 1, true where x is kept: [B, *image_shape] or of a shape that
                broadcasts to it.
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
        depth = checks.level(level, self.levels)
        steps = checks.whole(steps, "steps")
        given, kept = tensors.masked(x, known, self.image_shape)
        rows = tensors.row_seeds(tensors.count(given), seed)
        labels = self._labels_of(y, given)
        filled = tf.where(kept, given, 0.5)
        for step in range(steps):
            found = self._by_rows("redraw_rows", filled, rows + step, y=labels, level=depth)
            filled = tf.where(kept, given, found)
        return filled

    def features(self, x: npt.ArrayLike, y: npt.ArrayLike | None = None) -> dict[str, tf.Tensor]:
        """{name: hidden layer of the encoder, [B, ...]}, first to last, in inference mode.

        Its output is none of them. The name of a layer ends in `row_<i>`; what stands before that
        names the encoder where there are several, as `level_2_`, whose input is the code's mean. An
        implicit encoder is given noise 0. Exports have no hidden layers.

        Args:
            x: [B, *image_shape].
            y: labels, for conditional models.
        """
        self._must("encode")
        data = self._x(x)
        return self.features_rows(data, self._labels_of(y, data))

    def discriminator_features(self, x: npt.ArrayLike) -> tf.Tensor:
        """The last hidden layer of x alone in the discriminator, float32 [B, F].

        Exports have no discriminator.
        """
        if not self.has_discriminator_features:
            expected = "a model whose discriminator has a layer of x alone"
            raise ValueError(refusal("discriminator_features", expected, self.method))
        return self._by_rows("discriminator_features_rows", self._x(x))

    # --- how a verb calls its back end ------------------------------------------------------------

    def _must(self, verb: str) -> None:
        checks.capability(verb, self.capabilities, self.method)

    def _x(self, x: npt.ArrayLike) -> tf.Tensor:
        return tensors.images(x, self.image_shape)

    def _labels(self, y: npt.ArrayLike | None, n: int | tf.Tensor) -> Any:
        if y is not None and not self.conditional and self.code_classes:
            hint = "Decode a code, which begins with the one-hot class, to ask for it."
            raise ValueError(refusal("y", "None, as this model is unconditional", y, hint))
        return tensors.labels(y, n, self.num_classes, self.num_attributes, self.conditional)

    def _labels_of(self, y: npt.ArrayLike | None, x: tf.Tensor) -> Any:
        """Labels of as many rows as x has."""
        return self._labels(y, tensors.count(x))

    def _by_rows(
        self,
        name: str,
        *inputs: tf.Tensor,
        y: tf.Tensor | None = None,
        chunk: int = _CHUNK,
        **options: Any,
    ) -> Any:
        """A row-wise function of all rows of the inputs, in chunks; y comes last where given."""
        inputs = inputs if y is None else (*inputs, y)
        return in_chunks(self.row_function(name, **options), *inputs, chunk=chunk)

    def _bound(self, x: tf.Tensor, y: Any, samples: int, seed: Any) -> tf.Tensor:
        """log 1/k sum_k w_k of `samples` draws, as many a call as memory allows (IWAE)."""
        most = min(samples, self.draws_a_call)
        sizes = [min(most, samples - done) for done in range(0, samples, most)]
        n = tensors.count(x)
        rows = tf.reshape(tensors.row_seeds(len(sizes) * n, seed), [len(sizes), n])
        chunk = max(1, min(_CHUNK, _DRAWS // (most * self.rows_a_draw)))
        weights = [
            self._by_rows("log_prob_rows", x, own, y=y, chunk=chunk, samples=size)
            for own, size in zip(tf.unstack(rows, num=len(sizes)), sizes)
        ]
        if len(sizes) == 1:
            return weights[0]
        sums = [each + math.log(size) for each, size in zip(weights, sizes)]
        return tf.reduce_logsumexp(tf.stack(sums), axis=0) - math.log(samples)

    def row_function(self, name: str, **options: Any) -> Callable[..., Any]:
        """The row-wise function of a name with its options bound; a back end may trace it."""
        return functools.partial(getattr(self, name), **options)

    @property
    def draws_a_call(self) -> int:
        """Most importance samples of a row that one call of `log_prob_rows` takes."""
        return max(1, _DRAWS // self.rows_a_draw)

    @property
    def rows_a_draw(self) -> int:
        """How many rows the networks compute for one importance sample of one row."""
        return 1

    # --- what a back end defines ------------------------------------------------------------------
    #
    # Tensors in, tensors out, unchecked. Row i of what they return depends on row i of their inputs
    # alone, so that chunks may be computed one after another and a server may batch requests.

    def sample_rows(self, seeds_: tf.Tensor, y: tf.Tensor | None = None) -> tf.Tensor:
        """x, [B, *image_shape], from int64 seeds [B]."""
        raise NotImplementedError

    def posterior_of(
        self,
        x: tf.Tensor,
        y: tf.Tensor | None = None,
        level: int | None = 1,
        part: str = "z",
    ) -> tfd.Distribution:
        """q(z|x) of a level or of a part of the code, for any number of rows."""
        raise NotImplementedError

    def likelihood_of(self, z: tf.Tensor, y: tf.Tensor | None = None) -> tfd.Distribution:
        """p(x|z), for any number of rows."""
        raise NotImplementedError

    def reading_of(self, x: tf.Tensor, y: tf.Tensor | None = None) -> tfd.Distribution:
        """What `read` returns, for any number of rows."""
        raise NotImplementedError

    def reconstruct_rows(
        self, x: tf.Tensor, seeds_: tf.Tensor, y: tf.Tensor | None = None, level: int = 1
    ) -> tf.Tensor:
        """Mean of p(x|z) at the mean of q(z|x), [B, *image_shape]."""
        raise NotImplementedError

    def redraw_rows(
        self, x: tf.Tensor, seeds_: tf.Tensor, y: tf.Tensor | None = None, level: int = 1
    ) -> tf.Tensor:
        """Mean of p(x|z) at a draw of q(z|x), [B, *image_shape]."""
        raise NotImplementedError

    def log_prob_rows(
        self, x: tf.Tensor, seeds_: tf.Tensor, y: tf.Tensor | None = None, samples: int = 1
    ) -> tf.Tensor:
        """log p(x) or its bound, [B] nats."""
        raise NotImplementedError

    def classify_rows(self, x: tf.Tensor) -> tf.Tensor:
        """Logits [B, num_classes]."""
        raise NotImplementedError

    def log_ratio_rows(self, x: tf.Tensor) -> tf.Tensor:
        """log r(x), [B] nats."""
        raise NotImplementedError

    def features_rows(self, x: tf.Tensor, y: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """{name: hidden layer of the encoder, [B, ...]}."""
        raise NotImplementedError

    @property
    def has_features(self) -> bool:
        """Whether `features` are known."""
        return False

    @property
    def has_discriminator_features(self) -> bool:
        """Whether a discriminator has a hidden layer of x alone."""
        return False

    def discriminator_features_rows(self, x: tf.Tensor) -> tf.Tensor:
        """That layer, [B, F]."""
        raise NotImplementedError


# What a model says about itself, and the manifest of its export too.
FACTS = tuple(Verbs.__annotations__)


def default_verb(capabilities: Collection[str]) -> str:
    """What a model is asked first, and a server where no signature is named."""
    return next(verb for verb in ("sample", "classify", "log_ratio") if verb in capabilities)


def by_class(model: Verbs, x: np.ndarray) -> np.ndarray:
    """Examples in the order of the classes that a model gives them, [N, *image_shape]."""
    return x[np.argsort(np.argmax(model.classify(x), axis=1), kind="stable")]


def in_chunks(function: Callable[..., Any], *inputs: Any, chunk: int = _CHUNK) -> Any:
    """Calls `function` with at most so many rows of the inputs at a time, and joins its outputs.

    In a graph it is one call: how many rows there are may not be known yet.
    """
    if tf.inside_function():
        return function(*map(tf.convert_to_tensor, inputs))
    parts = [
        function(*(tf.convert_to_tensor(each[start : start + chunk]) for each in inputs))
        for start in range(0, len(inputs[0]), chunk)
    ]
    if len(parts) == 1:
        return parts[0]
    return tf.nest.map_structure(lambda *rows: tf.concat(rows, axis=0), *parts)
