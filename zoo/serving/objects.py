"""The objects of a SavedModel: is it the tree that an export has, and no other?

While it loads, TensorFlow restores objects of registered classes by their own code, and calls
methods that it finds under certain names: `_initialize`, `_maybe_initialize_trackable`, others. An
export has none of these, so the shape of its tree is fixed: a root with the list of all variables
and the map of the signatures, which may have captured constants.
"""

import re
from typing import Any

# {kind of an object: all that may be said of it}
_FIELDS = {
    "user_object": {"user_object", "children"},
    "variable": {"variable"},
    "constant": {"constant", "registered_name"},
    "bare_concrete_function": {"bare_concrete_function", "children", "dependencies"},
}
_LIST, _MAP = "trackable_list_wrapper", "signature_map"
_CLASSES = ("_generic_user_object", _LIST, _MAP)
_REGISTERED = ("", "tf.TrackableConstant")
# The types of inputs and outputs. Others would name classes of Python, which take part in loading.
_TYPES = frozenset(
    "none_value string_value tensor_spec_value tuple_value list_value dict_value"
    " named_tuple_value".split()
)


def judge(meta_graph: Any) -> str | None:
    """What is not as in an export, in words, or None."""
    nodes = meta_graph.object_graph_def.nodes
    return (
        next(filter(None, (_object(node, len(nodes)) for node in nodes)), None)
        or _tree(nodes)
        or _functions(meta_graph)
    )


def _object(node: Any, count: int) -> str | None:
    """What no object of an export is or has."""
    kind = node.WhichOneof("kind")
    if kind not in _FIELDS:
        return f"an object of kind {kind!r}"
    if kind == "user_object" and node.user_object.identifier not in _CLASSES:
        return f"an object of class {node.user_object.identifier!r}"
    odd = sorted({field.name for field, _ in node.ListFields()} - _FIELDS[kind])
    if odd or node.registered_name not in _REGISTERED:
        return f"an object of kind {kind!r} with {(odd or ['registered_name'])[0]!r}"
    for child in (*node.children, *node.dependencies):
        if not 0 <= child.node_id < count:
            return f"an object with a child {child.local_name!r} that is not there"
    return None


def _tree(nodes: Any) -> str | None:
    """An object that is not in its place, or under another name than exports give it."""
    kinds = [node.user_object.identifier or node.WhichOneof("kind") for node in nodes]
    places = {
        "_generic_user_object": {"variables_in_use": _LIST, "signatures": _MAP},
        _LIST: {r"\d+": "variable"},
        _MAP: {r"[a-z]\w*": "bare_concrete_function"},
        "bare_concrete_function": {r"capture_\d+": "constant"},
    }
    for index, node in enumerate(nodes):
        if (index == 0) != (kinds[index] == "_generic_user_object"):
            return f"an object of class {kinds[index]!r} in another's place"
        for child in (*node.children, *node.dependencies):
            name, kind = child.local_name, kinds[child.node_id]
            if not any(
                re.fullmatch(pattern, name, re.ASCII) and kind == wanted
                for pattern, wanted in places[kinds[index]].items()
            ):
                return f"an object with a child {name!r} of kind {kind!r}"
        if kinds[index] == _LIST:
            variables = {i for i, kind in enumerate(kinds) if kind == "variable"}
            numbers = {str(i) for i in range(len(variables))}
            listed = {child.local_name: child.node_id for child in node.children}
            if set(listed) != numbers or set(listed.values()) != variables:
                return "a list of other than all variables"
    if len(nodes[0].children) != 2 or kinds.count(_LIST) != 1 or kinds.count(_MAP) != 1:
        return "other objects than the variables and the signatures"
    return None


def _functions(meta_graph: Any) -> str | None:
    """Functions with types that exports do not have, or that capture other objects."""
    objects, graph = meta_graph.object_graph_def, meta_graph.graph_def
    functions = {function.signature.name for function in graph.library.function}
    constants = {node.name for node in graph.node if node.op == "Const"}
    for node in objects.nodes:
        if node.HasField("constant") and node.constant.operation not in constants:
            return f"an object of a constant {node.constant.operation!r} that is not there"
        if node.HasField("bare_concrete_function"):
            function = node.bare_concrete_function
            if function.concrete_function_name not in objects.concrete_functions:
                return f"an object of a function {function.concrete_function_name!r} without types"
            specification = function.function_spec
            odd = _odd_type(specification.fullargspec) or _odd_type(specification.input_signature)
            if odd:
                return f"a type of {odd} in a signature"
    kinds = [node.WhichOneof("kind") for node in objects.nodes]
    captured = {index for index, kind in enumerate(kinds) if kind in ("variable", "constant")}
    for name, function in objects.concrete_functions.items():
        if name not in functions:
            return f"types of a function {name!r} that is not there"
        for index in function.bound_inputs:
            if index not in captured:
                return f"a function {name!r} that captures what is no variable"
        odd = _odd_type(function.canonicalized_input_signature)
        odd = odd or _odd_type(function.output_signature)
        if odd:
            return f"a type of {odd} in function {name!r}"
    return None


def _odd_type(value: Any) -> str | None:
    """The kind of a structured value that exports do not have, within a structure, too."""
    kind = value.WhichOneof("kind")
    if kind not in _TYPES and kind is not None:
        return kind
    if kind in ("tuple_value", "list_value"):
        inner = list(getattr(value, kind).values)
    elif kind == "dict_value":
        inner = list(value.dict_value.fields.values())
    elif kind == "named_tuple_value":
        inner = [pair.value for pair in value.named_tuple_value.values]
    else:
        inner = []
    return next(filter(None, map(_odd_type, inner)), None)
