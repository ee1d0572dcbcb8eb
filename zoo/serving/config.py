"""The two files that a TensorFlow Serving of several exports is started with.

They lie in the model base, the folder that holds the exports:

    exported/models.config      which models there are, where, which versions, under which labels
    exported/batching.config    which batches the server makes of requests, for all models
    exported/ali-digits/1/      a version of a model

`models.config` is read, completed and written again, so that what a person has said there of other
models stays, and of this one all but its versions; comments do not. It is a text of
`tensorflow_serving.ModelServerConfig`, whose messages come with the extra `serving`.
"""

import importlib.util
import os
import pathlib
import posixpath
import re
from collections.abc import Collection
from typing import Any

from zoo import files
from zoo.errors import refusal
from zoo.serving.directory import versions

MODELS, BATCHING = "models.config", "batching.config"
_LARGEST = 2**20  # bytes of either file
_BATCHING = """\
# --enable_batching --batching_parameters_file=THIS_FILE. Batches wait for so long to be filled, and
# are padded to the next allowed size. Exports hold warm-up requests of these sizes.
max_batch_size {{ value: {largest} }}
batch_timeout_micros {{ value: 1000 }}
pad_variable_length_inputs: false
{sizes}
"""


def available() -> bool:
    """Whether the extra `serving` is installed, which `add` needs."""
    return importlib.util.find_spec("tensorflow_serving") is not None


def check_labels(labels: Collection[str]) -> None:
    """Refuses, in one line, what the server would refuse as a label of a version."""
    for label in labels:
        if not re.fullmatch(r"\w+", label, re.ASCII):
            expected = "labels of letters, digits and underscores, such as stable"
            raise ValueError(refusal("version_labels", expected, label))


def check_base(served_base: str | None) -> None:
    """Refuses a model base with which the server would end: it wants an absolute path or a URI."""
    if served_base is not None and not re.match(r"/|[a-z][a-z0-9+.-]*://", served_base):
        expected = "an absolute path, such as /models, or an address, such as gs://bucket/models"
        raise ValueError(refusal("served_base", expected, served_base))


def read(model_base: str | os.PathLike) -> Any:
    """The `ModelServerConfig` of a model base; an empty one where there is no file.

    Raises:
        ModuleNotFoundError: the extra `serving` is not installed.
        ValueError: the file is none, or says of one model twice.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    path, config = pathlib.Path(model_base, MODELS), model_server_config_pb2.ModelServerConfig()
    try:
        text_format.Parse(_text(path), config)
    except text_format.ParseError as error:
        expected = "a text of tensorflow_serving.ModelServerConfig"
        raise ValueError(refusal(MODELS, expected, str(path), f"{error}.")) from None
    names = [model.name for model in config.model_config_list.config]
    if config.HasField("custom_model_config") or len(set(names)) < len(names):
        expected = "a model_config_list in which no name comes twice"
        raise ValueError(refusal(MODELS, expected, str(path)))
    return config


def add(
    version_dir: str | os.PathLike,
    labels: Collection[str] = (),
    served_base: str | None = None,
) -> pathlib.Path:
    """Says in `models.config` that a version is there; the same steps give the same bytes.

    Models stand by name. The server takes the newest version, unless the file says otherwise; a
    model that has labels is served in its newest version and in all labelled ones. Labels of
    versions that are gone go, too, as the server would refuse them.

    Args:
        version_dir: `<model base>/<model>/<version>`, an export.
        labels: which this version has from now on, and no other.
        served_base: the model base as the server sees it, such as "/models" in a container. None
            keeps what the file says of this model; for a new one it is where all others are, if
            that is one folder, or the absolute path of the folder here.

    Returns:
        The path of the file.

    Raises:
        ValueError, ModuleNotFoundError: see `read`, `check_labels` and `check_base`.
    """
    from google.protobuf import text_format

    check_labels(labels)
    check_base(served_base)
    version_dir = pathlib.Path(os.path.abspath(version_dir))
    model_dir, base = version_dir.parent, version_dir.parent.parent
    with files.locked(base, wait=True):  # another export may be doing the same
        config = read(base)
        models = {model.name: model for model in config.model_config_list.config}
        model = models.get(model_dir.name)
        shared = {posixpath.dirname(other.base_path.rstrip("/")) for other in models.values()}
        if model is None:
            model = config.model_config_list.config.add(
                name=model_dir.name, model_platform="tensorflow"
            )
        if served_base is not None or not model.base_path:
            model.base_path = posixpath.join(
                served_base or (min(shared) if len(shared) == 1 else "") or str(base),
                model_dir.name,
            )
        _label(model, sorted(versions(model_dir)), dict.fromkeys(labels, int(version_dir.name)))
        config.model_config_list.config.sort(key=lambda each: each.name)
        files.write_text(base / MODELS, text_format.MessageToString(config))
    return base / MODELS


def _label(model: Any, there: list[int], labels: dict[str, int]) -> None:
    """Labels of a `ModelConfig`, and the versions that they need."""
    for label, version in {**model.version_labels, **labels}.items():
        if version in there:
            model.version_labels[label] = version
        else:
            del model.version_labels[label]
    policy = model.model_version_policy
    if policy.HasField("specific") or (model.version_labels and not policy.HasField("all")):
        wanted = {*model.version_labels.values(), there[-1]}
        policy.specific.versions[:] = sorted(wanted)


def batch_sizes(model_base: str | os.PathLike) -> tuple[int, ...] | None:
    """The allowed sizes of `batching.config`; None where there is no file, or it names none."""
    text = re.sub(r"#.*", "", _text(pathlib.Path(model_base, BATCHING)))
    found = re.findall(r"\ballowed_batch_sizes\s*:\s*\[?([\d\s,]+)", text)
    return tuple(int(size) for sizes in found for size in re.findall(r"\d+", sizes)) or None


def write_batching(model_base: str | os.PathLike, sizes: Collection[int]) -> pathlib.Path:
    """Writes `batching.config` with these sizes, or replaces it; returns its path."""
    lines = "\n".join(f"allowed_batch_sizes: {size}" for size in sizes)
    path = pathlib.Path(model_base, BATCHING)
    files.write_text(path, _BATCHING.format(largest=max(sizes), sizes=lines))
    return path


def _text(path: pathlib.Path) -> str:
    """Of a file that may be absent: then it is empty."""
    try:
        with files.open_regular(path) as file:
            content = file.read(_LARGEST + 1)
        if len(content) <= _LARGEST:
            return content.decode()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        pass
    raise ValueError(refusal(path.name, "a short text file", str(path)))
