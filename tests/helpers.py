"""What the tests of several rooms share."""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]


def arrays(model):
    """{path: array}: all that a checkpoint of the model holds."""
    return {path: variable.value.numpy() for path, variable in model.state.items()}


def assert_same_bits(found, expected):
    """Two states, {path: array}, are equal to the bit."""
    assert sorted(found) == sorted(expected)
    differ = [path for path in expected if found[path].tobytes() != expected[path].tobytes()]
    assert not differ, f"{len(differ)} of {len(expected)} differ: {differ[:5]}"


def assert_close(found, expected, tolerance=1e-5, message=""):
    """Two arrays, or {name: array}, are equal to a tolerance, absolute and relative."""
    if not isinstance(expected, dict):
        found, expected = {"": found}, {"": expected}
    assert sorted(found) == sorted(expected), message
    for name, value in expected.items():
        np.testing.assert_allclose(
            np.asarray(found[name]),
            np.asarray(value),
            rtol=tolerance,
            atol=tolerance,
            err_msg=f"{message} {name}",
        )


def choose(model, **values):
    """Sets hyper-parameters of a made model, which users may not, before it is traced."""
    vars(model).update(values)


@contextlib.contextmanager
def refused(*kinds, match=None):
    """The block raises one of `kinds` with a message of one line."""
    with pytest.raises(kinds or (ValueError, TypeError), match=match) as error:
        yield error
    assert "\n" not in str(error.value)


def split_cpu():
    """Splits the CPU into two logical devices; fails if TensorFlow has started with one already."""
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


def start_python(script, *arguments, stdin=None, stderr=subprocess.STDOUT, **environment):
    """Starts a script in a process of its own that finds the repository's packages."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, str(script), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def finish(*processes, timeout=1800):
    """Waits for processes; fails with what they printed unless all exit with 0."""
    try:
        outputs = [process.communicate(timeout=timeout)[0] for process in processes]
        codes = [process.returncode for process in processes]
        assert not any(codes), "\n".join(o for o, code in zip(outputs, codes) if code)
        return outputs
    finally:
        for process in processes:
            process.kill()


def free_ports(count):
    """Ports of this machine that nobody listens on."""
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def cc_answers(version, fed, folder):
    """Answers of all signatures of an export through the C++ loader, in a process of its own.

    Args:
        version: directory of one version.
        fed: {input: array}; each signature takes those that it knows.
        folder: for the request and the answer.

    Returns:
        {"verb/output": array}.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    content = (pathlib.Path(version) / "saved_model.pb").read_bytes()
    signatures = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].signature_def
    request = {}
    for verb, signature in signatures.items():
        if verb in ("serving_default", "__saved_model_init_op"):
            continue
        for name, tensor in signature.inputs.items():
            request[tensor.name] = fed[name]
        for name, tensor in signature.outputs.items():
            request[f"fetch:{verb}/{name}"] = tensor.name
    files = folder / "request.npz", folder / "answer.npz"
    np.savez(files[0], **request)
    finish(start_python(ROOT / "tests" / "serving" / "cc_loader.py", version, *files))
    with np.load(files[1]) as answer:
        return dict(answer)


def refused_in_a_line(code, stderr, part):
    """Asserts that a tool ended with 2 and one line that names what was wrong."""
    assert code == 2, stderr
    assert stderr.count("\n") == 1, stderr
    assert "error: " in stderr and "Received" in stderr
    assert part in stderr
    assert "Traceback" not in stderr


def first_batch(dataset, batch_size=4, **arguments):
    """The first training batch of a `Dataset`, as arrays by name."""
    return {k: v.numpy() for k, v in next(iter(dataset.train(batch_size, **arguments))).items()}


def first_of(values, count=1):
    """Values of one parameter, of which `make test` takes the first ones and `make test-all` all.

    For values that take the same code another way, where a test costs seconds a value.
    """
    rest = (pytest.param(value, marks=pytest.mark.every) for value in values[count:])
    return [*values[:count], *rest]
