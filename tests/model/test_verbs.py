"""The verbs of each kind of game."""

import numpy as np
import pytest
import tensorflow as tf

from tests.small import AtOnce, Bound, D, InTurn, batch, make

VERBS = {
    AtOnce: {"sample", "encode", "decode", "reconstruct"},
    InTurn: {"sample", "decode"},
    Bound: {"sample", "encode", "decode", "reconstruct", "log_prob"},
}


@pytest.mark.parametrize("kind", VERBS)
def test_capabilities_and_missing_verbs(kind):
    model = make(kind)
    assert model.capabilities == VERBS[kind]
    assert model.density == ("lower_bound" if kind is Bound else None)
    x = batch(3)
    for verb in ("encode", "decode", "reconstruct", "log_prob", "classify"):
        if verb in VERBS[kind]:
            assert getattr(model, verb)(x) is not None
            continue
        have = ", ".join(sorted(VERBS[kind]))
        with pytest.raises(
            ValueError, match=f"^{model.method} cannot {verb}: expected one of {have}."
        ):
            getattr(model, verb)(x)


@pytest.mark.parametrize("kind", VERBS)
def test_samples_are_a_function_of_the_seed_and_the_row(kind):
    model = make(kind)
    x = model.sample(16, seed=3)
    assert x.shape == (16, D)
    np.testing.assert_array_equal(model.sample(16, seed=3), x)
    np.testing.assert_allclose(model.sample(8, seed=3), x[:8], atol=1e-6)
    assert np.abs(model.sample(16, seed=4) - x).max() > 1e-3
    assert np.abs(model.sample(16) - model.sample(16)).max() > 1e-3  # None draws a new one
    for n, error in ((0, ValueError), (2.0, TypeError), (True, TypeError)):
        with pytest.raises(error, match=f"expected an int >= 1. Received: n={n}"):
            model.sample(n)
    with pytest.raises(ValueError, match="unconditional"):
        model.sample(2, y=[0, 1])


def test_reconstructions_are_of_means_and_inpainting_draws():
    model, x = make(Bound), batch(3)
    expected = model.decode(model.encode(x).mean()).mean()
    for seed in (0, 1):
        np.testing.assert_allclose(model.reconstruct(x, seed=seed), expected, atol=1e-6)
    drawn = [model.inpaint(x, [False, False], steps=1, seed=seed) for seed in (0, 1)]
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-3


def test_features_are_the_hidden_layers():
    model, x = make(Bound), batch(3)
    *hidden, _ = model.networks["encoder"].trace(tf.constant(x), training=False)
    found = model.features(x)
    assert list(found) == [f"row_{i}" for i in range(len(hidden))] and hidden
    for layer, expected in zip(found.values(), hidden):
        np.testing.assert_allclose(layer, expected, atol=1e-6)


def test_more_rows_than_a_chunk():
    model = make(InTurn)
    x = model.sample(600, seed=0)  # chunks of 512
    assert x.shape == (600, D)
    np.testing.assert_allclose(model.sample(520, seed=0), x[:520], atol=1e-6)


def test_verbs_refuse_bad_data():
    model = make(Bound)
    with pytest.raises(ValueError, match="x.shape"):
        model.encode(np.zeros([2, D + 1], np.float32))
    with pytest.raises(ValueError, match="NaN"):
        model.reconstruct(np.full([2, D], np.nan, np.float32))
    with pytest.raises(ValueError, match="samples=0"):
        model.log_prob(batch(2), samples=0)
    with pytest.raises(ValueError, match="level=2"):
        model.encode(batch(2), level=2)
