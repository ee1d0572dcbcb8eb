"""Many requests at the same time, of mixed sizes, through the server's loader."""

import concurrent.futures
import gc
import pathlib
import resource
import threading

import numpy as np
import pytest

import zoo
from tests import helpers
from tests.serving import server, toys

POOL, REQUESTS, THREADS = 64, 2_000, 8
SIZES = (1, 2, 3, 8, 17, 64, 200)


def resident():
    """MiB that this process holds."""
    pages = pathlib.Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize() / 2**20


@pytest.mark.every
def test_rows_know_nothing_of_their_neighbours_and_memory_stays(tmp_path):
    model = toys.make("bernoulli")
    version = zoo.export(model, tmp_path / "model")
    stand_in, random = server.Server(version), np.random.default_rng(0)
    pool = {
        "x": random.random((POOL, 8, 8, 1)).astype(np.float32),
        "z": random.standard_normal((POOL, 3)).astype(np.float32),
        "seed": np.arange(POOL, dtype=np.int64),
    }
    signatures = sorted(set(stand_in.signatures) - {"serving_default"})
    fed = {name: set(stand_in.signatures[name].inputs) for name in signatures}
    whole = {
        name: stand_in.predict(name, {each: pool[each] for each in fed[name]})
        for name in signatures
    }
    widest, moved, lock = [0.0], [0], threading.Lock()

    def request(number):
        own = np.random.default_rng(number)
        name = signatures[number % len(signatures)]
        rows = own.integers(POOL, size=own.choice(SIZES))
        inputs = {each: pool[each][rows] for each in fed[name]}
        answer = stand_in.predict(name, inputs)
        size = sum(value.nbytes for value in (*inputs.values(), *answer.values()))
        expected = {output: value[rows] for output, value in whole[name].items()}
        # A draw is on either side of its probability: rounding moves one in some 1e5.
        drawn = answer.pop("sample", None), expected.pop("sample", None)
        if drawn[0] is not None:
            assert np.mean(drawn[0] != drawn[1]) < 1e-2
        helpers.assert_close(answer, expected, 1e-5, name)
        with lock:
            moved[0] += size
            widest[0] = max(
                widest[0], *(np.abs(answer[k] - v).max() for k, v in expected.items()), 0.0
            )

    with concurrent.futures.ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(request, range(REQUESTS // 4)))  # threads, kernels, arenas
        gc.collect()
        before, moved[0] = resident(), 0
        list(threads.map(request, range(REQUESTS)))
        gc.collect()
        after = resident()
    sent = moved[0] / 2**20
    print(
        f"RSS {before:.1f} MiB before, {after:.1f} MiB after {REQUESTS} requests of {sent:.1f} MiB"
    )
    print(f"a row and the same among others differ by {widest[0]:.2g}")
    # Were the tensors of the requests kept, the process would have grown by them.
    assert abs(after - before) < sent / 4
