"""Reading the graph of a SavedModel: its nodes, wherever they are, and whom they call."""

from collections.abc import Iterator
from typing import Any


def nodes(meta_graph: Any) -> Iterator[tuple[str | None, Any]]:
    """(name of its function, node) of every node; None stands for the outer graph."""
    graph = meta_graph.graph_def
    yield from ((None, node) for node in graph.node)
    for function in graph.library.function:
        yield from ((function.signature.name, node) for node in function.node_def)


def at(function: str | None, node: Any) -> str:
    """Where a node is, for messages."""
    where = f"function {function!r}" if function is not None else "the graph"
    return f"node {node.name!r} of {where}"


def calls(node: Any) -> list[str]:
    """Names of the functions in a node's attributes; its operation may be a function, too."""
    found = []
    for value in node.attr.values():
        found += [value.func.name] if value.HasField("func") else []
        found += [function.name for function in value.list.func]
    return found


def node_of(tensor: str) -> str:
    """Node of a tensor's name: "^a", "a:1" and "a" are of "a"."""
    return tensor.lstrip("^").split(":")[0]
