"""The toy models that the tests of exports export."""

import numpy as np

from tests import small

# First those of which exports hold something else.
MODELS = {
    "normal_ema": (
        small.Bound,
        {"image_shape": (3,), "decoder_output": "normal", "ema_decay": 0.9},
    ),
    "implicit": (small.AtOnce, {"image_shape": (2,), "implicit": True}),
    "bfloat16": (small.AtOnce, {"image_shape": (8, 8, 1), "dtype": "mixed_bfloat16"}),
    "no_encoder": (small.InTurn, {"image_shape": (2,)}),
    "bernoulli": (small.Bound, {"image_shape": (8, 8, 1)}),
    "logistic": (small.Bound, {"image_shape": (8, 8, 3), "decoder_output": "discretised_logistic"}),
    "deterministic": (small.AtOnce, {"image_shape": (8, 8, 1)}),
}


def make(name, **more):
    """A model whose every variable has been moved away from its initial value."""
    kind, arguments = MODELS[name]
    model = kind(**{"latent_dim": 3, **arguments, **more})
    random = np.random.default_rng(0)
    for path, variable in model.state.items():
        if path not in ("step", "play_counter"):
            noise = 0.05 * random.normal(size=variable.shape)
            variable.assign_add(np.abs(noise) if "variance" in path else noise)
    return model
