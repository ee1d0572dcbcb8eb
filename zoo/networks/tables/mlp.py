"""Fully connected networks, for images and vectors of any size."""

from zoo.networks.stack import dense
from zoo.networks.tables.table import Table

_LINEAR = {"activation": "linear"}
_RELU = {"activation": "relu"}
_TANH = {"activation": "tanh"}

# z joins the inputs of every row of the discriminator: a learned linear map of it is added before
# each non-linearity.
BIGAN_MLP = Table(
    roles={
        "encoder": (*[dense(1024, norm=True)] * 2, dense(None, **_LINEAR)),
        "decoder": (*[dense(1024, norm=True, **_RELU)] * 2, dense(None, **_LINEAR)),
        "discriminator": (
            *[dense(1024, norm=True, extra=True)] * 2,
            dense(None, extra=True, **_LINEAR),
        ),
    },
    slope=0.2,
    init_stddev=0.02,
    reference="Donahue et al., BiGAN, arXiv 1605.09782, permutation-invariant MNIST",
)

AAE_MLP = Table(
    roles={
        "encoder": (*[dense(1000, **_RELU)] * 2, dense(None, **_LINEAR)),
        "decoder": (*[dense(1000, **_RELU)] * 2, dense(None, **_LINEAR)),
        "code_discriminator": (*[dense(1000, **_RELU)] * 2, dense(None, **_LINEAR)),
    },
    reference="Makhzani et al., AAE, arXiv 1511.05644, appendix A",
)

IWAE_MLP = Table(
    roles={
        "encoder": (*[dense(200, **_TANH)] * 2, dense(None, **_LINEAR)),
        "decoder": (*[dense(200, **_TANH)] * 2, dense(None, **_LINEAR)),
    },
    reference="Burda et al., IWAE, arXiv 1509.00519, one stochastic layer, after the authors' code",
)

# One set of networks for all methods that are compared under one budget.
SHARED_MLP = Table(
    roles={
        "encoder": (
            dense(512, norm=True),
            dense(512, norm=True, extra=True),
            dense(None, **_LINEAR),
        ),
        "decoder": (*[dense(512, norm=True, **_RELU)] * 2, dense(None, bias="untied", **_LINEAR)),
        "discriminator": {
            # Noise and dropout keep the discriminator beatable.
            "x": (dense(512, noise=0.2), dense(512, dropout=0.2)),
            "z": (dense(256),),
            "joint": (dense(512, dropout=0.2), dense(None, **_LINEAR)),
        },
    },
    slope=0.2,
    init_stddev=0.02,
    reference="of this zoo",
)

# The same for points in the plane: small, so that thirty runs take half an hour.
_HIDDEN = dense(128, norm=True, **_RELU)
GRID_MLP = Table(
    roles={
        "encoder": (*[_HIDDEN] * 3, dense(None, **_LINEAR)),
        "decoder": (*[_HIDDEN] * 3, dense(None, **_LINEAR)),
        "code_encoder": (*[_HIDDEN] * 3, dense(None, **_LINEAR)),
        "code_decoder": (*[_HIDDEN] * 3, dense(None, **_LINEAR)),
        "discriminator": {"x": (), "z": (), "joint": (*[dense(256)] * 3, dense(None, **_LINEAR))},
        "code_discriminator": (*[dense(256)] * 2, dense(None, **_LINEAR)),
    },
    slope=0.2,
    reference="of this zoo",
)

# For few labels: the discriminator classifies, and noise before every row keeps it smooth, as in
# Salimans et al., Improved techniques for training GANs, arXiv 1606.03498.
_NOISY = {"noise": 0.5}
NOISY_MLP = Table(
    roles={
        **{role: SHARED_MLP.roles[role] for role in ("encoder", "decoder")},
        "discriminator": {
            "x": (dense(512, noise=0.3), dense(256, **_NOISY), dense(256, **_NOISY)),
            "z": (dense(256, **_NOISY),),
            "joint": (dense(256, **_NOISY), dense(None, **_NOISY, **_LINEAR)),
        },
    },
    slope=0.2,
    reference="of this zoo",
)
