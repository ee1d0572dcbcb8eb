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

import dataclasses
import importlib.metadata
import json
import math
import os
import pathlib
import platform
import random
import shlex
import signal
import subprocess
import sys
import time

import common

from zoo import data, ledger, registry, training
from zoo.errors import refusal, unknown

FLAGS = (
    common.flag("seeds", "int", 3, "number of seeds, from 0", minimum=1),
    common.flag("jobs", "str", "auto", "runs at a time; auto: two toys, else one"),
    common.flag(
        "draw", "str", None, "a hyper-parameter drawn for each seed (see above); repeatable"
    ),
    *common.MEASURE_FLAGS,
    common.flag("runs_dir", "str", "runs", "where the run directories lie"),
    common.flag("results_dir", "str", "results", "where the ledger lies"),
    common.DATA_DIR,
)
STATE = "reproduce.json"
# Flags that do not decide the numbers, or differ by seed: not part of a config's identity.
_NOT_COMPARED = {
    *(
        "seed",
        "run_dir",
        "data_dir",
        "threads",
        "checkpoint_every",
        "keep",
        "sample_every",
        "log_every",
    ),
}
_PACKAGES = ("tensorflow", "keras", "tensorflow-probability", "numpy", "scikit-learn")
_TOOLS = pathlib.Path(__file__).resolve().parent
_PICTURES = (
    "scatter",
    "samples",
    "reconstructions",
    "classes",
    "draws",
    "codes",
    "levels",
    "curves",
)


# --- drawn hyper-parameters -------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Draw:
    """A hyper-parameter that is drawn for each seed.

    Attributes:
        text: as the user wrote it.
        described: the hyper-parameter's `HyperParameter`.
        rule: "log", "uniform" or "choice".
        values: (low, high), or the choices.
    """

    text: str
    described: registry.HyperParameter
    rule: str
    values: tuple

    @classmethod
    def parse(cls, text, hyper_parameters):
        """The draw that `text` describes; `ValueError` in one line otherwise."""
        name, _, rest = text.partition(":")
        rule, _, rest = rest.partition(":")
        if name not in hyper_parameters:
            raise unknown("draw", name, hyper_parameters)
        if rule not in ("log", "uniform", "choice"):
            raise ValueError(refusal("draw", "NAME:log|uniform:LOW:HIGH or NAME:choice:A,B", text))
        described = hyper_parameters[name]
        parts = rest.split("," if rule == "choice" else ":")
        if not rest or (rule != "choice" and len(parts) != 2):
            raise ValueError(refusal("draw", "NAME:log|uniform:LOW:HIGH or NAME:choice:A,B", text))
        if rule != "choice" and described.kind not in ("int", "float"):
            raise ValueError(refusal("draw", f"a choice, as {name} is {described.expected}", text))
        values = tuple(described.parse(part) for part in parts)
        if rule != "choice" and (None in values or not values[0] < values[1]):
            raise ValueError(refusal("draw", "LOW < HIGH", text))
        if rule == "log" and values[0] <= 0:
            raise ValueError(refusal("draw", "0 < LOW", text))
        return cls(text, described, rule, values)

    def of_seed(self, seed):
        """The value that a seed gets."""
        share = random.Random(f"{self.described.name}:{seed}").random()  # [0, 1)
        if self.rule == "choice":
            return self.values[int(share * len(self.values))]
        low, high = self.values
        if self.rule == "log":
            value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        elif self.described.kind == "int":
            value = low + int(share * (high - low + 1))  # both ends as likely as the others
        else:
            value = low + share * (high - low)
        value = round(value) if self.described.kind == "int" else float(f"{value:.6g}")
        return min(max(value, low), high)


# --- what is to be run ------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Config:
    """A config file and all that is asked of it.

    Attributes:
        path: of the file, as given.
        flags: namespace of its flags.
        draws: tuple of `Draw`.
        measure: {flag: value} of tools/evaluate.py, where it is not the default.
        runs_dir: pathlib.Path.
        data_dir: str or None.
    """

    path: str
    flags: object
    draws: tuple
    measure: dict
    runs_dir: pathlib.Path
    data_dir: str | None

    @property
    def name(self):
        """<method>-<stem>."""
        return common.run_name(self.flags)

    @property
    def variant(self):
        """What the stem adds to the data set's name, or None."""
        stem, dataset = pathlib.Path(self.path).stem, self.flags.dataset
        return stem.removeprefix(dataset).lstrip("-") or None

    @property
    def toy(self):
        """Whether the data are vectors, so small that two runs share a machine."""
        return self.flags.dataset in data.VECTORS

    @property
    def labels_by_seed(self):
        """Whether each seed has other labelled examples: the config does not say which."""
        return self.flags.labels is not None and "label_seed" not in self.flags.given

    @property
    def _excluded(self):
        # With labels, an absent `label_seed` is no default: it is another one for each seed.
        return _NOT_COMPARED if self.flags.labels is None else {*_NOT_COMPARED, "label_seed"}

    @property
    def compared(self):
        """{flag: value}: what decides the numbers, but the seed."""
        run_flags = {item.name: getattr(self.flags, item.name) for item in common.RUN_FLAGS}
        kept = {name: value for name, value in run_flags.items() if name not in self._excluded}
        if self.flags.labels is not None and not self.labels_by_seed:
            kept["label_seed"] = self.flags.label_seed
        more = {"draw": [draw.text for draw in self.draws]} if self.draws else {}
        return json.loads(
            json.dumps({**kept, **self.flags.hyper_parameters, **more, **self.measure})
        )

    @property
    def defaults(self):
        """Values of flags that an older ledger or run does not know."""
        described = [
            *common.RUN_FLAGS,
            *common.MEASURE_FLAGS,
            *registry.hyper_parameters(self.flags.method).values(),
        ]
        return {item.name: item.default for item in described if item.name not in self._excluded}

    def run_dir(self, seed):
        """Where a seed is trained."""
        return self.runs_dir / f"{self.name}-seed{seed}"

    def drawn(self, seed):
        """{flag: value} that a seed has of its own."""
        labels = {"label_seed": seed} if self.labels_by_seed else {}
        return labels | {draw.described.name: draw.of_seed(seed) for draw in self.draws}

    def command(self, seeds):
        """The command line that reproduces it."""
        draws = [f"--draw={draw.text}" for draw in self.draws]
        measure = common.flags_text(self.measure).splitlines()
        line = [f"--flagfile={self.path}", f"--seeds={seeds}", *draws, *measure]
        return "python tools/reproduce.py " + shlex.join(line)


def read_config(flags):
    """The `Config` of this tool's flags, refused as tools/train.py would refuse it."""
    if flags.flagfile is None:
        raise ValueError(refusal("flagfile", "a config, such as configs/ali/digits.cfg", None))
    recorded = common.parse(["train.py", f"--flagfile={flags.flagfile}"], common.RUN_FLAGS)
    common.check_run(recorded)
    if recorded.run_dir is not None or "seed" in recorded.given:
        given = recorded.run_dir if recorded.run_dir is not None else f"--seed={recorded.seed}"
        raise ValueError(refusal("flagfile", "a config without --run_dir and --seed", given))
    path = pathlib.Path(flags.flagfile)
    if path.is_relative_to(common.ROOT):  # the ledger holds no one's directories
        path = path.relative_to(common.ROOT)
    draws = flags.draw or _stated_draws(pathlib.Path(flags.flagfile).read_text())
    draws = tuple(Draw.parse(text, _drawable(recorded.method)) for text in draws)
    names = [draw.described.name for draw in draws]
    if len(set(names)) < len(names):
        raise ValueError(refusal("draw", "each hyper-parameter once", names))
    data_dir = flags.data_dir or recorded.data_dir
    runs_dir = pathlib.Path(flags.runs_dir)
    values = {item.name: (getattr(flags, item.name), item.default) for item in common.MEASURE_FLAGS}
    measure = {name: value for name, (value, default) in values.items() if value != default}
    return Config(str(path), recorded, draws, measure, runs_dir, data_dir)


def _stated_draws(text):
    """The draws in a config's comments: tools/train.py, which reads it too, knows no such flag."""
    comments = [line for line in text.splitlines() if line.startswith("#")]
    found = [word for line in comments for word in line.split() if word.startswith("--draw=")]
    return list(dict.fromkeys(word.removeprefix("--draw=").rstrip(".,;") for word in found))


def _drawable(method):
    known = registry.hyper_parameters(method)
    return {name: item for name, item in known.items() if name != "seed"}


# --- one seed ---------------------------------------------------------------------------------


class Seed:
    """The run of one seed: a state file, and the process that trains or measures it.

    Args:
        config: the `Config`.
        seed: int.
        alone: whether its output may go to the terminal.
    """

    def __init__(self, config, seed, alone):
        self.config, self.seed, self.alone = config, seed, alone
        self.run_dir = config.run_dir(seed)
        self.state = read_state(config, seed)
        self._process, self._log = None, None

    @property
    def finished(self):
        """Whether it is trained and measured."""
        return bool(self.state.get("trained")) and self.state.get("evaluation") is not None

    def start(self):
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

    def poll(self):
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
            evaluation = ledger.read_json(self.run_dir / "evaluation.json")
            self.state["evaluation"] = evaluation["metrics"]
            self._keep()
        return code

    def stop(self):
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
        return [_TOOLS / "train.py", f"--flagfile={self._config_path()}", *more, *self._data()]

    def _evaluate(self):
        measure = common.flags_text(self.config.measure).splitlines()
        return [_TOOLS / "evaluate.py", f"--run_dir={self.run_dir}", *measure, *self._data()]

    def _config_path(self):
        path = pathlib.Path(self.config.path)
        return path if path.is_file() else common.ROOT / path

    def _data(self):
        return [f"--data_dir={self.config.data_dir}"] if self.config.data_dir else []

    def _keep(self):
        ledger.write_json(self.run_dir / STATE, self.state)


def read_state(config, seed):
    """What a run directory knows of its seed; refused if another config made it.

    A run may become longer, and be measured anew; nothing else may change.
    """
    path = config.run_dir(seed) / STATE
    known = {"seed": seed, "flags": config.compared, "draws": config.drawn(seed)}
    if not path.is_file():
        if (config.run_dir(seed) / "identity.json").is_file():
            expected = f"run directories that this tool made, with {STATE}"
            raise ValueError(refusal("runs_dir", expected, str(config.run_dir(seed))))
        return known
    state = ledger.read_json(path)
    changed = ledger.differences(state["flags"], config.compared, config.defaults)
    measure = {item.name for item in common.MEASURE_FLAGS}
    names = {item.partition(":")[0] for item in changed}
    if (
        names
        and names <= measure | {"steps"}
        and state["flags"]["steps"] <= config.compared["steps"]
    ):
        trained = state.get("trained", False) and "steps" not in names
        return {**state, **known, "trained": trained, "evaluation": None}
    if changed:
        expected = f"runs of the same config; it differs in {'; '.join(changed)}"
        raise ValueError(refusal("runs_dir", expected, str(config.run_dir(seed))))
    return state


def provenance():
    """Where numbers come from: commit, versions, machine."""
    git = ["git", "-C", str(common.ROOT)]
    # What this tool itself writes decides no number.
    tracked = ["--", ".", ":!results", ":!RESULTS.md", ":!README.md"]
    try:
        commit = _output([*git, "rev-parse", "HEAD"])
        dirty = bool(_output([*git, "status", "--porcelain", "--untracked-files=no", *tracked]))
    except (OSError, subprocess.CalledProcessError):
        commit, dirty = "unknown", True
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        versions[package] = importlib.metadata.version(package)
    return {"commit": commit, "dirty": dirty, "versions": versions, "machine": machine()}


def machine():
    """{"cpu", "cores", "ram_gb"} of this computer."""
    cpu = platform.processor() or platform.machine()
    information = pathlib.Path("/proc/cpuinfo")
    if information.is_file():
        names = [x for x in information.read_text().splitlines() if x.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    ram = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": cpu, "cores": os.cpu_count(), "ram_gb": round(ram / 2**30, 1)}


def _output(command):
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


# --- all seeds --------------------------------------------------------------------------------


def run(flags):
    """What is missing of a config's seeds, then its entry in the ledger."""
    config = read_config(flags)
    jobs = number_of_jobs(flags.jobs, config.toy)
    path = pathlib.Path(flags.results_dir) / f"{config.name}.json"
    kept = known_runs(path, config)
    training.check_writable(config.runs_dir)
    training.check_writable(path.parent)
    seeds = [Seed(config, seed, alone=jobs == 1) for seed in range(flags.seeds) if seed not in kept]
    for seed in seeds:
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
    failed = work(waiting, jobs, kept, lambda: write_entry(path, config, kept))
    if kept:
        write_entry(path, config, kept)
        print(path)
        picture = path.with_suffix(".png")
        if (waiting or not picture.is_file()) and make_picture(config, min(kept), picture):
            print(picture)
    if failed:
        listed = ", ".join(f"{seed} (exit {code})" for seed, code in failed.items())
        raise SystemExit(f"seeds that failed: {listed}; the same command continues them")


def work(waiting, jobs, kept, finished):
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

    def end(number, frame):
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
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
        signal.signal(signal.SIGTERM, before)
    return failed


def number_of_jobs(text, toy):
    """How many runs share the machine."""
    if text == "auto":
        return min(2, os.cpu_count() or 1) if toy else 1
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(refusal("jobs", "auto or an int >= 1", text))
    return int(text)


def known_runs(path, config):
    """{seed: run} of the ledger's entry, not to be run again; refused if another config made it."""
    if not path.is_file():
        return {}
    found = ledger.read(path)
    changed = ledger.differences(found.flags, config.compared, config.defaults)
    if changed:
        hint = f"(move them away to start anew); it differs in {'; '.join(changed)}"
        expected = f"results of the same config {hint}"
        raise ValueError(refusal("results_dir", expected, str(path)))
    return ledger.runs(found)


def write_entry(path, config, kept):
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


def make_picture(config, seed, path):
    """Writes the picture of a seed beside the entry; False if its run directory is gone."""
    run_dir = config.run_dir(seed)
    if not (run_dir / "checkpoints").is_dir():
        return False
    data_dir = [f"--data_dir={config.data_dir}"] if config.data_dir else []
    line = [sys.executable, _TOOLS / "sample.py", f"--run_dir={run_dir}", *data_dir]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    import numpy as np
    from PIL import Image

    from zoo import pictures

    files = [run_dir / "samples" / f"{name}.png" for name in _PICTURES]
    shown = [np.asarray(Image.open(file).convert("RGB")) for file in files if file.is_file()]
    picture = pictures.stack(shown) if len(shown) > 1 else shown[0]
    pictures.save_png(path, picture, max_bytes=pictures.REPORT_BYTES)
    return True


def summary(state):
    """The first values of a seed, for the terminal."""
    measured = list(state["evaluation"].items())[:4]
    return ", ".join(f"{name} {found['value']:.4g}" for name, found in measured)


if __name__ == "__main__":
    sys.exit(common.main(run, FLAGS, repeated=("draw",), expand=False))
