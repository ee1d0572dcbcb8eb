"""An export in the hands of a forger: its protos to edit, and sums that fit afterwards.

What a forgery does when it works is write a file, the canary, by `SaveV2`: the one operation of a
saver that reaches any place where the process may write.
"""

import json
import pathlib

import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2

from zoo.serving import manifest


class Export:
    """A version directory, its SavedModel, and the canary.

    Attributes:
        path: of the version directory.
        canary: prefix of the files that a forgery may try to write.
        saved, graph, library, objects: the SavedModel and its parts, to edit; then `seal`.
    """

    def __init__(self, path, canary):
        self.path, self.canary = pathlib.Path(path), canary
        self.saved = saved_model_pb2.SavedModel.FromString(self._file.read_bytes())
        self.meta_graph = self.saved.meta_graphs[0]
        self.graph, self.objects = self.meta_graph.graph_def, self.meta_graph.object_graph_def
        self.library = self.graph.library

    @property
    def _file(self):
        return self.path / "saved_model.pb"

    @property
    def sang(self):
        """Whether the canary was written."""
        return any(self.canary.parent.glob(f"{self.canary.name}*"))

    def seal(self):
        """Writes the SavedModel and makes the sums fit."""
        self._file.write_bytes(self.saved.SerializeToString())
        self.resign()

    def resign(self, **changes):
        """Makes the sums fit, as whoever forges an export would; `changes` are to the manifest."""
        path = self.path / manifest.FILE_NAME
        facts = json.loads(path.read_text()) | changes
        path.unlink()
        manifest.write(self.path, {k: v for k, v in facts.items() if k not in ("format", "files")})

    def facts(self):
        """The manifest."""
        return json.loads((self.path / manifest.FILE_NAME).read_text())

    # --- parts of the program ---------------------------------------------------------------------

    def function(self, words):
        """The first function whose name holds these words."""
        return next(f for f in self.library.function if words in f.signature.name)

    def signature(self, verb="sample"):
        """The wrapper function of a verb."""
        name = self.object_of(verb).bare_concrete_function.concrete_function_name
        return next(f for f in self.library.function if f.signature.name == name)

    def body(self, verb="sample"):
        """The function that the wrapper of a verb calls."""
        call = next(n for n in self.signature(verb).node_def if n.op == "StatefulPartitionedCall")
        return self.function(call.attr["f"].func.name)

    def object_of(self, name, kind="signature_map"):
        """A child of the objects of one class: the signature of a verb, for instance."""
        owner = next(n for n in self.objects.nodes if n.user_object.identifier == kind)
        return self.objects.nodes[next(c.node_id for c in owner.children if c.local_name == name)]

    def child(self, name, node=0, **kind):
        """A new object below another one; `kind` gives its text fields."""
        reference = self.objects.nodes[node].children.add()
        reference.local_name, reference.node_id = name, len(self.objects.nodes)
        return self.objects.nodes.add(**kind)

    def child_function(self, name, function, node=0, listed=False):
        """A new object that is a function of the library."""
        new = self.child(name, node)
        new.bare_concrete_function.concrete_function_name = function
        if listed:
            types = self.objects.concrete_functions[function]
            types.canonicalized_input_signature.tuple_value.values.add().tuple_value.SetInParent()
            types.canonicalized_input_signature.tuple_value.values.add().dict_value.SetInParent()
            types.output_signature.none_value.SetInParent()
        return new

    def new_function(self, name):
        """A function without inputs or outputs."""
        function = self.library.function.add()
        function.signature.name = name
        return function

    def writer(self, name="write"):
        """A function that writes the canary; returns its name."""
        self.write_in(self.new_function(name))
        return name

    def write_in(self, function):
        """Makes a function write the canary whenever it runs."""
        write(function.node_def, self.canary)
        run(function, "save")

    def call(self, function, called, operation="StatefulPartitionedCall"):
        """Makes a function of the library call another one."""
        node = function.node_def.add(name="call", op=operation)
        node.attr["f"].func.name = called
        for types in ("Tin", "Tout"):
            node.attr[types].list.SetInParent()
        run(function, "call")
        return node

    # --- the weights ------------------------------------------------------------------------------

    def rewrite_weights(self, change):
        """Writes the checkpoint again after `change` of {key: array}."""
        prefix = str(self.path / "variables" / "variables")
        reader = tf.train.load_checkpoint(prefix)
        tensors = {key: reader.get_tensor(key) for key in reader.get_variable_to_shape_map()}
        change(tensors)
        tf.raw_ops.SaveV2(
            prefix=prefix,
            tensor_names=list(tensors),
            shape_and_slices=[""] * len(tensors),
            tensors=[tf.constant(value) for value in tensors.values()],
        )
        self.resign()


def constant(nodes, name, value, dtype):
    """A constant node; returns its output as functions name it."""
    tensor = tf.make_tensor_proto(value, tf.as_dtype(dtype))
    node = nodes.add(name=name, op="Const")
    node.attr["dtype"].type = tensor.dtype
    node.attr["value"].tensor.CopyFrom(tensor)
    return f"{name}:output:0"


def write(nodes, path, name="save", inside=True):
    """Nodes that write a checkpoint at a path of the forger's choice."""
    inputs = [
        constant(nodes, f"{name}_path", str(path).encode(), tf.string),
        constant(nodes, f"{name}_names", [b"a"], tf.string),
        constant(nodes, f"{name}_slices", [b""], tf.string),
        constant(nodes, f"{name}_value", 1.0, tf.float32),
    ]
    node = nodes.add(name=name, op="SaveV2")
    node.input.extend(inputs if inside else [each.split(":")[0] for each in inputs])
    node.attr["dtypes"].list.type.append(types_pb2.DT_FLOAT)
    return node


def run(function, node):
    """Has a function run a node on which no output depends."""
    function.signature.is_stateful = True
    function.signature.control_output.append(node)
    function.control_ret[node] = node
