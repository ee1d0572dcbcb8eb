"""What would load for ever: functions within functions, recursion, huge constants, sums of them."""

import tensorflow as tf

from tests.serving import forge
from tests.serving.forgeries import of

GRAPH, COMPUTED = {}, {}


@of(GRAPH)
def thousands_of_nested_functions(e):
    e.new_function("f0")
    for i in range(3000):
        e.call(e.new_function(f"f{i + 1}"), f"f{i}")


@of(GRAPH)
def forty_nested_functions(e):
    e.new_function("f0")
    for i in range(40):
        e.call(e.new_function(f"f{i + 1}"), f"f{i}")


@of(GRAPH)
def a_thousand_functions(e):
    for i in range(1000):
        e.new_function(f"f{i}")


@of(GRAPH)
def calls_that_double(e):
    e.new_function("f0")
    for i in range(30):
        function = e.new_function(f"f{i + 1}")
        for _ in range(2):
            e.call(function, f"f{i}")


@of(GRAPH)
def a_function_that_calls_itself(e):
    e.call(e.body(), e.body().signature.name)


@of(GRAPH)
def two_functions_that_call_each_other(e):
    a, b = e.new_function("a"), e.new_function("b")
    e.call(a, "b"), e.call(b, "a")


@of(GRAPH)
def a_loop_that_is_its_own_body(e):
    function = e.new_function("loop")
    node = function.node_def.add(name="loop", op="While")
    node.attr["cond"].func.name = node.attr["body"].func.name = "loop"


@of(GRAPH)
def a_huge_constant(e):
    node = next(n for n in e.body().node_def if n.op == "Const")
    node.attr["value"].tensor.tensor_shape.dim.add(size=10**12)


@of(GRAPH)
def a_constant_of_less_than_nothing_before_a_huge_one(e):
    for name, sizes in {"less": (-1, 10**12), "more": (10**9,)}.items():
        forge.constant(e.body().node_def, name, 0, tf.int32)
        shape = e.body().node_def[-1].attr["value"].tensor.tensor_shape
        for size in sizes:
            shape.dim.add(size=size)


@of(GRAPH)
def a_list_with_a_huge_index(e):
    owner = next(n for n in e.objects.nodes if n.user_object.identifier == "trackable_list_wrapper")
    owner.children[0].local_name = str(10**10)


# --- what the loader computes, as a shape might hang on it ----------------------------------------


def node(function, operation, *inputs, output="output", **types):
    """Another node; returns its output as functions name it."""
    name = f"{operation}_{len(function.node_def)}"
    added = function.node_def.add(name=name, op=operation)
    added.input.extend(inputs)
    for attribute, dtype in types.items():
        added.attr[attribute].type = dtype.as_datatype_enum
    return f"{name}:{output}:0"


def constant(function, value, dtype=tf.int32):
    return forge.constant(function.node_def, f"const_{len(function.node_def)}", value, dtype)


def zeros(function, size, dtype=tf.float32):
    """A matrix that takes no room in the file."""
    shape, zero = constant(function, [size, size]), constant(function, 0, dtype)
    return node(function, "Fill", shape, zero, T=dtype, index_type=tf.int32)


def total(function, x, dtype):
    return node(function, "Sum", x, constant(function, [0, 1]), T=dtype, Tidx=tf.int32)


def ask(function, number):
    """A node whose shape hangs on a number."""
    zero, one = constant(function, 0), constant(function, 1)
    node(function, "Range", zero, number, one, Tidx=tf.int32)


def ask_all(function, shape, dtype=tf.int32):
    """A node whose shape hangs on all numbers of a vector."""
    node(function, "Fill", shape, constant(function, 1), T=tf.int32, index_type=dtype)


@of(COMPUTED)
def a_product_of_large_matrices_that_a_shape_asks_for(e):
    f, x = e.body(), None
    for _ in range(8):
        other = zeros(f, 4000)
        x = other if x is None else node(f, "MatMul", x, other, output="product", T=tf.float32)
    whole = node(f, "Cast", total(f, x, tf.float32), output="y", SrcT=tf.float32, DstT=tf.int32)
    ask(f, whole)


@of(COMPUTED)
def a_large_sum_that_many_shapes_ask_for(e):
    f = e.body()
    whole = total(f, zeros(f, 5000, tf.int32), tf.int32)
    for _ in range(200):
        ask(f, whole)


@of(COMPUTED)
def large_sums_in_several_functions(e):
    for number in range(4):  # each alone is below the bound
        f = e.new_function(f"f{number}")
        whole = total(f, zeros(f, 5000, tf.int32), tf.int32)
        for _ in range(50):
            ask(f, whole)


@of(COMPUTED)
def a_long_sum_that_each_of_its_terms_asks_for(e):
    f = e.body()
    x = whole = constant(f, [0] * 254, tf.int64)
    for _ in range(1500):
        x = node(f, "AddV2", x, whole, output="z", T=tf.int64)
        ask_all(f, x, tf.int64)


@of(COMPUTED)
def a_size_that_is_computed(e):
    f = e.body()
    size = node(f, "Mul", constant(f, 2**15), constant(f, 2**15), output="z", T=tf.int32)
    shape = node(f, "Pack", size, constant(f, 3), T=tf.int32)
    f.node_def[-1].attr["N"].i = 2
    large = node(f, "Fill", shape, constant(f, 0), T=tf.int32, index_type=tf.int32)
    ask(f, total(f, large, tf.int32))


@of(COMPUTED)
def a_shape_that_doubles(e):
    f = e.body()
    x = node(f, "Shape", f.signature.input_arg[0].name, T=tf.int64, out_type=tf.int32)
    for _ in range(24):
        x = node(f, "ConcatV2", x, x, constant(f, 0), T=tf.int32, Tidx=tf.int32)
        f.node_def[-1].attr["N"].i = 2
    for _ in range(20):
        ask_all(f, x)


@of(COMPUTED)
def a_large_constant_that_another_function_asks_for(e):
    inner, outer = e.new_function("inner"), e.body()
    argument = inner.signature.input_arg.add(name="n", type=tf.int32.as_datatype_enum)
    for _ in range(200):
        ask(inner, total(inner, argument.name, tf.int32))
    call = e.call(outer, "inner")
    call.attr["Tin"].list.type.append(tf.int32.as_datatype_enum)
    call.input.append(zeros(outer, 5000, tf.int32))


@of(GRAPH)
def nodes_in_a_circle(e):
    f = e.body()
    f.node_def.add(name="a", op="Neg").input.append("b:y:0")
    f.node_def.add(name="b", op="Neg").input.append("a:y:0")


GRAPH |= COMPUTED
