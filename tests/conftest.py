"""What every test may use, and the settings that must come before TensorFlow is imported."""

import ctypes
import gc
import os
import pathlib
import resource
import signal
import sys
import zlib

import pytest

from tests import helpers, seconds

# TensorFlow and the numerical libraries read these once, at import. Each worker of pytest-xdist
# takes one thread, so that `-n N` uses N cores; tools started by a test inherit the settings.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
if "PYTEST_XDIST_WORKER" in os.environ:
    for _variable in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    ):
        os.environ.setdefault(_variable, "1")

# Frozen objects count as none, so that Python would walk all of a growing graph again and again.
# Each test's end collects instead: see `pytest_runtest_teardown`.
gc.set_threshold(1_000_000)

_WAITS = {"tools", "training"}  # folders
_ROOM = 256 * 2**20  # bytes by which a process may grow before what was frozen is collected
_after_thaw = [0]  # bytes that it held then
_ROOT = pathlib.Path(__file__).resolve().parent.parent


def pytest_addoption(parser):
    parser.addoption("--seconds", action="store_true", help="print core seconds and peak memory")


def pytest_configure(config):
    if config.getoption("seconds"):
        config.pluginmanager.register(seconds.Costs())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests of one group go to one worker (`--dist=loadgroup`), one after the other.

    The longest groups come first, so that no worker ends alone with one: files whose few tests wait
    for processes, then methods, those with the most costly tests first, then those of many tests.
    """
    for item in items:
        item.add_marker(pytest.mark.xdist_group(seconds.group_of(item)[0]))
    yield
    groups = {}
    for item in items:
        groups.setdefault(seconds.group_of(item)[0], []).append(item)

    def rank(group):
        waits = any(_WAITS & set(item.path.parts) for item in group)
        costly = sum(1 for item in group if item.get_closest_marker("costly"))
        return not waits, -costly, -len(group)

    items[:] = [item for group in sorted(groups.values(), key=rank) for item in group]


def pytest_collection_finish(session):
    # Logical devices can only be made before TensorFlow starts, so before the first test that uses
    # it. TensorFlow is loaded for this only when a collected test asks for the devices by name.
    wanted = any("two_cpus" in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted or "tensorflow" in sys.modules:
        helpers.split_cpu()
    _after_thaw[0] = _resident()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Seeds each test by its name, before its fixtures: what failed fails again when run alone."""
    if "tensorflow" in sys.modules:
        import keras

        name = item.nodeid.partition("@")[0]  # xdist appends the group
        keras.utils.set_random_seed(zlib.crc32(name.encode()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Ends pytest where SIGTERM ended a run: the run loop takes the signal while it trains."""
    report = yield
    stopped = getattr(call.excinfo, "value", None)
    if getattr(stopped, "exit_code", None) == 128 + signal.SIGTERM:
        pytest.exit(f"SIGTERM in {item.nodeid}", returncode=stopped.exit_code)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """Collects each test's graphs at once: a late pass over those of many tests takes minutes.

    What lives on is frozen, so that the next pass need not walk it. Of that, what the fixtures of
    ended groups held is garbage: once it may be much, it is thawed, collected and given back.
    """
    result = yield
    if "tensorflow" in sys.modules:
        gc.collect()
        if _resident() > _ROOM + _after_thaw[0]:
            gc.unfreeze()
            gc.collect()
            ctypes.CDLL(None).malloc_trim(0)
            _after_thaw[0] = _resident()
        gc.freeze()
    return result


def _resident():
    """Bytes of memory that this process holds now."""
    pages = pathlib.Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


@pytest.fixture(scope="session")
def two_cpus():
    """Names of two logical CPUs, of which `two_replicas` are made."""
    import tensorflow as tf

    helpers.split_cpu()
    names = [device.name for device in tf.config.list_logical_devices("CPU")]
    assert len(names) == 2, f"expected two logical CPUs. Received: {names}"
    return names


@pytest.fixture(scope="session")
def float16():
    """For tests that compute in float16.

    TensorFlow asks the processor whether it has float16, oneDNN the environment too: where the two
    disagree, a matrix product crashes the process. Processors without it do not.
    """
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    seen = cpuinfo.is_file() and "avx512_fp16" in cpuinfo.read_text()
    if seen and "ONEDNN_MAX_CPU_ISA" in os.environ:
        pytest.skip("ONEDNN_MAX_CPU_ISA hides float16 that TensorFlow sees: products crash")


@pytest.fixture(scope="session")
def two_replicas(two_cpus):
    """A strategy over two CPUs, one for all tests of a process.

    Each strategy numbers its collectives from 100 on; a second one would meet the first one's.
    """
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(two_cpus)


@pytest.fixture(scope="session")
def repository():
    """The root of the repository."""
    return _ROOT


@pytest.fixture(scope="session")
def data_dir():
    """The folder of prepared TFDS data; the test is skipped where there is none."""
    folder = os.environ.get("TFDS_DATA_DIR")
    if not folder:
        pytest.skip("TFDS_DATA_DIR is not set: the prepared data sets are not on this machine")
    if not pathlib.Path(folder).is_dir():
        pytest.skip(f"TFDS_DATA_DIR names no folder. Received: {folder!r}")
    return folder


@pytest.fixture
def in_tmp_path(tmp_path, monkeypatch):
    """An empty folder that is also the working directory of the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
