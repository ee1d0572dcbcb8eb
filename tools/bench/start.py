"""How every measurement starts."""

import common


def tensorflow(threads: int | None) -> None:
    """Loads TensorFlow, with so many threads; None for one a core."""
    common.load()
    from zoo import training

    if threads:
        training.set_threads(threads)
