"""tools/serve_client.py: what its requests hold, fed to the loader of the server, is right."""

import contextlib
import socket
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import helpers, small
from tests.serving import server

sys.path.insert(0, str(helpers.ROOT / "tools"))
import command_line
import serve_client

pytest.importorskip("tensorflow_serving", reason="extra `serving`")


class Labelled(small.Bound):
    """A conditional model: the label moves the logits."""

    LABELS = ("num_classes",)
    DENSITY = None

    def posterior(self, x, y):
        return super().posterior(x)

    def likelihood(self, z, y):
        shift = tf.cast(y, tf.float32)[:, None, None, None]
        return zoo.distributions.bernoulli(self.apply("decoder", z) - shift)


MODELS = {
    "vectors": lambda: small.make(small.Bound),
    "labelled": lambda: Labelled(image_shape=(4, 4, 1), latent_dim=2, num_classes=3),
}


@pytest.fixture(
    scope="module", params=["vectors", pytest.param("labelled", marks=pytest.mark.every)]
)
def served(request, tmp_path_factory):
    """(the export in Python, the stand-in of a server)."""
    folder = tmp_path_factory.mktemp("exported") / request.param
    version = zoo.export(MODELS[request.param](), folder)
    return zoo.load(version), server.Server(version)


def filled(served, signature, rows=3):
    """Inputs of a signature that are not all alike."""
    random, found = np.random.default_rng(4), {}
    for name, spec in served.manifest["signatures"][signature]["inputs"].items():
        value = random.random((rows, *spec["shape"][1:])) * (1 if name in "xz" else 3)
        found[name] = value.astype(spec["dtype"])
    return found


def test_requests_of_every_signature_hold_what_the_signature_takes(served):
    model, stand_in = served
    assert set(model.manifest["signatures"]) | {"serving_default"} == set(stand_in.signatures)
    for signature in model.manifest["signatures"]:
        inputs = filled(model, signature)
        expected = model._module.signatures[signature](
            **{name: tf.constant(value) for name, value in inputs.items()}
        )
        body = serve_client.rest_body(signature, inputs)
        found = stand_in.answer_rest(serve_client.rest_path(stand_in.name), body)["outputs"]
        found = found if isinstance(found, dict) else {next(iter(expected)): found}
        helpers.assert_close(found, dict(expected), 1e-5, signature)
        request = serve_client.grpc_request(signature, inputs, stand_in.name)
        answer = stand_in.answer_grpc(type(request).FromString(request.SerializeToString()))
        found = {name: tf.make_ndarray(value) for name, value in answer.outputs.items()}
        helpers.assert_close(found, dict(expected), 1e-5, signature)


def test_versions_and_labels_are_named():
    assert serve_client.rest_path("m") == "/v1/models/m:predict"
    assert serve_client.rest_path("m", version=3) == "/v1/models/m/versions/3:predict"
    assert serve_client.rest_path("m", label="stable") == "/v1/models/m/labels/stable:predict"
    of_version = serve_client.grpc_request("sample", {}, "m", version=3).model_spec
    assert (of_version.name, of_version.version.value) == ("m", 3)
    of_label = serve_client.grpc_request("sample", {}, "m", label="stable").model_spec
    assert of_label.version_label == "stable" and not of_label.HasField("version")


def call(*argv):
    return command_line.main(
        serve_client.run, serve_client.FLAGS, ["serve_client.py", *map(str, argv)]
    )


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
@pytest.mark.parametrize("signature", ["sample", "decode"])  # one output, and two
def test_the_tool_asks_and_shows_the_answer(served, tmp_path, capsys, protocol, signature):
    model, stand_in = served
    inputs = filled(model, signature, rows=2)
    np.savez(tmp_path / "in.npz", **inputs)
    flags = (f"--export_dir={model.path.parent}", f"--signature={signature}")
    more = (f"--protocol={protocol}", f"--inputs={tmp_path / 'in.npz'}")
    with getattr(stand_in, protocol)() as port:
        assert call(*flags, *more, f"--port={port}", f"--out={tmp_path / 'out.npz'}") == 0
    shown = capsys.readouterr().out.splitlines()
    expected = stand_in.predict(signature, inputs)
    with np.load(tmp_path / "out.npz") as found:
        helpers.assert_close(dict(found), expected)
    assert {line.split(":")[0] for line in shown} == set(expected)
    assert f"float32 {[2, *model.image_shape]}" in shown[0]


def test_seeds_follow_and_other_inputs_are_made_up(served, capsys):
    model, _ = served
    described = model.manifest["signatures"]["sample"]["inputs"]
    made = serve_client.arrays(described, 3, 7, None)
    np.testing.assert_array_equal(made["seed"], [7, 8, 9])
    assert {name: str(value.dtype) for name, value in made.items()} == {
        name: spec["dtype"] for name, spec in described.items()
    }
    flags = (f"--export_dir={model.path.parent}", "--show")
    assert call(*flags, "--rows=2", "--version_label=stable") == 0
    head, body = capsys.readouterr().out.splitlines()
    assert head.endswith(f"localhost:8501/v1/models/{model.path.parent.name}/labels/stable:predict")
    assert '"seed": [0, 1]' in body
    assert call(*flags, "--protocol=grpc") == 0
    assert 'signature_name: "sample"' in capsys.readouterr().out


def test_what_cannot_be_asked_is_refused_in_one_line(served, tmp_path, capsys):
    model, stand_in = served
    folder = f"--export_dir={model.path.parent}"
    np.savez(tmp_path / "wrong.npz", seed=np.zeros([2, 2]))
    np.savez(tmp_path / "strange.npz", w=np.zeros(2))
    np.save(tmp_path / "one.npz", np.zeros(2))  # a single array, as its first bytes say
    (tmp_path / "one.npz.npy").rename(tmp_path / "one.npz")
    (tmp_path / "text.npz").write_text("no")
    free = helpers.free_ports(1)[0]
    with stand_in.rest() as port:
        attempts = {
            ("--export_dir=absent",): 2,
            (folder, "--signature=smaple"): 2,
            (folder, "--version=9"): 2,
            (folder, "--version=1", "--version_label=stable"): 2,
            (folder, f"--inputs={tmp_path / 'wrong.npz'}"): 2,
            (folder, f"--inputs={tmp_path / 'strange.npz'}"): 2,
            (folder, f"--inputs={tmp_path / 'one.npz'}"): 2,
            (folder, f"--inputs={tmp_path / 'text.npz'}"): 2,
            (folder, f"--inputs={tmp_path / 'absent.npz'}"): 2,
            ("--export_dir=vae-digit",): 2,
            (folder, f"--port={port}", "--served_model=another"): 1,
            (folder, f"--port={free}"): 1,
            (folder, f"--port={free}", "--protocol=grpc", "--timeout=5"): 1,
        }
        for flags, code in attempts.items():
            assert call(*flags) == code, flags
            assert capsys.readouterr().err.count("\n") == 1, flags


SPECS = {
    "x": {"dtype": "float32", "shape": [None, 4, 4, 1]},
    "z": {"dtype": "float32", "shape": [None, 2]},
    "y": {"dtype": "int32", "shape": [None]},
    "seed": {"dtype": "int64", "shape": [None]},
}


def given(tmp_path, **inputs):
    """What the tool makes of a file with these arrays."""
    np.savez(tmp_path / "in.npz", **inputs)
    return serve_client.arrays(SPECS, 1, 0, str(tmp_path / "in.npz"))


def test_inputs_of_other_types_that_lose_nothing_are_taken(tmp_path):
    pixels = np.full([2, 4, 4], 255, np.uint8)
    found = given(tmp_path, x=pixels, z=np.arange(4).reshape(2, 2), y=np.uint8([1, 2]))
    assert {name: str(value.dtype) for name, value in found.items()} == {
        name: spec["dtype"] for name, spec in SPECS.items()
    }
    np.testing.assert_array_equal(found["x"], np.ones([2, 4, 4, 1]))  # as the verbs read bytes
    np.testing.assert_array_equal(found["z"], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(found["y"], [1, 2])
    assert given(tmp_path, seed=2**62)["seed"].tolist() == [2**62]


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("seed", [0.5], "inputs.seed.dtype`: expected int64"),
        ("seed", [True], "inputs.seed.dtype"),
        ("seed", np.uint64([2**63]), "within int64"),
        ("y", [2**40], "within int32"),
        ("y", [np.nan], "inputs.y.dtype"),
        ("y", ["one"], "inputs.y.dtype"),
        ("z", [["1", "2"]], "inputs.z.dtype"),
        ("z", [[1j, 2j]], "inputs.z.dtype"),
        ("z", [[np.nan, 0.0]], "finite numbers within float32"),
        ("z", [[1e300, 0.0]], "finite numbers within float32"),
        ("z", [[0.0]], r"of shape \[1, 2\]"),
        ("z", np.zeros([0, 2]), "one row at least"),
        ("x", np.full([1, 4, 4, 1], 200), "inputs.x.dtype.*pixels in"),
        ("x", np.full([1, 4, 4, 1], 7.5), "inputs.x.*pixels in"),
        ("x", np.zeros([1, 5, 4, 1]), "inputs.x.shape"),
        ("x", np.array("text"), "inputs.x"),
    ],
)
def test_inputs_that_a_cast_would_change_are_refused(tmp_path, name, value, words):
    with helpers.refused(ValueError, TypeError, match=words):
        given(tmp_path, **{name: value})


def test_rows_that_differ_between_inputs_are_refused(tmp_path):
    with helpers.refused(ValueError, match=r"inputs.z.shape.*\[3, 2\]"):
        given(tmp_path, y=[0, 1, 2], z=np.zeros([2, 2]))


@pytest.mark.parametrize(
    "outputs, words",
    [
        ([[1.0, 2.0], [3.0]], "gives as x no array of numbers"),
        ([["1.5"]], "gives as x no array of numbers"),
        ({"x": None}, "gives as x no array of numbers"),
        ({"x": {"b64": "AAAA"}}, "gives as x no array of numbers"),
        ([10**400], "gives as x no array of numbers"),
        ({"file": [1.0]}, "gives file, not x"),
        ({"x": [1.0], "\x1b[2J": [1.0]}, "gives \\x1b[2J, x, not x"),
        ({}, "gives no output, not x"),
    ],
)
def test_answers_that_are_none_are_told_in_one_line(served, monkeypatch, capsys, outputs, words):
    monkeypatch.setattr(serve_client, "ask_rest", lambda *_: outputs)
    assert call(f"--export_dir={served[0].path.parent}") == 1
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_damaged_tensors_are_told_in_one_line(served, capsys):
    model, stand_in = served

    def damaged(request, context=None):
        answer = type(stand_in).answer_grpc(stand_in, request)
        answer.outputs["x"].tensor_shape.dim[0].size = 7
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stand_in, "answer_grpc", damaged)
        with stand_in.grpc() as port:
            flags = f"--export_dir={model.path.parent}", "--protocol=grpc", f"--port={port}"
            assert call(*flags) == 1
    error = capsys.readouterr().err
    assert "gives damaged tensors" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "answer, words",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "no TensorFlow Serving"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "no TensorFlow Serving"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000, "no TensorFlow Serving"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "No server answers"),  # cut
        (b"hello\r\n", "No server answers"),
        (b"", "No server answers"),
        (None, "timed out"),
    ],
)
def test_other_servers_are_told_in_one_line(answer, words):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with contextlib.suppress(OSError), listening.accept()[0] as connection:
                asked = b""
                while not asked.endswith(
                    b'{"inputs": {}}'
                ):  # left unread, it resets the connection
                    asked += connection.recv(10_000)
                if answer is None:
                    done.wait(10)
                else:
                    connection.sendall(answer)

        done = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/models/m:predict"
        with helpers.refused(serve_client.NoAnswer, match=words):
            serve_client.ask_rest(url, {"inputs": {}}, timeout=0.3 if answer is None else 10)
        done.set()
        thread.join()
