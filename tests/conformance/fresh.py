"""Another process: loads every `FOLDER/<method>.keras`, then trains each method anew.

python fresh.py FOLDER
"""

import pathlib
import sys

import keras
import numpy as np

import zoo


def main(folder):
    """Writes <method>.loaded.npz or <method>.error, and <method>.trained.npz."""
    folder = pathlib.Path(folder)
    loaded = {}
    for path in sorted(folder.glob("*.keras")):
        # Keras finds registered classes only, and imports no module by itself.
        zoo.registry.get(path.stem)
        try:
            loaded[path.stem] = keras.models.load_model(path)
        except Exception as error:
            (folder / f"{path.stem}.error").write_text(f"{type(error).__name__}: {error}")

    from tests import helpers
    from tests.conformance import cases

    for method, model in loaded.items():
        np.savez(folder / f"{method}.loaded.npz", **helpers.arrays(model))
    for method in cases.METHODS:
        model = cases.make(method, **cases.ALL)
        cases.train(model, folder / "runs" / method)
        np.savez(folder / f"{method}.trained.npz", **helpers.arrays(model))


if __name__ == "__main__":
    main(sys.argv[1])
