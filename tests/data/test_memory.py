"""What batches cost in memory: nothing is copied, and a file may be larger than memory."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from zoo.data import store


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_batches_need_no_copy_of_the_data(tmp_path):
    """Neither of mapped data (a memory limit of 0) nor of data in memory."""
    size = 2**28  # as float32: [2^16, 32, 32, 1]
    program = f"""
import numpy as np
import zoo
from zoo.data.source import Source, Split

def status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name))

def chunks():
    for _ in range(64):
        yield np.zeros([2**10, 32, 32, 1], np.float32), None

source = Source("zeros", (32, 32, 1), "float32", {{"train": Split(2**16, chunks)}}, "zeros")
settings = dict(binarise=None, labels=None, label_seed=0, cache_dir={str(tmp_path)!r})
for limit in (0, 0, 2**30):  # prepared first, while TensorFlow does anything for the first time
    data = zoo.data.Dataset(source, **settings, memory_limit=limit)
    held = data.arrays("train", 1)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak begins anew
    before = status("VmRSS") - status("RssFile")
    next(iter(data.train(64)))
    next(iter(data.batches("train", 64)))
    grown = status("VmHWM") - status("RssFile") - before  # what is mapped costs nothing
    print(1024 * grown)
"""
    plain = os.environ | {"TF_ENABLE_ONEDNN_OPTS": "0"}  # whose memory is given back at once
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=plain)
    _, *grown = map(int, found.stdout.split())
    assert len(grown) == 2 and max(grown) < size / 4, grown


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="files with holes")
def test_a_file_larger_than_memory_opens_and_is_gathered_from(tmp_path):
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    shape = (2 * memory // 2**20, 2**20)
    folder = tmp_path / "prepared"
    folder.mkdir()
    with open(folder / "x.raw", "wb") as file:
        file.truncate(math.prod(shape))
        file.seek((shape[0] - 2) * shape[1])
        file.write(b"\x07" * shape[1])
    (folder / "sums.json").write_text(json.dumps(store._sums(folder)))
    rows = store._opened(folder, shape, "uint8")
    found = tf.gather(rows.tensor(), [0, shape[0] - 2])
    np.testing.assert_array_equal(tf.reduce_max(found, axis=1), [0, 7])
    with pytest.raises(ValueError, match="read-only"):
        rows.x[0, 0] = 1
