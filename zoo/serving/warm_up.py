"""Warm-up requests: TF Serving replays them before a new version takes traffic.

The file is a TFRecord of `tensorflow_serving.PredictionLog`. A log of one prediction request is
four nested messages of length-delimited fields, encoded here by hand: this needs neither
tensorflow-serving-api (and its grpcio) nor a second copy of its descriptors, which would clash with
the real ones where both are loaded.
"""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from zoo import checks
from zoo.errors import refusal

FILE_NAME = "assets.extra/tf_serving_warmup_requests"
BATCH_SIZES = (1, 2, 4, 8, 16, 32)  # a batch is filled up to the next: at most to its double
_LARGEST = 4096  # rows of a batch
_MOST = 20  # sizes; a server reads at most 1,000 records


def checked_sizes(batch_sizes: Sequence[Any]) -> tuple[int, ...]:
    """Batch sizes as the server takes them.

    Raises:
        TypeError: they are no sequence of whole numbers.
        ValueError: they do not ascend, are out of bounds, or too many.
    """
    expected = f"1 to {_MOST} ascending ints in [1, {_LARGEST}]"
    try:
        sizes = tuple(checks.whole(size, "batch_sizes", most=_LARGEST) for size in batch_sizes)
    except (TypeError, ValueError) as error:
        raise type(error)(refusal("batch_sizes", expected, batch_sizes)) from None
    if not 1 <= len(sizes) <= _MOST or list(sizes) != sorted(set(sizes)):
        raise ValueError(refusal("batch_sizes", expected, batch_sizes))
    return sizes


def write(
    directory: str | os.PathLike,
    model_name: str,
    signatures: Mapping[str, Mapping[str, Any]],
    batch_sizes: Sequence[int],
) -> None:
    """Writes a record for each signature and batch size.

    All inputs are zeros, which are valid images, codes, labels and seeds.

    Args:
        directory: the version directory.
        model_name: what the server calls the model: the name of the directory above the versions.
        signatures: {name: {"inputs": {name: {"dtype", "shape"}}}}.
        batch_sizes: which the server may make of requests.
    """
    path = pathlib.Path(directory, FILE_NAME)
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, described in signatures.items():
            for rows in batch_sizes:
                zeros = {
                    # One number that stands for all: a record is small whatever its shape.
                    name: tf.make_tensor_proto(0, spec["dtype"], [rows, *spec["shape"][1:]])
                    for name, spec in described["inputs"].items()
                }
                writer.write(_prediction_log(model_name, signature, zeros))


def _prediction_log(model_name: str, signature: str, inputs: Mapping[str, Any]) -> bytes:
    # ModelSpec: name, signature_name
    spec = _field(1, model_name.encode()) + _field(3, signature.encode())
    request = _field(1, spec)  # PredictRequest: model_spec, inputs
    for name, tensor in inputs.items():
        # Of the map: key, value.
        entry = _field(1, name.encode()) + _field(2, tensor.SerializeToString())
        request += _field(2, entry)
    return _field(6, _field(1, request))  # PredictionLog: predict_log; PredictLog: request


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited protobuf field: key (number, wire type 2), length, bytes."""
    return bytes([number << 3 | 2]) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
