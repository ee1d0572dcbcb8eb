"""Another process for the properties that need one. The import of TensorFlow is paid once.

    python another.py      # reads lines "TASK FOLDER METHOD ...", answers each with a line

The process imports everything and starts nothing of TensorFlow; each life of a task is a forked
child, as fresh as a new process. What a child prints is in its log.
"""

import contextlib
import json
import os
import pathlib
import random
import select
import signal
import subprocess
import sys
import traceback

from tests import helpers, seconds

SECONDS = 600  # that one task may take


class Process:
    """The other process, as a test sees it; a context manager.

    Args:
        folder: for what its tasks leave; each has one of its own.
    """

    def __init__(self, folder):
        self._folder = folder

    def folder(self, *words):
        """Where a task leaves what it makes, and finds what is put there."""
        folder = self._folder / "-".join(words)
        folder.mkdir(exist_ok=True)
        return folder

    def __enter__(self):
        with open(self._folder / "stderr", "w") as stderr:
            # Sets in another order, too: nothing that is computed may depend on it.
            options = {"stdin": subprocess.PIPE, "stderr": stderr, "PYTHONHASHSEED": "1"}
            self._process = helpers.start_python(__file__, **options)
        self._seconds = 0.0
        return self

    def __exit__(self, *error):
        self._process.stdin.close()
        self._process.wait(SECONDS)
        self._process.stdout.close()
        seconds.add_elsewhere(-self._seconds)

    def ask(self, task, *case):
        """Runs a task in its folder, which it returns. Fails with what its lives printed.

        Args:
            task: one of `TASKS`.
            case: a method, and where the task takes one a family of data.
        """
        folder = self.folder(task, *case)
        print(task, folder, *case, file=self._process.stdin, flush=True)
        ready, _, _ = select.select([self._process.stdout], [], [], SECONDS)
        answer = self._process.stdout.readline() if ready else "no answer"
        logs = [*sorted(folder.glob("*.log")), self._folder / "stderr"]
        said = "\n".join(path.read_text() for path in logs)
        assert answer.startswith("done"), f"{answer}{said}"
        so_far = float(answer.split()[1])
        seconds.add_elsewhere(so_far - self._seconds)
        self._seconds = so_far
        return folder


# --- the other side -------------------------------------------------------------------------------


def fork(life, folder, name, *arguments, **environment):
    """Starts `life(*arguments)` in a child that prints to `folder/name.log`; its process id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        os.environ.update(environment)
        log = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        life(*arguments)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def wait(*children):
    """Waits for children; fails unless all exit with 0."""
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    if any(codes):
        raise RuntimeError(f"children exit with {codes}")


def load(folder, method):
    """Loads `model.keras`; leaves its arrays in `loaded.npz`."""

    def life():
        import keras
        import numpy as np

        from tests.conformance import cases

        cases.tiny_networks()
        model = keras.models.load_model(folder / "model.keras")
        np.savez(folder / "loaded.npz", **helpers.arrays(model))

    wait(fork(life, folder, "load"))


def kill(folder, method):
    """The run of the fixture `trained`, but killed and continued, at another cadence; in `run`.

    The kill is SIGKILL at a random moment after a random number of lines, so it falls between
    steps, within steps or into a checkpoint, of which there is one a step.
    """
    from tests.conformance import cases

    def life(**cadence):
        cases.train(cases.make(method, **cases.ALL), folder / "run", progress=True, **cadence)

    chance, log = random.Random(method), folder / "killed.log"
    lines, delay = chance.randint(2, 5), chance.uniform(0.0, 0.02)
    often = {"checkpoint_every": 1, "log_every": 1, "steps_per_execution": 2}
    child = fork(lambda: life(**often), folder, "killed")
    while not (log.exists() and log.read_bytes().count(b"\nstep ") >= lines):
        if os.waitpid(child, os.WNOHANG)[0]:
            raise RuntimeError("the run ended before it was killed")
        select.select([], [], [], 0.001)
    select.select([], [], [], delay)
    os.kill(child, signal.SIGKILL)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
        raise RuntimeError("the run ended before it was killed")
    seldom = {"checkpoint_every": 5, "sample_every": 7, "steps_per_execution": 1}
    wait(fork(lambda: life(**seldom), folder, "continued"))


def steps(method, run_dir, strategy):
    """Ten steps of SGD."""
    from tests.conformance import cases

    with strategy.scope():
        model = cases.sgd(cases.make(method, clip_norm=1.0, ema_decay=0.5))
    cases.train(model, run_dir, steps=10, log_every=5, checkpoint_every=0)


def devices(folder, method):
    """The steps on one device, in `one`, and on two, in `two`."""

    def life():
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        halves = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, halves)
        steps(method, folder / "one", tf.distribute.get_strategy())
        steps(method, folder / "two", tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))

    wait(fork(life, folder, "devices"))


def processes(folder, method):
    """The steps in two processes, in `two`."""
    from zoo.training import strategies

    workers = {"worker": [f"localhost:{port}" for port in helpers.free_ports(2)]}
    tasks = [{"cluster": workers, "task": {"type": "worker", "index": i}} for i in range(2)]
    life = lambda: steps(method, folder / "two", strategies.make("multi_worker"))
    wait(*(fork(life, folder, f"worker_{i}", TF_CONFIG=json.dumps(t)) for i, t in enumerate(tasks)))


def compile(folder, method, family):
    """One step operation by operation, one through XLA, which keeps what it compiled for good.

    Leaves `eager.npz` and `xla.npz`: {log or path: array}.
    """

    def wave(shape, seed):
        """Stands for noise: XLA makes other normals than the kernels from the same random bits."""
        import tensorflow as tf

        size = tf.cast(tf.reduce_prod(tf.stack(shape)), tf.float32)
        return tf.reshape(0.5 + 0.5 * tf.sin(1.7 * tf.range(size)), shape)

    def life():
        import numpy as np
        import tensorflow as tf

        from tests.conformance import cases
        from zoo.distributions import randomness

        randomness.NOISE.update(dict.fromkeys(randomness.NOISE, wave))
        (batch,) = cases.batches(method, family)
        for name in ("eager", "xla"):
            model = cases.sgd(cases.make(method, family))
            step = model.train_step
            logs = (step if name == "eager" else tf.function(step, jit_compile=True))(batch)
            logs = {log: value.numpy() for log, value in logs.items()}
            np.savez(folder / f"{name}.npz", **logs, **helpers.arrays(model))

    wait(fork(life, folder, "compile"))


TASKS = {task.__name__: task for task in (load, kill, devices, processes, compile)}


def main():
    """Answers until the input ends."""
    import zoo.methods
    import zoo.training.loop
    from tests.conformance import cases

    for method in cases.METHODS:
        zoo.registry.get(method)
    for line in sys.stdin:
        task, folder, *case = line.split()
        with contextlib.redirect_stdout(sys.stderr):
            try:
                TASKS[task](pathlib.Path(folder), *case)
                answer = f"done {seconds.core_seconds()}"
            except Exception as error:
                answer = " ".join(f"{task} {case}: {error}".split())
        print(answer, flush=True)


if __name__ == "__main__":
    main()
