"""What a part of a case spends its time on.

    python tools/peers/busy.py --case=vae
    python tools/peers/busy.py --case=wgan_gp --part=critic --threads=2

Milliseconds a call that operations were busy, by kind, from TensorFlow's profiler, which makes them
a little slower. Convolutions and products are arithmetic; the rest is what surrounds it.
"""

import collections
import pathlib
import sys
import tempfile
import types
from collections.abc import Callable
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import common
from peers import cases, loop, zoo_side

from zoo.errors import unknown

FLAGS = (
    common.flag("case", "str", None, "what is profiled", choices=cases.NAMES),
    common.flag("part", "str", "step", "which part of it"),
    common.flag("threads", "int", 1, "threads of TensorFlow", at_least=1),
)
CALLS = 8
SECONDS = 2.0  # of the timing
_KINDS = {"convolutions": "Conv2D", "products": "MatMul", "Adam": "ApplyAdam"}  # name, part of op


def busy(call: Callable[[], Any], calls: int = CALLS) -> dict[str, float]:
    """{operation: milliseconds a call}."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    call()
    with tempfile.TemporaryDirectory() as folder:
        options = tf.profiler.experimental.ProfilerOptions(host_tracer_level=3)
        with tf.profiler.experimental.Profile(folder, options):
            for _ in range(calls):
                call()
        (path,) = pathlib.Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(path.read_bytes())
    found: dict[str, float] = collections.Counter()
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            scope, _, op = plane.event_metadata[event.metadata_id].name.rpartition(":")
            if scope and not scope.endswith(":") and op.isidentifier():  # "path/of/node:Conv2D"
                found[op] += event.duration_ps / 1e9 / calls
    return dict(found)


def grouped(spent: dict[str, float], singly: int = 6) -> list[tuple[str, float]]:
    """(kind, milliseconds) of convolutions, products and Adam, the largest others, and the rest."""
    kind_of = lambda op: next((kind for kind, part in _KINDS.items() if part in op), op)
    total: dict[str, float] = collections.Counter()
    for op, milliseconds in spent.items():
        total[kind_of(op)] += milliseconds
    kinds = [(kind, total.pop(kind, 0.0)) for kind in _KINDS]
    others = sorted(total.items(), key=lambda item: -item[1])
    return [*kinds, *others[:singly], ("others", sum(spent for _, spent in others[singly:]))]


def run(flags: types.SimpleNamespace) -> None:
    """Prints the profile of a case, and for how long its threads had nothing to do."""
    if flags.case is None:
        raise unknown("case", None, cases.CASES)
    case = cases.CASES[flags.case]
    if flags.part not in case.parts:
        raise unknown("part", flags.part, case.parts)
    tf = common.load()
    tf.config.threading.set_intra_op_parallelism_threads(flags.threads)
    tf.config.threading.set_inter_op_parallelism_threads(flags.threads)
    call = zoo_side.parts(zoo_side.make(flags.case), zoo_side.data(flags.case))[flags.part]
    found = grouped(busy(call))
    timed = loop.timed(call, SECONDS, tf.test.experimental.sync_devices)
    wall, cores = (1e3 * timed[name] for name in ("seconds", "core_seconds"))
    whole = sum(milliseconds for _, milliseconds in found)
    print(f"{flags.case} {flags.part}: {case.note}")
    print(f"{wall:.1f} ms a call on {flags.threads} threads, {cores / wall:.2f} cores busy")
    print(f"{whole:.1f} ms a call in operations, one after the other or beside each other:")
    if whole < cores / 2:
        print("The rest is in XLA's programs, of which this profile sees nothing.")
    for kind, milliseconds in found:
        print(f"{100 * milliseconds / whole:5.1f} %  {milliseconds:8.2f} ms  {kind}")


if __name__ == "__main__":
    sys.exit(common.main(run, FLAGS))
