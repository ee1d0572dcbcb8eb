"""One run, start to end: restore or adapt, `fit`, checkpoints on the way.

`fit` is given a train function that runs *n* steps in one graph call, n being read at every call.
So Python costs nothing per step for tiny models, n can shrink to end exactly where something is
due, and because every step is the same loop body whatever n is, the bits do not depend on the
cadence, nor on where a run was cut.
"""

import contextlib
import functools
import signal
import threading
import time

import keras
import numpy as np
import tensorflow as tf

from zoo.errors import refusal
from zoo.training import callbacks as parts
from zoo.training import checkpoints, stops, strategies, transfer
from zoo.training.run import Run, describe

CALL_SECONDS = 0.3  # aim for one graph call: short for signals and the bar, long beside a host trip
ADAPT_EXAMPLES = 500


def train(
    model,
    dataset,
    run_dir,
    *,
    steps,
    batch_size,
    seed=0,
    identity=None,
    flags_text=None,
    init_from=None,
    labelled_batch_size=None,
    checkpoint_every=1000,
    keep=3,
    sample_every=1000,
    log_every=100,
    best_metric=None,
    best_mode="auto",
    steps_per_execution=None,
    jit_compile="auto",
    progress=True,
    callbacks=(),
):
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
        init_from: directory of a run whose networks, where this model has them too, a new run
            begins with; None for none.
        labelled_batch_size: of the labelled stream, for semi-supervised data.
        checkpoint_every: steps; 0 or None for the last step only.
        keep: how many checkpoints stay, >= 1.
        sample_every: steps between pictures; 0 or None for none.
        log_every: steps of which the logs are the mean.
        best_metric: a log; the checkpoint at which it was best is kept too. "val_<log>" is its mean
            over the validation split, which is then held out of training.
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
    steps = _whole("steps", steps, 0)
    batch_size = _whole("batch_size", batch_size, 1)
    log_every = _whole("log_every", log_every, 1)
    keep = _whole("keep", keep, 1)
    checkpoint_every = _whole("checkpoint_every", checkpoint_every or 0, 0)
    sample_every = _whole("sample_every", sample_every or 0, 0)
    if steps_per_execution is not None:
        _whole("steps_per_execution", steps_per_execution, 1)
    strategy = model.distribute_strategy
    with strategy.scope():
        if not model.compiled:
            model.compile(jit_compile=jit_compile)
    best = None
    if best_metric is not None:
        best = parts.Best(best_metric, best_mode, model, dataset)
    held_out = best is not None and best.held_out
    origin, weights = transfer.read(init_from, model, run_dir)
    if identity is None:
        more = {"labelled_batch_size": labelled_batch_size, "validation_held_out": held_out or None}
        more["init_from"] = origin
        identity = describe(model, dataset.description, batch_size, seed, **more)
    chief = strategies.is_chief(strategy)

    def make_data(start):
        optional = {"labelled_batch_size": labelled_batch_size, "validation_held_out": held_out}
        return functools.partial(
            dataset.train,
            batch_size,
            seed,
            start_step=start,
            **{name: value for name, value in optional.items() if value},
        )

    # Refuses what the pipeline refuses, before the run directory is touched.
    strategies.distribute(strategy, make_data(0), batch_size)
    with contextlib.ExitStack() as stack:
        if chief:
            run = stack.enter_context(Run(run_dir, identity, flags_text))
        else:
            run = Run(run_dir, identity)
        say = parts.Progress(steps, enabled=progress and chief)
        start = _begin(model, dataset, run, say, weights)
        if best is not None:
            best.resume(run.checkpoints)
        _check_agreement(strategy, start, run.path)
        if start >= steps:
            say.line(f"Already at step {start} of {steps}: nothing to do in {run.path}.")
            return {}
        data = strategies.distribute(strategy, make_data(start), batch_size)

        def save(step, prefix="step", extra=None):
            few = {"keep": keep if prefix == "step" else 1, "identity": run.identity}
            checkpoints.save(model, run.checkpoints, step, extra=extra, prefix=prefix, **few)

        listeners = [parts.Guard(run.checkpoints), parts.Health(say)]
        if chief:
            events = stack.enter_context(parts.Events(run.events, start))
            listeners += [parts.MetricsFile(run.metrics, start), events]
            if sample_every:
                listeners.append(parts.Pictures(run.samples, model, dataset, events))
        conductor = Conductor(
            start=start,
            steps=steps,
            batch_size=batch_size,
            cadence={"log": log_every, "sample": sample_every, "checkpoint": checkpoint_every},
            largest_call=steps_per_execution,
            listeners=[*listeners, say],
            best=best,
            save=save if chief else None,
        )
        stack.callback(say.close)
        stack.enter_context(conductor.signals())
        model.train_function = conductor.train_function(model)
        try:
            model.fit(data, epochs=1, verbose=0, shuffle=False, callbacks=[conductor, *callbacks])
        finally:
            model.train_function = None  # the next `fit` makes its own
        return conductor.logs


class Conductor(keras.callbacks.Callback):
    """Decides how many steps each graph call runs, and calls whatever is due when it ends.

    Args:
        start, steps: first step and the run's length.
        batch_size: rows of the global batch.
        cadence: {"log" | "sample" | "checkpoint": steps, 0 for never}.
        largest_call: most steps a call, or None to aim for `CALL_SECONDS`.
        listeners: objects with any of `on_call(step, logs, rate)`, `on_log(step, record)`,
            `on_sample(step)`, `on_checkpoint(step)`.
        best: `callbacks.Best` or None.
        save: callable (step, prefix, extra) that writes a checkpoint; None but in the chief.
    """

    def __init__(self, start, steps, batch_size, cadence, largest_call, listeners, best, save):
        super().__init__()
        self.step, self.steps, self.batch_size, self.cadence = start, steps, batch_size, cadence
        self.largest_call, self.listeners = largest_call, listeners
        self.best, self.save = best, save
        self.logs = {}
        self._signal, self._agree = None, None
        self._calls = 0
        self._n = 1  # the first call traces: one step, so that its time misleads nobody
        self._since_log = _Stopwatch()
        self._seconds_per_step = None

    @contextlib.contextmanager
    def signals(self):
        """SIGTERM and the first Ctrl-C ask for a checkpoint and an end; a second ends at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def ask(number, frame):
            self._signal = number
            signal.signal(signal.SIGINT, signal.default_int_handler)

        before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def train_function(self, model):
        """What `fit` calls with its iterator: the next n steps, and their logs as Python floats."""
        strategy, names, stages = model.distribute_strategy, [], {}
        self._agree = strategies.agreement(strategy)

        def replica_step(data):
            logs = model.train_step(data)
            names[:] = logs
            # One vector, so that replicas reduce, and the host reads, once.
            return tf.stack([tf.reshape(tf.cast(v, tf.float32), []) for v in logs.values()])

        def step(data):
            return strategy.reduce("MEAN", strategy.run(replica_step, args=(data,)), axis=None)

        def traced():
            one = step
            if not model.run_eagerly:
                one = tf.function(step, jit_compile=model.jit_compile, autograph=False)

            def many(iterator, n):
                # One loop body whatever n: n = 1 must not be optimised differently from n = 100.
                def body(i, _):
                    return i + 1, one(iterator.get_next())

                start = (tf.constant(0), tf.zeros([0]))
                shapes = (tf.TensorShape([]), tf.TensorShape([None]))
                return tf.while_loop(lambda i, _: i < n, body, start, shape_invariants=shapes)[1]

            return many if model.run_eagerly else tf.function(many, autograph=False)

        def run(iterator):
            model.stage = model.stage_at(self.step)
            if model.stage not in stages:
                stages[model.stage] = traced()
            vector = stages[model.stage](iterator, tf.constant(self._n))
            return dict(zip(names, map(float, vector.numpy())))

        return run

    def on_train_batch_begin(self, batch, logs=None):
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        seconds = time.perf_counter() - self._began
        traced = self._calls == 0
        self._calls += 1
        self.step += self._n
        self._since_log.add(self._n, seconds, traced)
        self.logs = dict(logs)
        if not traced:
            self._seconds_per_step = seconds / self._n
        self._tell("on_call", self.step, self.logs, self.batch_size * self._since_log.rate())
        self._do_what_is_due()
        self._n, asked = self._agree(self._next_call(), self._signal)
        if asked is not None:
            self._terminate(asked)
        self.model.stop_training = self.step >= self.steps

    def _do_what_is_due(self):
        logs_due = self._due("log")
        saving = self._due("checkpoint")
        if logs_due:
            images = self.batch_size * self._since_log.rate()
            self._tell("on_log", self.step, {"images_per_second": images, **self.logs})
        if saving:
            self._checkpoint()
        if self._due("sample"):
            self._tell("on_sample", self.step)
        if logs_due:
            self._since_log = _Stopwatch()
            self.model.reset_metrics()

    def _checkpoint(self):
        with _disk_full():
            if self.save:
                self.save(self.step)
            if self.best is not None:  # in every worker: evaluation may be collective
                score = self.best.score(self.step, self.logs)
                if score is not None and self.save:
                    self.save(self.step, "best", {self.best.metric: score})
        self._tell("on_checkpoint", self.step)

    def _terminate(self, number):
        if not self._due("checkpoint"):
            self._checkpoint()
        message = f"{signal.Signals(number).name}: stopped at step {self.step}, checkpoint written."
        raise stops.Terminated(message, number)

    def _due(self, what):
        every = self.cadence[what]
        return bool(every) and self.step % every == 0 or (self.step == self.steps)

    def _next_call(self):
        room = self.steps - self.step
        for every in filter(None, self.cadence.values()):
            room = min(room, every - self.step % every)
        for start in self.model.stage_starts:  # a call is of one stage
            room = min(room, start - self.step) if start > self.step else room
        largest = self.largest_call
        if largest is None and self._seconds_per_step is not None:
            # At most ten times the last call: its time per step may still hold the fixed costs.
            largest = min(max(1, int(CALL_SECONDS / self._seconds_per_step)), 10 * self._n)
        return max(1, min(room, largest or 1))

    def _tell(self, what, *arguments):
        with _disk_full():
            for listener in self.listeners:
                if hasattr(listener, what):
                    getattr(listener, what)(*arguments)


class _Stopwatch:
    """Steps a second, without the call that traced unless there is no other."""

    def __init__(self):
        self._steps, self._seconds, self._traced = 0, 0.0, True

    def add(self, steps, seconds, traced):
        if self._traced and not traced:
            self._steps, self._seconds = 0, 0.0
        self._traced = self._traced and traced
        self._steps += steps
        self._seconds += seconds

    def rate(self):
        return self._steps / max(self._seconds, 1e-9)


@contextlib.contextmanager
def _disk_full():
    """A full disk, whoever met it, as `stops.DiskFull`."""
    try:
        yield
    except OSError as error:
        if error.errno not in stops.FULL:
            raise
        where = f" for {error.filename}" if error.filename else ""
        raise stops.DiskFull(f"No space{where} ({error.strerror}).") from error
    except tf.errors.OpError as error:  # TensorFlow's writers
        reasons = ("No space left", "File too large", "Disk quota")
        if not any(reason in error.message for reason in reasons):
            raise
        raise stops.DiskFull(f"No space: {' '.join(error.message.split())}.") from error


def _begin(model, dataset, run, say, weights):
    """Restores the newest checkpoint, or adapts a new model, sets `weights`; returns the step."""
    manifest = checkpoints.restore_newest(model, run.checkpoints)
    if manifest is not None:
        say.line(f"Continues {run.path} from step {manifest['step']}.")
        return manifest["step"]
    if int(_host(model.step)) == 0:
        examples = dataset.arrays("train", limit=ADAPT_EXAMPLES)["x"]
        with model.distribute_strategy.scope():
            model.adapt(tf.constant(np.asarray(examples, np.float32)))
            if weights:
                transfer.assign(weights, model)
                say.line(f"Begins with the weights of another run: {', '.join(weights)}.")
    return int(_host(model.step))


def _check_agreement(strategy, start, run_dir):
    """Workers that do not share the run directory would train different models as one."""
    if not strategies.is_multi_worker(strategy):
        return

    @tf.function
    def sum_of_steps():
        return strategy.reduce("SUM", strategy.run(lambda: tf.constant(start, tf.int64)), axis=None)

    if int(sum_of_steps()) != start * strategy.num_replicas_in_sync:
        expected = "a folder that all workers share (they start at different steps)"
        raise ValueError(refusal("run_dir", expected, str(run_dir)))


def _host(variable):
    return variable.value.numpy()


def _whole(name, value, least):
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(refusal(name, f"an int >= {least}", value))
    if value < least:
        raise ValueError(refusal(name, f"an int >= {least}", value))
    return int(value)
