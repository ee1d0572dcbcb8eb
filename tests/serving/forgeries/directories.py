"""Links, pipes, devices, and files that no export has."""

import json
import os
import socket

from tests.serving.forgeries import of
from zoo.serving import manifest

FILES = {}


def aside(e, name):
    """Moves a file or folder out of the export, and returns where it is."""
    target = e.path.parent / "aside"
    (e.path / name).rename(target)
    return target


for name in ("variables", "variables/variables.index", "saved_model.pb", "model_card.md"):

    @of(FILES, f"link_{name}")
    def a_link(e, name=name):
        (e.path / name).symlink_to(aside(e, name))


@of(FILES)
def a_linked_manifest(e):
    (e.path / manifest.FILE_NAME).symlink_to(aside(e, manifest.FILE_NAME))


@of(FILES)
def weights_that_are_not_listed(e):
    facts = e.facts()
    facts["files"] = {k: v for k, v in facts["files"].items() if "variables" not in k}
    (e.path / manifest.FILE_NAME).write_text(json.dumps(facts))
    (e.path / "variables").symlink_to(aside(e, "variables"))


def listed(e, name):
    """Lists a file in the manifest without reading it."""
    facts = e.facts()
    facts["files"][name] = {"bytes": 0, "sha256": "0" * 64}
    (e.path / manifest.FILE_NAME).write_text(json.dumps(facts))


@of(FILES)
def a_pipe(e):
    listed(e, "notes")
    os.mkfifo(e.path / "notes")


@of(FILES)
def a_pipe_for_the_program(e):
    aside(e, "saved_model.pb")
    os.mkfifo(e.path / "saved_model.pb")


@of(FILES)
def a_pipe_for_the_manifest(e):
    aside(e, manifest.FILE_NAME)
    os.mkfifo(e.path / manifest.FILE_NAME)


@of(FILES)
def a_device(e):
    listed(e, "notes")
    (e.path / "notes").symlink_to("/dev/zero")


@of(FILES)
def a_socket(e):
    here = os.getcwd()
    os.chdir(e.path)  # the names of sockets are short
    with socket.socket(socket.AF_UNIX) as end:
        end.bind("notes")
    os.chdir(here)


@of(FILES)
def a_loop_of_links(e):
    (e.path / "loop").symlink_to(e.path)


for name in (
    "saved_model.pbtxt", "saved_model.cpb", "keras_metadata.pb", "assets/words.txt", "notes",
    "debug/saved_model_debug_info.pb", "variables/checkpoint", "assets.extra/more",
):  # fmt: skip

    @of(FILES, f"beside_{name}")
    def beside(e, name=name):
        (e.path / name).parent.mkdir(exist_ok=True)
        (e.path / name).write_bytes(b"x")
        e.resign()


@of(FILES)
def a_thousand_files(e):
    for number in range(1000):
        (e.path / f"{number}").touch()


@of(FILES)
def no_program(e):
    (e.path / "saved_model.pb").unlink()
    e.resign()


@of(FILES)
def a_text_for_a_program(e):
    (e.path / "saved_model.pb").write_text("node { }")
    e.resign()


@of(FILES)
def no_manifest(e):
    (e.path / manifest.FILE_NAME).unlink()
