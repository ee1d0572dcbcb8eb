"""Which versions of which libraries compute: recorded in checkpoints, exports and results."""

import platform
from collections.abc import Iterable
from importlib import metadata

import zoo

PACKAGES = ("tensorflow", "keras", "tensorflow-probability", "numpy")  # what decides numbers


def versions(names: Iterable[str] = ("zoo", *PACKAGES)) -> dict[str, str]:
    """{name: version} of "python", "zoo" or installed packages; others are left out."""
    found: dict[str, str] = {}
    for name in names:
        if name == "zoo":
            found[name] = zoo.__version__
        elif name == "python":
            found[name] = platform.python_version()
        else:
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
    return found
