"""Loading an export: what it needs, and what it refuses to load."""

import json
import shutil
import subprocess
import sys

import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2

import zoo
from tests.serving.toys import make
from zoo.serving import Served, manifest
from zoo.serving.scan import scan


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return zoo.export(make("no_encoder"), tmp_path_factory.mktemp("exported") / "model")


@pytest.fixture
def copy(exported, tmp_path):
    """A version directory to spoil."""
    return shutil.copytree(exported, tmp_path / "model" / "1")


def test_loading_needs_no_method(exported):
    program = (
        "import sys, zoo; served = zoo.load(sys.argv[1]); served.sample(2, seed=0)\n"
        "assert not any(m.startswith(('zoo.methods', 'zoo.model')) for m in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(exported)], check=True, timeout=600)


def test_repr_names_the_verbs(exported):
    served = Served(exported)
    assert repr(served).startswith("<Served tests.small:InTurn (2,): decode, sample; ")


# --- damage ---------------------------------------------------------------------------------------


def spoil_weights(directory):
    path = directory / "variables" / "variables.data-00000-of-00001"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "variables.data": spoil_weights,
    "'saved_model.pb'": lambda d: (d / "saved_model.pb").write_bytes(b"\x00" * 10),
    "'model_card.md' is missing": lambda d: (d / "model_card.md").unlink(),
    "'saved_model.cpb' is not listed": lambda d: (d / "saved_model.cpb").write_bytes(b""),
    "not readable": lambda d: (d / "zoo_manifest.json").write_text("{"),
    "lacks": lambda d: (d / "zoo_manifest.json").write_text('{"format": 2}'),
    "Received: format=1": lambda d: (d / "zoo_manifest.json").write_text('{"format": 1}'),
    "Received: format=None": lambda d: (d / "zoo_manifest.json").write_text("{}"),
}


@pytest.mark.parametrize("message", DAMAGE)
def test_damage_is_refused(copy, message):
    DAMAGE[message](copy)
    with pytest.raises(ValueError, match=message) as error:
        zoo.load(copy.parent)
    assert "\n" not in str(error.value)


def test_what_is_no_export_is_refused(tmp_path):
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(FileNotFoundError, match="path"):
            zoo.load(path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="zoo_manifest.json"):
        zoo.load(tmp_path)


# --- forgery --------------------------------------------------------------------------------------


def resign(directory):
    """Makes the sums fit, as whoever forges an export would."""
    path = directory / "zoo_manifest.json"
    facts = json.loads(path.read_text())
    path.unlink()
    manifest.write(directory, {k: v for k, v in facts.items() if k not in ("format", "files")})


@pytest.mark.parametrize(
    "changes, words",
    [
        (
            {
                "distributions": {
                    "foo": {"family": "normal", "signature": "sample", "parameters": {}}
                }
            },
            "a distribution 'foo' of other",
        ),
        ({"conditional": True, "num_classes": None}, "of neither classes nor attributes"),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(copy, changes, words):
    facts = json.loads((copy / "zoo_manifest.json").read_text())
    facts["distributions"] = {**facts["distributions"], **changes.get("distributions", {})}
    facts |= {name: value for name, value in changes.items() if name != "distributions"}
    (copy / "zoo_manifest.json").write_text(json.dumps(facts))
    with pytest.raises(ValueError, match=words) as error:
        zoo.load(copy)
    assert "\n" not in str(error.value)


def forge(directory, change):
    path = directory / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    change(saved.meta_graphs[0])
    path.write_bytes(saved.SerializeToString())
    resign(directory)


def function(meta_graph, words):
    return next(f for f in meta_graph.graph_def.library.function if words in f.signature.name)


def test_a_saved_model_that_reads_files_is_refused(copy, tmp_path):
    (tmp_path / "secret").write_text("secret")
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
    def sample(seed):
        return {"x": tf.repeat(tf.io.read_file(str(tmp_path / "secret")), tf.shape(seed)[0])}

    tf.saved_model.save(module, str(copy), signatures={"sample": sample})
    resign(copy)
    with pytest.raises(ValueError, match="'ReadFile'.*allowed") as error:
        zoo.load(copy)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "operation", ["WriteFile", "PyFunc", "EagerPyFunc", "PrintV2", "LoadLibrary"]
)
@pytest.mark.parametrize("place", ["graph", "function"])
def test_operations_outside_of_the_list_are_refused(copy, operation, place):
    def change(meta_graph):
        graph = meta_graph.graph_def
        nodes = graph.node if place == "graph" else graph.library.function[0].node_def
        nodes.add(name="harmless", op=operation)

    forge(copy, change)
    with pytest.raises(ValueError, match=f"operation {operation!r} \\(node 'harmless'"):
        zoo.load(copy)


def restore_in_signature(meta_graph):
    """A signature that reads any checkpoint file of the server."""
    function(meta_graph, "signature_wrapper").node_def.add(name="steal", op="RestoreV2")


def call_the_saver(meta_graph):
    saver = function(meta_graph, "traced_save").signature.name
    node = function(meta_graph, "signature_wrapper").node_def.add(name="c", op="PartitionedCall")
    node.attr["f"].func.name = saver


def call_the_saver_by_name(meta_graph):
    saver = function(meta_graph, "traced_save").signature.name
    function(meta_graph, "signature_wrapper").node_def.add(name="c", op=saver)


def sign_the_saver(meta_graph):
    output = meta_graph.signature_def["sample"].outputs["x"]
    output.name = meta_graph.saver_def.save_tensor_name


def initialise_with_the_saver(meta_graph):
    saver = meta_graph.saver_def.restore_op_name
    meta_graph.collection_def["saved_model_main_op"].node_list.value[:] = [saver]


def second_saver(meta_graph):
    meta_graph.graph_def.node.add(name="mine", op="SaveV2")


def hide_a_program(meta_graph):
    node = function(meta_graph, "signature_wrapper").node_def.add(name="c", op="Const")
    node.attr["value"].tensor.dtype = types_pb2.DT_VARIANT


def foreign_object(meta_graph):
    node = meta_graph.object_graph_def.nodes.add()
    node.user_object.identifier = "_tf_keras_layer"


def resource_object(meta_graph):
    meta_graph.object_graph_def.nodes.add().resource.device = ""


def another_variable(meta_graph):
    node = function(meta_graph, "signature_wrapper").node_def.add(name="c", op="VarHandleOp")
    node.attr["shared_name"].s = b"somebody's"


def no_objects(meta_graph):
    meta_graph.ClearField("object_graph_def")


FORGERIES = {
    restore_in_signature: "'RestoreV2' outside of the saver",
    call_the_saver: "outside of the saver",
    call_the_saver_by_name: "outside of the saver",
    sign_the_saver: "runs the saver",
    initialise_with_the_saver: "runs the saver",
    second_saver: "'SaveV2' outside of the saver",
    hide_a_program: "constant object",
    foreign_object: "class '_tf_keras_layer'",
    resource_object: "kind 'resource'",
    another_variable: "'VarHandleOp'",
    no_objects: "exactly one graph",
}


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda f: f.__name__)
def test_forgeries_are_refused(copy, forgery):
    scan(copy)
    forge(copy, forgery)
    with pytest.raises(ValueError, match=FORGERIES[forgery]):
        zoo.load(copy)
