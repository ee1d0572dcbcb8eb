"""Forged exports are refused in one line, and write no file on the way.

Every forgery of the corpus (`tests/serving/forgeries`) is one export of a tiny model with a change
to its SavedModel, its directory, its manifest or its weights. Those in `programs.LIVE` are shown to
write a file, the canary, where nothing judges them.
"""

import collections
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.python.framework import op_def_registry

import zoo
from tests import small
from tests.serving import forge
from tests.serving.forgeries import directories, manifests, objects, programs, sizes, weights
from zoo.serving import directory, graphs, loading, scan

GRAPH = programs.GRAPH | sizes.GRAPH | objects.GRAPH
# Not judged: TensorFlow cannot load these, or what it loads is not as the manifest says.
HARMLESS = {
    "no_sample", "a_variable_of_another_shape", "a_variable_of_an_odd_type",
    "an_output_of_another_type",
}  # fmt: skip


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = small.make(small.InTurn)
    return zoo.export(model, tmp_path_factory.mktemp("exported") / "model")


@pytest.fixture
def export(exported, tmp_path):
    """A copy to forge."""
    copied = shutil.copytree(exported, tmp_path / "model" / "1")
    return forge.Export(copied, tmp_path / "canary")


def use(served):
    """Every verb of an export."""
    served.sample(3, seed=0)
    served.decode(np.zeros([3, 2], np.float32)).sample(seed=0)


def refused(export):
    """The error of loading a forgery, or of its verbs if it loads."""
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        use(zoo.load(export.path))
    message = str(error.value)
    assert not export.sang
    assert "\n" not in message and len(message) < 600
    assert message.startswith(("Refused export", "Damaged export", "Invalid export"))
    return message


@pytest.mark.parametrize("name", GRAPH)
def test_a_forged_program_is_refused(export, name):
    GRAPH[name](export)
    export.seal()
    message = refused(export)
    assert message.startswith("Damaged export" if name in HARMLESS else "Refused export")


@pytest.mark.parametrize("name", sizes.COMPUTED)
def test_the_work_of_loading_is_judged_before_it_is_done(export, name):
    sizes.GRAPH[name](export)
    export.seal()
    with pytest.raises(ValueError, match="much to compute from constants alone"):
        scan.scan(export.path)


def test_the_list_holds_operations_without_files_and_hidden_state():
    """An operation on a file takes its name: a text, among its inputs or its attributes."""
    held = collections.defaultdict(set)  # {what is odd: operations}
    for name in scan.ALLOWED:
        operation = op_def_registry.get(name)
        held["stateful"] |= {name} if operation.is_stateful else set()
        for argument in (*operation.input_arg, *operation.output_arg):
            held[argument.type].add(name)
        for attribute in operation.attr:
            if "string" in attribute.type and not attribute.allowed_values.list.s:
                held[attribute.name].add(name)
            assert attribute.type != "func" or name in scan._CONTROL.split()
    variables = {"ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VariableShape"}
    assert held[types_pb2.DT_RESOURCE] == variables and not held[types_pb2.DT_STRING]
    assert held["stateful"] - variables == {
        "Assert", "Case", "CheckNumerics", "CheckNumericsV2", "GuaranteeConst", "If",
        "StatefulPartitionedCall", "StatelessRandomGetAlg", "While",
    }  # fmt: skip
    assert {name for name in held if isinstance(name, str)} == {
        "stateful", "equation", "message", "bad_indices_policy",
        "config", "config_proto", "executor_type",  # of calls
    }  # fmt: skip


@pytest.mark.parametrize("bound", ["_BYTES", "_FUNCTIONS", "_NODES", "_ELEMENTS"])
def test_an_export_may_be_as_large_as_a_bound(export, monkeypatch, bound):
    constants = [n.attr["value"].tensor for _, n in graphs.nodes(export.meta_graph)
                 if n.op == "Const"]  # fmt: skip
    size = {
        "_BYTES": (export.path / "saved_model.pb").stat().st_size,
        "_FUNCTIONS": len(export.library.function),
        "_NODES": sum(len(function.node_def) for function in export.library.function),
        "_ELEMENTS": sum(tf.TensorShape(t.tensor_shape).num_elements() for t in constants),
    }[bound]
    monkeypatch.setattr(scan, bound, size)
    scan.scan(export.path)
    monkeypatch.setattr(scan, bound, size - 1)
    with pytest.raises(ValueError, match="larger|more than"):
        scan.scan(export.path)


@pytest.mark.parametrize("name", ["saved_model.pbtxt", "saved_model.cpb"])
def test_a_program_that_tensorflow_would_read_instead_is_refused(export, name):
    (export.path / name).symlink_to("nowhere")
    with pytest.raises(ValueError, match=f"{name} beside"):
        scan.scan(export.path)


@pytest.mark.parametrize("name", directories.FILES)
def test_a_forged_directory_is_refused(export, name):
    directories.FILES[name](export)
    refused(export)


@pytest.mark.parametrize("name", manifests.FACTS)
def test_a_forged_manifest_is_refused(export, name):
    manifests.FACTS[name](export)
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        use(zoo.load(export.path))
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(("Damaged export", "Invalid `format`"))


@pytest.mark.parametrize("name", weights.WEIGHTS)
def test_forged_weights_are_refused(export, name):
    weights.WEIGHTS[name](export)
    assert "TensorFlow cannot load it" in refused(export)


@pytest.mark.parametrize("name", programs.LIVE)
def test_a_forgery_works_where_nothing_judges_it(export, name):
    """Otherwise the corpus would show that forgeries are refused which do nothing."""
    GRAPH[name](export)
    export.seal()
    try:
        module = tf.saved_model.load(str(export.path))
        module.signatures["sample"](seed=tf.constant([0], tf.int64))
    except Exception:
        assert export.sang  # a forgery may destroy what it uses
    assert export.sang


def test_a_program_that_is_changed_while_it_is_loaded_is_not_loaded(export, monkeypatch):
    def judge(path):
        found = scan.scan(path)
        programs.called_by_the_loader(export)
        export.seal()
        return found

    monkeypatch.setattr(loading, "scan", judge)
    use(zoo.load(export.path))
    assert not export.sang


def test_what_tensorflow_is_given_holds_no_file_operation(export):
    program = scan.scan(export.path).meta_graphs[0]
    assert {node.op for _, node in graphs.nodes(program)} <= scan.ALLOWED
    assert {field.name for field, _ in program.ListFields()} == {
        "meta_info_def", "graph_def", "object_graph_def",
    }  # fmt: skip


def test_a_file_that_becomes_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="'pipe'.*regular files"):
        directory.opened(tmp_path, "pipe")
    (tmp_path / "large").write_bytes(b"12345")
    assert directory.content(tmp_path, "large", 5) == b"12345"
    with pytest.raises(ValueError, match="'large' is larger"):
        directory.content(tmp_path, "large", 4)
    with pytest.raises(ValueError, match="'absent' cannot be read"):
        directory.opened(tmp_path, "absent")
    (tmp_path / "link").symlink_to("large")
    with pytest.raises(ValueError, match="'link'.*regular files"):
        directory.opened(tmp_path, "link")


def test_files_are_counted_before_they_are_read(tmp_path):
    for number in range(100):
        (tmp_path / f"{number}").touch()
    assert len(directory.names(tmp_path)) == 100
    (tmp_path / "more").touch()
    with pytest.raises(ValueError, match="more than 100 files"):
        directory.names(tmp_path)


@pytest.mark.parametrize("name", ["names", *weights.IGNORED])
def test_what_tells_nothing_is_ignored(exported, export, name):
    """A fingerprint that is none, other names of functions, savers that nobody registered."""
    if name == "names":
        (export.path / "fingerprint.pb").write_bytes(b"\xff" * 40)
        export.meta_graph.meta_info_def.function_aliases["x"] = "y"
        export.seal()
    else:
        weights.IGNORED[name](export)
    served = zoo.load(export.path)
    use(served)
    np.testing.assert_array_equal(served.sample(3, seed=0), zoo.load(exported).sample(3, seed=0))
    assert not export.sang


def test_networks_may_hold_functions_and_gradients_of_their_own(tmp_path):
    halved = tf.custom_gradient(lambda x: (x, lambda g: g / 2))
    plain = tf.function(lambda x: 2.0 * x, jit_compile=False)

    class Own(small.InTurn):
        def likelihood(self, z):
            return super().likelihood(plain(halved(z)))

    model = small.make(Own)
    served = zoo.load(zoo.export(model, tmp_path / "own"))
    np.testing.assert_allclose(served.sample(3, seed=0), model.sample(3, seed=0), rtol=1e-5)
