"""One run, start to end: restore or adapt, `fit`, checkpoints on the way.

`fit` is given a train function that runs *n* steps in one graph call (`graph.many_steps`), n being
chosen before every call (`pace.Pace`): so it ends exactly where something is due, and neither the
cadence nor the place where a run was cut changes the bits.
"""

import contextlib
import functools
import math
import os
import signal
import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import keras
import numpy as np
import tensorflow as tf

from zoo.checks import whole
from zoo.data.dataset import Dataset
from zoo.errors import refusal
from zoo.staged import Staged, trained_by
from zoo.training import checkpoints, graph, listeners, logs, stops, strategies, transfer, writers
from zoo.training.pace import Cadence, Pace, Signals
from zoo.training.run import Run, describe

if TYPE_CHECKING:
    from zoo.model import GenerativeModel

ADAPT_EXAMPLES = 500
_INTERVAL = "interval"  # in a checkpoint's manifest


def train(
    model: "GenerativeModel",
    dataset: Dataset,
    run_dir: str | os.PathLike,
    *,
    steps: int,
    batch_size: int,
    seed: int = 0,
    identity: dict[str, Any] | None = None,
    flags_text: str | None = None,
    init_from: str | os.PathLike | None = None,
    allow: Collection[str] = (),
    labelled_batch_size: int | None = None,
    checkpoint_every: int | None = 1000,
    keep: int = 3,
    sample_every: int | None = 1000,
    log_every: int = 100,
    best_metric: str | None = None,
    best_mode: str = "auto",
    steps_per_execution: int | None = None,
    jit_compile: bool | Literal["auto"] = "auto",
    progress: bool = True,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, float]:
    """Trains `model` up to step `steps`, continuing from the newest checkpoint in `run_dir`.

    Killed at any moment and started again, it ends with the bits of a run that was never killed.
    Under a strategy, build the model in its scope; every worker of `multi_worker` calls this with
    the same arguments and sees the same `run_dir`, and the chief alone writes.

    Args:
        model: a `GenerativeModel`; compiled here if it is not yet.
        dataset: a `zoo.data.Dataset`.
        run_dir: the run directory.
        steps: length of the whole run, >= 0.
        batch_size: rows of the global batch, a multiple of the number of replicas.
        seed: of the order of the data.
        identity: what may not change; `describe(...)` of the arguments if None.
        flags_text: absl flagfile text that repeats the run, or None.
        init_from: directory of a run, or name of a pretrained model, whose networks, where this
            model has them too, a new run begins with; None for none.
        allow: names of modules that may be imported for the model of `init_from`.
        labelled_batch_size: of the labelled stream, for semi-supervised data; a multiple of the
            number of replicas too. None takes `batch_size`, or all labels where they are fewer.
        checkpoint_every: steps; 0 or None for the last step only.
        keep: how many checkpoints stay, >= 1.
        sample_every: steps between pictures; 0 or None for none.
        log_every: steps of which the logs are the mean.
        best_metric: a log; the checkpoint at which it was best is kept too. "val_<log>" is its mean
            over the validation split, which is then held out of training; without the last rows
            of it where replicas cannot share them evenly.
        best_mode: "min", "max", or "auto": max for accuracies, `elbo` and `log_prob`, else min.
        steps_per_execution: most steps a graph call; None chooses about 0.3 s worth.
        jit_compile: for `compile` if the model is not compiled.
        progress: whether to print.
        callbacks: further Keras callbacks; a "batch" of theirs is one graph call.

    Returns:
        {log: mean over the last interval}; empty if there was nothing to do.

    Raises:
        ValueError, TypeError: an argument, before any work.
        stops.Stopped: diverged, disk full, or asked to stop; carries the exit code.
    """
    steps, batch_size = whole(steps, "steps", 0), whole(batch_size, "batch_size")
    keep = whole(keep, "keep")
    cadence = Cadence(
        log=whole(log_every, "log_every"),
        sample=whole(sample_every or 0, "sample_every", 0),
        checkpoint=whole(checkpoint_every or 0, "checkpoint_every", 0),
    )
    if steps_per_execution is not None:
        steps_per_execution = whole(steps_per_execution, "steps_per_execution")
    strategy = model.distribute_strategy
    with strategy.scope():
        if not model.compiled:
            model.compile(jit_compile=jit_compile)
    model.check_data(dataset)
    best = None
    if best_metric is None and best_mode != "auto":
        raise ValueError(refusal("best_mode", "auto without a best_metric", best_mode))
    if best_metric is not None:
        best = listeners.Best(best_metric, best_mode, model, dataset)
    feed: dict[str, Any] = {"labelled_batch_size": labelled_batch_size}
    feed["validation_held_out"] = best is not None and best.held_out
    workers = strategies.workers(strategy)
    labelled = dataset.check_training(batch_size, seed, workers=workers, **feed)
    strategies.check_batch_size(strategy, batch_size=batch_size, labelled_batch_size=labelled)
    origin, weights = transfer.read(init_from, model, run_dir, allow)
    if identity is None:
        more = {name: value or None for name, value in feed.items()} | {"init_from": origin}
        identity = describe(model, dataset.description, batch_size, seed, **more)
    chief = strategies.is_chief(strategy)
    run = Run(run_dir, identity, flags_text)
    trained = int(model.step.value.numpy())
    if weights and trained and checkpoints.newest(run.checkpoints) is None:
        expected = f"None for a model that has trained (for {trained} steps)"
        raise ValueError(refusal("init_from", expected, str(init_from)))
    with contextlib.ExitStack() as stack:
        if chief:
            stack.enter_context(run)
        say = listeners.Progress(steps, enabled=progress and chief)
        start, interval = _begin(model, dataset, run, say, weights)
        if best is not None:
            best.resume(run.checkpoints)
        _check_agreement(strategy, start, run.path)
        if start >= steps:
            say.line(f"Already at step {start} of {steps}: nothing to do in {run.path}.")
            return {}
        if model.stage_starts and steps <= (last := model.stage_starts[-1]):
            say.warn(f"training ends at step {steps}, before its last stage begins, at {last}.")
        batches = functools.partial(dataset.train, batch_size, seed, start_step=start, **feed)
        data = strategies.distribute(strategy, batches)
        watching = [listeners.Guard(run.checkpoints), listeners.Health(say)]
        if chief:
            events = stack.enter_context(writers.Events(run.events, start))
            watching += [logs.MetricsFile(run.metrics, start), events]
            if cadence.sample:
                watching.append(writers.Pictures(run.samples, model, dataset, events))
        signals = Signals()
        conductor = Conductor(
            Pace(start, steps, cadence, model.stage_starts, steps_per_execution),
            [*watching, say],
            batch_size=batch_size,
            best=best,
            save=_saver(model, run, keep) if chief else None,
            agree=strategies.agreement(strategy),
            signals=signals,
            interval=interval,
        )
        stack.callback(say.close)
        stack.enter_context(signals.caught())
        stack.enter_context(trained_by(model, conductor.train_function(model)))
        model.fit(data, epochs=1, verbose=0, shuffle=False, callbacks=[conductor, *callbacks])
        return conductor.logs


class Conductor(keras.callbacks.Callback):
    """Runs the graph calls that a `Pace` asks for, and does what is due when each of them ends.

    Args:
        pace: the run's `Pace`.
        watching: listeners, objects with any of the methods that `zoo.training.listeners` names.
        batch_size: rows of the global batch.
        best: `listeners.Best` or None.
        save: callable (step, prefix, extra) that writes a checkpoint; None but in the chief.
        agree: of `strategies.agreement`.
        signals: `Signals` that may ask for an end.
        interval: sums of the logs' interval that had begun at the start.

    Attributes:
        logs: {log: mean since the last log line}.
    """

    def __init__(
        self,
        pace: Pace,
        watching: Sequence[Any],
        *,
        batch_size: int,
        best: listeners.Best | None,
        save: Callable[..., None] | None,
        agree: Callable[[int, int | None], tuple[int, int | None]],
        signals: Signals,
        interval: Sequence[float] = (),
    ) -> None:
        super().__init__()
        self.logs: dict[str, float] = {}
        self._pace, self._watching, self._batch_size = pace, watching, batch_size
        self._best, self._save, self._agree, self._signals = best, save, agree, signals
        self._interval, self._saved = interval, pace.step

    def train_function(self, model: "GenerativeModel") -> Callable:
        """What `fit` calls with its iterator: the next n steps, and their logs."""
        many_steps = Staged(model, functools.partial(graph.many_steps, model))
        return lambda iterator: many_steps(iterator, self._pace.n)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        for variable, value in zip(_sums(self.model), self._interval):  # `fit` has reset them
            variable.assign(value)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        if self._saved != self._pace.step:  # another callback has stopped the training
            self._checkpoint(scored=False)

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        pace = self._pace
        pace.advance(time.perf_counter() - self._began)
        self.logs = dict(logs or {})
        self._tell("on_call", pace.step, self.logs, self._images_per_second())
        self._do_what_is_due()
        pace.n, asked = self._agree(pace.next_call(), self._signals.asked)
        if asked is not None:
            self._terminate(asked)
        if pace.ended:
            self.model.stop_training = True

    def _do_what_is_due(self) -> None:
        pace, log_due = self._pace, self._pace.due("log")
        if log_due:
            record = {"images_per_second": self._images_per_second(), **self.logs}
            self._tell("on_log", pace.step, record)
        if pace.due("checkpoint"):
            self._checkpoint()
        if pace.due("sample"):
            self._tell("on_sample", pace.step)
        if log_due:
            pace.new_interval()
            self.model.reset_metrics()

    def _checkpoint(self, scored: bool = True) -> None:
        """Writes a checkpoint, the best one before it: killed between, a run scores it again.

        In every worker: what is measured for it may be collective.
        """
        step = self._saved = self._pace.step
        with stops.full_disk():
            if self._best is not None and scored:
                score = self._best.score(step, self.logs)
                if score is not None and self._save:
                    self._save(step, "best", {self._best.metric: score})
            interval = [float(variable.numpy()) for variable in _sums(self.model)]
            if self._save:
                self._save(step, "step", {_INTERVAL: interval})
        self._tell("on_checkpoint", step)

    def _terminate(self, number: int) -> NoReturn:
        if self._saved != self._pace.step:
            self._checkpoint(scored=False)  # where a signal came is no part of the run
        step = self._pace.step
        message = f"{signal.Signals(number).name}: stopped at step {step}, checkpoint written."
        raise stops.Terminated(message, number)

    def _images_per_second(self) -> float:
        return self._batch_size * self._pace.rate

    def _tell(self, what: str, *arguments: Any) -> None:
        with stops.full_disk():
            for listener in self._watching:
                if hasattr(listener, what):
                    getattr(listener, what)(*arguments)


def _saver(model: "GenerativeModel", run: Run, keep: int) -> Callable[..., None]:
    """Callable (step, prefix, extra) that writes a checkpoint of a run."""

    def save(step: int, prefix: str, extra: dict[str, Any]) -> None:
        few = {"keep": keep if prefix == "step" else 1, "identity": run.identity}
        checkpoints.save(model, run.checkpoints, step, extra=extra, prefix=prefix, **few)

    return save


def _sums(model: "GenerativeModel") -> list[keras.Variable]:
    """What the logs are means of: sums and counts over the interval."""
    return [variable for metric in model.metrics for variable in metric.variables]


def _interval_of(manifest: dict[str, Any], model: "GenerativeModel") -> list[float]:
    """What `_saver` kept of an interval that had begun; empty where it is none."""
    extra = manifest.get("extra")
    found = extra.get(_INTERVAL) if isinstance(extra, dict) else None
    if not isinstance(found, list) or len(found) != len(_sums(model)):
        return []
    numbers = all(type(value) in (int, float) and math.isfinite(value) for value in found)
    return found if numbers else []


def _begin(
    model: "GenerativeModel",
    dataset: Dataset,
    run: Run,
    say: listeners.Progress,
    weights: dict[str, list[np.ndarray]],
) -> tuple[int, list[float]]:
    """Restores the newest checkpoint, or adapts a new model and sets `weights`.

    Returns:
        (The step, sums of the logs' interval that has begun).
    """
    manifest = checkpoints.restore_newest(model, run.checkpoints)
    if manifest is not None:
        say.line(f"Continues {run.path} from step {manifest['step']}.")
        return manifest["step"], _interval_of(manifest, model)
    if int(model.step.value.numpy()) == 0:
        examples = dataset.arrays("train", limit=ADAPT_EXAMPLES)["x"]
        with model.distribute_strategy.scope():
            model.adapt(tf.constant(np.asarray(examples, np.float32)))
            if weights:
                transfer.assign(weights, model)
                say.line(f"Begins with the weights of another run: {', '.join(weights)}.")
    return int(model.step.value.numpy()), []


def _check_agreement(
    strategy: tf.distribute.Strategy, start: int, run_dir: str | os.PathLike
) -> None:
    """Workers that do not share the run directory would train different models as one."""
    if not strategies.is_multi_worker(strategy):
        return

    @tf.function(autograph=False)
    def sum_of_steps() -> tf.Tensor:
        return strategy.reduce("SUM", strategy.run(lambda: tf.constant(start, tf.int64)), axis=None)

    if int(sum_of_steps()) != start * strategy.num_replicas_in_sync:
        expected = "a folder that all workers share (they start at different steps)"
        raise ValueError(refusal("run_dir", expected, str(run_dir)))
