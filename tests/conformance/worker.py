"""One of the worker processes of `TF_CONFIG`: ten steps of every method.

python worker.py FOLDER
"""

import pathlib
import sys

from tests.conformance import cases
from zoo.training import strategies


def main(folder):
    """Trains; the result is each run's newest checkpoint."""
    strategy = strategies.make("multi_worker")  # before anything else of TensorFlow
    from tests.conformance import test_replicas

    for method in cases.METHODS:
        test_replicas.ten_steps(method, pathlib.Path(folder) / method, strategy)


if __name__ == "__main__":
    main(sys.argv[1])
