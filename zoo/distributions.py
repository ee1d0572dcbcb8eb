"""Network outputs become TFP distributions: priors, posteriors, likelihoods, and draws from them.

Parameters are cast to float32 first: log-probabilities and scales are islands of full precision in
bfloat16 models.
"""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from zoo import seeds
from zoo.errors import unknown

tfb = tfp.bijectors
tfd = tfp.distributions

LEVELS = 256  # of 8-bit images


class Implicit(tfd.Distribution):
    """A distribution known by its samples alone: x = function(noise), noise ~ N(0, I).

    Args:
        function: callable, noise [B, noise_dim] -> samples [B, *event_shape].
        noise_dim: int.
        batch_size: B, int or scalar tensor.
        event_shape: tuple of ints.

    `mean()` is the average of `draws` samples from a fixed seed; `log_prob` raises
    `NotImplementedError`.
    """

    kind = "implicit"  # its family, for `describe`

    def __init__(self, function, noise_dim, batch_size, event_shape, name="Implicit"):
        parameters = dict(locals())
        self.function, self.noise_dim = function, noise_dim
        self._batch, self._event = batch_size, tuple(event_shape)
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=tfd.FULLY_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    @property
    def noise(self):
        """(kind, shape) of the noise of one row."""
        return "normal", [self.noise_dim]

    def within(self, context):
        """The same distribution, its function called inside of `context()`."""

        def function(noise):
            with context():
                return self.function(noise)

        return Implicit(function, self.noise_dim, self._batch, self._event)

    def _batch_shape_tensor(self):
        return tf.reshape(tf.cast(self._batch, tf.int32), [1])

    def _batch_shape(self):
        return tf.TensorShape([tf.get_static_value(self._batch)])

    def _event_shape_tensor(self):
        return tf.constant(self._event, tf.int32)

    def _event_shape(self):
        return tf.TensorShape(self._event)

    def _sample_n(self, n, seed=None):
        kind, shape = self.noise
        seed = tfp.random.sanitize_seed(seed)
        every = noise(kind, [n, self._batch, *shape], seed)
        each = lambda e: tf.map_fn(self.function, e)
        if tf.executing_eagerly() and len(every) > 16:
            # Eagerly a draw is a Python step: so many take longer than a trace.
            each = tf.function(each, autograph=False).get_concrete_function(every)
        return each(every)

    def _mean(self, draws=10):
        return tf.reduce_mean(self.sample(draws, seed=seeds.fold(0, "mean")), axis=0)


class DiscretisedLogistic(tfd.Distribution):
    """Logistic on [0, 1] rounded to 256 levels, the outermost ones taking the tails.

        P(x) = F((x + h - loc) / scale) - F((x - h - loc) / scale),   F = sigmoid, h = 1 / 510

    Args:
        loc: [...], in units of x.
        scale: [...], > 0, in units of x.

    `log_prob` is the log of the probability *mass* of round(255 x), nats. `mean` is the mean of the
    logistic clipped to [0, 1], which is within half a level of the exact one.

    Reference: Salimans et al., PixelCNN++, arXiv 1701.05517, equation 2, with one component.
    """

    def __init__(self, loc, scale, name="DiscretisedLogistic"):
        parameters = dict(locals())
        self.loc, self.scale = tf.convert_to_tensor(loc), tf.convert_to_tensor(scale)
        super().__init__(
            dtype=self.loc.dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {"loc": tfp.util.ParameterProperties(), "scale": tfp.util.ParameterProperties()}

    def _event_shape(self):
        return tf.TensorShape([])

    def _event_shape_tensor(self):
        return tf.constant([], tf.int32)

    def _log_prob(self, x):
        level = tf.round(x * (LEVELS - 1))
        half = 0.5 / (LEVELS - 1)
        upper = (level / (LEVELS - 1) + half - self.loc) / self.scale
        lower = (level / (LEVELS - 1) - half - self.loc) / self.scale
        # log(F(u) - F(l)) = log F(u) + log(1 - F(l)) + log(1 - exp(l - u)), exact and free of
        # cancellation.
        inside = -tf.nn.softplus(-upper) - tf.nn.softplus(lower) + tfp.math.log1mexp(upper - lower)
        at_top = tf.where(level >= LEVELS - 1, -tf.nn.softplus(lower), inside)
        return tf.where(level <= 0, -tf.nn.softplus(-upper), at_top)

    def _sample_n(self, n, seed=None):
        shape = tf.concat([[n], tf.shape(self.loc + self.scale)], axis=0)
        seed = tfp.random.sanitize_seed(seed)
        return self.from_uniform(tf.random.stateless_uniform(shape, seed, alg="philox"))

    def from_uniform(self, uniform):
        """The sample that a number in [0, 1) stands for: the inverse of F, clipped and rounded."""
        uniform = tf.clip_by_value(uniform, 1e-7, 1.0 - 1e-7)
        x = self.loc + self.scale * (tf.math.log(uniform) - tf.math.log1p(-uniform))
        return tf.round(tf.clip_by_value(x, 0.0, 1.0) * (LEVELS - 1)) / (LEVELS - 1)

    def _mean(self):
        below, above = self.loc / self.scale, (self.loc - 1.0) / self.scale
        return self.scale * (tf.nn.softplus(below) - tf.nn.softplus(above))


# --- network outputs -> distributions -------------------------------------------------------------


def standard_normal(dimensions, stddev=1.0):
    """N(0, stddev^2 I) on vectors, batch shape []."""
    return tfd.Independent(tfd.Normal(tf.zeros(dimensions), tf.fill([dimensions], stddev)), 1)


def uniform(shape, low=-1.0):
    """U(low, 1) on arrays of a shape (an int for vectors), batch shape []."""
    ones = tf.ones(shape)
    return tfd.Independent(tfd.Uniform(low * ones, ones), ones.shape.rank)


def one_hot(logits):
    """Categorical over K classes as one-hot vectors; batch shape [] for logits [K]."""
    return tfd.OneHotCategorical(logits=tf.cast(logits, tf.float32), dtype=tf.float32)


def blocks(*distributions):
    """Independent parts of one code, concatenated in this order."""
    return tfd.Blockwise(list(distributions))


def petals(components, radius=1.4, radial=0.5, tangential=0.1):
    """Gaussians in the plane on a circle, long in the direction of its radius.

    Args:
        components: int, at even angles.
        radius: of the circle of means.
        radial, tangential: standard deviations.

    Returns:
        (loc [K, 2], scale_tril [K, 2, 2]).

    Reference: Makhzani et al., Adversarial autoencoders, arXiv 1511.05644, figure 4 (a mixture of
        ten 2-D Gaussians; its sizes are not printed, these are ours).
    """
    angle = 2.0 * math.pi * tf.range(components, dtype=tf.float32) / components
    out = tf.stack([tf.cos(angle), tf.sin(angle)], axis=-1)  # [K, 2]
    along = tf.stack([-tf.sin(angle), tf.cos(angle)], axis=-1)
    covariance = sum(
        stddev**2 * axis[:, :, None] * axis[:, None, :]
        for stddev, axis in ((radial, out), (tangential, along))
    )
    return radius * out, tf.linalg.cholesky(covariance)


def mixture(loc, scale_tril):
    """Equal parts of the Gaussians N(loc[k], scale_tril[k] scale_tril[k]^T), batch shape []."""
    return tfd.MixtureSameFamily(
        tfd.Categorical(logits=tf.zeros(loc.shape[0])),
        tfd.MultivariateNormalTriL(loc, scale_tril),
    )


def component(loc, scale_tril, index):
    """The Gaussians of a mixture that `index` [B] names, batch shape [B]."""
    return tfd.MultivariateNormalTriL(tf.gather(loc, index), tf.gather(scale_tril, index))


def autoregressive_flow(networks, dimensions):
    """N(0, I) through autoregressive maps, whose densities cost one pass and whose draws d passes.

    Args:
        networks: callables, z [B, d] -> [B, d, 2], shift and log scale of z_i given those before;
            between two maps the order of the entries turns round. A log scale is bent to within
            +-5, as a network's output grows with z, and one of 90 is an infinite density.
        dimensions: d.

    Reference: Chen et al., VLAE, arXiv 1611.02731, section 3.2; Papamakarios et al., MAF, arXiv
        1705.07057, equations 3 and 4.
    """
    turn = tfb.Permute(list(range(dimensions))[::-1])

    def bounded(network):
        def of(z):
            loc, log_scale = tf.unstack(network(z), axis=-1)
            return loc, 5.0 * tf.tanh(log_scale / 5.0)

        return of

    chain = []
    for network in networks:
        chain += [tfb.MaskedAutoregressiveFlow(bounded(network)), turn]
    return tfd.TransformedDistribution(standard_normal(dimensions), tfb.Chain(chain[:-1]))


def diagonal_normal(outputs):
    """q(z|x) = N(loc, diag(scale^2)) from [B, 2 d]: loc, log scale (ALI, section 2.1)."""
    loc, log_scale = tf.split(tf.cast(outputs, tf.float32), 2, axis=-1)
    return tfd.Independent(tfd.Normal(loc, tf.exp(log_scale)), 1)


def unit_normal(outputs, stddev):
    """N(sqrt(1 - stddev^2) outputs, stddev^2 I) from [B, d], stddev < 1.

    Outputs of mean 0 and variance 1 make samples of mean 0 and variance 1.
    """
    loc = tf.cast(outputs, tf.float32) * math.sqrt(1.0 - stddev**2)
    return tfd.Independent(tfd.Normal(loc, tf.fill(tf.shape(loc), stddev)), 1)


def code(kind, network, rows, dimensions, noise_dim=None):
    """q(z|x) as an encoder gives it.

    Args:
        kind: "normal", "deterministic", or "implicit", a function of x and noise.
        network: callable, `*noise` -> [B, d], or [B, 2 d] for "normal"; noise [B, noise_dim] is
            given to implicit ones.
        rows: B, int or scalar tensor.
        dimensions: d.
        noise_dim: int, None for d.
    """
    if kind == "normal":
        return diagonal_normal(network())
    if kind == "deterministic":
        return deterministic(network())
    return Implicit(network, noise_dim or dimensions, rows, (dimensions,))


def deterministic(outputs):
    """A point mass at the network's output; `VectorDeterministic` for [B, d]."""
    loc = tf.cast(outputs, tf.float32)
    return tfd.VectorDeterministic(loc) if loc.shape.rank == 2 else _pixels(tfd.Deterministic(loc))


def bernoulli(outputs):
    """p(x|z) = prod Bernoulli(sigmoid(logits)) from [B, ...]."""
    return _pixels(tfd.Bernoulli(logits=tf.cast(outputs, tf.float32), dtype=tf.float32))


def normal(loc, stddev):
    """p(x|z) = N(loc, stddev^2 I) from [B, ...] and a fixed scalar."""
    loc = tf.cast(loc, tf.float32)
    return _pixels(tfd.Normal(loc, tf.fill(tf.shape(loc), tf.constant(stddev, tf.float32))))


def scaled_normal(outputs):
    """p(x|z) = N(loc, diag(scale^2)) from [..., 2 C]: loc, log scale per pixel and channel."""
    loc, log_scale = tf.split(tf.cast(outputs, tf.float32), 2, axis=-1)
    return _pixels(tfd.Normal(loc, tf.exp(log_scale)))


def discretised_logistic(outputs):
    """p(x|z) on 256 levels from [B, H, W, 2 C]: logit of loc, log of scale in units of x."""
    loc, log_scale = tf.split(tf.cast(outputs, tf.float32), 2, axis=-1)
    return _pixels(DiscretisedLogistic(tf.sigmoid(loc), logistic_scale(log_scale)))


def logistic_scale(outputs):
    """Scales in units of x, about e^-2 at outputs of 0."""
    # A scale below 1/8 level has all its mass in one level: nothing is lost by the bound, and exp
    # stays finite.
    return tf.exp(tf.maximum(outputs - 2.0, math.log(0.125 / (LEVELS - 1))))


def likelihood(family, outputs, stddev=None):
    """p(x|z) of a decoder's outputs.

    Args:
        family: "bernoulli", "discretised_logistic", "normal" or "deterministic".
        outputs: [B, ...]; the last two families' means are `to_data` of them.
        stddev: of "normal".
    """
    if family == "bernoulli":
        return bernoulli(outputs)
    if family == "discretised_logistic":
        return discretised_logistic(outputs)
    mean = to_data(outputs)
    return normal(mean, stddev) if family == "normal" else deterministic(mean)


def to_data(outputs):
    """Network outputs in the data's range, float32: sigmoid for images, unchanged vectors."""
    outputs = tf.cast(outputs, tf.float32)
    return outputs if outputs.shape.rank == 2 else tf.sigmoid(outputs)


def set_output_bias(decoder, x):
    """Sets a decoder's output bias so that its first outputs are near the mean of a batch x.

    The log-odds of the mean of each pixel (clipped to [0.01, 0.99]), or the mean for vectors.
    Networks without `set_output_bias` (one's own) are left alone.

    Reference: Dumoulin et al., ALI, appendix A.
    """
    if not hasattr(decoder, "set_output_bias"):
        return
    mean = tf.reduce_mean(tf.cast(x, tf.float32), axis=0)
    if mean.shape.rank == 3:
        mean = tf.clip_by_value(mean, 0.01, 0.99)
        mean = tf.math.log(mean) - tf.math.log1p(-mean)
    decoder.set_output_bias(mean)


def _pixels(distribution):
    """All axes but the first are one event."""
    return tfd.Independent(distribution, distribution.batch_shape.rank - 1)


# --- draws ----------------------------------------------------------------------------------------

# All noise is Philox's, named: the default generator is another one inside of XLA.
_NOISE = {
    "normal": lambda shape, seed: tf.random.stateless_normal(shape, seed, alg="philox"),
    "uniform": lambda shape, seed: tf.random.stateless_uniform(shape, seed, alg="philox"),
}


def noise(kind, shape, seed):
    """Noise of a shape from a stateless seed: "normal", or "uniform" on [0, 1)."""
    return _NOISE[kind](shape, seed)


def draw(distribution, seed, batch_size=None):
    """This replica's rows of a reparameterised sample for the global batch.

    Args:
        distribution: batch shape [B], or [] together with `batch_size`.
        seed: int32 [2].
        batch_size: rows a replica, for distributions without a batch.

    Returns:
        [B, *event_shape].
    """
    if is_deterministic(distribution):
        return distribution.mean()
    kinds, transform = _reparameterised(distribution)
    rows = distribution.batch_shape_tensor()[0] if batch_size is None else batch_size
    noises = [
        seeds.replica_rows(lambda n: noise(kind, [n, rows, *shape], place))  # noqa: B023
        for (kind, shape), place in zip(kinds, _places(seed, len(kinds)))
    ]
    return transform(*noises)


def sample_rows(distribution, row_seeds, place, n=None):
    """Samples whose row i depends on `row_seeds[i]` alone.

    Args:
        distribution: batch shape [B] or [].
        row_seeds: int64 [B].
        place: name folded into each seed, so that two draws of one request differ.
        n: draws a row, or None for one without the axis.

    Returns:
        [B, *event_shape], or [B, n, *event_shape].
    """
    if is_deterministic(distribution):
        value = distribution.mean()
        return value if n is None else tf.repeat(value[:, None], n, axis=1)
    kinds, transform = _reparameterised(distribution)
    noises = [
        noise_rows(row_seeds, place if i == 0 else f"{place}/{i}", [n or 1, *shape], kind)
        for i, (kind, shape) in enumerate(kinds)
    ]  # each [B, n, ...]
    if n is None:
        return transform(*(each[:, 0] for each in noises))
    if is_implicit(distribution):  # a function of one batch
        draws = zip(*(tf.unstack(each, num=n, axis=1) for each in noises))
        return tf.stack([transform(*draw) for draw in draws], axis=1)
    return _swap(transform(*map(_swap, noises)))


def noise_rows(row_seeds, place, shape, kind="normal"):
    """Noise [B, *shape], row i from `row_seeds[i]` alone: "normal", or "uniform" on [0, 1)."""
    return tf.map_fn(
        lambda seed: noise(kind, shape, seeds.split_row(seed, place)),
        row_seeds,
        fn_output_signature=tf.TensorSpec(shape, tf.float32),
    )


def _places(seed, count):
    """A seed for each of several noises; one alone has the draw's own."""
    return [seed] if count == 1 else [seeds.fold(seed, i) for i in range(count)]


def _reparameterised(distribution):
    """([(kind of noise, its shape for one row)], noises [..., B, *shape] -> sample)."""
    if is_implicit(distribution):
        return [distribution.noise], distribution.function
    shape = distribution.event_shape.as_list()
    if isinstance(distribution, tfd.Blockwise):
        return _concatenated([_reparameterised(part) for part in distribution.distributions])
    if isinstance(distribution, tfd.OneHotCategorical):
        probabilities = distribution.probs_parameter()
        return [("uniform", [1])], lambda noise: tf.one_hot(
            category(probabilities, noise), shape[0]
        )
    if isinstance(distribution, tfd.MultivariateNormalTriL):
        loc, scale = distribution.loc, distribution.scale_tril
        return [("normal", shape)], lambda noise: loc + tf.linalg.matvec(scale, noise)
    if isinstance(distribution, tfd.MixtureSameFamily):
        parts = distribution.components_distribution
        k = parts.loc.shape[0]

        def of_component(uniform, normal):
            index = tf.minimum(tf.cast(uniform[..., 0] * k, tf.int32), k - 1)  # equal parts
            scale = tf.gather(parts.scale_tril, index)
            return tf.gather(parts.loc, index) + tf.linalg.matvec(scale, normal)

        return [("uniform", [1]), ("normal", shape)], of_component
    inner = distribution.distribution
    if hasattr(distribution, "bijector"):  # TFP gives a flow a class of its own
        kinds, transform = _reparameterised(inner)
        return kinds, lambda *noises: distribution.bijector.forward(transform(*noises))
    if isinstance(inner, tfd.Normal):
        return [("normal", shape)], lambda noise: inner.loc + inner.scale * noise
    if isinstance(inner, tfd.Uniform):
        return [("uniform", shape)], lambda noise: inner.low + (inner.high - inner.low) * noise
    if isinstance(inner, tfd.Bernoulli):
        probs = inner.probs_parameter()
        return [("uniform", shape)], lambda noise: tf.cast(noise < probs, tf.float32)
    if isinstance(inner, DiscretisedLogistic):
        return [("uniform", shape)], inner.from_uniform
    raise TypeError(f"No reparameterisation is known for {type(inner).__name__}.")


def category(probabilities, uniform):
    """The category, int32 [...], that a number in [0, 1) stands for: the inverse of its CDF.

    Args:
        probabilities: [..., K].
        uniform: [..., 1].
    """
    below = tf.cumsum(probabilities, axis=-1)[..., :-1]
    return tf.reduce_sum(tf.cast(uniform >= below, tf.int32), axis=-1)


def _concatenated(parts):
    """The reparameterisation of parts side by side, from those of the parts."""

    def transform(*noises):
        left, samples = list(noises), []
        for kinds, of_part in parts:
            samples.append(of_part(*left[: len(kinds)]))
            left = left[len(kinds) :]
        return tf.concat(samples, axis=-1)

    return [kind for kinds, _ in parts for kind in kinds], transform


def is_implicit(distribution):
    """Whether a distribution is a function of noise, known by its draws."""
    return isinstance(distribution, Implicit)


def _swap(x):
    """Exchanges the first two axes."""
    return tf.transpose(x, [1, 0, *range(2, x.shape.rank)])


def is_deterministic(distribution):
    """Whether all the mass lies on one point a row."""
    inner = getattr(distribution, "distribution", distribution)
    return isinstance(inner, (tfd.Deterministic, tfd.VectorDeterministic))


def is_normal(distribution):
    """Whether it is a N(loc, diag(scale^2)) of this module."""
    return isinstance(getattr(distribution, "distribution", None), tfd.Normal)


def is_standard_normal(distribution):
    """Whether it is N(0, I)."""
    if not is_normal(distribution):
        return False
    inner = distribution.distribution
    return bool(tf.reduce_all(inner.loc == 0.0) & tf.reduce_all(inner.scale == 1.0))


def is_likelihood(distribution, binary):
    """Whether p(x|z) is one of data that are (not) binary.

    A point mass is none, nor is a Bernoulli distribution of grey pixels or of real vectors.
    """
    if isinstance(getattr(distribution, "distribution", None), tfd.Bernoulli):
        return binary
    return not (is_deterministic(distribution) or getattr(distribution, "kind", "") == "implicit")


# --- the closed list that exports can rebuild -----------------------------------------------------

_FAMILIES = {
    "normal": (tfd.Normal, ("loc", "scale")),
    "bernoulli": (tfd.Bernoulli, ("logits",)),
    "discretised_logistic": (DiscretisedLogistic, ("loc", "scale")),
    "deterministic": (tfd.Deterministic, ("loc",)),
}


def describe(distribution):
    """(family, {parameter: tensor [B, ...]}) of a distribution made in this module.

    Implicit distributions have no parameters: ("implicit", {}), or ("autoregressive", {}).
    """
    if isinstance(distribution, Implicit):
        return distribution.kind, {}
    if isinstance(distribution, tfd.VectorDeterministic):
        return "vector_deterministic", {"loc": distribution.loc}
    if isinstance(distribution, tfd.Categorical):
        return "categorical", {"logits": distribution.logits_parameter()}
    inner = distribution.distribution
    for family, (cls, names) in _FAMILIES.items():
        if isinstance(inner, cls):
            return family, {name: tf.convert_to_tensor(getattr(inner, name)) for name in names}
    raise TypeError(
        f"No family for {type(inner).__name__}; the closed list holds {', '.join(_FAMILIES)}."
    )


def rebuild(family, parameters):
    """The distribution that `describe` described; `ValueError` for any other family."""
    if family == "vector_deterministic":
        return tfd.VectorDeterministic(parameters["loc"])
    if family == "categorical":
        return tfd.Categorical(logits=parameters["logits"])
    if family not in _FAMILIES:
        raise unknown("family", family, [*_FAMILIES, "vector_deterministic", "categorical"])
    cls, names = _FAMILIES[family]
    extra = {"dtype": tf.float32} if family == "bernoulli" else {}
    return _pixels(cls(**{name: parameters[name] for name in names}, **extra))


def mapped(function, distribution):
    """The same family with `function` of each parameter, such as `tf.stop_gradient`."""
    family, parameters = describe(distribution)
    return rebuild(family, {name: function(value) for name, value in parameters.items()})
