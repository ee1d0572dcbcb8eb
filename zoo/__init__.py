"""Deep generative models with inference, on TensorFlow and Keras 3.

    model = zoo.create("ali", image_shape=(28, 28, 1), latent_dim=64)
    model.compile()
    model.fit(zoo.data.load("mnist").train(batch_size=100, seed=0), steps_per_epoch=600)

Importing `zoo` is light: TensorFlow loads when something first needs it.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_LAZY = {
    "list_methods": "zoo.registry",
    "list_pretrained": "zoo.pretrained",
    "create": "zoo.registry",
    "restore": "zoo.training",
    "export": "zoo.serving",
    "load": "zoo.publishing",
}
_SUBPACKAGES = (
    "data",
    "distributions",
    "losses",
    "metrics",
    "networks",
    "pictures",
    "pretrained",
    "publishing",
    "registry",
    "serving",
    "training",
)

__all__ = ["create", "data", "export", "list_methods", "list_pretrained", "load", "restore"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _SUBPACKAGES:
        return importlib.import_module(f"zoo.{name}")
    raise AttributeError(f"module 'zoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY, *_SUBPACKAGES])
