"""What a run writes beside its checkpoints and its logs: TensorBoard's events, pictures.

Listeners, as those of `zoo.training.listeners`.
"""

import contextlib
import os
import pathlib
import threading
import time
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from zoo import pictures, plots
from zoo.data.dataset import Dataset
from zoo.training import stops

if TYPE_CHECKING:
    from zoo.model import GenerativeModel

_GRID = 64  # samples in a picture
_POINTS = 2000  # in a scatter panel


class Events:
    """TensorBoard scalars and pictures.

    The first event of a continued run tells TensorBoard to forget what came after the restored
    step; `tf.summary` has no way to.

    Args:
        directory: where the event file goes.
        start: the step restored.
    """

    def __init__(self, directory: str | os.PathLike, start: int) -> None:
        self._directory, self._start = os.fspath(directory), start

    def __enter__(self) -> "Events":
        self._hook, threading.excepthook = threading.excepthook, self._hear
        with _full_disk():
            self._writer = EventFileWriter(self._directory)
        # At a START of step s TensorBoard drops what it has of steps >= s.
        restart = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._add(self._start + 1, session_log=restart)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        try:
            self._writer.close()
        except tf.errors.OpError:  # a full disk, reported by whoever met it first
            if kind is None:
                raise
        finally:
            threading.excepthook = self._hook

    def on_log(self, step: int, record: dict[str, float]) -> None:
        """All logs as scalars."""
        values = [{"tag": name, "simple_value": value} for name, value in record.items()]
        self._add(step, summary=_summary(*values))

    def picture(self, step: int, tag: str, path: pathlib.Path) -> None:
        """A PNG file as an image."""
        image = summary_pb2.Summary.Image(encoded_image_string=path.read_bytes())
        self._add(step, summary=_summary({"tag": tag, "image": image}))

    def _add(self, step: int, **what: Any) -> None:
        with _full_disk():
            self._writer.add_event(event_pb2.Event(wall_time=time.time(), step=step, **what))
            self._writer.flush()

    def _hear(self, failure: threading.ExceptHookArgs) -> None:
        # The writer's own thread met a full disk: `flush` raises it again, once is enough.
        if not issubclass(failure.exc_type, tf.errors.OpError):
            self._hook(failure)


class Pictures:
    """Pictures while training: the same noise, images and labels each time, so that they compare.

    Images: `samples-<step>.png`, and `reconstructions-<step>.png` (each right of its original)
    where the model can. 2-D data: `panels-<step>.png` of data, samples, reconstructions, codes.

    Args:
        directory: where they go.
        model: a `GenerativeModel`.
        dataset: a `zoo.data.Dataset`; its test split is shown, or train if there is none.
        events: an `Events` that gets a copy.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        model: "GenerativeModel",
        dataset: Dataset,
        events: Events,
    ) -> None:
        self._directory, self._model, self._events = directory, model, events
        self._modes = getattr(dataset, "modes", None)
        self._vectors = len(model.image_shape) == 1
        split = "test" if "test" in dataset.splits else "train"
        shown = dataset.arrays(split, limit=_POINTS if self._vectors else _GRID // 2)
        self._x = shown["x"]
        self._labels: dict[str, Any] = {}  # arguments of the verbs
        self._sampled_labels: dict[str, Any] = {}
        if model.conditional:
            self._labels = {"y": shown["y"]}
            sampled = shown["y"][: self._count]
            if model.num_classes:
                sampled = np.arange(self._count, dtype=np.int32) % model.num_classes
            self._sampled_labels = {"y": sampled}

    @property
    def _count(self) -> int:
        return len(self._x) if self._vectors or self._model.num_attributes else _GRID

    def on_sample(self, step: int) -> None:
        """Draws and writes them."""
        planar = self._vectors and self._model.image_shape == (2,)
        if "sample" not in self._model.capabilities or self._vectors and not planar:
            return
        if "sample" not in self._model.capabilities:
            return
        self._directory.mkdir(exist_ok=True)
        samples = np.asarray(self._model.sample(self._count, seed=0, **self._sampled_labels))
        reconstructions = None
        if "reconstruct" in self._model.capabilities:
            reconstructions = np.asarray(self._model.reconstruct(self._x, seed=0, **self._labels))
        if self._vectors:
            self._panels(step, samples, reconstructions)
            return
        self._grid(step, "samples", samples, 8)
        if reconstructions is not None:
            pairs = pictures.interleave(self._x, reconstructions)
            self._grid(step, "reconstructions", pairs, 8)

    def _grid(self, step: int, name: str, images: np.ndarray, columns: int | None) -> None:
        grid = pictures.image_grid(images, columns=columns)
        path = self._directory / f"{name}-{step:08d}.png"
        pictures.save_png(path, grid)
        self._events.picture(step, name, path)

    def _panels(self, step: int, samples: np.ndarray, reconstructions: np.ndarray | None) -> None:
        colours = None
        if self._modes is not None:
            colours = plots.nearest_mode(self._x, self._modes)

        def of_data(points: np.ndarray) -> Any:
            # A code has the colour of the mode that its x came from.
            return points if colours is None else (points, colours)

        panels = {"data": of_data(self._x), "samples": samples}
        if reconstructions is not None:
            panels["reconstructions"] = of_data(reconstructions)
        part = plots.planar_part(self._model.code_dim, self._model.code_classes)
        if "encode" in self._model.capabilities and part:
            q = self._model.encode(self._x, part=part, **self._labels)
            panels["codes"] = of_data(np.asarray(q.sample(seed=0)))
        path = self._directory / f"panels-{step:08d}.png"
        plots.scatter_panels(path, panels, modes=self._modes)
        self._events.picture(step, "panels", path)


def _summary(*values: dict[str, Any]) -> summary_pb2.Summary:
    return summary_pb2.Summary(value=[summary_pb2.Summary.Value(**value) for value in values])


@contextlib.contextmanager
def _full_disk() -> Iterator[None]:
    """TensorFlow's word for a full disk as `stops.DiskFull`."""
    try:
        yield
    except tf.errors.OpError as error:
        reasons = ("No space left", "File too large", "Disk quota")
        if not any(reason in error.message for reason in reasons):
            raise
        raise stops.DiskFull(f"No space: {' '.join(error.message.split())}.") from error
