"""A stand-in for TensorFlow Serving: its C++ loader behind its two protocols, and no more.

It knows one model, checks what the messages say as the server does, and answers from a session of
`TF_LoadSessionFromSavedModel`. Batching, versions and the config files are the server's own.
"""

import concurrent.futures
import contextlib
import http.server
import json
import pathlib
import threading

import numpy as np
from tensorflow.core.protobuf import saved_model_pb2

from tests.serving.cc_loader import Session


class Server:
    """One version of an export, loaded as a server loads it.

    Attributes:
        signatures: {name: SignatureDef} of the SavedModel.
    """

    def __init__(self, version):
        content = (pathlib.Path(version) / "saved_model.pb").read_bytes()
        found = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].signature_def
        self.signatures = {k: v for k, v in found.items() if not k.startswith("__")}
        self.name = pathlib.Path(version).parent.name
        self._session = Session(version)

    def predict(self, signature, inputs):
        """{output: array} of {input: array}; all inputs must be fed, and no others."""
        described = self.signatures[signature]
        if set(inputs) != set(described.inputs):
            raise ValueError(f"inputs {sorted(inputs)} of {signature}")
        feeds = {described.inputs[name].name: value for name, value in inputs.items()}
        fetches = [tensor.name for tensor in described.outputs.values()]
        return dict(zip(described.outputs, self._session.run(feeds, fetches), strict=True))

    def answer_rest(self, path, body):
        """The JSON answer to a request by columns."""
        if path.split(":")[0].split("/")[:4] != ["", "v1", "models", self.name]:
            raise ValueError(path)
        described = self.signatures[body["signature_name"]]
        inputs = {
            name: np.asarray(value, _DTYPES[described.inputs[name].dtype])
            for name, value in body["inputs"].items()
        }
        outputs = {k: v.tolist() for k, v in self.predict(body["signature_name"], inputs).items()}
        # The server leaves the name of a single output out.
        return {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))}

    def answer_grpc(self, request, context=None):
        """The PredictResponse to a PredictRequest."""
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        assert request.model_spec.name == self.name
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        response = predict_pb2.PredictResponse()
        for name, value in self.predict(request.model_spec.signature_name, inputs).items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return response

    @contextlib.contextmanager
    def rest(self):
        """Listens for REST requests; yields the port."""
        answer = self.answer_rest

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                try:
                    status, said = 200, answer(self.path, body)
                except Exception as error:
                    status, said = 400, {"error": repr(error)}
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(said).encode())

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("localhost", 0), Handler) as listening:
            thread = threading.Thread(target=listening.serve_forever)
            thread.start()
            yield listening.server_address[1]
            listening.shutdown()
            thread.join()

    @contextlib.contextmanager
    def grpc(self):
        """Listens for gRPC requests; yields the port."""
        import grpc
        from tensorflow_serving.apis import prediction_service_pb2_grpc as service

        answer = self.answer_grpc

        class Servicer(service.PredictionServiceServicer):
            def Predict(self, request, context):
                return answer(request, context)

        server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        service.add_PredictionServiceServicer_to_server(Servicer(), server)
        port = server.add_insecure_port("localhost:0")
        server.start()
        yield port
        server.stop(None).wait()


_DTYPES = {1: np.float32, 3: np.int32, 9: np.int64}  # DataType
