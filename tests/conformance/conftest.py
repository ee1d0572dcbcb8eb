"""Every property x every method: one trained model a method serves them all."""

import functools
import types

import pytest

import zoo
from tests.conformance import cases


def pytest_generate_tests(metafunc):
    if "family" in metafunc.fixturenames:
        ids = [f"{method}-{family}" for method, family in cases.CASES]
        metafunc.parametrize("method, family", cases.CASES, ids=ids, scope="session")
    elif "method" in metafunc.fixturenames:
        metafunc.parametrize("method", cases.METHODS, scope="session")


@pytest.fixture(scope="session")
def train_once(tmp_path_factory):
    """`train_once(method)` -> model, run_dir, logs of a run of four steps."""

    @functools.cache
    def train(method):
        run_dir = tmp_path_factory.mktemp("conformance") / method
        model = cases.make(method, **cases.ALL)
        logs = cases.train(model, run_dir)
        return types.SimpleNamespace(model=model, run_dir=run_dir, logs=logs)

    return train


@pytest.fixture(scope="session")
def trained(train_once, method):
    return train_once(method)


@pytest.fixture(scope="session")
def model(trained):
    return trained.model


@pytest.fixture(scope="session")
def served(model, method, tmp_path_factory):
    """The method's export in Python."""
    return zoo.load(zoo.export(model, tmp_path_factory.mktemp("exported") / method))
