"""Measures training on this machine: time, arithmetic, share of the ceiling, memory, input.

    python tools/benchmark.py
    python tools/benchmark.py --methods=ali --precisions=float32 --rounds=9
    python tools/benchmark.py --sampling
    python tools/benchmark.py --against=torch
    python tools/benchmark.py --against=torch --device=gpu --precisions=float32,mixed_bfloat16
    python tools/benchmark.py --growth --methods=vae,ali,real_nvp

For each method and precision, in a process of its own: the bare training step, the step inside
Keras' `fit`, the input pipeline alone, the checks of a batch that are part of a step, and, in turn
with them, the fastest 5x5 convolution that this machine does. Machines are noisy, so the ratios
within one run are what counts. With `--images`, the data are a file that need not fit into memory.

With `--sampling`, instead: what 16 images of 28x28 cost of autoregressive models, from Keras and
from an export, in calls of `log_prob` on the same batch.

With `--against=torch`, instead: the zoo beside its twins in PyTorch (`tools/peers/`), which `make
bench-peers` installs in an environment of its own. Sides take turns; "PyTorch / zoo" is over 1
where the zoo is faster. With `--against=FOLDER`, the other side is the zoo of another checkout;
`--same_steps=N` compares the losses of N steps of one seed, too.

With `--growth`, instead: what a step costs as the images, the batch and the networks grow, beside
the arithmetic that grows with them. With `--stacked`, instead: whether small models of several
seeds are trained faster in one graph than one by one.

GFLOP are 2 per multiply-add of the convolutions and matrix products in the traced step, forward and
backward, dead nodes left out; everything else is not counted.
"""

import json
import os
import pathlib
import subprocess
import sys
import types
from collections.abc import Sequence
from typing import Any

import common
from bench import growth, sampling, stacked, steps
from peers import cases, duel

from zoo import files, registry
from zoo.errors import refusal, unknown

FLAGS = (
    common.flag("methods", "tuple", None, "which methods; None: those of BUILD.md"),
    common.flag(
        "precisions", "tuple", None, "which; None: those of BUILD.md", choices=cases.PRECISIONS
    ),
    common.flag("network", "str", "ali_mnist", "table of networks, for 28x28 images"),
    common.flag("batch_size", "int", 100, "examples a step", at_least=1),
    common.flag("latent_dim", "int", 64, "dimensions of z", at_least=1),
    common.flag("rounds", "int", 5, "rounds; figures are medians over them", at_least=1),
    common.flag("seconds", "float", 1.5, "time of each measurement in a round", at_least=0.01),
    common.flag("threads", "int", None, "threads of TensorFlow; None means one a core", at_least=1),
    common.flag("images", "int", None, "so many of noise, in a file, as the data", at_least=100),
    common.flag("case", "str", None, "one case, measured in this process; prints JSON"),
    common.flag("sampling", "bool", False, "autoregressive sampling instead of training"),
    common.flag("growth", "bool", False, "cost against image side, batch and width"),
    common.flag("stacked", "bool", False, "several seeds in one graph, beside one alone"),
    common.flag(
        "against", "str", None, "torch, xla, or the folder of another checkout, beside the zoo"
    ),
    common.flag("device", "str", "cpu", "where `--against` computes", choices=cases.DEVICES),
    common.flag("peer_python", "str", ".venv-peers/bin/python", "interpreter of that library"),
    common.flag(
        "same_steps",
        "int",
        0,
        "steps of one seed on both sides, whose losses are compared, with a checkout",
        at_least=0,
    ),
    common.flag("duels", "tuple", cases.NAMES, "which cases of `--against`", choices=cases.NAMES),
    common.flag("write", "bool", False, "also write the table, of all that it has, to BUILD.md"),
    common.DATA_DIR,
)
# What each kind of measurement reads, beside rounds, seconds, threads and write.
READS = {
    "steps": {"methods", "precisions", "network", "batch_size", "latent_dim", "images", "data_dir"},
    "sampling": set(),
    "growth": {"methods"},
    "stacked": set(),
    "against": {"duels", "precisions", "device", "peer_python", "same_steps"},
    "case": {"network", "batch_size", "latent_dim", "images", "data_dir"},
}
# Of BUILD.md: between which marks a table stands, and the methods that it has.
METHODS = {
    "steps": ("vae", "gan", "ali"),
    "growth": ("vae", "ali", "real_nvp", "wgan_gp", "pixel_cnn"),
}
MARKS = {"steps": "bench", "sampling": "sampling", "growth": "growth", "against": "peers"}


def run(flags: types.SimpleNamespace) -> None:
    """What the flags choose, then its table."""
    kind = _kind(flags)
    flags.methods = flags.methods or METHODS.get(kind)
    if flags.write:
        _marked(MARKS[kind])
    if kind == "case":
        print(json.dumps(_measured(flags)))
        return
    if kind == "sampling":
        text = sampling.table(flags.rounds, flags.seconds, flags.threads)
    elif kind == "stacked":
        text = stacked.table(flags.rounds, flags.seconds, flags.threads)
    elif kind == "growth":
        grown = [(method, *case) for method in flags.methods for case in growth.CASES]
        text = growth.table([_apart(flags, case) for case in grown], _cores(flags))
    elif kind == "against":
        text = duels(flags)
    else:
        precisions = flags.precisions or ("float32", "mixed_bfloat16")
        each = [(method, precision) for precision in precisions for method in flags.methods]
        names = ("batch_size", "network", "latent_dim", "images", "data_dir")
        text = steps.table([_apart(flags, case, names) for case in each], flags, _cores(flags))
    print(text)
    if flags.write:
        _write(text, MARKS[kind])


def _kind(flags: types.SimpleNamespace) -> str:
    """Which measurement; refuses names of nothing, and flags that it would ignore."""
    kinds = [kind for kind in READS if kind in flags.given and getattr(flags, kind) is not False]
    if len(kinds) > 1:
        expected = f"nothing beside --{kinds[0]}"
        raise ValueError(refusal(kinds[1], expected, getattr(flags, kinds[1])))
    kind = kinds[0] if kinds else "steps"
    others = set().union(*READS.values()) - READS[kind]
    for name in sorted(flags.given):
        value = getattr(flags, name)
        if value == () or (value is None and name in (*READS, "precisions", "methods")):
            raise ValueError(refusal(name, "one name at least", value))
        if name in others:
            expected = f"nothing with --{kind}" if kinds else "nothing without --against"
            raise ValueError(refusal(name, expected, value))
    for method in flags.methods or ():
        if method not in registry.list_methods():
            raise unknown("methods", method, registry.list_methods())
        fields = set(registry.hyper_parameters(method))
        if not ({"network", "latent_dim"} <= fields or (kind == "growth" and growth.knows(method))):
            expected = "methods whose network is a table and that have a latent_dim"
            raise ValueError(refusal("methods", expected, method))
    unwritten = (flags.given & READS[kind] - {"data_dir", "peer_python"}) | ({kind} - set(MARKS))
    if flags.write and unwritten:
        expected = f"False with --{min(unwritten)}: BUILD.md has no table of that"
        raise ValueError(refusal("write", expected, True))
    return kind


def _measured(flags: types.SimpleNamespace) -> dict[str, Any]:
    """One case, METHOD:PRECISION or METHOD:SIDE:BATCH:WIDTH, in this process."""
    method, *how = flags.case.split(":")
    if method in registry.list_methods() and how and how[0] in cases.PRECISIONS and not how[1:]:
        return steps.measure(method, how[0], flags)
    if method in registry.list_methods() and len(how) == 3 and all(map(str.isdecimal, how)):
        case = [int(number) for number in how]
        return growth.measure(method, case, flags.threads, flags.rounds, flags.seconds)
    expected = "METHOD:PRECISION, or METHOD:SIDE:BATCH:WIDTH"
    raise ValueError(refusal("case", expected, flags.case))


def _apart(
    flags: types.SimpleNamespace, case: Sequence[Any], names: Sequence[str] = ()
) -> dict[str, Any]:
    """What a case measures in a process of its own, which has these flags too."""
    words = ":".join(map(str, case))
    names = ("rounds", "seconds", "threads", *names)
    options = [f"--{n}={getattr(flags, n)}" for n in names if getattr(flags, n) is not None]
    line = [sys.executable, __file__, f"--case={words}", *options]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True)
    if done.returncode < 0:
        raise SystemExit(f"signal {-done.returncode} ended the process of {words}.")
    if done.returncode:  # it said why
        raise SystemExit(done.returncode)
    print(f"measured {words}", file=sys.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def duels(flags: types.SimpleNamespace) -> str:
    """The zoo beside another library, as a Markdown table."""
    other = _other(flags)
    found: list[dict[str, Any]] = []
    try:
        for name in flags.duels:
            for precision in flags.precisions or ("float32",):
                how = (_cores(flags), flags.rounds, flags.seconds, flags.device, precision)
                found.append(duel.duel(name, other, *how, same_steps=flags.same_steps))
                print(f"measured {name}, {precision}", file=sys.stderr)
        starting = duel.starts(other)
    except BaseException:
        if found:  # an hour's work, perhaps
            print(duel.table(found, {}, _cores(flags)))
        raise
    return duel.table(found, starting, _cores(flags))


def _other(flags: types.SimpleNamespace) -> duel.Player:
    """Whom `--against` names."""
    if flags.against in ("torch", "xla"):
        if flags.same_steps:
            expected = f"0 with --against={flags.against}, whose noise is another"
            raise ValueError(refusal("same_steps", expected, flags.same_steps))
    if flags.against == "torch":
        if not duel.has_torch(flags.peer_python):
            expected = "a Python with PyTorch (`make bench-peers` makes it)"
            raise ValueError(refusal("peer_python", expected, flags.peer_python))
        return duel.torch(flags.peer_python)
    if "peer_python" in flags.given:
        expected = "nothing beside --against=torch: this Python runs the others"
        raise ValueError(refusal("peer_python", expected, flags.peer_python))
    if flags.write:
        expected = "False: BUILD.md has a table of --against=torch alone"
        raise ValueError(refusal("write", expected, True))
    if flags.against == "xla":
        return duel.XLA
    if not (pathlib.Path(flags.against) / "zoo" / "__init__.py").is_file():
        expected = "torch, xla, or a folder that holds a checkout of the zoo"
        raise ValueError(refusal("against", expected, flags.against))
    return duel.checkout(flags.against)


def _write(text: str, name: str) -> None:
    """Puts a table between its marks in BUILD.md."""
    before, after = _marked(name)
    files.write_text(common.ROOT / "BUILD.md", f"{before}\n{text}\n{after}")


def _marked(name: str) -> tuple[str, str]:
    """BUILD.md up to the first mark of a table, and from the last one on."""
    text = (common.ROOT / "BUILD.md").read_text()
    marks = [f"<!-- {name}:{end} -->" for end in ("begin", "end")]
    before, first, rest = text.partition(marks[0])
    _, last, after = rest.partition(marks[1])
    if not first or not last:
        raise ValueError(refusal("write", f"False, as BUILD.md lacks {marks}", True))
    return before + first, last + after


def _cores(flags: types.SimpleNamespace) -> int:
    return flags.threads or os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(common.main(run, FLAGS))
