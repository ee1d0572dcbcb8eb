"""An experiment: a config, what is drawn anew for each seed, and how its runs are measured."""

import dataclasses
import math
import pathlib
import random
import shlex
import types
from typing import Any

import common

from zoo import data, registry
from zoo.differences import as_json
from zoo.errors import refusal, unknown
from zoo.fields import HyperParameter

# Flags that do not decide the numbers, or differ by seed: not part of a config's identity.
NOT_COMPARED = {"seed", "run_dir", "data_dir", "threads"}
NOT_COMPARED |= {"checkpoint_every", "keep", "sample_every", "log_every"}
_FORM = "NAME:log|uniform:LOW:HIGH or NAME:choice:A,B"


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
    described: HyperParameter
    rule: str
    values: tuple

    @classmethod
    def parse(cls, text: str, hyper_parameters: dict[str, HyperParameter]) -> "Draw":
        """The draw that `text` describes; `ValueError` in one line otherwise."""
        name, _, rest = text.partition(":")
        rule, _, rest = rest.partition(":")
        if name not in hyper_parameters:
            raise unknown("draw", name, hyper_parameters)
        if rule not in ("log", "uniform", "choice"):
            raise ValueError(refusal("draw", _FORM, text))
        described = hyper_parameters[name]
        parts = rest.split("," if rule == "choice" else ":")
        if not rest or (rule != "choice" and len(parts) != 2):
            raise ValueError(refusal("draw", _FORM, text))
        if rule != "choice" and described.kind not in ("int", "float"):
            raise ValueError(refusal("draw", f"a choice, as {name} is {described.expected}", text))
        values = tuple(described.parse(part) for part in parts)
        if rule != "choice" and (None in values or not values[0] < values[1]):
            raise ValueError(refusal("draw", "LOW < HIGH", text))
        if rule == "log" and values[0] <= 0:
            raise ValueError(refusal("draw", "0 < LOW", text))
        return cls(text, described, rule, values)

    def of_seed(self, seed: int) -> Any:
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
    flags: types.SimpleNamespace
    draws: tuple
    measure: dict
    runs_dir: pathlib.Path
    data_dir: str | None

    @property
    def name(self) -> str:
        """<method>-<stem>."""
        return common.run_name(self.flags)

    @property
    def variant(self) -> str | None:
        """What the stem adds to the data set's name, or None."""
        stem, dataset = pathlib.Path(self.path).stem, self.flags.dataset
        return stem.removeprefix(dataset).lstrip("-") or None

    @property
    def toy(self) -> bool:
        """Whether the data are vectors, so small that two runs share a machine."""
        return self.flags.dataset in data.VECTORS

    @property
    def labels_by_seed(self) -> bool:
        """Whether each seed has other labelled examples: the config does not say which."""
        return self.flags.labels is not None and "label_seed" not in self.flags.given

    @property
    def _excluded(self):
        # With labels, an absent `label_seed` is no default: it is another one for each seed.
        return NOT_COMPARED if self.flags.labels is None else {*NOT_COMPARED, "label_seed"}

    @property
    def compared(self) -> dict[str, Any]:
        """{flag: value}: what decides the numbers, but the seed."""
        run_flags = {item.name: getattr(self.flags, item.name) for item in common.RUN_FLAGS}
        kept = {name: value for name, value in run_flags.items() if name not in self._excluded}
        if self.flags.labels is not None and not self.labels_by_seed:
            kept["label_seed"] = self.flags.label_seed
        more = {"draw": [draw.text for draw in self.draws]} if self.draws else {}
        return as_json({**kept, **self.flags.hyper_parameters, **more, **self.measure})

    @property
    def defaults(self) -> dict[str, Any]:
        """Values of flags that an older ledger or run does not know."""
        described = [
            *common.RUN_FLAGS,
            *common.MEASURE_FLAGS,
            *registry.hyper_parameters(self.flags.method).values(),
        ]
        found = {item.name: item.default for item in described if item.name not in self._excluded}
        return found | registry.fixed_values(self.flags.method)

    def run_dir(self, seed: int) -> pathlib.Path:
        """Where a seed is trained."""
        return self.runs_dir / f"{self.name}-seed{seed}"

    def drawn(self, seed: int) -> dict[str, Any]:
        """{flag: value} that a seed has of its own."""
        labels = {"label_seed": seed} if self.labels_by_seed else {}
        return labels | {draw.described.name: draw.of_seed(seed) for draw in self.draws}

    def command(self, seeds: int) -> str:
        """The command line that reproduces it."""
        draws = [f"--draw={draw.text}" for draw in self.draws]
        measure = common.flags_text(self.measure).splitlines()
        line = [f"--flagfile={self.path}", f"--seeds={seeds}", *draws, *measure]
        return "python tools/reproduce.py " + shlex.join(line)


def read_config(flags: types.SimpleNamespace) -> Config:
    """The `Config` of reproduce.py's flags, refused as tools/train.py would refuse it."""
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
    measure = common.measure_settings(flags)
    return Config(str(path), recorded, draws, measure, runs_dir, data_dir)


def _stated_draws(text):
    """The draws in a config's comments: tools/train.py, which reads it too, knows no such flag."""
    comments = [line for line in text.splitlines() if line.startswith("#")]
    found = [word for line in comments for word in line.split() if word.startswith("--draw=")]
    return list(dict.fromkeys(word.removeprefix("--draw=").rstrip(".,;") for word in found))


def _drawable(method):
    known = registry.hyper_parameters(method)
    return {name: item for name, item in known.items() if name != "seed"}
