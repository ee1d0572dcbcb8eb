"""The saver of a SavedModel: which functions are its own, and whether it keeps to its task.

`tf.saved_model.save` adds two nodes to the graph, which the saver definition names. One calls a
function that saves the variables, the other one that restores them. File operations belong into
these two functions alone.
"""

from collections.abc import Iterator
from typing import Any

from zoo.serving import graphs

OPERATIONS = frozenset(
    "AssignVariableOp DisableCopyOnRead MergeV2Checkpoints RestoreV2 SaveV2 ShardedFilename"
    " StaticRegexFullMatch StringJoin".split()
)
_RESTORE = frozenset({"RestoreV2", "AssignVariableOp", "Identity", "Const", "NoOp"})


class Saver:
    """The saver that a graph's definition names.

    Attributes:
        nodes: names of its two nodes.
        functions: names of the functions that these call.
    """

    def __init__(self, meta_graph: Any) -> None:
        definition = meta_graph.saver_def
        self._restore = graphs.node_of(definition.restore_op_name)
        self._filename = graphs.node_of(definition.filename_tensor_name)
        self.nodes = {graphs.node_of(definition.save_tensor_name), self._restore} - {""}
        self._outer = {node.name: node for node in meta_graph.graph_def.node}
        called = [graphs.calls(self._outer[name]) for name in self.nodes & set(self._outer)]
        self.functions = {name for names in called for name in names}

    def misuse(self, meta_graph: Any) -> str | None:
        """How anything but the saver reaches a file operation, or it another's file; or None."""
        return self._fetched(meta_graph) or self._outside(meta_graph) or self._elsewhere(meta_graph)

    def _fetched(self, meta_graph: Any) -> str | None:
        """Signatures and initialisers that run the saver's nodes."""
        wanted, seen = list(_fetches(meta_graph)), set()
        while wanted:
            name = wanted.pop()
            if name in self.nodes:
                return f"a signature that runs the saver (node {name!r})"
            if name in self._outer and name not in seen:
                seen.add(name)
                wanted += map(graphs.node_of, self._outer[name].input)
        return None

    def _outside(self, meta_graph: Any) -> str | None:
        """File operations outside of the saver's functions, and all that could call those."""
        for function, node in graphs.nodes(meta_graph):
            own = function in self.functions
            where = f"outside of the saver ({graphs.at(function, node)})"
            if node.op in OPERATIONS and not own:
                return f"operation {node.op!r} {where}"
            if function is not None or node.name not in self.nodes:
                called = self.functions & {node.op, *graphs.calls(node)}
                if called:
                    return f"a call of {min(called)!r} {where}"
        library, objects = meta_graph.graph_def.library, meta_graph.object_graph_def
        named = {gradient.gradient_func for gradient in library.registered_gradients}
        named |= set(objects.concrete_functions)
        named |= {node.bare_concrete_function.concrete_function_name for node in objects.nodes}
        if named & self.functions:
            return f"the saver's function {min(named & self.functions)!r} outside of the saver"
        return None

    def _elsewhere(self, meta_graph: Any) -> str | None:
        """A restore function, which servers run, that does more than read what it is told to."""
        node = self._outer.get(self._restore)
        called = graphs.calls(node) if node else ()
        for function in meta_graph.graph_def.library.function:
            if function.signature.name not in called:
                continue
            path = [argument.name for argument in function.signature.input_arg][:1]
            for inner in function.node_def:
                reads = inner.op == "RestoreV2"
                if inner.op not in _RESTORE or (reads and list(inner.input[:1]) != path):
                    where = graphs.at(function.signature.name, inner)
                    return f"a restore function that does more than restore ({where})"
        if node and list(map(graphs.node_of, node.input[:1])) != [self._filename]:
            return "a restore function that is given another path than the loader's"
        return None


def _fetches(meta_graph: Any) -> Iterator[str]:
    """Names of the nodes that signatures and initialisers name."""
    for signature in meta_graph.signature_def.values():
        for tensor in (*signature.inputs.values(), *signature.outputs.values()):
            yield graphs.node_of(tensor.name)
    for collection in meta_graph.collection_def.values():
        yield from map(graphs.node_of, collection.node_list.value)
