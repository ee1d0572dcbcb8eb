"""Traced training steps: one for each stage of a model, and where Keras takes them from.

A model whose `train_step` changes at some step (`stage_starts`) reads `self.stage` in Python, so
each stage needs a trace of its own. And `fit` trains by `model.train_function`, which Keras 3.15
makes, uses and clears but does not document; nothing else in this library sets it.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras

from zoo.errors import refusal


class Staged:
    """A function that is made anew for each stage of a model, when its first step comes.

    Args:
        model: has `step`, `stage_at(step)`, and `stage`, which is set before each call.
        make: callable without arguments that returns the function of the model's present stage.
        steps: of a call; 1 also of one that its caller ends where a stage begins.
    """

    def __init__(self, model: keras.Model, make: Callable[[], Callable], steps: int = 1) -> None:
        self._model, self._make, self._steps = model, make, steps
        self._made: dict[int, Callable] = {}

    def __call__(self, *arguments: Any) -> Any:
        model = self._model
        step = int(model.step.value.numpy())
        self._check_reach(step)
        model.stage = model.stage_at(step)
        if model.stage not in self._made:
            self._made[model.stage] = self._make()
        return self._made[model.stage](*arguments)

    def _check_reach(self, step: int) -> None:
        """Refuses calls of several steps that would pass the beginning of a stage."""
        for start in self._model.stage_starts:
            if start > step and (start - step) % self._steps:
                expected = f"a divisor of the {start - step} steps to where a stage begins"
                raise ValueError(refusal("steps_per_execution", expected, self._steps))


def keras_step(model: keras.Model) -> Callable:
    """Keras' own traced step of a model, (iterator) -> logs, made anew; the model keeps its own."""
    kept = model.train_function
    try:
        keras.Model.make_train_function(model, force=True)
        return model.train_function
    finally:
        model.train_function = kept


@contextlib.contextmanager
def trained_by(model: keras.Model, function: Callable) -> Iterator[None]:
    """Within the block `fit` calls `function(iterator) -> logs` where Keras would train a batch."""
    model.train_function = function
    try:
        yield
    finally:
        model.train_function = None  # the next `fit` makes its own
