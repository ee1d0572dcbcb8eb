"""What TensorFlow computes of a graph while it only loads it, and how much of that there may be.

To know shapes, the loader evaluates what hangs on constants alone, or on shapes that it knows,
wherever an operation may ask for it: whole numbers, such as the `shape` of a `Reshape`. It begins
anew for each that asks. So every one of these values has a bound here of the elements that are made
on the way to it, and their sum, which is time, has one. TensorFlow's source allows it to follow
calls of functions, too, with what they are given: they are counted, though 2.21 did not do it.
"""

import collections
import graphlib
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2, types_pb2
from tensorflow.python.framework import op_def_registry

from zoo.serving import graphs

# In elements, each about a nanosecond: one evaluation, one operation in it, all of an export. Of
# all methods, with small networks, VLAE's export needs most, 2^26.
_ASKED, _NODE, _MOST = 2**16, 2**12, 2**32
_RANK = 254  # of TensorFlow's tensors, at most
_WHOLE = frozenset({types_pb2.DT_INT32, types_pb2.DT_INT64})
# Tensors whose numbers the loader wants in part, though some hang on what it does not know.
_IN_PART = frozenset({"Pack", "ConcatV2", "Cast", "StridedSlice"})
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})


class Size(NamedTuple):
    """Bounds of a tensor that is known while a graph is loaded.

    Attributes:
        rank, elements: at most so many.
        partly: whether some of its numbers are not known.
    """

    rank: int
    elements: float
    partly: bool = False


_UNBOUNDED = Size(_RANK, math.inf)


def _flag(node: Any, name: str) -> Any:
    """An attribute of a node, which asking it for one that it has not would add to it."""
    return node.attr[name] if name in node.attr else attr_value_pb2.AttrValue()


def _same(node: Any, inputs: list[Size], values: list[Any]) -> Size:
    """Not larger than the first input."""
    return inputs[0]


def _each(node: Any, inputs: list[Size], values: list[Any]) -> Size:
    """Element by element, of inputs that are broadcast."""
    rank, sizes = max(size.rank for size in inputs), [size.elements for size in inputs]
    return Size(rank, max(sizes) if rank < 2 else math.prod(sizes))


def _recast(node: Any, inputs: list[Size], values: list[Any]) -> Size:
    """The same bytes as other numbers: of the shortest ones 16 to one of the longest."""
    return Size(inputs[0].rank + 1, 16 * inputs[0].elements)


def _joined(node: Any, inputs: list[Size], values: list[Any]) -> Size:
    deeper = max(size.rank for size in inputs) + (node.op in ("Pack", "ExpandDims"))
    return Size(deeper, sum(size.elements for size in inputs))


def _reduced(node: Any, inputs: list[Size], values: list[Any]) -> Size:
    whole = inputs[0].rank < 2 and values[1] is not None and values[1].size > 0
    return Size(0, 1) if whole and not _flag(node, "keep_dims").b else inputs[0]


def _sliced(node: Any, inputs: list[Size], values: list[Any]) -> Size:
    new = _flag(node, "new_axis_mask").i
    if inputs[0].rank < 2 and not new and _flag(node, "shrink_axis_mask").i & 1:
        return Size(0, 1)
    return inputs[0]._replace(rank=inputs[0].rank + (new & 0xFFFFFFFF).bit_count())


def _gathered(node: Any, inputs: list[Size], values: list[Any]) -> Size:
    of, indices = inputs[:2]
    if of.rank < 2:
        return indices
    return Size(of.rank + indices.rank, of.elements * indices.elements)


def _reshaped(node: Any, inputs: list[Size], values: list[Any]) -> Size:
    return inputs[0]._replace(rank=int(inputs[1].elements))


def _filled(node: Any, inputs: list[Size], values: list[Any]) -> Size:
    """Of a shape that the first input says."""
    if values[0] is None:
        return _UNBOUNDED
    return Size(values[0].size, math.prod(max(0, int(axis)) for axis in values[0].ravel()))


def _tiled(node: Any, inputs: list[Size], values: list[Any]) -> Size:
    if values[1] is None:
        return _UNBOUNDED
    times = math.prod(max(1, int(axis)) for axis in values[1].ravel())
    return Size(values[1].size, inputs[0].elements * times)


def _counted(node: Any, inputs: list[Size], values: list[Any]) -> Size:
    if any(value is None or value.size != 1 for value in values):
        return _UNBOUNDED
    start, limit, delta = (float(value.ravel()[0]) for value in values)
    return Size(1, abs(limit - start) / abs(delta) + 1) if delta else _UNBOUNDED


# {operation: bounds of its outputs by those of its inputs, and by the inputs that are constants}.
# None of these costs more than it makes or is given. Others may hang on constants alone where
# nothing asks for their numbers.
_BOUNDS: dict[str, Callable[[Any, list[Size], list[Any]], Size]] = {}
for _names, _bound in (
    (
        "Cast Identity Neg Abs Sign Square Sqrt Rsqrt Exp Log Floor Ceil Round Rint LogicalNot",
        _same,
    ),
    ("Slice Squeeze SplitV Unpack InvertPermutation OnesLike ZerosLike Transpose", _same),
    ("Reverse ReverseV2 Roll Cumsum Cumprod ArgMax ArgMin Invert StopGradient EnsureShape", _same),
    ("Add AddV2 Sub Mul Div RealDiv FloorDiv FloorMod TruncateDiv TruncateMod Mod Maximum", _each),
    ("Minimum Equal NotEqual Less LessEqual Greater GreaterEqual LogicalAnd LogicalOr", _each),
    ("Select SelectV2 BitwiseAnd BitwiseOr BitwiseXor LeftShift RightShift Pow", _each),
    ("BroadcastArgs ClipByValue SquaredDifference", _each),
    ("Bitcast", _recast),
    ("Pack ExpandDims Concat ConcatV2 ConcatOffset Split", _joined),
    ("Prod Sum Max Min Mean All Any", _reduced),
    ("StridedSlice", _sliced),
    ("Gather GatherV2", _gathered),
    ("Reshape", _reshaped),
    ("Fill StatelessRandomUniformFullIntV2 StatelessRandomUniformIntV2", _filled),
    ("Tile", _tiled),
    ("Range", _counted),
):
    _BOUNDS |= dict.fromkeys(_names.split(), _bound)


def judge(meta_graph: Any) -> str | None:
    """Constants from which too much is computed while loading, in words, or None.

    Args:
        meta_graph: whose functions do not call themselves.
    """
    functions = {f.signature.name: f for f in meta_graph.graph_def.library.function}
    called = {
        name: [each for node in f.node_def for each in (node.op, *graphs.calls(node))]
        for name, f in functions.items()
    }
    called = {name: [each for each in found if each in functions] for name, found in called.items()}
    order = list(graphlib.TopologicalSorter(called).static_order())  # the called ones first
    given: dict[str, list[_Given]] = collections.defaultdict(list)
    work: dict[str, float] = {}
    for name in reversed(order):
        try:
            function = _Function(functions[name], functions, given[name])
        except graphlib.CycleError:
            return f"nodes in a circle (function {name!r})"
        work[name] = 0.0
        for cost, node in function.costs():
            work[name] += cost
            if not work[name] <= _MOST:  # of 0 times infinity too
                return f"much to compute from constants alone ({graphs.at(name, node)})"
        for callee, arguments in function.handed():
            given[callee].append(arguments)
    for name in order:
        work[name] += sum(work[each] for each in called[name])
    if sum(work.values()) > _MOST:
        return f"much to compute from constants alone ({max(work, key=lambda n: work[n])!r})"
    return None


_Given = list[Size | None | str]  # what a call hands over: a known tensor, another, or `_OPEN`
_OPEN = "open"  # a tensor whose number of rows is not known


class _Function:
    """A function's nodes, and what is known of their outputs while it is loaded.

    Args:
        definition: of the function.
        functions: {name: definition} of the library.
        given: what each of its calls hands over.
    """

    def __init__(self, definition: Any, functions: Any, given: list[_Given]) -> None:
        self._functions = functions
        self._nodes = {node.name: node for node in definition.node_def}
        self._inputs = {
            name: [graphs.node_of(i) for i in node.input if not i.startswith("^")]
            for name, node in self._nodes.items()
        }
        self._open, self._sizes = set[str](), dict[str, Size]()  # of the known ones
        for index, argument in enumerate(definition.signature.input_arg):
            handed = [each[index] if index < len(each) else None for each in given]
            known = [each for each in handed if isinstance(each, Size)]
            if known:
                self._sizes[argument.name] = Size(*map(max, zip(*known)))
            if _is_open(definition, index) and all(each == _OPEN for each in handed):
                self._open.add(argument.name)
        inner = {
            name: [each for each in inputs if each in self._nodes]
            for name, inputs in self._inputs.items()
        }
        for name in graphlib.TopologicalSorter(inner).static_order():
            size = self._size(self._nodes[name])
            if size is not None:
                self._sizes[name] = size

    def costs(self) -> Iterator[tuple[float, Any]]:
        """(cost, node) of every value that may be asked for."""
        asked = collections.Counter(i for inputs in self._inputs.values() for i in inputs)
        ranges = {
            i for n, inputs in self._inputs.items() if self._nodes[n].op == "Range" for i in inputs
        }
        for name, node in self._nodes.items():
            if asked[name] and name in self._sizes and (name in ranges or _is_whole(node)):
                for cost in self._way_to(name):
                    yield cost * asked[name], node

    def _way_to(self, name: str) -> Iterator[float]:
        """Costs of one evaluation: every node on the way once."""
        if self._nodes[name].op == "Const":
            yield self._sizes[name].elements
            return
        yield _ASKED
        wanted, seen = [name], {name}
        while wanted:
            each = wanted.pop()
            yield _NODE + self._sizes[each].elements
            new = {i for i in self._inputs.get(each, ()) if i in self._sizes} - seen
            wanted += new
            seen |= new

    def handed(self) -> Iterator[tuple[str, _Given]]:
        """(function, what it is given) of every call."""
        for name, node in self._nodes.items():
            inputs: _Given = [
                _OPEN if i in self._open else self._sizes.get(i) for i in self._inputs[name]
            ]
            for callee in graphs.calls(node) if node.op in _CALLS else ():
                yield callee, inputs
            if node.op in self._functions:
                yield node.op, inputs

    def _size(self, node: Any) -> Size | None:
        """Bounds of a node's outputs; None of those that are not known while loading."""
        inputs = self._inputs[node.name]
        if node.op == "Const":
            shape = node.attr["value"].tensor.tensor_shape
            return Size(len(shape.dim), math.prod(max(0, axis.size) for axis in shape.dim))
        if not inputs:
            return None
        if node.op in ("Shape", "ShapeN"):
            return Size(1, _RANK, any(each in self._open for each in inputs))
        if node.op in ("Size", "Rank"):
            return None if inputs[0] in self._open and node.op == "Size" else Size(0, 1)
        operation = op_def_registry.get(node.op)
        if operation is None or operation.is_stateful or graphs.calls(node):
            return None
        sizes = [self._sizes.get(each) for each in inputs]
        if node.op == "Pack":
            sizes = [size or Size(0, 1, True) for size in sizes]
        known = [size for size in sizes if size is not None]
        partly = any(size.partly for size in known)
        if len(known) < len(sizes) or (partly and node.op not in _IN_PART):
            return None
        bound = _BOUNDS.get(node.op)
        try:
            found = bound(node, known, [self._value(i) for i in inputs]) if bound else _UNBOUNDED
        except (IndexError, OverflowError, TypeError, ValueError):  # what TensorFlow will refuse
            found = _UNBOUNDED
        return found._replace(partly=partly)

    def _value(self, name: str) -> Any:
        """The numbers of a constant that could be a shape, or None."""
        node, size = self._nodes.get(name), self._sizes.get(name)
        if node is None or node.op != "Const" or size is None or size.elements > _RANK:
            return None
        return tf.make_ndarray(node.attr["value"].tensor)


def _is_open(definition: Any, index: int) -> bool:
    """Whether no declaration of an argument says its number of rows."""
    shapes = []
    if "_input_shapes" in definition.attr:
        shapes += definition.attr["_input_shapes"].list.shape[index : index + 1]
    if index in definition.arg_attr and "_output_shapes" in definition.arg_attr[index].attr:
        shapes += definition.arg_attr[index].attr["_output_shapes"].list.shape[:1]
    return all(shape.unknown_rank or (shape.dim and shape.dim[0].size < 0) for shape in shapes)


def _is_whole(node: Any) -> bool:
    """Whether an output is of whole numbers, the only ones of which shapes are made."""
    operation = op_def_registry.get(node.op)
    types = {each.name: each.default_value for each in operation.attr} | dict(node.attr)
    for output in operation.output_arg:
        name = output.type_attr or output.type_list_attr
        if _WHOLE & ({types[name].type, *types[name].list.type} if name else {output.type}):
            return True
    return False
