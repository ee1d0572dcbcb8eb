"""Asks a TensorFlow Serving for a signature of an export, by REST or gRPC.

    python tools/serve_client.py --export_dir=exported/ali-digits --rows=2
    python tools/serve_client.py --export_dir=exported/ali-digits --signature=decode --protocol=grpc
    python tools/serve_client.py --export_dir=exported/ali-digits --signature=encode --show

Needs a copy of the export here, whose manifest says what its signatures take; --protocol=grpc needs
the extra serving. Inputs are those of --inputs, a file of numpy.savez, or else made up: images of
grey, codes of zeros, classes 0, and seeds that follow from --seed. Prints the shape and the range
of every output; --out keeps them. --show prints the request and sends nothing.

No server's binary could be had where this was written: in the tests, what a request holds is fed to
the C++ loader that the server uses, and the messages go over real connections.
"""

import http.client
import io
import json
import pathlib
import sys
import types
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import common
import numpy as np

from zoo import files, forms, pretrained
from zoo.data import npz
from zoo.errors import refusal, unknown

if TYPE_CHECKING:
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

FLAGS = (
    common.flag(
        "export_dir",
        "str",
        None,
        "an export, or a pretrained model by name, of which the server has a copy",
    ),
    common.flag("signature", "str", "sample", "what is asked"),
    common.flag("rows", "int", 1, "of inputs that are made up", at_least=1, at_most=4096),
    common.flag("seed", "int", 0, "of the seeds of the rows", at_least=0, at_most=2**62),
    common.flag("inputs", "str", None, "an .npz file with an array for each input to be given"),
    common.flag("protocol", "str", "rest", "how to ask", choices=("rest", "grpc")),
    common.flag("host", "str", "localhost", "where the server is"),
    common.flag(
        "port", "int", None, "8501 for rest, 8500 for grpc if None", at_least=1, at_most=65535
    ),
    common.flag(
        "served_model",
        "str",
        None,
        "the name that the server has for it; None means that of the export's folder",
    ),
    common.flag("version", "int", None, "of the model; None lets the server choose", at_least=1),
    common.flag("version_label", "str", None, "such as stable, in place of a version"),
    common.flag(
        "timeout", "float", 60.0, "seconds to wait for the answer", above=0, at_most=86_400
    ),
    common.flag("out", "str", None, "an .npz file for the outputs"),
    common.flag("show", "bool", False, "print the request and send nothing"),
)
_PORTS = {"rest": 8501, "grpc": 8500}
_GREY = 0.5


class NoAnswer(ConnectionError):
    """No server, or one that refuses the request."""

    exit_code = 1


def run(flags: types.SimpleNamespace) -> None:
    """A request, its answer, and what to show of it."""
    if flags.out and flags.show:
        raise ValueError(refusal("out", "None with --show, which gets no answer", flags.out))
    signatures = described(flags)
    inputs = arrays(signatures[flags.signature]["inputs"], flags.rows, flags.seed, flags.inputs)
    address = f"{flags.host}:{flags.port or _PORTS[flags.protocol]}"
    named = flags.served_model or pathlib.Path(flags.export_dir).resolve().name
    model = {"model": named, "version": flags.version, "label": flags.version_label}
    names = list(signatures[flags.signature]["outputs"])
    if flags.protocol == "rest":
        path, body = rest_path(**model), rest_body(flags.signature, inputs)
        if flags.show:
            print(f"POST http://{address}{path}\n{json.dumps(body)}")
            return
        outputs = ask_rest(f"http://{address}{path}", body, flags.timeout)
        if not isinstance(outputs, dict):  # the server leaves the name of a single output out
            outputs = {names[0]: outputs}
        found = checked(outputs, names, address)
        answer = {name: value.astype(np.float32) for name, value in found.items()}
    else:
        request = grpc_request(flags.signature, inputs, **model)
        if flags.show:
            print(f"PredictionService.Predict to {address}\n{request}", end="")
            return
        answer = checked(ask_grpc(address, request, flags.timeout), names, address)
    for name, value in answer.items():
        edges = f", {value.min():.4g} to {value.max():.4g}" if value.size else ""
        print(f"{name}: {value.dtype} {list(value.shape)}{edges}")
    if flags.out:
        content = io.BytesIO()
        np.savez(content, **answer)
        files.write_bytes(flags.out, content.getvalue())


def described(flags: types.SimpleNamespace) -> dict[str, Any]:
    """{signature: {"inputs", "outputs"}} of the export; refuses what it does not have."""
    expected = "the folder of an export, or the name of a pretrained model"
    known = pretrained.is_name(flags.export_dir)
    if not known and not (flags.export_dir and pathlib.Path(flags.export_dir).is_dir()):
        raise FileNotFoundError(refusal("export_dir", expected, flags.export_dir))
    if flags.version is not None and flags.version_label is not None:
        raise ValueError(refusal("version_label", "None with a version", flags.version_label))
    common.load()
    from zoo.publishing.exports import exported
    from zoo.serving import directory, manifest

    folder = exported(flags.export_dir).parent if known else flags.export_dir
    found = directory.versions(folder)
    newest = found.get(flags.version or max(found, default=0))
    if newest is None:
        expected += " that holds the version"
        raise FileNotFoundError(refusal("export_dir", expected, flags.export_dir))
    signatures: dict[str, Any] = manifest.read(newest)["signatures"]
    if flags.signature not in signatures:
        raise unknown("signature", flags.signature, signatures)
    return signatures


def arrays(
    described: Mapping[str, Any], rows: int, seed: int, path: str | None
) -> dict[str, np.ndarray]:
    """{input: array} of a signature, from a file or made up."""
    given = from_file(path) if path else {}
    if strange := sorted(set(given) - set(described)):
        raise unknown("inputs", strange[0], described)
    rows = len(next(iter(given.values()))) if given else rows
    made = {}
    for name, spec in described.items():
        shape = (rows, *spec["shape"][1:])
        if name in given:
            made[name] = _taken(name, given[name], shape, spec["dtype"])
        elif name == "seed":
            made[name] = (seed + np.arange(rows)).astype(spec["dtype"])
        else:
            made[name] = np.full(shape, _GREY if name == "x" else 0, spec["dtype"])
    return made


def _taken(name: str, value: np.ndarray, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """A given input as the signature takes it, x by `zoo.forms`; no cast may change it."""
    argument, wanted = f"inputs.{name}", np.dtype(dtype)
    if name == "x":
        value = forms.images(value, shape[1:], argument)
    if value.shape != shape or not len(value):
        expected = f"an array of shape {list(shape)}" if len(value) else "one row at least"
        raise ValueError(refusal(f"{argument}.shape", expected, value.shape))
    if value.dtype.kind not in ("iu" if wanted.kind in "iu" else "iufb"):
        raise TypeError(refusal(f"{argument}.dtype", f"{wanted.name}, or alike", value.dtype.name))
    with np.errstate(over="ignore"):
        found = value.astype(wanted)
    exact = (found == value).all() if wanted.kind in "iu" else np.isfinite(found).all()
    if not exact:
        raise ValueError(refusal(argument, f"finite numbers within {wanted.name}", value))
    return found


def from_file(path: str) -> dict[str, np.ndarray]:
    """{input: array} of an .npz file."""
    try:
        with files.open_regular(path) as file, np.load(file, allow_pickle=False) as archive:
            return {name: np.atleast_1d(archive[name]) for name in archive.files}
    except FileNotFoundError:
        raise
    except npz.BROKEN:
        expected = "an .npz file with an array for each input to be given"
        raise ValueError(refusal("inputs", expected, path)) from None


def checked(outputs: Mapping[str, Any], names: Sequence[str], address: str) -> dict[str, Any]:
    """{output: array of numbers} of an answer.

    Args:
        outputs: {output: array, or lists}.
        names: of the outputs that the signature has.
        address: of the server, for messages.

    Raises:
        NoAnswer: the outputs are others, or one is no array of numbers.
    """
    if set(outputs) != set(names):
        found = ", ".join(sorted(outputs)) or "no output"
        raise NoAnswer(f"The server at {address} gives {found}, not {', '.join(names)}.")
    answer = {}
    for name in names:
        try:
            answer[name] = np.asarray(outputs[name])
        except ValueError:  # rows of different lengths
            answer[name] = np.asarray(None)
        if answer[name].dtype.kind not in "iuf":
            raise NoAnswer(f"The server at {address} gives as {name} no array of numbers.")
    return answer


# --- REST -----------------------------------------------------------------------------------------


def rest_path(model: str, version: int | None = None, label: str | None = None) -> str:
    """The path of a request: a version, a label, or what the server chooses."""
    which = f"/versions/{version}" if version is not None else ""
    which = f"/labels/{label}" if label is not None else which
    return f"/v1/models/{model}{which}:predict"


def rest_body(signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The JSON of a request, by columns: each input is one array of all rows."""
    columns = {name: value.tolist() for name, value in inputs.items()}
    return {"signature_name": signature, "inputs": columns}


def ask_rest(url: str, body: Mapping[str, Any], timeout: float) -> Any:
    """The `outputs` of the answer: {name: lists}, or the lists of the only one."""
    data = json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return json.load(response)["outputs"]
    except urllib.error.HTTPError as error:
        said = " ".join(error.read(1000).decode(errors="replace").split())
        raise NoAnswer(f"The server at {url} answers {error.code}: {said}") from None
    except (OSError, http.client.HTTPException) as error:  # none, too slow, or cut in the middle
        reason = " ".join(str(getattr(error, "reason", error)).split())
        raise NoAnswer(f"No server answers at {url} ({reason}).") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NoAnswer(f"What answers at {url} is no TensorFlow Serving.") from None


# --- gRPC -----------------------------------------------------------------------------------------


def grpc_request(
    signature: str,
    inputs: Mapping[str, np.ndarray],
    model: str,
    version: int | None = None,
    label: str | None = None,
) -> "PredictRequest":
    """The message of a request."""
    tf, messages = common.load(), _serving("predict_pb2")
    request = messages.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    if version is not None:
        request.model_spec.version.value = version
    if label is not None:
        request.model_spec.version_label = label
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def ask_grpc(address: str, request: "PredictRequest", timeout: float) -> dict[str, np.ndarray]:
    """{output: array} of the answer."""
    service = _serving("prediction_service_pb2_grpc")
    import grpc

    tf = common.load()
    endless = [("grpc.max_receive_message_length", -1)]  # 4 MiB otherwise: few images
    with grpc.insecure_channel(address, endless) as channel:
        try:
            response = service.PredictionServiceStub(channel).Predict(request, timeout=timeout)
        except grpc.RpcError as error:
            said = f"{error.code().name}: {error.details()}"
            raise NoAnswer(f"The server at {address} answers {said}") from None
    try:
        return {name: tf.make_ndarray(value) for name, value in response.outputs.items()}
    except (ValueError, TypeError, MemoryError):  # its shape is not that of what it holds
        raise NoAnswer(f"The server at {address} gives damaged tensors.") from None


def _serving(module: str) -> Any:
    """A module of tensorflow-serving-api."""
    try:
        return common.load(f"tensorflow_serving.apis.{module}")
    except ModuleNotFoundError:
        expected = "rest, or the extra serving installed: pip install 'generative-zoo[serving]'"
        raise ValueError(refusal("protocol", expected, "grpc")) from None


if __name__ == "__main__":
    sys.exit(common.main(run, FLAGS))
