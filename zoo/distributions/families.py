"""The table of all families that this package makes: how each is drawn, told apart, rebuilt.

A new family is one entry of `FAMILIES`: draws (`zoo.distributions.draws`), exports and metrics read
it there.
"""

import dataclasses
from collections.abc import Callable, Collection
from typing import Any, Literal

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from zoo.distributions.discretised import DiscretisedLogistic
from zoo.distributions.implicit import Implicit
from zoo.distributions.pixels import Autoregressive
from zoo.distributions.randomness import category
from zoo.errors import refusal, unknown

Noises = list[tuple[str, list[int]]]  # of each noise its kind, and its shape for one row


@dataclasses.dataclass(frozen=True, eq=False)
class Family:
    """All that is to be known of one class of distributions, p.

    Args:
        cls: the class, as users of TFP call it.
        name: as exports write it.
        noise: callable, (p, event shape) -> the noises that a draw is made of; `_nothing` for a
            point mass.
        transform: callable, (p, *noises [..., B, *shape]) -> sample [..., B, *event_shape].
        parameters: names of the tensors that p is rebuilt from; without any, exports cannot.
        options: further arguments of the class, for `rebuild`.
        elementwise: whether p is of single numbers, and `tfd.Independent` makes arrays of them.
        by_draws: whether p is known by its draws alone: it has no parameters, and `transform` takes
            noises [B, *shape], without axes before them.
        likelihood_of: the data for which log_prob of a p(x|z) is a likelihood.
        density: whether log_prob is that of a density of real numbers, not of a mass.
    """

    cls: type
    name: str
    noise: Callable[[Any, list[int]], Noises]
    transform: Callable[..., tf.Tensor]
    parameters: tuple[str, ...] = ()
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    elementwise: bool = False
    by_draws: bool = False
    likelihood_of: Literal["all", "binary", "none"] = "all"
    density: bool = False


# --- noises and transforms ------------------------------------------------------------------------


def _nothing(p: tfd.Distribution, shape: list[int]) -> Noises:
    return []


def _normals(p: tfd.Distribution, shape: list[int]) -> Noises:
    return [("normal", shape)]


def _uniforms(p: tfd.Distribution, shape: list[int]) -> Noises:
    return [("uniform", shape)]


def _choice(p: tfd.Distribution, shape: list[int]) -> Noises:
    return [("uniform", [1])]


def _of_component(p: tfd.Distribution, uniform: tf.Tensor, normal: tf.Tensor) -> tf.Tensor:
    parts = p.components_distribution
    index = category(p.mixture_distribution.probs_parameter(), uniform)
    scale = tf.gather(parts.scale_tril, index)
    return tf.gather(parts.loc, index) + tf.linalg.matvec(scale, normal)


def _side_by_side(p: tfd.Distribution, *given: tf.Tensor) -> tf.Tensor:
    left, samples = iter(given), []
    for part in p.distributions:
        samples.append(transformed(part, *(next(left) for _ in noises(part))))
    return tf.concat(samples, axis=-1)


# --- the table ------------------------------------------------------------------------------------

FAMILIES = (
    Family(
        tfd.Normal,
        "normal",
        _normals,
        lambda p, noise: p.loc + p.scale * noise,
        parameters=("loc", "scale"),
        elementwise=True,
        density=True,
    ),
    Family(
        tfd.Bernoulli,
        "bernoulli",
        _uniforms,
        lambda p, noise: tf.cast(noise < p.probs_parameter(), tf.float32),
        parameters=("logits",),
        options={"dtype": tf.float32},
        elementwise=True,
        likelihood_of="binary",
    ),
    Family(
        DiscretisedLogistic,
        "discretised_logistic",
        _uniforms,
        DiscretisedLogistic.from_uniform,
        parameters=("loc", "scale"),
        elementwise=True,
    ),
    Family(
        tfd.Deterministic,
        "deterministic",
        _nothing,
        tfd.Deterministic.mean,
        parameters=("loc",),
        elementwise=True,
        likelihood_of="none",
    ),
    Family(
        tfd.VectorDeterministic,
        "vector_deterministic",
        _nothing,
        tfd.VectorDeterministic.mean,
        parameters=("loc",),
        likelihood_of="none",
    ),
    Family(
        tfd.Categorical,
        "categorical",
        _choice,
        lambda p, noise: category(p.probs_parameter(), noise),
        parameters=("logits",),
    ),
    Family(
        Implicit,
        "implicit",
        lambda p, shape: [p.noise],
        lambda p, noise: p.function(noise),
        by_draws=True,
        likelihood_of="none",
    ),
    Family(
        Autoregressive,
        "autoregressive",
        lambda p, shape: [p.noise],
        lambda p, noise: p.function(noise),
        by_draws=True,
    ),
    # Priors: no export has to rebuild them.
    Family(
        tfd.Uniform,
        "uniform",
        _uniforms,
        lambda p, noise: p.low + (p.high - p.low) * noise,
        elementwise=True,
        density=True,
    ),
    Family(
        tfd.OneHotCategorical,
        "one_hot",
        _choice,
        lambda p, noise: tf.one_hot(category(p.probs_parameter(), noise), p.event_shape[0]),
        parameters=("logits",),
        options={"dtype": tf.float32},
    ),
    Family(
        tfd.MultivariateNormalTriL,
        "correlated_normal",
        _normals,
        lambda p, noise: p.loc + tf.linalg.matvec(p.scale_tril, noise),
        density=True,
    ),
    Family(
        tfd.MixtureSameFamily,
        "mixture",
        lambda p, shape: _choice(p, shape) + _normals(p, shape),
        _of_component,
        density=True,
    ),
    Family(
        tfd.Blockwise,
        "blocks",
        lambda p, shape: [each for part in p.distributions for each in noises(part)],
        _side_by_side,
    ),
    Family(
        tfd.TransformedDistribution,
        "flow",
        lambda p, shape: noises(p.distribution),
        lambda p, *given: p.bijector.forward(transformed(p.distribution, *given)),
        density=True,
    ),
)


def _widest(cls: type) -> type:
    """The class of all that `cls(...)` returns: TFP has `_X` below X, for parts of one's own."""
    return next((base for base in cls.__mro__ if base.__name__ == f"_{cls.__name__}"), cls)


_BY_CLASS = {_widest(family.cls): family for family in FAMILIES}
_CLOSED = {family.name: family for family in FAMILIES if family.parameters}


def _found(distribution: tfd.Distribution) -> tuple[Family | None, Any]:
    """(its Family, the distribution p that has the parameters); (None, None) for a stranger."""
    for p in (distribution, getattr(distribution, "distribution", None)):
        family = next((_BY_CLASS[cls] for cls in type(p).__mro__ if cls in _BY_CLASS), None)
        if family and family.elementwise == (p is not distribution):
            return family, p
    return None, None


def _known(
    distribution: tfd.Distribution, families: Collection[Family] = FAMILIES
) -> tuple[Family, Any]:
    """`_found`, or a `TypeError` that names the families."""
    family, p = _found(distribution)
    if family is None or family not in families:
        names = ", ".join(sorted(family.name for family in families))
        raise TypeError(refusal("distribution", f"one of the families {names}", distribution))
    return family, p


# --- draws ----------------------------------------------------------------------------------------


def noises(distribution: tfd.Distribution) -> Noises:
    """The noises that a draw is made of, each as (kind, shape of one row); see `randomness.NOISE`.

    Raises:
        TypeError: the distribution's family is not in the table.
    """
    family, p = _known(distribution)
    return family.noise(p, distribution.event_shape.as_list())


def transformed(distribution: tfd.Distribution, *given: tf.Tensor) -> tf.Tensor:
    """The sample [..., B, *event_shape] that its `noises`, each [..., B, *shape], stand for."""
    family, p = _known(distribution)
    return family.transform(p, *given)


# --- questions ------------------------------------------------------------------------------------


def family_of(distribution: tfd.Distribution) -> Family | None:
    """The family in the table, None for a stranger."""
    return _found(distribution)[0]


def is_implicit(distribution: tfd.Distribution) -> bool:
    """Whether a distribution is a function of noise, known by its draws."""
    family = family_of(distribution)
    return family is not None and family.by_draws


def is_deterministic(distribution: tfd.Distribution) -> bool:
    """Whether all the mass lies on one point a row."""
    family = family_of(distribution)
    return family is not None and family.noise is _nothing


def is_normal(distribution: tfd.Distribution) -> bool:
    """Whether it is a N(loc, diag(scale^2)) of this package."""
    family = family_of(distribution)
    return family is not None and family.cls is tfd.Normal


def is_standard_normal(distribution: tfd.Distribution) -> bool:
    """Whether it is N(0, I)."""
    if not is_normal(distribution):
        return False
    p = distribution.distribution
    return bool(tf.reduce_all(p.loc == 0.0) & tf.reduce_all(p.scale == 1.0))


def is_likelihood(distribution: tfd.Distribution, binary: bool) -> bool:
    """Whether p(x|z) is one of data that are (not) binary.

    A point mass is none, nor is a Bernoulli distribution of grey pixels or of real vectors. One of
    a family that is not in the table is believed to be one.
    """
    family = family_of(distribution)
    if family is None:
        return True
    return family.likelihood_of == "all" or (binary and family.likelihood_of == "binary")


def is_density(distribution: tfd.Distribution) -> bool:
    """Whether log_prob is that of a density of real numbers, not of a probability mass.

    One of a family that is not in the table is believed to be one if it can be reparameterised.
    """
    family = family_of(distribution)
    if family is None:
        return bool(distribution.reparameterization_type == tfd.FULLY_REPARAMETERIZED)
    return family.density


def has_exact_mean(distribution: tfd.Distribution) -> bool:
    """Whether `mean` is exact, not an average of draws."""
    return not is_implicit(distribution) or getattr(distribution, "closed_mean", None) is not None


# --- the closed list that exports can rebuild -----------------------------------------------------


def one_event(distribution: tfd.Distribution) -> tfd.Distribution:
    """Numbers [B, ...] as B arrays: all axes but the first are one event."""
    return tfd.Independent(distribution, distribution.batch_shape.rank - 1)


def describe(distribution: tfd.Distribution) -> tuple[str, dict[str, tf.Tensor]]:
    """(family, {parameter: tensor [B, ...]}) of a distribution made in this package.

    What is known by its draws has no parameters: ("implicit", {}), or ("autoregressive", {}).

    Raises:
        TypeError: the family has neither.
    """
    described = [family for family in FAMILIES if family.parameters or family.by_draws]
    family, p = _known(distribution, described)
    return family.name, {name: tf.convert_to_tensor(getattr(p, name)) for name in family.parameters}


def rebuild(family: str, parameters: dict[str, tf.Tensor]) -> tfd.Distribution:
    """The distribution that `describe` described.

    Raises:
        ValueError: an unknown family, or one without parameters.
    """
    if family not in _CLOSED:
        raise unknown("family", family, _CLOSED)
    found = _CLOSED[family]
    p = found.cls(**{name: parameters[name] for name in found.parameters}, **found.options)
    return one_event(p) if found.elementwise else p


def mapped(
    function: Callable[[tf.Tensor], tf.Tensor], distribution: tfd.Distribution
) -> tfd.Distribution:
    """The same family with `function` of each parameter, such as `tf.stop_gradient`."""
    family, parameters = describe(distribution)
    return rebuild(family, {name: function(value) for name, value in parameters.items()})
