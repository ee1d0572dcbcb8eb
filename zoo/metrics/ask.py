"""What kind of distributions a model's verbs give, asked of one blank example."""

import numpy as np


def posterior(model):
    """q(z|x) at x = 0."""
    return model.encode(np.zeros([1, *model.image_shape], np.float32), y=_label(model))


def likelihood(model):
    """p(x|z) at z = 0."""
    return model.decode(np.zeros([1, model.code_dim], np.float32), y=_label(model))


def _label(model):
    if not model.conditional:
        return None
    if model.num_attributes is not None:
        return np.zeros([1, model.num_attributes], np.float32)
    return np.zeros([1], np.int32)
