"""A scalar of three classes, x = W z + M_y + S eps, whose evidence and posteriors are known."""

import numpy as np

from tests.methods.tiny import linear
from tests.small import sgd

K = 3
W, S, M = 0.8, 0.6, np.array([-1.0, 0.5, 3.0])
VARIANCE = W**2 + S**2  # of x given y
SETTINGS = {
    "image_shape": (1,),
    "latent_dim": 1,
    "num_classes": K,
    "decoder_output": "normal",
    "decoder_stddev": S,
}


def log_normal(x, loc, variance):
    """log N(x; loc, variance)."""
    return -0.5 * ((x - loc) ** 2 / variance + np.log(2 * np.pi * variance))


def log_joint(x):
    """log p(x, y), [B, K]."""
    return log_normal(x, M, VARIANCE) - np.log(K)


def evidence(x):
    """log p(x), [B]."""
    return np.logaddexp.reduce(log_joint(x), axis=1)


def set_linear(network, *kernels, bias=0.0):
    """Sets one linear row: the kernels of its inputs, [inputs, outputs] each, and its bias."""
    kernel = np.concatenate([np.atleast_2d(kernel) for kernel in kernels])
    network.set_weights([kernel, np.broadcast_to(bias, kernel.shape[1:])])


def style_weights(shift=0.0):
    """(kernel of x, kernel of one-hot y, bias): q(z|x, y), exact but that z is moved by `shift`."""
    a = W / VARIANCE
    of_y = np.stack([-a * M, np.zeros(K)], axis=1)
    return [[a, 0.0]], of_y, [shift, np.log(S / np.sqrt(VARIANCE))]


def class_weights():
    """(kernel of x, bias): p(y|x)."""
    return M[None] / VARIANCE, -(M**2) / (2 * VARIANCE)


def set_exact(model, shift=0.0, of_a=None):
    """Sets p(x|y, z), and q's that are the exact posteriors but for `shift`; compiles.

    Args:
        model: of linear rows.
        shift: see `style_weights`.
        of_a: kernel of a scalar a in q(y|a, x), which q(z|a, x, y) does not hear; None without a.
    """
    heard, unheard = ([], []) if of_a is None else ([of_a], [np.zeros([1, 2])])
    of_x, bias = class_weights()
    set_linear(model.classifier, of_x, *heard, bias=bias)
    of_x, of_y, bias = style_weights(shift)
    set_linear(model.encoder, of_x, of_y, *unheard, bias=bias)
    set_linear(model.decoder, np.concatenate([M, [W]])[:, None])
    return sgd(model)


def networks(*more):
    """{role: one linear row}, of the roles of M2 and of more (role, units)."""
    units = {"classifier": K, "encoder": 2, "decoder": 1} | dict(more)
    return {role: linear(n, seed=i) for i, (role, n) in enumerate(units.items())}
