"""Kills a run, and fills its disk, at random moments; nothing may be lost by it.

    python tests/training/storm.py --kills=60 --disks=20

A run has many lives. Each is a process that continues it, and ends as chance has it: by SIGKILL
(every second time while a checkpoint is being written), or because the disk is full: files may not
grow beyond a size any more, or the disk says only when files are synced that it has no room. After
each life the checkpoints and logs are looked at; a run that reaches its end has the bits of one
that was never broken, and another run begins.
"""

import argparse
import errno
import multiprocessing
import os
import pathlib
import random
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests import helpers  # noqa: E402
from zoo.training import checkpoints, logs, stops  # noqa: E402

STEPS, LOG_EVERY, KEEP = 600, 10, 3
_UNEXPECTED = 70  # exit code of a life that ended in another way than those above


def live(run_dir, checkpoint_every=25, limit=None, syncs=None):
    """One life of the run; the exit code says how it ended.

    Args:
        run_dir: its directory.
        checkpoint_every: steps.
        limit: (seconds, bytes): after so long no file may be longer.
        syncs: how many files are synced before the disk is full.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import zoo.data
    from tests import small
    from zoo.training import loop

    if limit is not None:
        seconds, size = limit
        sizes = (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        timer = threading.Timer(seconds, resource.setrlimit, (resource.RLIMIT_FSIZE, sizes))
        timer.daemon = True
        timer.start()
    if syncs is not None:
        _fill_when_synced(syncs)
    options = {"decoder_output": "normal", "learning_rate": 1e-3}
    model = small.Bound(image_shape=(2,), latent_dim=2, **options)
    cadence = {"log_every": LOG_EVERY, "checkpoint_every": checkpoint_every, "sample_every": 0}
    try:
        loop.train(
            model,
            zoo.data.load("gaussian_ring"),
            run_dir,
            steps=STEPS,
            batch_size=20,
            keep=KEEP,
            progress=False,
            **cadence,
        )
    except stops.DiskFull as full:
        os._exit(full.exit_code)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(_UNEXPECTED)
    os._exit(0)


def _fill_when_synced(count):
    sync, left = os.fsync, [count]

    def fsync(descriptor):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    os.fsync = fsync


class Storm:
    """Lives of runs below a folder, ended as a generator of random numbers says.

    Args:
        folder: an empty one.
        seed: of the generator.

    Attributes:
        counts: {what: how often}: "killed", "killed while writing", "full", "ended".
    """

    def __init__(self, folder, seed=0):
        self._folder, self._random = pathlib.Path(folder), random.Random(seed)
        os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        # A server that has paid for the imports, and computed nothing, forks the lives.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.small", "zoo.data", "zoo.training.loop"])
        self._run_dir, self._reached = self._folder / "run", 0
        self.counts = dict.fromkeys(("killed", "killed while writing", "full", "ended"), 0)
        for _ in range(2):  # the first pays for the server
            shutil.rmtree(self._folder / "unbroken", ignore_errors=True)
            began = time.monotonic()
            assert self._life(self._folder / "unbroken").end() == 0
            self._seconds = time.monotonic() - began
        last = checkpoints.newest(self._folder / "unbroken" / "checkpoints")
        self._expected, self._size = checkpoints.read(last)[1], last / checkpoints.VARIABLES
        self._size = self._size.stat().st_size

    def kill(self):
        """A life until SIGKILL; how many were killed: 0 if the run ended before, else 1."""
        life = self._life(self._run_dir, checkpoint_every=self._random.choice((5, 10, 25)))
        deadline = time.monotonic() + self._random.uniform(0, self._seconds)
        while_writing = self._random.random() < 0.5
        while life.process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.002)
        while while_writing and life.process.is_alive() and not self._temporary():
            time.sleep(0.0002)
        life.process.kill()
        code = life.end()
        assert code in (0, -signal.SIGKILL), f"ended with {code}"
        killed = code != 0
        self.counts["killed"] += killed
        self.counts["killed while writing"] += killed and bool(self._temporary())
        self._look(ended=not killed)
        return int(killed)

    def fill(self):
        """A life until the disk is full; how many were: 0 if the run ended before, else 1."""
        if self._random.random() < 0.5:
            size = self._random.randrange(int(1.2 * self._size))
            how = {"limit": (self._random.uniform(0, self._seconds), size)}
        else:
            how = {"syncs": self._random.randrange(100)}
        code = self._life(self._run_dir, **how).end()
        assert code in (0, stops.DiskFull.exit_code), f"ended with {code}, {how}"
        self.counts["full"] += code != 0
        if code != 0:
            assert not self._temporary(), f"left {self._temporary()}, {how}"
        self._look(ended=code == 0)
        return int(code != 0)

    def finish(self):
        """The run goes to its end undisturbed."""
        assert self._life(self._run_dir).end() == 0
        self._look(ended=True)

    def _life(self, run_dir, **how):
        return Life(self._context.Process(target=live, args=(run_dir,), kwargs=how))

    def _temporary(self):
        return list(self._run_dir.glob("checkpoints/.tmp-*"))

    def _look(self, ended):
        """Every checkpoint is whole, none is lost, and the logs reach as far as the newest."""
        found = sorted(self._run_dir.glob("checkpoints/step-*"))
        assert len(found) <= KEEP + 1, found
        steps = [checkpoints.read(path)[0]["step"] for path in found]
        newest = steps[-1] if steps else 0
        assert newest >= self._reached, f"step {self._reached} is lost: {steps}"
        self._reached = newest
        records = logs.read(self._run_dir / "metrics.jsonl")
        logged = [record["step"] for record in records if record["step"] <= newest]
        assert logged == list(range(LOG_EVERY, newest + 1, LOG_EVERY)), logged
        seconds = [record[logs.SECONDS] for record in records]
        assert seconds == sorted(seconds), seconds
        if ended:
            assert newest == STEPS and not self._temporary()
            helpers.assert_same_bits(checkpoints.read(found[-1])[1], self._expected)
            self.counts["ended"] += 1
            shutil.rmtree(self._run_dir)
            self._reached = 0


class Life:
    """A process that lives already."""

    def __init__(self, process):
        self.process = process
        process.start()

    def end(self):
        """Its exit code, once it has ended."""
        try:
            self.process.join(300)
            assert self.process.exitcode is not None, "a life that does not end"
            return self.process.exitcode
        finally:
            self.process.kill()


def weather(folder, kills, disks, seed=0):
    """So many kills and full disks in an order of chance; the counts of `Storm`."""
    storm = Storm(folder, seed)
    left = [storm.kill] * kills + [storm.fill] * disks
    random.Random(seed).shuffle(left)
    for blow in left:
        while not blow():
            pass
    storm.finish()
    return storm.counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--disks", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        print(weather(place, given.kills, given.disks, given.seed), "nothing lost, bits equal")
