"""The same bits in another process, killed or not; two devices and two processes as one."""

import json

import numpy as np
import pytest

from tests import helpers
from tests.conformance import cases, cover
from zoo.training import checkpoints


def last_checkpoint(run_dir):
    """{path: array} after the last step."""
    return checkpoints.read(checkpoints.newest(run_dir / "checkpoints"))[1]


@pytest.mark.costly
def test_keras_file_loads_in_a_fresh_process(model, method, helper):
    model.save(helper.folder("load", method) / "model.keras")
    folder = helper.ask("load", method)
    with np.load(folder / "loaded.npz") as loaded:
        helpers.assert_same_bits(dict(loaded), helpers.arrays(model))


@pytest.mark.costly(*cover.KEPT)
def test_killed_in_another_process_a_run_ends_with_the_same_bits(trained, method, helper):
    """Same seed, same bits, whatever the process, its end and its cadence."""
    folder = helper.ask("kill", method)
    said = (folder / "continued.log").read_text()
    assert "Continues" in said and f"step {cases.STEPS}/{cases.STEPS}" in said
    helpers.assert_same_bits(last_checkpoint(folder / "run"), helpers.arrays(trained.model))
    last = json.loads((folder / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["step"] == cases.STEPS
    assert {name: last[name] for name in trained.logs} == pytest.approx(trained.logs, rel=1e-6)


# Two devices sum in another order than one: a sum of n terms is then off by about sqrt(n) u of
# their size, with u = 2^-24 = 6e-8; n is at most 8 rows x 64 pixels here, which makes 1.4e-6. A
# gradient is behind a chain of some ten sums and clipped to norm 1, so it is off by 1.4e-5, a step
# at rate 0.05 by 7e-7, and ten steps by 7e-6, if smooth networks of two rows amplify nothing; the
# games of two players may, so four times that is taken. Measured over all methods: 1.2e-7, as with
# AVX2, and on a processor of AVX-512 without AMX 1.2e-5, of gan_posthoc alone. Statistics per
# replica give 1e-2.
TOLERANCE = 3e-5


@pytest.fixture(scope="session")
def devices(method, helper):
    """Folder of runs of ten SGD steps: `one` device, `two`."""
    return helper.ask("devices", method)


@pytest.mark.costly
def test_two_devices_train_as_one(devices):
    one, two = (last_checkpoint(devices / name) for name in ("one", "two"))
    helpers.assert_close(two, one, TOLERANCE)


# What a process does at a step is what a device does, but for the rows that it reads.
@pytest.mark.costly(*cover.ROWS)
def test_two_processes_train_as_one(devices, method, helper):
    two = last_checkpoint(helper.ask("processes", method) / "two")
    helpers.assert_close(two, last_checkpoint(devices / "one"), TOLERANCE)
