"""What watches a run. Each listener has some of these methods, called by `loop.Conductor`:

on_call(step, logs, images_per_second)    after every graph call, some three times a second
on_log(step, record)                      every `log_every` steps: means over the interval
on_checkpoint(step)                       after a checkpoint was written
on_sample(step)                           every `sample_every` steps
"""

import collections
import json
import math
import os
import pathlib
import shutil
import statistics
import sys
import time

import numpy as np
import tensorflow as tf

from zoo import pictures
from zoo.errors import refusal, unknown
from zoo.training import checkpoints, run, stops

# Higher is better; of every other log, lower is.
_RISING = ("accuracy", "elbo", "log_prob")
_GRID = 64  # samples in a picture
_POINTS = 2000  # in a scatter panel
_EVALUATED = 500  # rows a batch of the validation split
_SECONDS = "seconds"


class Guard:
    """Stops a run whose loss is not finite, before anything of it is saved.

    Means over an interval keep a NaN that any of its steps met, so looking once a call suffices.
    """

    def __init__(self, directory):
        self._directory = directory

    def on_call(self, step, logs, rate):
        """Raises `stops.Diverged`, naming step and logs."""
        bad = [f"{name} is {value}" for name, value in logs.items() if not math.isfinite(value)]
        if bad:
            stands = checkpoints.what_stands(self._directory)
            raise stops.Diverged(f"Diverged by step {step}: {', '.join(bad)}. {stands}")


class Health:
    """Warns, once an episode, of a discriminator that has won and of a loss that explodes.

    Args:
        say: a `Progress`.
        patience: log intervals that the discriminator's accuracy may stay above 0.99.
        factor: a loss this many times its median over the last twenty intervals has exploded.
    """

    def __init__(self, say, patience=10, factor=100.0):
        self._say, self._patience, self._factor = say, patience, factor
        self._won = collections.Counter()
        self._recent = collections.defaultdict(lambda: collections.deque(maxlen=20))
        self._exploding = set()

    def on_log(self, step, record):
        """One line on stderr when an episode begins."""
        for name, value in record.items():
            if name.startswith(("d_", "discriminator_")) and "accuracy" in name:
                self._won[name] = self._won[name] + 1 if value > 0.99 else 0
                if self._won[name] == self._patience:
                    what = f"{name} has been above 0.99 for {self._patience} log intervals"
                    self._say.warn(f"step {step}: {what}: the generator may learn no more.")
            if name.endswith("_loss"):
                self._watch(step, name, abs(value))

    def _watch(self, step, name, size):
        recent = self._recent[name]
        if size == 0:  # of a player whose stage it is not
            return
        usual = statistics.median(recent) if len(recent) >= 5 else None
        exploded = usual is not None and size > self._factor * max(usual, 1e-2)
        if exploded and name not in self._exploding:
            self._say.warn(f"step {step}: {name} explodes: {size:.3g}, usually {usual:.3g}.")
        self._exploding = self._exploding | {name} if exploded else self._exploding - {name}
        recent.append(size)


class Best:
    """The best value so far of one log, over training or over the validation split.

    Args:
        metric: a log's name, or "val_" and a log's name.
        mode: "min", "max" or "auto".
        model, dataset: to check the name, and to evaluate "val_" metrics.

    Raises:
        ValueError: an unknown metric or mode, or no validation split.
    """

    def __init__(self, metric, mode, model, dataset):
        self.held_out = metric.startswith("val_")
        self.metric, self._log = metric, metric.removeprefix("val_")
        if self._log not in model.log_names:
            names = [p + name for name in model.log_names for p in ("", "val_")]
            raise unknown("best_metric", metric, names)
        if mode not in ("min", "max", "auto"):
            raise unknown("best_mode", mode, ("min", "max", "auto"))
        if self.held_out and "validation" not in dataset.splits:
            expected = f"a log without val_, as {dataset.name} has no validation split"
            raise ValueError(refusal("best_metric", expected, metric))
        rising = mode == "max" or mode == "auto" and any(word in metric for word in _RISING)
        self._sign = 1.0 if rising else -1.0
        self._model, self._dataset = model, dataset
        self._best = -math.inf

    def resume(self, directory):
        """Reads what the kept best checkpoint reached."""
        path = checkpoints.newest(directory, "best")
        if path is None:
            return
        try:
            value = checkpoints.read(path)[0]["extra"][self.metric]
        except (checkpoints.Damaged, KeyError, TypeError):
            return  # of another metric, or unreadable: the next one takes its place
        self._best = self._sign * value

    def score(self, step, logs):
        """The metric's value if it is the best so far, else None."""
        value = self._validate() if self.held_out else logs[self._log]
        if not math.isfinite(value) or self._sign * value <= self._best:
            return None
        self._best = self._sign * value
        return value

    def _validate(self):
        model = self._model
        kept = [(v, v.numpy()) for metric in model.metrics for v in metric.variables]
        batches = self._dataset.batches("validation", _EVALUATED)
        value = model.evaluate(batches, verbose=0, return_dict=True)[self._log]
        for variable, before in kept:  # the training interval goes on where it was
            variable.assign(before)
        return float(np.ravel(value)[0])


class MetricsFile:
    """`metrics.jsonl`: one JSON object a log interval.

    {"step": 1200, "seconds": 31.4, "images_per_second": 5200.0, "discriminator_loss": 1.31, ...};
    `seconds` counts wall time of training, those before an interruption included.

    Args:
        path: the file; lines after step `start`, which will be trained again, are dropped.
        start: the step restored.
    """

    def __init__(self, path, start):
        kept = [line for line in _records(path) if line[0]["step"] <= start]
        if kept or path.exists():
            run.write_text(path, "".join(text + "\n" for _, text in kept))
        self._path = path
        self._before = kept[-1][0].get(_SECONDS, 0.0) if kept else 0.0
        self._began = time.perf_counter()

    def on_log(self, step, record):
        """Appends a line."""
        seconds = self._before + time.perf_counter() - self._began
        line = {"step": step, _SECONDS: round(seconds, 3)}
        line |= {name: float(f"{value:.7g}") for name, value in record.items()}
        with open(self._path, "a") as file:
            file.write(json.dumps(line) + "\n")


class Events:
    """TensorBoard scalars and pictures.

    The events are written as protocol buffers, because the first one of a continued run must tell
    TensorBoard to forget what came after the restored step; `tf.summary` has no way to.

    Args:
        directory: where the event file goes.
        start: the step restored.
    """

    def __init__(self, directory, start):
        self._directory, self._start, self._writer = pathlib.Path(directory), start, None

    def __enter__(self):
        self._directory.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{os.uname().nodename}.{os.getpid()}.v2"
        self._writer = tf.io.TFRecordWriter(str(self._directory / name))
        self._write(0, file_version="brain.Event:2")
        restart = tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START)
        self._write(self._start, session_log=restart)
        return self

    def __exit__(self, kind, error, trace):
        try:
            self._writer.close()
        except tf.errors.OpError:  # a full disk, reported by whoever met it first
            if kind is None:
                raise

    def on_log(self, step, record):
        """All logs as scalars."""
        values = [{"tag": name, "simple_value": value} for name, value in record.items()]
        self._write(step, summary=_summary(values))
        self._writer.flush()

    def picture(self, step, tag, path):
        """A PNG file as an image."""
        image = tf.compat.v1.Summary.Image(encoded_image_string=path.read_bytes())
        self._write(step, summary=_summary([{"tag": tag, "image": image}]))

    def _write(self, step, **what):
        event = tf.compat.v1.Event(wall_time=time.time(), step=step, **what)
        self._writer.write(event.SerializeToString())


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

    def __init__(self, directory, model, dataset, events):
        self._directory, self._model, self._events = directory, model, events
        self._modes = getattr(dataset, "modes", None)
        self._vectors = len(model.image_shape) == 1
        split = "test" if "test" in dataset.splits else "train"
        shown = dataset.arrays(split, limit=_POINTS if self._vectors else _GRID // 2)
        self._x = shown["x"]
        self._y = {}, {}
        if model.conditional:
            of_samples = shown["y"][: self._count]
            if model.num_classes:
                of_samples = np.arange(self._count, dtype=np.int32) % model.num_classes
            self._y = {"y": of_samples}, {"y": shown["y"]}

    @property
    def _count(self):
        return len(self._x) if self._vectors or self._model.num_attributes else _GRID

    def on_sample(self, step):
        """Draws and writes them."""
        if self._vectors and self._model.image_shape != (2,):
            return
        self._directory.mkdir(exist_ok=True)
        samples = np.asarray(self._model.sample(self._count, seed=0, **self._y[0]))
        reconstructions = None
        if "reconstruct" in self._model.capabilities:
            reconstructions = np.asarray(self._model.reconstruct(self._x, seed=0, **self._y[1]))
        if self._vectors:
            self._panels(step, samples, reconstructions)
            return
        self._grid(step, "samples", samples, 8)
        if reconstructions is not None:
            pairs = pictures.interleave(self._x, reconstructions)
            self._grid(step, "reconstructions", pairs, 8)

    def _grid(self, step, name, images, columns):
        grid = pictures.image_grid(images, columns=columns)
        path = self._directory / f"{name}-{step:08d}.png"
        pictures.save_png(path, grid)
        self._events.picture(step, name, path)

    def _panels(self, step, samples, reconstructions):
        colours = None
        if self._modes is not None:
            colours = pictures.nearest_mode(self._x, self._modes)

        def of_data(points):  # a code has the colour of the mode that its x came from
            return points if colours is None else (points, colours)

        panels = {"data": of_data(self._x), "samples": samples}
        if reconstructions is not None:
            panels["reconstructions"] = of_data(reconstructions)
        part = pictures.planar_part(self._model.code_dim, self._model.code_classes)
        if "encode" in self._model.capabilities and part:
            q = self._model.encode(self._x, part=part, **self._y[1])
            panels["codes"] = of_data(np.asarray(q.sample(seed=0)))
        path = self._directory / f"panels-{step:08d}.png"
        pictures.scatter_panels(path, panels, modes=self._modes)
        self._events.picture(step, "panels", path)


class Progress:
    """What the user sees: one updating line on a terminal, else one line a log interval.

        step 1200/6000 [==>       ] elbo -91.3 kl 22.1 · 12,345 images/s · ETA 1:32

    Args:
        steps: the run's length.
        enabled: whether to print; warnings always are.
        out: a stream; None for stdout.
    """

    def __init__(self, steps, enabled=True, out=None):
        self._steps, self._enabled, self._out = steps, enabled, out or sys.stdout
        self._terminal = enabled and self._out.isatty()
        self._open = False  # whether the cursor stands after an unfinished line
        self._first = None  # (step, time) after the call that traced
        self._latest = ""

    def on_call(self, step, logs, rate):
        """Redraws the line on a terminal."""
        self._first = self._first or (step, time.perf_counter())
        self._latest = self._format(step, logs, rate)
        if self._terminal:
            columns = shutil.get_terminal_size().columns - 1
            self._out.write("\r\x1b[K" + self._latest[:columns])
            self._out.flush()
            self._open = True

    def on_log(self, step, record):
        """Prints the line elsewhere."""
        if self._enabled and not self._terminal:
            self.line(self._latest)

    def line(self, text):
        """A line of its own."""
        if self._enabled:
            self.close()
            print(text, file=self._out, flush=True)

    def warn(self, text):
        """A warning, on stderr."""
        self.close()
        print(f"Warning: {text}", file=sys.stderr, flush=True)

    def close(self):
        """Ends an unfinished line."""
        if self._open:
            self._open = False
            print(file=self._out, flush=True)

    def _format(self, step, logs, rate):
        width = len(str(self._steps))
        filled = 10 * step // self._steps
        arrow = "=" * 10 if filled >= 10 else ("=" * filled + ">").ljust(10)
        shown = " ".join(
            f"{name} {value:.4g}" for name, value in logs.items() if not name.endswith("_norm")
        )
        parts = [f"step {step:{width}}/{self._steps} [{arrow}] {shown}", f"{rate:,.0f} images/s"]
        first_step, first_time = self._first
        if self._steps > step > first_step:
            each = (time.perf_counter() - first_time) / (step - first_step)
            parts.append(f"ETA {_clock(each * (self._steps - step))}")
        return " · ".join(parts)


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _records(path):
    """[(record, text)] of the whole lines of a metrics file; a torn last one is left out."""
    if not path.exists():
        return []
    found = []
    for text in path.read_text().splitlines():
        try:
            record = json.loads(text)
            record["step"] + 0
        except (ValueError, KeyError, TypeError):
            continue
        found.append((record, text))
    return found


def _summary(values):
    return tf.compat.v1.Summary(value=[tf.compat.v1.Summary.Value(**value) for value in values])
