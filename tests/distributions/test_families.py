"""The table of families: all that the package makes is in it, and each use finds it there."""

import inspect

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests import helpers
from tests.distributions.examples import MADE, NAMES, ROWS, families, implicit
from zoo import distributions, seeds
from zoo.distributions.families import FAMILIES, family_of

tfd = tfp.distributions

# Families that exports cannot rebuild: priors, which they need not, and what is known by its draws.
PRIORS = {"uniform", "correlated_normal", "mixture", "blocks", "flow"}
BY_DRAWS = {"implicit", "autoregressive"}


# --- nothing is left out --------------------------------------------------------------------------


def test_every_constructor_has_an_example():
    constructors = {
        name
        for name, function in inspect.getmembers(distributions, inspect.isfunction)
        if function.__module__ == distributions.__name__
        and inspect.signature(function).return_annotation is tfd.Distribution
    }
    assert {"code", "likelihood", "standard_normal"} <= constructors
    assert constructors <= {label.split()[0] for label in MADE}


def test_every_family_has_an_example():
    assert {family_of(make()) for make in MADE.values()} == set(FAMILIES)
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


def test_all_families_but_these_can_be_rebuilt():
    names = {family.name for family in FAMILIES if not family.parameters}
    assert names == PRIORS | BY_DRAWS
    assert {family.name for family in FAMILIES if family.by_draws} == BY_DRAWS


# --- each use -------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", MADE)
def test_every_example_can_be_drawn(label):
    p, rows = MADE[label](), seeds.row_seeds(ROWS, 5)
    batch_size = None if p.batch_shape.rank else ROWS
    drawn = distributions.draw(p, seeds.fold(0, "z"), batch_size)
    for x in (drawn, distributions.sample_rows(p, rows, "z")):
        assert x.shape == (ROWS, *p.event_shape) and x.dtype == p.dtype
        if family_of(p).name != "implicit":
            assert np.isfinite(p.log_prob(x)).all()
    many = distributions.sample_rows(p, rows, "z", 3)
    assert many.shape == (ROWS, 3, *p.event_shape)
    varies = np.abs(many[:, 0] - many[:, 1]).max() > 1e-3
    assert varies != distributions.is_deterministic(p)


@pytest.mark.parametrize("label", MADE)
def test_every_example_is_described_and_rebuilt_or_refused(label):
    p = MADE[label]()
    name = family_of(p).name
    if name in PRIORS:
        with helpers.refused(TypeError, match="distribution.*one of the families"):
            distributions.describe(p)
        return
    family, parameters = distributions.describe(p)
    assert family == name
    if name in BY_DRAWS:
        assert parameters == {}
        with helpers.refused(ValueError, match="family"):
            distributions.rebuild(family, parameters)
    elif p.batch_shape.rank:  # a prior has no rows
        same = distributions.mapped(tf.identity, p)
        assert family_of(same) is family_of(p)
        seed = seeds.fold(0, "z")
        np.testing.assert_array_equal(distributions.draw(same, seed), distributions.draw(p, seed))


@pytest.mark.parametrize("label", MADE)
def test_what_an_example_is_told_to_be(label):
    p = MADE[label]()
    deterministic = "deterministic" in label
    by_draws = label in ("code implicit", "Implicit", "Autoregressive")
    assert distributions.is_deterministic(p) == deterministic
    assert distributions.is_implicit(p) == by_draws
    assert distributions.is_standard_normal(p) == (label == "standard_normal")
    normal = ("standard_normal", "diagonal_normal", "unit_normal", "normal", "scaled_normal")
    normal += ("standard_normal wide", "code normal", "likelihood normal")
    assert distributions.is_normal(p) == (label in normal)
    never = deterministic or label in ("code implicit", "Implicit")
    assert distributions.is_likelihood(p, binary=True) == (not never)
    of_binary_alone = label in ("bernoulli", "likelihood bernoulli")
    assert distributions.is_likelihood(p, binary=False) == (not never and not of_binary_alone)


# --- strangers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: tfd.Independent(tfd.Gamma([[1.0]], 1.0), 1),
        lambda: tfd.Poisson([[1.0, 2.0]]),
        lambda: tfd.Normal([[0.0, 1.0]], 1.0),  # numbers, not vectors
        lambda: tfd.JointDistributionSequential([tfd.Normal(0.0, 1.0)]),
    ],
    ids=["gamma", "poisson", "unsummed", "joint"],
)
def test_strangers_are_refused_by_name_and_believed_to_be_likelihoods(make):
    stranger = make()
    assert family_of(stranger) is None
    for use in (
        distributions.describe,
        lambda p: distributions.draw(p, seeds.fold(0), 3),
        lambda p: distributions.sample_rows(p, seeds.row_seeds(3, 0), "z"),
    ):
        with helpers.refused(TypeError, match=f"families .*bernoulli.*{type(stranger).__name__}"):
            use(stranger)
    for question in ("implicit", "deterministic", "normal", "standard_normal"):
        assert not getattr(distributions, f"is_{question}")(stranger)
    assert distributions.is_likelihood(stranger, binary=False)


def test_a_diagonal_normal_of_tfp_s_own_is_drawn_as_a_flow():
    p = tfd.MultivariateNormalDiag([1.0, -2.0], [3.0, 0.5])
    eps = distributions.draw(distributions.standard_normal(2), seeds.fold(0), 5)
    drawn = distributions.draw(p, seeds.fold(0), 5)
    np.testing.assert_allclose(drawn, [1.0, -2.0] + eps * [3.0, 0.5], rtol=1e-6)


# --- the closed list ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in NAMES if name != "implicit"])
def test_describe_and_rebuild(name):
    p = families()[name]
    family, parameters = distributions.describe(p)
    again = distributions.rebuild(family, parameters)
    assert family == ("normal" if name == "fixed normal" else name)
    assert type(again) is type(p)
    assert (again.batch_shape, again.event_shape, again.dtype) == (
        p.batch_shape,
        p.event_shape,
        p.dtype,
    )
    np.testing.assert_allclose(again.mean(), p.mean())
    x = p.sample(seed=[0, 1])
    np.testing.assert_array_equal(again.sample(seed=[0, 1]), x)
    np.testing.assert_allclose(again.log_prob(x), p.log_prob(x))


def test_describe_of_implicit_and_names_outside_of_the_list():
    assert distributions.describe(implicit()) == ("implicit", {})
    with helpers.refused(TypeError, match="families autoregressive, bernoulli.*Gamma"):
        distributions.describe(tfd.Independent(tfd.Gamma([[1.0]], 1.0), 1))
    with helpers.refused(ValueError, match="family=.*'norma'.*Did you mean 'normal'"):
        distributions.rebuild("norma", {})
