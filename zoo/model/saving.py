"""How a model is kept: as a `.keras` file, with optimizers and own networks, and as an export."""

import inspect
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import keras

from zoo.errors import refusal
from zoo.model.loss_scale import STATE_SIZE, LossScale
from zoo.optimizers import inner

_OLD = (".h5", ".hdf5")


def check_path(path: Any, argument: str) -> None:
    """Refuses whole models as HDF5, a format that holds no class but Keras' own."""
    if isinstance(path, (str, os.PathLike)) and os.fspath(path).endswith(_OLD):
        expected = "a path that ends in .keras"
        hint = "Weights alone go into HDF5: save_weights('x.weights.h5')."
        raise ValueError(refusal(argument, expected, os.fspath(path), hint))


class Saving(keras.Model):
    """What Keras saves of a model and makes it from again (`zoo.model.base`)."""

    hyper_parameters: dict[str, Any]
    optimizers: dict[str, Any]
    _compile_arguments: dict[str, Any]
    _given: dict[str, Any]
    compile: Callable[..., None]
    restart_averages: Callable[[], None]
    _averages: list[keras.Variable]
    _loss_scale: LossScale | None

    def save(self, filepath: Any, *arguments: Any, **options: Any) -> None:
        """Writes a `.keras` file, as `keras.Model.save` does.

        Raises:
            ValueError: a path of an HDF5 file.
        """
        check_path(filepath, "filepath")
        super().save(filepath, *arguments, **options)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets `model.weights`, as `keras.Model.set_weights` does.

        Args:
            weights: arrays; the moving averages of `ema_decay` may be left out, as in the weights
                of a model without them: then they begin at these. So may the scale of losses in
                float16, which stays; models in other types leave out one that is given.
        """
        given = list(weights)
        given = given[: len(given) - self._beyond(len(given), self.weights)]
        out, rest = self._left_out(len(given), self.weights), iter(given)
        if not out:
            super().set_weights(given)
            return
        super().set_weights([v.numpy() if id(v) in out else next(rest) for v in self.weights])
        if any(id(average) in out for average in self._averages):
            self.restart_averages()

    def _left_out(self, count: int, variables: Sequence[keras.Variable]) -> set[int]:
        """Ids of what a list of so many values lacks: averages, the scale of losses, or both."""
        averages = set(map(id, self._averages))
        scale = set(map(id, self._loss_scale.state.values() if self._loss_scale else ()))
        for out in (averages, scale, averages | scale):
            if out and count == len(variables) - len(out):
                return out
        return set()

    def _beyond(self, count: int, variables: Sequence[keras.Variable]) -> int:
        """How many of so many values are the scale of a model in float16, which this is not."""
        fits = {len(variables), len(variables) - len(self._averages)}
        if self._loss_scale or count in fits or count - STATE_SIZE not in fits:
            return 0
        return STATE_SIZE  # the last ones

    def load_weights(self, filepath: Any, *arguments: Any, **options: Any) -> None:
        """Reads weights, as `keras.Model.load_weights` does.

        The moving averages of `ema_decay` begin at what was read, unless the file has some.
        """
        self._averages_loaded = False
        super().load_weights(filepath, *arguments, **options)
        if not self._averages_loaded:
            self.restart_averages()

    def load_own_variables(self, store: Any) -> None:
        """The counters, averages and scale of a file; what it lacks, as `set_weights`."""
        own = self._trainable_variables + self._non_trainable_variables
        count = len(store.keys())
        beyond = self._beyond(count, own)
        out = self._left_out(count - beyond, own)
        averages = set(map(id, self._averages))
        self._averages_loaded = bool(averages) and not averages & out
        if not out and not beyond:
            super().load_own_variables(store)
            return
        others = [variable for variable in own if id(variable) not in out]
        for index, variable in enumerate(others):
            variable.assign(store[f"{index}"])

    def get_compile_config(self) -> dict[str, Any]:
        if not self.compiled:
            return {}
        serialise = keras.saving.serialize_keras_object
        optimizers = {player: serialise(inner(each)) for player, each in self.optimizers.items()}
        return {"optimizers": optimizers, **self._compile_arguments}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        config = dict(config)
        saved = config.pop("optimizers", {})
        self.compile(
            {k: keras.saving.deserialize_keras_object(o) for k, o in saved.items()}, **config
        )

    def get_config(self) -> dict[str, Any]:
        given = {
            role: keras.saving.serialize_keras_object(network)
            for role, network in self._given.items()
        }
        return {**self.hyper_parameters, **given, "name": self.name}

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "Saving":
        revived = {
            k: keras.saving.deserialize_keras_object(v, custom_objects)
            if isinstance(v, dict) and "class_name" in v
            else v
            for k, v in config.items()
        }
        return cls(**revived)

    def export(
        self,
        export_dir: str | os.PathLike,
        version: int | None = None,
        *,
        verbose: bool | None = None,
        **options: Any,
    ) -> pathlib.Path:
        """Writes a versioned SavedModel, as `zoo.export` does, and returns its path.

        Args:
            export_dir, version, **options: see `zoo.export`.
            verbose: whether the path is printed, as of `keras.Model.export`.
        """
        from zoo import serving  # the room imports this module

        known = inspect.signature(serving.export).parameters
        for name in options:
            if name not in known:
                raise TypeError(refusal(name, "an argument of zoo.export", options[name]))
        path = serving.export(self, export_dir, version, **options)
        if verbose:
            print(f"Saved artifact at {str(path)!r}.")
        return path
