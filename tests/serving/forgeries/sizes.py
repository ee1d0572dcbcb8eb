"""What would load for ever: functions within functions, recursion, huge constants."""

from tests.serving.forgeries import of

GRAPH = {}


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
def a_list_with_a_huge_index(e):
    owner = next(n for n in e.objects.nodes if n.user_object.identifier == "trackable_list_wrapper")
    owner.children[0].local_name = str(10**10)
