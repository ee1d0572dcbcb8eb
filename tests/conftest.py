"""What every test may use, and the settings that must come before TensorFlow is imported."""

import gc
import os
import pathlib
import sys
import zlib

import pytest

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

_ROOT = pathlib.Path(__file__).resolve().parent.parent


def _split_cpu():
    """Splits the CPU into two logical devices; fails if TensorFlow has started with one already."""
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


def pytest_collection_finish(session):
    # Logical devices can only be made before TensorFlow starts, so before the first test that uses
    # it. TensorFlow is loaded for this only when a collected test asks for the devices by name.
    wanted = any("two_cpus" in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted or "tensorflow" in sys.modules:
        _split_cpu()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Seeds each test by its name, before its fixtures: what failed fails again when run alone."""
    if "tensorflow" in sys.modules:
        import keras

        keras.utils.set_random_seed(zlib.crc32(item.nodeid.encode()))


@pytest.fixture(autouse=True)
def _collected():
    """Collects each test's graphs at once: a late pass over those of many tests takes minutes."""
    yield
    if "tensorflow" in sys.modules:
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session")
def two_cpus():
    """Names of two logical CPUs, for `tf.distribute.MirroredStrategy(two_cpus)`."""
    import tensorflow as tf

    _split_cpu()
    names = [device.name for device in tf.config.list_logical_devices("CPU")]
    assert len(names) == 2, f"expected two logical CPUs. Received: {names}"
    return names


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
