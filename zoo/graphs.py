"""Traced graphs die with the model that they were traced for.

TensorFlow and TFP keep two tables for as long as a process lives, and whatever is in them holds the
graph that it was traced in: of a notebook's or a service's every `fit` some 10 to 200 MB.
"""

import contextlib
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import ops
from tensorflow_probability import bijectors as tfb

_GRADIENTS = ops.gradient_registry._registry  # {name: {"type": gradient function, ...}}


@contextlib.contextmanager
def custom_gradients() -> Iterator[None]:
    """Custom gradients that are traced inside live as long as the graph of the caller.

    `tf.custom_gradient` registers one for every traced call; so does every sum over replicas, of
    which each step of an optimizer has one. The registry now holds them weakly, the graph itself.
    """
    if tf.executing_eagerly():  # nothing is traced, nothing registered
        yield
        return
    before = set(_GRADIENTS)
    try:
        yield
    finally:
        made = [_GRADIENTS[name] for name in _GRADIENTS.keys() - before]
        graph: Any = tf.compat.v1.get_default_graph()
        graph._zoo_gradients = [*getattr(graph, "_zoo_gradients", ()), *(g["type"] for g in made)]
        for gradient in made:
            gradient["type"] = _weak(gradient["type"])


def _weak(function: Callable) -> Callable:
    """Calls `function` without keeping it."""
    reference: Callable[[], Any] = weakref.ref(function)
    return lambda *arguments: reference()(*arguments)


class _OwnCache:
    """What a bijector has computed, kept by the bijector: in TFP all bijectors share one table."""

    def __init__(self, shared: Any) -> None:
        self._kind = type(shared)

    def __get__(self, bijector: Any, kind: type) -> Any:
        if bijector is None:
            return self
        # An entry of the instance comes before this one: from now on it is found there.
        return vars(bijector).setdefault(
            "_cache", self._kind(bijector=bijector, bijector_class=kind)
        )


tfb.Bijector._cache = _OwnCache(vars(tfb.Bijector)["_cache"])
