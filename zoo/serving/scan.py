"""Is a SavedModel only arithmetic? Checked on its bytes, before TensorFlow loads them.

Loading a SavedModel means running somebody's program: TensorFlow has operations that read and write
any file (`ReadFile`, `WriteFile`, `PrintV2`), run Python (`PyFunc`), open sockets, or start
servers. The list below is closed and holds what our exports need; anything else is refused, in the
graph and in its library of functions.

Four file operations belong to the saver of every SavedModel (`SaveV2`, `RestoreV2`,
`MergeV2Checkpoints`, `ShardedFilename`). They are accepted, together with the assignment of
variables, only where no signature, no function that Python could call and no initialiser reaches
them; the saver itself gets its path from the loader.

What remains possible to whoever writes an export: wrong answers, endless loops, requests for huge
memory, and whatever errors the kernels of the listed operations have. And the session loader (C++,
TF Serving) runs the saver's restore function, which `zoo.load` never does: a forged one could read
or write checkpoint files there.
"""

import os
import pathlib
from collections.abc import Iterator
from typing import Any

from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2

_ARITHMETIC = """
    Abs Acos Acosh Add AddN AddV2 Angle Asin Asinh Atan Atan2 Atanh BesselI0e BesselI1e Betainc Cast
    Ceil ClipByValue Cos Cosh Digamma Div DivNoNan Erf Erfc Erfinv Exp Expm1 Floor FloorDiv FloorMod
    Igamma Igammac Inv Invert IsFinite IsInf IsNan LeftShift Lgamma Log Log1p Maximum Minimum Mod
    Mul MulNoNan Ndtri Neg NextAfter Polygamma Pow RealDiv Reciprocal RightShift Rint Round Rsqrt
    Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Square SquaredDifference Sub Tan Tanh TruncateDiv
    TruncateMod Xdivy Xlog1py Xlogy Zeta BitwiseAnd BitwiseOr BitwiseXor Bitcast Equal NotEqual Less
    LessEqual Greater GreaterEqual ApproximateEqual LogicalAnd LogicalOr LogicalNot All Any ArgMax
    ArgMin Cumprod Cumsum CumulativeLogsumexp EuclideanNorm Max Mean Min Prod Sum SegmentMax
    SegmentMean SegmentMin SegmentProd SegmentSum UnsortedSegmentMax UnsortedSegmentMin
    UnsortedSegmentProd UnsortedSegmentSum TopKV2 InTopKV2 Bucketize BatchMatMul BatchMatMulV2
    BatchMatMulV3 Cholesky Cross Einsum Inverse MatMul MatrixBandPart MatrixDeterminant MatrixDiag
    MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MatrixInverse
    MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 MatrixSolve MatrixTriangularSolve
    LogMatrixDeterminant Qr SelfAdjointEigV2 Svd
"""
_NETWORKS = """
    AvgPool AvgPool3D BiasAdd BiasAddV1 Conv2D Conv2DBackpropInput Conv3D Conv3DBackpropInputV2
    DepthwiseConv2dNative DepthwiseConv2dNativeBackpropInput DepthToSpace SpaceToDepth Elu
    FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 L2Loss LRN LeakyRelu LogSoftmax MaxPool
    MaxPool3D MaxPoolV2 Relu Relu6 ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor
    Selu Softmax SoftmaxCrossEntropyWithLogits SparseSoftmaxCrossEntropyWithLogits
"""
_ARRAYS = """
    BatchToSpaceND BroadcastArgs BroadcastGradientArgs BroadcastTo Concat ConcatOffset ConcatV2
    Const DynamicPartition DynamicStitch EnsureShape ExpandDims Fill Gather GatherNd GatherV2
    GuaranteeConst Identity IdentityN InvertPermutation LinSpace MirrorPad OneHot OnesLike Pack Pad
    PadV2 ParallelConcat ParallelDynamicStitch PreventGradient Range Rank Reshape Reverse
    ReverseSequence ReverseV2 Roll ScatterNd Select SelectV2 Shape ShapeN Size Slice Snapshot
    SpaceToBatchND Split SplitV Squeeze StopGradient StridedSlice TensorScatterAdd TensorScatterMax
    TensorScatterMin TensorScatterSub TensorScatterUpdate Tile Transpose Unique UniqueV2 Unpack
    UnravelIndex Where ZerosLike TensorListConcatV2 TensorListElementShape TensorListFromTensor
    TensorListGather TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack
    TensorListReserve TensorListResize TensorListSetItem TensorListSplit TensorListStack
    EmptyTensorList
"""
_CONTROL = """
    Assert Case CheckNumerics CheckNumericsV2 If NoOp PartitionedCall StatefulPartitionedCall
    StatelessCase StatelessIf StatelessWhile While ReadVariableOp ResourceGather ResourceGatherNd
    VariableShape
"""
# Draws from seeds that are inputs: a stateful draw would give other samples for the same request.
_RANDOM = """
    StatelessMultinomial StatelessParameterizedTruncatedNormal StatelessRandomBinomial
    StatelessRandomGammaV2 StatelessRandomGammaV3 StatelessRandomGetAlg StatelessRandomGetKeyCounter
    StatelessRandomGetKeyCounterAlg StatelessRandomNormal StatelessRandomNormalV2
    StatelessRandomPoisson StatelessRandomUniform StatelessRandomUniformFullInt
    StatelessRandomUniformFullIntV2 StatelessRandomUniformInt StatelessRandomUniformIntV2
    StatelessRandomUniformV2 StatelessShuffle StatelessTruncatedNormal StatelessTruncatedNormalV2
    RandomIndexShuffle
"""
ALLOWED = frozenset((_ARITHMETIC + _NETWORKS + _ARRAYS + _CONTROL + _RANDOM).split())
# In the outer graph only: inside a function, a variable's name could be another model's.
_OUTER = frozenset({"Placeholder", "VarHandleOp", "VarIsInitializedOp"})
# Saver: where no signature reaches.
_SAVER = frozenset(
    "AssignVariableOp DisableCopyOnRead MergeV2Checkpoints RestoreV2 SaveV2 ShardedFilename"
    " StaticRegexFullMatch StringJoin".split()
)
# What a plain module is made of; not tables, assets, or objects that act when they are restored.
_OBJECTS = frozenset({"user_object", "variable", "bare_concrete_function", "constant"})
_USER_OBJECTS = frozenset({"_generic_user_object", "signature_map", "trackable_list_wrapper"})
# Constants of these kinds hold serialised objects, among them whole programs.
_OPAQUE = frozenset({types_pb2.DT_RESOURCE, types_pb2.DT_VARIANT})


def scan(directory: str | os.PathLike) -> None:
    """Reads `saved_model.pb` in `directory`; raises `ValueError` that names what could do harm."""
    directory = pathlib.Path(directory)
    # TensorFlow would read the first of these instead, and the second if the file were missing.
    for other in ("saved_model.cpb", "saved_model.pbtxt"):
        if (directory / other).exists():
            raise _refused(directory, f"{other} beside saved_model.pb")
    try:
        saved = saved_model_pb2.SavedModel.FromString((directory / "saved_model.pb").read_bytes())
    except FileNotFoundError:
        trouble = f"Invalid export {str(directory)!r}: it has no saved_model.pb."
        raise FileNotFoundError(trouble) from None
    except Exception:  # protobuf's DecodeError has no stable public home
        trouble = f"Damaged export {str(directory)!r}: saved_model.pb is not a SavedModel."
        raise ValueError(trouble) from None
    # Without objects TensorFlow 2 falls back to the loader of sessions, which runs the saver and
    # the initialisers.
    if len(saved.meta_graphs) != 1 or not saved.meta_graphs[0].HasField("object_graph_def"):
        raise _refused(directory, "not exactly one graph with its objects")
    meta_graph = saved.meta_graphs[0]
    harm = _operations(meta_graph) or _objects(meta_graph.object_graph_def) or _reach(meta_graph)
    if harm:
        raise _refused(directory, harm)


def _refused(directory: pathlib.Path, trouble: str) -> ValueError:
    hint = "zoo.serving.scan lists what is allowed"
    return ValueError(f"Refused export {str(directory)!r}: it holds {trouble}; {hint}.")


def _operations(meta_graph: Any) -> str | None:
    """An operation outside of the lists, in words, or None."""
    graph, library = meta_graph.graph_def, meta_graph.graph_def.library
    functions = {function.signature.name for function in library.function}
    shadowed = sorted(functions & (ALLOWED | _OUTER | _SAVER))
    if shadowed:
        return f"a function named as the operation {shadowed[0]!r}"
    places = [("the graph", graph.node, _OUTER | _SAVER)]
    places += [(f"function {f.signature.name!r}", f.node_def, _SAVER) for f in library.function]
    for place, nodes, more in places:
        for node in nodes:
            if node.op not in ALLOWED and node.op not in more and node.op not in functions:
                return f"operation {node.op!r} (node {node.name!r} of {place})"
            if node.op == "Const" and node.attr["value"].tensor.dtype in _OPAQUE:
                return f"a constant object (node {node.name!r} of {place})"
    return None


def _objects(object_graph: Any) -> str | None:
    """An object that could run code when loaded, in words, or None."""
    for node in object_graph.nodes:
        kind = node.WhichOneof("kind")
        if kind not in _OBJECTS:
            return f"an object of kind {kind!r}"
        if kind == "user_object" and node.user_object.identifier not in _USER_OBJECTS:
            return f"an object of class {node.user_object.identifier!r}"
        if node.saveable_objects or node.registered_saver:
            return "an object with its own saver"
    return None


def _reach(meta_graph: Any) -> str | None:
    """How anything but the saver reaches a file operation, in words, or None."""
    saver = meta_graph.saver_def
    own = {_node(saver.save_tensor_name), _node(saver.restore_op_name)}
    outer = {node.name: node for node in meta_graph.graph_def.node}

    wanted, seen = list(_fetches(meta_graph)), set()
    while wanted:
        name = wanted.pop()
        if name in own:
            return f"a signature that runs the saver (node {name!r})"
        if name in outer and name not in seen:
            seen.add(name)
            wanted += map(_node, outer[name].input)

    # Every node of the graph but the saver's two, and every function that Python could call.
    library = meta_graph.graph_def.library
    functions = {function.signature.name: function.node_def for function in library.function}
    gradients = {gradient.function_name: gradient.gradient_func for gradient in library.gradient}
    reached = [("the graph", [node for node in outer.values() if node.name not in own])]
    called, visited = list(meta_graph.object_graph_def.concrete_functions), set()
    while reached or called:
        if not reached:
            name = called.pop()
            if name in visited or name not in functions:
                continue
            visited.add(name)
            called.append(gradients.get(name))
            reached.append((f"function {name!r}", functions[name]))
        place, nodes = reached.pop()
        for node in nodes:
            if node.op in _SAVER:
                return f"operation {node.op!r} outside of the saver (node {node.name!r} of {place})"
            called += _calls(node)
    return None


def _fetches(meta_graph: Any) -> Iterator[str]:
    """Names of the nodes that signatures and initialisers name."""
    for signature in meta_graph.signature_def.values():
        for tensor in (*signature.inputs.values(), *signature.outputs.values()):
            yield _node(tensor.name)
    for collection in meta_graph.collection_def.values():
        yield from map(_node, collection.node_list.value)


def _calls(node: Any) -> Iterator[str]:
    """Names of the functions that a node mentions; its operation may be one."""
    yield node.op
    for value in node.attr.values():
        yield value.func.name
        yield from (function.name for function in value.list.func)


def _node(tensor: str) -> str:
    """Node of a tensor's name: "^a", "a:1" and "a" are of "a"."""
    return tensor.lstrip("^").split(":")[0]
