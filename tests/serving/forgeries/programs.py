"""Operations of the saver, and how they might be reached."""

import shutil

import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import config_pb2

from tests.serving import forge
from tests.serving.forgeries import of

GRAPH = {}


@of(GRAPH)
def called_by_the_loader(e):
    e.child_function("_maybe_initialize_trackable", e.writer())


@of(GRAPH)
def moved_by_the_loader(e):
    victim = e.path.parent / "victim"
    shutil.copytree(e.path / "variables", victim)
    function = e.new_function("move")
    source = forge.constant(
        function.node_def, "from", [str(victim / "variables").encode()], tf.string
    )
    target = forge.constant(function.node_def, "to", str(e.canary).encode(), tf.string)
    function.node_def.add(name="move", op="MergeV2Checkpoints").input.extend([source, target])
    forge.run(function, "move")
    e.child_function("_maybe_initialize_trackable", "move")


@of(GRAPH)
def initialised_as_a_table(e):
    table = e.child("table")
    table.user_object.identifier = "_generic_user_object"
    table.registered_name = "tf.StaticHashTable"
    made = e.new_function("create")
    index = len(e.objects.nodes) - 1
    table.resource.device = ""
    e.child_function("_create_resource", made.signature.name, index)
    e.child_function("_initialize", e.writer(), index)


@of(GRAPH)
def initialised_as_a_resource(e):
    resource = e.child("resource")
    resource.resource.device = ""
    index = len(e.objects.nodes) - 1
    e.new_function("create")
    e.child_function("_create_resource", "create", index)
    e.child_function("_initialize", e.writer(), index)


@of(GRAPH)
def swapped_by_the_optimizer(e):
    body = e.body()
    twin = e.library.function.add()
    twin.CopyFrom(body)
    twin.signature.name = "twin"
    e.write_in(twin)
    for function, device in ((body, b"GPU"), (twin, b"CPU")):
        function.attr["api_implements"].s = b"one of two"
        function.attr["api_preferred_device"].s = device


@of(GRAPH)
def called_by_a_signature(e):
    e.call(e.signature(), e.writer())


@of(GRAPH)
def in_a_signature(e):
    e.write_in(e.signature())


@of(GRAPH)
def in_the_body_of_a_signature(e):
    e.write_in(e.body())


LIVE = tuple(GRAPH)  # so far: these write the file where nothing judges them


@of(GRAPH)
def a_child_that_python_could_call(e):
    e.child_function("act", e.writer())


@of(GRAPH)
def a_listed_child_that_python_could_call(e):
    e.child_function("act", e.writer(), listed=True)


@of(GRAPH)
def a_method_of_the_root(e):
    e.child_function("__call__", e.writer())


@of(GRAPH)
def a_harmless_function_called_by_the_loader(e):
    e.new_function("harmless")
    e.child_function("_maybe_initialize_trackable", "harmless", listed=True)


@of(GRAPH)
def an_endless_loop_at_load(e):
    condition, spin = e.new_function("condition"), e.new_function("spin")
    condition.signature.output_arg.add(name="go", type=types_pb2.DT_BOOL)
    condition.ret["go"] = forge.constant(condition.node_def, "true", True, tf.bool)
    e.new_function("body")
    loop = spin.node_def.add(name="loop", op="While")
    loop.attr["T"].list.SetInParent()
    loop.attr["cond"].func.name, loop.attr["body"].func.name = "condition", "body"
    forge.run(spin, "loop")
    e.child_function("_maybe_initialize_trackable", "spin", listed=True)


@of(GRAPH)
def a_function_that_nobody_calls(e):
    e.writer()


@of(GRAPH)
def a_signature_that_is_not_listed(e):
    e.object_of("sample").bare_concrete_function.concrete_function_name = e.writer()


@of(GRAPH)
def a_signature_of_the_saver(e):
    saver = e.function("traced_save").signature.name
    e.object_of("sample").bare_concrete_function.concrete_function_name = saver


@of(GRAPH)
def the_saver_as_a_child(e):
    e.child_function("save", e.function("traced_save").signature.name, listed=True)


@of(GRAPH)
def the_saver_with_types_and_no_object(e):
    e.objects.concrete_functions[e.function("traced_save").signature.name].SetInParent()


@of(GRAPH)
def the_saver_as_the_destructor(e):
    e.child_function("_destroy_resource", e.function("traced_save").signature.name)


@of(GRAPH)
def the_saver_called_by_name(e):
    e.signature().node_def.add(name="call", op=e.function("traced_save").signature.name)


@of(GRAPH)
def the_saver_makes_a_signature_its_own(e):
    e.write_in(e.body())
    node = next(n for n in e.graph.node if e.meta_graph.saver_def.save_tensor_name[:-2] == n.name)
    node.attr["f"].func.name = e.body().signature.name


@of(GRAPH)
def the_saver_makes_a_wrapper_its_own(e):
    e.write_in(e.signature())
    e.meta_graph.saver_def.save_tensor_name = e.meta_graph.signature_def["sample"].outputs["x"].name


@of(GRAPH)
def the_saver_calls_a_second_one(e):
    e.call(e.function("traced_save"), e.writer())


@of(GRAPH)
def a_saver_without_a_name(e):
    function = e.new_function("")
    e.write_in(function)
    forge.write(e.graph.node, e.canary, inside=False)
    node = next(n for n in e.graph.node if e.meta_graph.saver_def.save_tensor_name[:-2] == n.name)
    node.attr["f"].func.name = ""


@of(GRAPH)
def no_saver_but_its_functions(e):
    e.meta_graph.ClearField("saver_def")


@of(GRAPH)
def a_restore_function_that_writes(e):
    e.write_in(e.function("traced_restore"))


@of(GRAPH)
def a_restore_function_that_calls_the_saver(e):
    e.call(e.function("traced_restore"), e.function("traced_save").signature.name)


@of(GRAPH)
def a_restore_function_that_reads_elsewhere(e):
    function = e.function("traced_restore")
    path = forge.constant(function.node_def, "path", b"/etc/passwd", tf.string)
    next(node for node in function.node_def if node.op == "RestoreV2").input[0] = path


@of(GRAPH)
def a_restore_node_that_is_told_another_path(e):
    forge.constant(e.graph.node, "path", b"/etc/passwd", tf.string)
    node = next(n for n in e.graph.node if e.meta_graph.saver_def.restore_op_name == n.name)
    node.input[0] = "path"


@of(GRAPH)
def a_saver_in_the_graph(e):
    forge.write(e.graph.node, e.canary, inside=False)


@of(GRAPH)
def an_initialiser_that_writes(e):
    forge.write(e.graph.node, e.canary, inside=False)
    e.meta_graph.collection_def["saved_model_main_op"].node_list.value[:] = ["save"]


@of(GRAPH)
def an_initialising_signature_that_saves(e):
    outputs = e.meta_graph.signature_def["__saved_model_init_op"].outputs
    outputs["__saved_model_init_op"].name = e.meta_graph.saver_def.save_tensor_name


@of(GRAPH)
def an_input_that_is_the_saver_s(e):
    inputs = e.meta_graph.signature_def["sample"].inputs
    inputs["seed"].name = e.meta_graph.saver_def.save_tensor_name


@of(GRAPH)
def an_initialiser_behind_an_identity(e):
    node = e.graph.node.add(name="mine", op="Identity")
    node.input.append(f"^{e.meta_graph.saver_def.restore_op_name}")
    e.meta_graph.collection_def["saved_model_main_op"].node_list.value[:] = ["mine"]


for operation in ("If", "StatelessIf", "Case", "StatelessCase", "While", "StatelessWhile"):

    @of(GRAPH, f"branch_of_{operation}")
    def branch(e, operation=operation):
        names = [e.writer(), e.writer("second")]
        node = e.body().node_def.add(name="branch", op=operation)
        if "Case" in operation:
            for name in names:
                node.attr["branches"].list.func.add(name=name)
        else:
            keys = ("cond", "body") if "While" in operation else ("then_branch", "else_branch")
            for key, name in zip(keys, names):
                node.attr[key].func.name = name


for operation in (
    "SymbolicGradient", "RemoteCall", "BatchFunction", "MapDefun", "XlaLaunch",
    "TPUPartitionedCall",
    "MapDataset", "ReadFile", "WriteFile", "PyFunc", "EagerPyFunc", "PrintV2", "Save", "SaveSlices",
    "Restore", "RestoreSlice", "TensorDataset", "IteratorV2", "HashTableV2", "InitializeTableV2",
    "InitializeTableFromTextFileV2", "LookupTableExportV2", "VarHandleOp", "MutableHashTableV2",
    "Placeholder", "RecordInput", "SummaryWriter", "CreateSummaryFileWriter", "DebugIdentityV2",
    "Send", "_Send", "CollectiveBcastSendV2", "LoadDataset", "SaveDatasetV2", "ImportEvent",
):  # fmt: skip

    @of(GRAPH, f"operation_{operation}")
    def add_operation(e, operation=operation):
        e.body().node_def.add(name="more", op=operation)


@of(GRAPH)
def a_gradient_that_writes(e):
    e.library.registered_gradients.add(gradient_func=e.writer(), registered_op_type="Mine")
    for node in e.body().node_def:
        node.attr["_gradient_op_type"].s = b"Mine"


@of(GRAPH)
def a_gradient_that_is_the_saver(e):
    saver = e.function("traced_save").signature.name
    e.library.registered_gradients.add(gradient_func=saver, registered_op_type="Mine")


@of(GRAPH)
def a_gradient_that_is_not_there(e):
    e.library.registered_gradients.add(gradient_func="nobody", registered_op_type="Mine")


@of(GRAPH)
def a_gradient_of_a_function(e):
    gradient = e.library.gradient.add(function_name=e.body().signature.name)
    gradient.gradient_func = e.new_function("gradient").signature.name


@of(GRAPH)
def a_function_within_an_attribute(e):
    node = next(n for n in e.signature().node_def if "f" in n.attr)
    node.attr["f"].func.attr["g"].func.name = e.new_function("inner").signature.name


@of(GRAPH)
def two_functions_of_one_name(e):
    e.writer(e.body().signature.name)


@of(GRAPH)
def the_saver_of_a_function_s_name(e):
    e.writer(e.function("traced_save").signature.name)


@of(GRAPH)
def a_function_named_as_an_operation(e):
    e.writer("MatMul")


@of(GRAPH)
def a_function_named_as_a_saver_s_operation(e):
    e.new_function("SaveV2")


@of(GRAPH)
def a_function_named_as_an_operation_of_the_outer_graph(e):
    e.new_function("Placeholder")


@of(GRAPH)
def a_call_of_nobody(e):
    e.call(e.body(), "nobody")


for attribute in (
    "api_implements", "api_preferred_device", "_XlaMustCompile", "_noinline", "_implements",
    "_kernel", "forward_function_name", "backward_function_name", "_tf_data_function", "_xla_scope",
):  # fmt: skip

    @of(GRAPH, f"function_attribute{attribute}")
    def of_a_function(e, attribute=attribute):
        e.body().attr[attribute].s = b"x"


for attribute in ("api_implements", "_XlaMustCompile", "_kernel", "_tpu_replicate", "_class"):

    @of(GRAPH, f"node_attribute{attribute}")
    def of_a_node(e, attribute=attribute):
        e.body().node_def[0].attr[attribute].s = b"x"


@of(GRAPH)
def a_compiled_function(e):
    e.body().attr["_XlaMustCompile"].b = True


@of(GRAPH)
def an_optimizer_of_the_graph(e):
    config = config_pb2.ConfigProto()
    config.graph_options.rewrite_options.custom_optimizers.add(name="mine")
    node = next(n for n in e.signature().node_def if "f" in n.attr)
    node.attr["config_proto"].s = config.SerializeToString()


@of(GRAPH)
def an_optimizer_of_tensorflow_s_own(e):
    config = config_pb2.ConfigProto()
    config.graph_options.rewrite_options.optimizers.append("function")
    node = next(n for n in e.signature().node_def if "f" in n.attr)
    node.attr["config_proto"].s = config.SerializeToString()


@of(GRAPH)
def a_configuration_that_is_none(e):
    node = next(n for n in e.signature().node_def if "f" in n.attr)
    node.attr["config_proto"].s = b"\xff\xff"
