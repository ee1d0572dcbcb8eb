"""Runs each method unbroken, then killed and continued, and compares the last checkpoints.

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

import zoo.data
import zoo.model
import zoo.training.loop
from zoo.training import checkpoints

STEPS = 60
SIZES = {"latent_dim": 4}
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
        data = zoo.data.load("digits")
        model = zoo.create(method, image_shape=data.image_shape, **SIZES)
        zoo.training.train(
            model,
            data,
            run_dir,
            steps=STEPS,
            batch_size=20,
            seed=3,
            checkpoint_every=every,
            log_every=log,
            sample_every=sample,
            steps_per_execution=most,
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
    for method in ("vae", "gan", "ali"):
        chance = random.Random(method)
        began = time.perf_counter()
        status, text = live(method, folder / f"{method}-unbroken", CADENCES[0])
        assert status == 0, text
        kills = 0
        for cadence in CADENCES[1:3]:
            lines = chance.randint(1, 8)
            status, text = live(method, folder / method, cadence, lines, chance.uniform(0, 0.05))
            kills += status == signal.SIGKILL
        status, text = live(method, folder / method, CADENCES[3])
        assert status == 0, text
        ends = [
            checkpoints.read(folder / name / "checkpoints" / f"step-{STEPS:08d}")[1]
            for name in (f"{method}-unbroken", method)
        ]
        assert ends[0].keys() == ends[1].keys()
        for name, array in ends[0].items():
            assert array.tobytes() == ends[1][name].tobytes(), f"{method}: {name} differs"
        print(f"{method}: {kills} kills, then {text.splitlines()[0]}", flush=True)
        print(f"  {len(ends[0])} equal arrays, {time.perf_counter() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
