"""Warm-up requests: TF Serving replays them before a new version takes traffic.

The file is a TFRecord of `tensorflow_serving.PredictionLog`. A log of one prediction request is
four nested messages of length-delimited fields, encoded here by hand: this needs neither
tensorflow-serving-api (and its grpcio) nor a second copy of its descriptors, which would clash with
the real ones where both are loaded.
"""

import os
import pathlib
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

FILE_NAME = "assets.extra/tf_serving_warmup_requests"


def write(
    directory: str | os.PathLike,
    model_name: str,
    requests: Iterable[tuple[str, dict[str, np.ndarray]]],
) -> None:
    """Writes one record a request.

    Args:
        directory: the version directory.
        model_name: what the server calls the model: the name of the directory above the versions.
        requests: iterable of (signature name, {input name: array}).
    """
    path = pathlib.Path(directory, FILE_NAME)
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            writer.write(_prediction_log(model_name, signature, inputs))


def _prediction_log(model_name: str, signature: str, inputs: dict[str, np.ndarray]) -> bytes:
    # ModelSpec: name, signature_name
    spec = _field(1, model_name.encode()) + _field(3, signature.encode())
    request = _field(1, spec)  # PredictRequest: model_spec, inputs
    for name, value in inputs.items():
        tensor = tf.make_tensor_proto(value).SerializeToString()
        entry = _field(1, name.encode()) + _field(2, tensor)  # of the map: key, value
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
