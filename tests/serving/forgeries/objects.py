"""Objects that act when they are restored, types, graphs and assets that no export has."""

import tensorflow as tf
from tensorflow.core.framework import types_pb2

from tests.serving import forge
from tests.serving.forgeries import of

GRAPH = {}


for kind in ("asset", "function", "resource", "captured_tensor"):

    @of(GRAPH, f"object_{kind}")
    def an_object(e, kind=kind):
        getattr(e.child("more"), kind).SetInParent()


for identifier in ("_tf_keras_layer", "optimizer", "trackable_dict_wrapper", "metric", ""):

    @of(GRAPH, f"class_{identifier}")
    def a_class(e, identifier=identifier):
        e.child("more").user_object.identifier = identifier


for registered in ("tf.StaticHashTable", "tf.TrackableConstant", "tf.Variable", "Custom.Mine"):

    @of(GRAPH, f"registered_{registered}")
    def a_registered_name(e, registered=registered):
        e.object_of("0", "trackable_list_wrapper").registered_name = registered


@of(GRAPH)
def a_registered_saver(e):
    e.objects.nodes[0].registered_saver = "Custom.Mine"


@of(GRAPH)
def an_own_saver(e):
    own = e.object_of("0", "trackable_list_wrapper").saveable_objects["VARIABLE_VALUE"]
    own.save_function = own.restore_function = len(e.objects.nodes)
    e.objects.nodes.add().bare_concrete_function.concrete_function_name = e.writer()


@of(GRAPH)
def slots(e):
    e.objects.nodes[1].slot_variables.add(original_variable_node_id=3, slot_variable_node_id=4)


@of(GRAPH)
def a_user_s_own_message(e):
    e.objects.nodes[1].serialized_user_proto.type_url = "type.googleapis.com/x"


@of(GRAPH)
def a_second_list(e):
    e.child("more").user_object.identifier = "trackable_list_wrapper"


@of(GRAPH)
def a_second_root(e):
    e.objects.nodes.add().user_object.identifier = "_generic_user_object"


@of(GRAPH)
def the_root_in_itself(e):
    e.objects.nodes[0].children.add(local_name="self", node_id=0)


@of(GRAPH)
def a_node_that_is_not_there(e):
    e.objects.nodes[0].children[0].node_id = 1000


@of(GRAPH)
def a_node_before_the_first(e):
    e.objects.nodes[0].children[0].node_id -= len(e.objects.nodes)  # the same one, from the end


@of(GRAPH)
def a_node_behind_the_last(e):
    e.objects.nodes[0].children[0].node_id = len(e.objects.nodes)


@of(GRAPH)
def no_objects_at_all(e):
    del e.objects.nodes[:]


@of(GRAPH)
def no_object_graph(e):
    e.meta_graph.ClearField("object_graph_def")


@of(GRAPH)
def no_signatures(e):
    del e.objects.nodes[0].children[1]


@of(GRAPH)
def no_sample(e):
    del e.objects.nodes[2].children[0]


@of(GRAPH)
def a_signature_with_an_underscore(e):
    e.objects.nodes[2].children[0].local_name = "_add_signature"


@of(GRAPH)
def a_signature_with_more_than_a_name(e):
    signatures = e.objects.nodes[2].children
    signatures.add(local_name="sample.more", node_id=signatures[0].node_id)


@of(GRAPH)
def a_lost_variable(e):
    del e.objects.nodes[1].children[-1]


@of(GRAPH)
def a_variable_twice(e):
    e.objects.nodes[1].children[-1].node_id = e.objects.nodes[1].children[0].node_id


@of(GRAPH)
def a_variable_of_another_shape(e):
    e.object_of("0", "trackable_list_wrapper").variable.shape.dim.add(size=7)


@of(GRAPH)
def a_variable_of_an_odd_type(e):
    e.object_of("0", "trackable_list_wrapper").variable.dtype = types_pb2.DT_RESOURCE


@of(GRAPH)
def a_child_of_a_variable(e):
    index = e.objects.nodes[1].children[0].node_id
    e.child_function("initializer", e.new_function("f").signature.name, index)


def captured(e, operation):
    """A constant that a signature has captured."""
    constant = e.child("capture_0", e.objects.nodes[2].children[0].node_id)
    constant.constant.operation = operation
    return constant


@of(GRAPH)
def a_constant_that_is_not_there(e):
    captured(e, "nobody")


@of(GRAPH)
def a_constant_of_a_registered_class(e):
    forge.constant(e.graph.node, "mine", 1.0, tf.float32)
    captured(e, "mine").registered_name = "Custom.Mine"


@of(GRAPH)
def a_signature_that_captures_the_root(e):
    name = e.signature().signature.name
    e.objects.concrete_functions[name].bound_inputs[0] = 0


@of(GRAPH)
def a_signature_that_captures_nothing(e):
    name = e.signature().signature.name
    e.objects.concrete_functions[name].bound_inputs[0] = 10**6


@of(GRAPH)
def a_type_of_a_python_class(e):
    output = e.objects.concrete_functions[e.signature().signature.name].output_signature
    of_x = output.dict_value.fields["x"]
    of_x.type_spec_value.type_spec_class_name = "tf.RaggedTensorSpec"


@of(GRAPH)
def a_type_of_a_python_class_in_arguments(e):
    function = e.object_of("sample").bare_concrete_function.function_spec
    function.input_signature.type_spec_value.type_spec_class_name = "tf.RaggedTensorSpec"


CLASS = "tf.RaggedTensorSpec"


@of(GRAPH)
def a_type_of_a_python_class_in_the_names_of_arguments(e):
    function = e.object_of("sample").bare_concrete_function.function_spec
    function.fullargspec.type_spec_value.type_spec_class_name = CLASS


@of(GRAPH)
def a_type_of_a_python_class_among_the_inputs(e):
    types = e.objects.concrete_functions[e.signature().signature.name]
    keywords = types.canonicalized_input_signature.tuple_value.values[1].dict_value
    keywords.fields["seed"].type_spec_value.type_spec_class_name = CLASS


@of(GRAPH)
def a_type_of_a_python_class_in_a_named_tuple(e):
    function = e.object_of("sample").bare_concrete_function.function_spec
    pair = function.input_signature.named_tuple_value.values.add(key="x")
    pair.value.list_value.values.add().type_spec_value.type_spec_class_name = CLASS


@of(GRAPH)
def types_of_nobody(e):
    e.objects.concrete_functions["nobody"].bound_inputs.append(0)


for dtype in (types_pb2.DT_VARIANT, types_pb2.DT_RESOURCE):

    @of(GRAPH, f"an_object_of_type_{dtype}_as_a_constant")
    def an_object_as_a_constant(e, dtype=dtype):
        node = next(n for n in e.body().node_def if n.op == "Const")
        node.attr["value"].tensor.dtype = dtype


@of(GRAPH)
def a_second_graph(e):
    e.saved.meta_graphs.add().CopyFrom(e.meta_graph)


@of(GRAPH)
def no_graph(e):
    del e.saved.meta_graphs[:]


@of(GRAPH)
def an_asset(e):
    asset = e.meta_graph.asset_file_def.add(filename="../../../../etc/passwd")
    asset.tensor_info.name = "saver_filename:0"


@of(GRAPH)
def an_asset_of_old(e):
    e.meta_graph.collection_def["saved_model_assets"].any_list.value.add(type_url="x")


@of(GRAPH)
def an_output_of_another_type(e):
    output = e.objects.concrete_functions[e.signature().signature.name].output_signature
    output.dict_value.fields["x"].tensor_spec_value.dtype = types_pb2.DT_INT32
