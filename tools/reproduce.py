"""Trains a config with several seeds and writes what it reached to results/.

    python tools/reproduce.py --flagfile=configs/ali/gaussian_grid.cfg --seeds=3

Runs only what is missing: stopped, it continues; with --seeds=10 later it adds seven. Each seed is
a run directory, trained by tools/train.py and measured by tools/evaluate.py. Toys (vector data) run
two at a time on one thread each.

--draw=NAME:log:LOW:HIGH, --draw=NAME:uniform:LOW:HIGH and --draw=NAME:choice:A,B,C draw a
hyper-parameter anew for each seed, from `random.Random("NAME:SEED").random()`, rounded to six
digits. May be given several times; without any, those that stand in the config's comments are used.

A config with --labels and no --label_seed has other labelled examples for each seed: the seed's.
"""

import math
import os
import pathlib
import platform
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterable
from typing import Any

import common
import experiment
from experiment import Config
from pages import sources

from zoo import files, ledger, libraries, precision, training
from zoo.differences import differences
from zoo.errors import refusal

FLAGS = (
    common.flag("seeds", "int", 3, "number of seeds, from 0", at_least=1),
    common.flag("jobs", "str", "auto", "runs at a time; auto: two toys, else one"),
    common.flag(
        "draw", "str", None, "a hyper-parameter drawn for each seed (see above); repeatable"
    ),
    common.flag("again", "bool", False, "measure anew the runs that are there: metrics have come"),
    *common.MEASURE_FLAGS,
    common.flag("runs_dir", "str", "runs", "where the run directories lie"),
    common.flag("results_dir", "str", "results", "where the ledger lies"),
    common.DATA_DIR,
)
STATE = "reproduce.json"
_TOOLS = pathlib.Path(__file__).resolve().parent


class Seed:
    """The run of one seed: a state file, and the process that trains or measures it.

    Args:
        config: the `Config`.
        seed: int.
        alone: whether its output may go to the terminal.
    """

    def __init__(self, config: Config, seed: int, alone: bool):
        self.config, self.seed, self.alone = config, seed, alone
        self.run_dir = config.run_dir(seed)
        self.state = read_state(config, seed)
        self._process, self._log = None, None

    @property
    def finished(self) -> bool:
        """Whether it is trained and measured."""
        return bool(self.state.get("trained")) and self.state.get("evaluation") is not None

    def start(self) -> None:
        """Starts what comes next: training, or the measurement."""
        self._training = not self.state.get("trained")
        found = provenance()
        if "commit" not in self.state:
            self.state |= found
        if not self._training:
            dirty = self.state["dirty"] or found["dirty"]
            self.state |= {"measured_at": found["commit"], "dirty": dirty}
        self._keep()
        line = self._train() if self._training else self._evaluate()
        threads = {"OMP_NUM_THREADS": "1"} if self.config.toy else {}
        if not self.alone:
            self._log = open(self.run_dir / "reproduce.log", "ab")
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, *line],
            env={**os.environ, **threads},
            stdout=self._log,
            stderr=self._log,
        )

    def poll(self) -> int | None:
        """The exit code of the process, or None while it runs; its seconds are kept all along."""
        code = self._process.poll()
        if self._training:
            now = time.monotonic()
            if code is not None or now - self._began > 10:
                self.state["seconds"] = self.state.get("seconds", 0) + now - self._began
                self.state["trained"] = code == 0
                self._began = now
                self._keep()
        if code is None:
            return None
        if self._log:
            self._log.close()
            self._log = None
        if code == 0 and not self._training:
            evaluation = ledger.read_evaluation(self.run_dir / "evaluation.json")
            self.state["evaluation"] = evaluation["metrics"]
            self._keep()
        return code

    def stop(self) -> None:
        """Ends the process: training writes a checkpoint first."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(120)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self.poll()

    def _train(self):
        drawn = [f"--{name}={value}" for name, value in self.config.drawn(self.seed).items()]
        threads = ["--threads=1"] if self.config.toy else []
        more = [f"--seed={self.seed}", f"--run_dir={self.run_dir}", *threads, *drawn]
        more += [f"--precision={self.config.flags.precision}"]  # one of all seeds, never auto
        more += data_dir(self.config)
        return [_TOOLS / "train.py", f"--flagfile={self._config_path()}", *more]

    def _evaluate(self):
        measure = common.flags_text(self.config.measure).splitlines()
        return [_TOOLS / "evaluate.py", *of_run(self.config, self.seed), *measure]

    def _config_path(self):
        path = pathlib.Path(self.config.path)
        return path if path.is_file() else common.ROOT / path

    def _keep(self):
        ledger.write_json(self.run_dir / STATE, self.state)


def data_dir(config: Config) -> list[str]:
    """The flag of the folder of data, where there is one."""
    return [f"--data_dir={config.data_dir}"] if config.data_dir else []


def of_run(config: Config, seed: int) -> list[str]:
    """Flags of the tools that look at the run of a seed; the user named its method himself."""
    module, colon, _ = config.flags.method.partition(":")
    allow = [f"--allow={module}"] if colon else []
    return [f"--run_dir={config.run_dir(seed)}", *allow, *data_dir(config)]


def read_state(config: Config, seed: int) -> dict[str, Any]:
    """What a run directory knows of its seed; refused if another config made it.

    A run may become longer, and be measured anew; nothing else may change once it has a checkpoint.
    """
    path = config.run_dir(seed) / STATE
    known = {"seed": seed, "flags": config.compared, "draws": config.drawn(seed)}
    if not path.is_file():
        if (config.run_dir(seed) / "identity.json").is_file():
            expected = f"run directories that this tool made, with {STATE}"
            raise ValueError(refusal("runs_dir", expected, str(config.run_dir(seed))))
        return known
    state = files.read_json(path)
    if not isinstance(state.get("flags"), dict) or state.get("seed") != seed:
        expected = f"run directories whose {STATE} this tool wrote"
        raise ValueError(refusal("runs_dir", expected, str(config.run_dir(seed))))
    changed = differences(state["flags"], config.compared, config.defaults)
    if not changed:
        return state
    if not state.get("trained") and not any((config.run_dir(seed) / "checkpoints").glob("*")):
        return known  # it failed before there was anything to continue
    may_change = {"steps", *(item.name for item in common.MEASURE_FLAGS)}
    before = state["flags"].get("steps", math.inf)
    if changed.keys() <= may_change and before <= config.compared["steps"]:
        trained = state.get("trained", False) and "steps" not in changed
        return {**state, **known, "trained": trained, "evaluation": None}
    expected = f"runs of the same config; it differs in {_words(changed)}"
    raise ValueError(refusal("runs_dir", expected, str(config.run_dir(seed))))


def provenance() -> dict[str, Any]:
    """Where numbers come from: commit, versions, machine."""
    git = ["git", "-C", str(common.ROOT)]
    # What this tool itself writes decides no number.
    tracked = ["--", ".", ":!results", ":!RESULTS.md", ":!README.md"]
    try:
        commit = _output([*git, "rev-parse", "HEAD"])
        dirty = bool(_output([*git, "status", "--porcelain", "--untracked-files=no", *tracked]))
    except (OSError, subprocess.CalledProcessError):
        commit, dirty = "unknown", True
    computing = libraries.versions(("python", *libraries.PACKAGES, "scikit-learn"))
    return {"commit": commit, "dirty": dirty, "versions": computing, "machine": machine()}


def machine() -> dict[str, Any]:
    """{"cpu", "cores", "ram_gb"} of this computer, and "gpus" where TensorFlow may see any."""
    cpu = platform.processor() or platform.machine()
    information = pathlib.Path("/proc/cpuinfo")
    if information.is_file():
        names = [x for x in information.read_text().splitlines() if x.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    ram = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    found: dict[str, Any] = {"cpu": cpu, "cores": os.cpu_count(), "ram_gb": round(ram / 2**30, 1)}
    return found | ({"gpus": names} if (names := gpus()) else {})


def gpus() -> list[str]:
    """Names of NVIDIA's GPUs of this computer, none where CUDA_VISIBLE_DEVICES hides all."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return []
    try:
        listed = _output(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"])
    except (OSError, subprocess.CalledProcessError):
        return []
    return [name.strip() for name in listed.splitlines() if name.strip()]


def _output(command):
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


# --- all seeds --------------------------------------------------------------------------------


def run(flags: types.SimpleNamespace) -> None:
    """What is missing of a config's seeds, then its entry in the ledger."""
    config = experiment.read_config(flags)
    jobs = number_of_jobs(flags.jobs, config.toy)
    path = pathlib.Path(flags.results_dir) / f"{config.name}.json"
    recorded = recorded_precision(path, config, flags.seeds)
    config.flags.precision = precision.chosen(config.flags.precision, recorded)
    kept = known_runs(path, config)
    training.check_writable(config.runs_dir)
    training.check_writable(path.parent)
    wanted = [seed for seed in range(flags.seeds) if flags.again or seed not in kept]
    seeds = [Seed(config, seed, alone=jobs == 1) for seed in wanted]
    for seed in seeds:
        if flags.again:
            seed.state["evaluation"] = None
        if seed.finished:
            kept[seed.seed] = seed.state
    waiting = [seed for seed in seeds if not seed.finished]
    if waiting:
        print(
            f"{config.name}: seeds {', '.join(str(seed.seed) for seed in waiting)} to run.",
            flush=True,
        )
    else:
        print(f"{config.name}: {len(kept)} seeds are there, nothing to run.", flush=True)
    # An entry has one protocol: measured again, it is written when all of its seeds are.
    each = (lambda: None) if flags.again else (lambda: write_entry(path, config, kept))
    failed = work(waiting, jobs, kept, each)
    if kept and not (flags.again and failed):
        write_entry(path, config, kept)
        print(path)
        picture = path.with_suffix(".png")
        if (waiting or not picture.is_file()) and make_picture(config, min(kept), picture):
            print(picture)
    if failed:
        listed = ", ".join(f"{seed} (exit {code})" for seed, code in failed.items())
        raise SystemExit(f"seeds that failed: {listed}; the same command continues them")


def work(
    waiting: Iterable[Seed],
    jobs: int,
    kept: dict[int, dict[str, Any]],
    finished: Callable[[], None],
) -> dict[int, int]:
    """Runs seeds, `jobs` at a time.

    Args:
        waiting: list of `Seed`.
        jobs: int.
        kept: {seed: state}, to which the finished ones are added.
        finished: called after each of them.

    Returns:
        {seed: exit code} of those that failed.
    """
    waiting, running, failed = list(waiting), [], {}

    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(waiting.pop(0))
                running[-1].start()
            time.sleep(0.2)
            for seed in list(running):
                code = seed.poll()
                if code is None:
                    continue
                if code == 0 and not seed.finished:  # trained: now the measurement
                    seed.start()
                    continue
                running.remove(seed)
                if code != 0:
                    failed[seed.seed] = code
                else:
                    kept[seed.seed] = seed.state
                    print(f"seed {seed.seed}: {summary(seed.state)}", flush=True)
                    finished()
    finally:
        for seed in running:
            seed.stop()
    return failed


def number_of_jobs(text: str, toy: bool) -> int:
    """How many runs share the machine."""
    if text == "auto":
        return min(2, os.cpu_count() or 1) if toy else 1
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(refusal("jobs", "auto or an int >= 1", text))
    return int(text)


def known_runs(path: pathlib.Path, config: Config) -> dict[int, dict[str, Any]]:
    """{seed: run} of the ledger's entry, not to be run again; refused if another config made it."""
    if not path.is_file():
        return {}
    found = ledger.read(path)
    changed = differences(found.flags, config.compared, config.defaults)
    if changed:
        expected = "results of the same config (move them away to start anew)"
        expected += f"; it differs in {_words(changed)}"
        raise ValueError(refusal("results_dir", expected, str(path)))
    return ledger.runs(found)


def recorded_precision(path: pathlib.Path, config: Config, seeds: int) -> str | None:
    """The precision of a row, by the ledger or by a run that was begun; None of a new one."""
    states = [config.run_dir(seed) / STATE for seed in range(seeds)]
    if path.is_file():
        found = ledger.read(path).flags
    else:
        found = next((files.read_json(s).get("flags") for s in states if s.is_file()), None)
    return found.get("precision", config.defaults["precision"]) if isinstance(found, dict) else None


def _words(changed):
    return "; ".join(f"{name}: {old} -> {new}" for name, (old, new) in changed.items())


def write_entry(path: pathlib.Path, config: Config, kept: dict[int, dict[str, Any]]) -> None:
    """Writes the ledger's entry of the seeds that are done."""
    runs = [{**run, "seconds": round(run.get("seconds", 0), 1)} for run in kept.values()]
    found = ledger.entry(
        method=config.flags.method,
        dataset=config.flags.dataset,
        variant=config.variant,
        flags=config.compared,
        runs=runs,
        paper=ledger.read_paper(common.ROOT / config.path),
        command=config.command(max(kept) + 1),
    )
    ledger.write(path, found)


def make_picture(config: Config, seed: int, path: pathlib.Path) -> bool:
    """Writes the picture of a seed beside the entry; False if its run directory is gone."""
    run_dir = config.run_dir(seed)
    if not (run_dir / "checkpoints").is_dir():
        return False
    line = [sys.executable, _TOOLS / "sample.py", *of_run(config, seed)]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    import numpy as np
    from PIL import Image

    from zoo import pictures

    shown = sources.method(config.flags.method).pictures
    files = [run_dir / "samples" / f"{name}.png" for name in shown]
    found = [np.asarray(Image.open(file).convert("RGB")) for file in files if file.is_file()]
    picture = pictures.stack(found) if len(found) > 1 else found[0]
    pictures.save_png(path, picture, max_bytes=pictures.REPORT_BYTES)
    return True


def summary(state: dict[str, Any]) -> str:
    """The first values of a seed, for the terminal."""
    measured = list(state["evaluation"].items())[:4]
    return ", ".join(f"{name} {found['value']:.4g}" for name, found in measured)


if __name__ == "__main__":
    sys.exit(common.main(run, FLAGS, repeated=("draw",), expand=False))
