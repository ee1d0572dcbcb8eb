"""Runs every method unbroken, then killed and continued, and compares the last checkpoints.

    python killed.py FOLDER

Every run is a forked child of one process that imported TensorFlow but started nothing of it: the
import is paid once. Kills are SIGKILL at a random moment after a random number of printed lines, so
they fall between steps, within steps and into checkpoints.
"""

import os
import pathlib
import random
import select
import signal
import sys
import time

import zoo
import zoo.methods
import zoo.training.loop
from tests.conformance import cases
from zoo.training import checkpoints

STEPS = 60
CADENCES = [  # (checkpoint, log, sample, most steps a call): the bits must not depend on them
    (60, 30, 0, None),
    (5, 3, 0, 2),
    (4, 6, 0, None),
    (7, 5, 30, 1),
]


def train(method, run_dir, cadence):
    """One life of a run; returns its process id and its output as a file descriptor."""
    read, write = os.pipe()
    child = os.fork()
    if child:
        os.close(write)
        return child, read
    os.dup2(write, 1)
    status = 1
    try:
        every, log, sample, most = cadence
        cases.train(
            cases.make(method),
            run_dir,
            steps=STEPS,
            seed=3,
            checkpoint_every=every,
            log_every=log,
            sample_every=sample,
            steps_per_execution=most,
            progress=True,
        )
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


def live(method, run_dir, cadence, lines=None, delay=0.0):
    """Runs to the end, or to SIGKILL `delay` seconds after `lines` lines."""
    child, output = train(method, run_dir, cadence)
    text = b""
    while lines is None or text.count(b"\n") < lines:
        part = os.read(output, 4096)
        text += part
        if not part:
            break
    if lines is not None:
        select.select([], [], [], delay)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    os.close(output)
    return status, text.decode()


def main(folder):
    """Exit 0 if all runs of a method end with the same bits."""
    folder = pathlib.Path(folder)
    for name in zoo.list_methods():
        chance = random.Random(name)
        began = time.perf_counter()
        status, text = live(name, folder / f"{name}-unbroken", CADENCES[0])
        assert status == 0, text
        kills = 0
        for cadence in CADENCES[1:3]:
            lines = chance.randint(1, 8)
            status, text = live(name, folder / name, cadence, lines, chance.uniform(0, 0.05))
            kills += status == signal.SIGKILL
        status, text = live(name, folder / name, CADENCES[3])
        assert status == 0, text
        ends = [
            checkpoints.read(folder / run / "checkpoints" / f"step-{STEPS:08d}")[1]
            for run in (f"{name}-unbroken", name)
        ]
        assert ends[0].keys() == ends[1].keys()
        for path, array in ends[0].items():
            assert array.tobytes() == ends[1][path].tobytes(), f"{name}: {path} differs"
        print(f"{name}: {kills} kills, then {text.splitlines()[0]}", flush=True)
        print(f"  {len(ends[0])} equal arrays, {time.perf_counter() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
