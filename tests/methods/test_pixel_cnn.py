"""PixelCNN: what it can learn is known, labels count, layers differ from their switches."""

import numpy as np
import pytest

from tests import helpers
from zoo.methods.pixel_cnn import PixelCNN

CONFORMANCE = {
    "images": {
        "num_classes": 10,
        "pixel_layers": 2,
        "pixel_maps": 4,
        "pixel_kernel": 3,
        "pixel_dropout": 0.25,
    },
    "vectors": None,
}
SMALL = {"image_shape": (2, 2, 1), "pixel_layers": 2, "pixel_maps": 16, "learning_rate": 0.01}


def chains(n, keep, seed=0):
    """Images of four binary pixels: the first is fair, each other repeats the one before."""
    rng = np.random.default_rng(seed)
    x = [rng.integers(0, 2, n)]
    for _ in range(3):
        x.append(np.where(rng.uniform(size=n) < keep, x[-1], 1 - x[-1]))
    return np.stack(x, axis=1).reshape(n, 2, 2, 1).astype(np.float32)


def entropy(p):
    return -p * np.log(p) - (1 - p) * np.log(1 - p)


@pytest.mark.parametrize("gated", helpers.first_of([True, False]))
def test_it_reaches_the_entropy_of_a_chain(gated):
    # log 2 + 3 H(0.9): no mean log-likelihood of the truth is higher.
    truth = np.log(2) + 3 * entropy(0.9)
    model = PixelCNN(gated=gated, **SMALL)
    model.compile(steps_per_execution=10)
    model.fit(chains(2000, 0.9), batch_size=100, epochs=15, verbose=0)
    # The mean over 4,000 images has a standard error of 0.014.
    assert abs(-float(np.mean(model.log_prob(chains(4000, 0.9, seed=1)))) - truth) < 0.06


@pytest.mark.parametrize("output", ["bernoulli", "categorical"])
def test_keras_predict_reads_bytes_and_dicts_as_the_verb_does(output):
    model = PixelCNN(decoder_output=output, **SMALL)
    bits = chains(6, 0.5)
    expected = model.log_prob(bits, seed=0)
    for given in (bits, (255 * bits).astype(np.uint8), {"x": bits}):
        np.testing.assert_allclose(model.predict(given, verbose=0), expected, rtol=1e-4)
        np.testing.assert_allclose(model(given), expected, rtol=1e-4)


@pytest.mark.parametrize("conditioning", helpers.first_of(["dependent", "invariant"]))
def test_it_learns_what_the_label_says(conditioning):
    # Label 0: pixels repeat with 0.95; label 1: with 0.05.
    x = np.concatenate([chains(1500, 0.95), chains(1500, 0.05)])
    y = np.repeat([0, 1], 1500)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], y[order]
    model = PixelCNN(num_classes=2, conditioning=conditioning, **SMALL)
    model.compile(steps_per_execution=10)
    model.fit({"x": x, "y": y}, batch_size=100, epochs=12, verbose=0)
    truth = np.log(2) + 3 * entropy(0.95)
    assert abs(-float(np.mean(model.log_prob(x, y=y))) - truth) < 0.08
    assert float(np.mean(model.log_prob(x, y=1 - y))) < -3.0
    assert np.mean(model.log_prob(x, y=y)) - np.mean(model.log_prob(x, y=1 - y)) > 3.0


def test_grey_pixels_have_no_bernoulli_likelihood():
    model = PixelCNN(**SMALL)
    assert model.proper_likelihood(binary=True) and not model.proper_likelihood(binary=False)
    mixture = PixelCNN(decoder_output="logistic_mixture", **SMALL)
    assert mixture.proper_likelihood(binary=False)


@pytest.mark.parametrize(
    "bad, named",
    [
        ({"image_shape": (2,)}, "image_shape"),
        ({"pixel_kernel": 4}, "pixel_kernel"),
        ({"pixel_first_kernel": 4}, "pixel_first_kernel"),
        ({"network": "nonsense"}, "network"),  # whose rows it does not use
    ],
)
def test_what_has_no_order_is_refused(bad, named):
    with pytest.raises(ValueError, match=named):
        PixelCNN(**SMALL | bad)
