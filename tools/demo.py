"""Serves a page on this machine on which a person tries models: samples, sliders, own drawings.

    python tools/demo.py
    python tools/demo.py --models=exported,runs/ali-digits --port=8080

Pick an export, a run or a pretrained model, and what it can do appears. Nothing is loaded from the
network and nothing is sent there. Needs the extra `demo`, which `make demo` installs, or
pip install -c constraints.txt -e '.[demo]'.
"""

import importlib.util
import socket
import sys
import types

import common

from zoo.errors import refusal

FLAGS = (
    common.flag(
        "models",
        "tuple",
        ("exported", "runs"),
        "exports, runs, or folders of them, separated by commas",
    ),
    common.flag("host", "str", "127.0.0.1", "address that listens; 0.0.0.0 lets others in"),
    common.flag("port", "int", 8080, "of the address", at_least=1, at_most=65_535),
)
_LIBRARY = "nicegui"


def run(flags: types.SimpleNamespace) -> None:
    """Models that were found, to a page."""
    from demo_page import models

    choices = models.found(flags.models)
    if importlib.util.find_spec(_LIBRARY) is None:
        hint = "Try pip install -c constraints.txt -e '.[demo]', or make demo."
        raise ValueError(refusal("environment", f"the package {_LIBRARY}", "none", hint))
    check_free(flags.host, flags.port)
    common.load()
    from demo_page import page

    page.serve(choices, flags.host, flags.port)


def check_free(host: str, port: int) -> None:
    """Refuses an address at which nothing can listen."""
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        expected = f"a port of {host} at which nothing listens yet ({error.strerror})"
        raise ValueError(refusal("port", expected, port, "Try --port.")) from None


if __name__ == "__main__":
    sys.exit(common.main(run, FLAGS))
