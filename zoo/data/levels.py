"""Stored pixels to what models see: scaled, or made binary."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf


def scale(x: Any) -> Any:
    """uint8 in [0, 255] or float32 -> float32 in [0, 1]; numpy in, numpy out."""
    if isinstance(x, np.ndarray):
        return np.asarray(x, np.float32) / np.float32(255) if x.dtype == np.uint8 else np.array(x)
    return tf.cast(x, tf.float32) / 255.0 if x.dtype == tf.uint8 else x


def binariser(binarise: str, generator: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Callable on chunks in stored order that returns uint8 images of 0 and 255."""

    def binarised(x: np.ndarray) -> np.ndarray:
        x = scale(x)
        level = 0.5 if binarise == "threshold" else 1.0 - generator.random(x.shape, np.float32)
        return (x >= level).astype(np.uint8) * np.uint8(255)

    return binarised
