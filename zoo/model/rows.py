"""The verbs of a Keras model, row by row: what `zoo.verbs` calls, and what exports are traced from.

All functions are traceable, in inference mode, on the weights that the verbs use, and unchecked;
row i of what they return depends on row i of their inputs alone.
"""

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from zoo import distributions, seeds
from zoo.errors import refusal
from zoo.networks import Pair
from zoo.verbs import Verbs

# What a model answers with distributions.
DISTRIBUTIONS = frozenset(
    ("likelihood", "posterior", "reading", "posterior_of_level", "posterior_of_part")
)


def giving_distribution(function: Callable[..., Any]) -> Callable[..., tfd.Distribution]:
    """A method's function of such a name, refused in one line where it returns something else."""

    @functools.wraps(function)
    def checked(*arguments: Any, **options: Any) -> tfd.Distribution:
        found = function(*arguments, **options)
        if not isinstance(found, tfd.Distribution):
            expected = "a TFP distribution, such as one of zoo.distributions"
            raise TypeError(refusal(function.__name__, expected, type(found).__name__))
        return found

    return checked


class Rows(Verbs):
    """The row-wise functions of a model that has a `prior`, a `likelihood` and a `posterior`.

    The base of `GenerativeModel`. A method overrides what it computes in another way.

    Attributes:
        DENSITY: what `log_prob` returns, "exact" or "lower_bound"; None without that verb.
        INFERRED: what `log_prob` draws of, where it is a bound, in words.
        prior: p(z), batch shape [].
        likelihood: `(z[, y])` -> p(x|z); models without one cannot decode.
        posterior: `(x[, y])` -> q(z|x); models without one cannot encode.
        reading: `(x[, y])` -> what another network of the method's tells of x; for `read`.
        posterior_of_level: `(x, level)` -> q(z_level|x), where there are levels.
        posterior_of_part: `(x, part)` -> q of a part of the code, where it has parts.
        class_logits: `x` -> logits [B, K], of models that classify.
        density_ratio: `x` -> log p(x) / q(x), [B], of models of two data sets.
        untrained: roles of the networks that a pretrained model came without.
        networks, inference, trace, label_vector: see `GenerativeModel`.
    """

    DENSITY: ClassVar[str | None]
    INFERRED: ClassVar[str] = "q(z|x)"
    prior: tfd.Distribution
    likelihood: Callable[..., tfd.Distribution]
    posterior: Callable[..., tfd.Distribution]
    reading: Callable[..., tfd.Distribution]
    posterior_of_level: Callable[..., tfd.Distribution]
    posterior_of_part: Callable[..., tfd.Distribution]
    class_logits: Callable[[tf.Tensor], tf.Tensor]
    density_ratio: Callable[[tf.Tensor], tf.Tensor]
    untrained: frozenset[str]
    networks: dict[str, Any]
    inference: Callable[[], Any]  # a context manager, which `Game` defines
    trace: Callable[..., list[tf.Tensor]]
    label_vector: Callable[[tf.Tensor], tf.Tensor]
    _encoder_noise = 0  # width of the noise that the encoder takes beside x
    _functions: dict[tuple, Callable[..., Any]]

    # --- what the model says about itself ---------------------------------------------------------

    @property
    def capabilities(self) -> frozenset[str]:
        """The verbs this model has."""
        verbs: set[str] = set()
        if hasattr(self, "likelihood"):
            verbs |= {"sample", "decode"}
        if type(self).sample_rows is not Rows.sample_rows:  # without a code
            verbs.add("sample")
        if hasattr(self, "posterior"):
            verbs |= {"encode", "reconstruct"} if "decode" in verbs else {"encode"}
        if hasattr(self, "reading"):
            verbs.add("read")
        if self.DENSITY:
            verbs.add("log_prob")
        if self.classifies:
            verbs.add("classify")
        if hasattr(self, "density_ratio"):
            verbs.add("log_ratio")
        return frozenset(verbs)

    @property
    def density(self) -> str | None:
        """What `log_prob` returns: "exact", "lower_bound" or None."""
        return self.DENSITY

    @property
    def dequantises(self) -> bool:
        """Whether `log_prob` is that of grey levels plus uniform noise (`dequantised_codes`)."""
        return False

    @property
    def semi_supervised(self) -> bool:
        """Whether the phases take labelled examples beside x."""
        return self.classifies

    @property
    def conditional(self) -> bool:
        """Whether networks and verbs take `y`."""
        labels = self.num_classes if self.num_attributes is None else self.num_attributes
        return labels is not None and not self.semi_supervised

    @property
    def classifies(self) -> bool:
        """Whether `class_logits(x)` tells the classes of the data."""
        return hasattr(self, "class_logits") and self.num_classes is not None

    @property
    def levels(self) -> int:
        """Levels of latent variables; 1 is the nearest to x."""
        return 1

    @property
    def parts(self) -> tuple[str, ...]:
        """Names that `encode` takes as `part`: "z", the whole code, first."""
        return ("z",)

    @property
    def code_dim(self) -> int:
        """Width of the code that `decode` takes."""
        return self.latent_dim

    @property
    def code_classes(self) -> int | None:
        """Width of the categorical part, which is first in the code; None without one."""
        return None

    @property
    def clusters(self) -> int | None:
        """Classes without names that x is sorted into: the part "y", or what `read` gives first."""
        return self.code_classes

    @property
    def has_features(self) -> bool:
        """Whether `features` are known: those of an encoder that is made of rows."""
        return hasattr(self, "posterior") and hasattr(self.networks.get("encoder"), "trace")

    @property
    def has_discriminator_features(self) -> bool:
        """Whether a trained discriminator has a hidden layer of x alone."""
        pair = self.networks.get("discriminator")
        trained = "discriminator" not in self.untrained
        return trained and isinstance(pair, Pair) and bool(pair.x.rows)

    def proper_likelihood(self, binary: bool) -> bool:
        """Whether `log_prob` is a likelihood of data that are (not) binary."""
        return binary or getattr(self, "decoder_output", None) != "bernoulli"

    # --- distributions ----------------------------------------------------------------------------

    def posterior_of(
        self,
        x: tf.Tensor,
        y: tf.Tensor | None = None,
        level: int | None = 1,
        part: str = "z",
    ) -> tfd.Distribution:
        """q(z|x) of a level (None: of all jointly), or of a part of the code."""
        with self.inference():
            return self._lazy(self._posterior(x, y, level, part))

    def likelihood_of(self, z: tf.Tensor, y: tf.Tensor | None = None) -> tfd.Distribution:
        """p(x|z)."""
        with self.inference():
            return self._lazy(self._likelihood(z, y))

    def reading_of(self, x: tf.Tensor, y: tf.Tensor | None = None) -> tfd.Distribution:
        """What `read` returns."""
        with self.inference():
            return self._lazy(self._reading(x, y))

    @staticmethod
    def described(distribution: tfd.Distribution) -> tuple[str, dict[str, tf.Tensor]]:
        """(family, parameters) as `zoo.distributions.describe`; ("implicit", {}) for others."""
        try:
            return distributions.describe(distribution)
        except TypeError:
            return "implicit", {}

    def _lazy(self, distribution: tfd.Distribution) -> tfd.Distribution:
        """The networks of an implicit distribution run when it is used, then in inference mode."""
        implicit = distributions.is_implicit(distribution)
        return distribution.within(self.inference) if implicit else distribution

    def _posterior(
        self, x: tf.Tensor, y: tf.Tensor | None = None, level: int | None = 1, part: str = "z"
    ) -> tfd.Distribution:
        if part != "z":
            return self.posterior_of_part(x, part)
        if level != 1:
            return self.posterior_of_level(x, level)
        return self.posterior(x) if y is None else self.posterior(x, y)

    def _reading(self, x: tf.Tensor, y: tf.Tensor | None = None) -> tfd.Distribution:
        return self.reading(x) if y is None else self.reading(x, y)

    def _likelihood(self, z: tf.Tensor, y: tf.Tensor | None = None) -> tfd.Distribution:
        return self.likelihood(z) if y is None else self.likelihood(z, y)

    # --- rows -------------------------------------------------------------------------------------

    def row_function(self, name: str, **options: Any) -> Callable[..., Any]:
        """The row-wise function of a name, traced once for each choice of options."""
        key = (name, *sorted(options.items()))
        if key not in self._functions:
            function = super().row_function(name, **options)
            self._functions[key] = tf.function(function, reduce_retracing=True, autograph=False)
        return self._functions[key]

    def sample_rows(self, seeds_: tf.Tensor, y: tf.Tensor | None = None) -> tf.Tensor:
        """x, [B, *image_shape], from int64 seeds [B]: z ~ p(z), then the mean of p(x|z)."""
        with self.inference():
            z = distributions.sample_rows(self.prior, seeds_, "z")
            return _shown(self._likelihood(z, y), seeds_)

    def encode_rows(
        self,
        x: tf.Tensor,
        seeds_: tf.Tensor,
        y: tf.Tensor | None = None,
        level: int = 1,
        part: str = "z",
    ) -> dict[str, tf.Tensor]:
        """The parameters of q(z|x) by name; {"value"} of a point, or of a draw if it has none."""
        with self.inference():
            return self._as_outputs(self._posterior(x, y, level, part), seeds_, "z")

    def read_rows(
        self, x: tf.Tensor, seeds_: tf.Tensor, y: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """The parameters of `reading(x)` by name, or {"value"}, as `encode_rows`."""
        with self.inference():
            return self._as_outputs(self._reading(x, y), seeds_, "read")

    def _as_outputs(
        self, q: tfd.Distribution, seeds_: tf.Tensor, place: str
    ) -> dict[str, tf.Tensor]:
        _, parameters = self.described(q)
        if parameters and not distributions.is_deterministic(q):
            return parameters
        return {"value": distributions.sample_rows(q, seeds_, place)}

    def decode_rows(
        self, z: tf.Tensor, seeds_: tf.Tensor, y: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """{"mean", "sample"} of p(x|z); of an autoregressive one, {"sample"}."""
        with self.inference():
            p = self._likelihood(z, y)
            sample = {"sample": distributions.sample_rows(p, seeds_, "x")}
            return sample if distributions.is_implicit(p) else {"mean": p.mean(), **sample}

    def reconstruct_rows(
        self, x: tf.Tensor, seeds_: tf.Tensor, y: tf.Tensor | None = None, level: int = 1
    ) -> tf.Tensor:
        """The mean of p(x|z) at the mean of q(z|x), or at a draw of an implicit q(z|x)."""
        with self.inference():
            q = self._posterior(x, y)
            implicit = distributions.is_implicit(q)
            z = distributions.sample_rows(q, seeds_, "z") if implicit else q.mean()
            return _shown(self._likelihood(z, y), seeds_)

    def redraw_rows(
        self, x: tf.Tensor, seeds_: tf.Tensor, y: tf.Tensor | None = None, level: int = 1
    ) -> tf.Tensor:
        """The mean of p(x|z) at a draw of q(z|x)."""
        with self.inference():
            z = distributions.sample_rows(self._posterior(x, y), seeds_, "z")
            return _shown(self._likelihood(z, y), seeds_)

    def log_joint_rows(self, x: tf.Tensor, z: tf.Tensor, y: tf.Tensor | None = None) -> tf.Tensor:
        """log p(z) + log p(x|z) of pairs, [B] nats, where p(x|z) is no point mass."""
        with self.inference():
            return self.prior.log_prob(z) + self._likelihood(z, y).log_prob(x)

    def classify_rows(self, x: tf.Tensor) -> tf.Tensor:
        """Logits [B, num_classes]."""
        with self.inference():
            return self.class_logits(x)

    def log_ratio_rows(self, x: tf.Tensor) -> tf.Tensor:
        """log r(x), [B] nats."""
        with self.inference():
            return self.density_ratio(x)

    def told_rows(self, x: tf.Tensor) -> tf.Tensor:
        """What Keras' `predict` is told of x: its reconstruction, logits, log r(x) or log p(x)."""
        if "reconstruct" in self.capabilities:
            return self.reconstruct_rows(x, seeds.row_seeds(tf.shape(x)[0], 0))
        if "classify" in self.capabilities:
            return self.classify_rows(x)
        if "log_ratio" in self.capabilities:
            return self.log_ratio_rows(x)
        return self.log_prob_rows(x, seeds.row_seeds(tf.shape(x)[0], 0))

    def features_rows(self, x: tf.Tensor, y: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """{"row_0": ..., "row_1": ...}: the encoder's rows but the last, which is its output."""
        self.require_features()
        extra = [tf.zeros([tf.shape(x)[0], self._encoder_noise])] if self._encoder_noise else []
        extra += [] if y is None else [self.label_vector(y)]
        with self.inference():
            *hidden, _ = self.trace("encoder", x, *([tf.concat(extra, axis=1)] if extra else []))
        return {f"row_{i}": layer for i, layer in enumerate(hidden)}

    def require_features(self) -> None:
        """Refuses a model whose encoder is not made of rows."""
        if not self.has_features:
            expected = "a model whose encoder is made of rows, as those of tables are"
            received = type(self.networks.get("encoder")).__name__
            raise ValueError(refusal("features", expected, received))

    def discriminator_features_rows(self, x: tf.Tensor) -> tf.Tensor:
        """The last hidden layer of x alone in the discriminator, float32 [B, F]."""
        with self.inference():
            # Row by row: noise layers are off, and there is no batch normalisation over z.
            hidden = self.networks["discriminator"].x(x, training=False)
            return tf.reshape(tf.cast(hidden, tf.float32), [tf.shape(x)[0], -1])


def _shown(p: tfd.Distribution, seeds_: tf.Tensor) -> tf.Tensor:
    """The image that stands for p(x|z): its mean, or a draw of one known by its draws."""
    return distributions.sample_rows(p, seeds_, "x") if distributions.is_implicit(p) else p.mean()
