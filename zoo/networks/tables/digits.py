"""Networks for 8x8 digits whose exports are small."""

from zoo.networks.stack import Reshape, conv, deconv, dense
from zoo.networks.tables.table import Table

_NORM, _SAME = {"norm": True}, {"padding": "same"}
_LAST = dense(None, activation="linear")
_ON_CODES = (*[dense(128, activation="relu", **_NORM)] * 2, _LAST)

# Those of `network="auto"`, but for a discriminator with one hidden row less, half as many units
# between the codes of two levels, and 192 units of the classifier where there are 256.
DIGITS_CONV = Table(
    roles={
        "encoder": (conv(32, 4, 2, **_NORM, **_SAME), dense(256, extra=True, **_NORM), _LAST),
        "classifier": (conv(32, 4, 2, **_NORM, **_SAME), dense(192, **_NORM), _LAST),
        "decoder": (
            dense(256, **_NORM),
            dense(4 * 4 * 32, **_NORM),
            Reshape((4, 4, 32)),
            deconv(None, 4, 2, activation="linear", bias="untied", **_SAME),
        ),
        "discriminator": {
            "x": (conv(32, 4, 2, **_SAME), dense(256)),
            "z": (dense(256), dense(256)),
            "joint": (dense(256), _LAST),
        },
        **dict.fromkeys(("code_encoder", "code_decoder"), _ON_CODES),
    },
    image_shape=(8, 8, 1),
    slope=0.1,
    reference="of this zoo",
)
