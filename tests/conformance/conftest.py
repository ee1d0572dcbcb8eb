"""Every property x every method: one trained model a method serves them all."""

import functools
import types

import pytest

import zoo
from tests.conformance import another, cases, cover


def pytest_generate_tests(metafunc):
    """Each test for every method; with `family`, `config`, ..., for every one of these.

    Marks with `every` what `make test` leaves out: where a test is `costly`, methods outside the
    covering set (of the features that the mark names), and families but the first; where it needs
    an export, methods whose like is exported; where it needs training, variants outside of the set;
    configs that are built, but the first on each data set; configs on built-in data, but the first
    of a method that is no variant.
    """
    if "method" not in metafunc.fixturenames:
        return
    kinds = {
        "family": cases.families,
        "config": cases.configs,
        "built": cases.configs,
        "built_in": functools.partial(cases.configs, built_in=True),
    }
    kind = next((name for name in kinds if name in metafunc.fixturenames), None)
    costly = [mark.args for mark in metafunc.definition.iter_markers("costly")]
    covering = cover.methods(*costly[0]) if costly else cover.methods()
    trains, exports = (name in metafunc.fixturenames for name in ("trained", "served"))
    found = []
    for method in cases.METHODS:
        variant = cover.variant_of(method) is not None
        spared = method not in covering and bool(costly or trains and variant)
        spared |= exports and method not in cover.exported()
        for i, value in enumerate(kinds[kind](method) if kind else [None]):
            left_out = bool(spared or costly and i or kind == "built_in" and (i or variant))
            left_out |= kind == "built" and value not in cases.first_configs(method)
            of_kind = [value] if kind else []
            words = [method, *(getattr(value, "stem", value) for value in of_kind)]
            marks = [pytest.mark.every] if left_out else []
            found.append(pytest.param(method, *of_kind, marks=marks, id="-".join(words)))
    names = ("method", kind) if kind else ("method",)
    metafunc.parametrize(names, found, scope="session")


@pytest.fixture(scope="session")
def trained(method, tmp_path_factory):
    """model, run_dir, logs: of the method's one run in this process."""
    run_dir = tmp_path_factory.mktemp("conformance") / method
    model = cases.make(method, **cases.ALL)
    logs = cases.train(model, run_dir)
    return types.SimpleNamespace(model=model, run_dir=run_dir, logs=logs)


@pytest.fixture(scope="session")
def model(trained):
    return trained.model


@pytest.fixture(scope="session")
def served(model, method, tmp_path_factory):
    """The method's export in Python."""
    return zoo.load(zoo.export(model, tmp_path_factory.mktemp("exported") / method))


@pytest.fixture(scope="session")
def helper(tmp_path_factory):
    """Another process, with TensorFlow imported and nothing made: see `another`."""
    with another.Process(tmp_path_factory.mktemp("another")) as process:
        yield process
