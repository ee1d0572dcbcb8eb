"""Is a SavedModel only arithmetic? Checked on its bytes, before TensorFlow loads them.

Loading a SavedModel means running somebody's program: TensorFlow has operations that read and write
any file (`ReadFile`, `WriteFile`, `PrintV2`), run Python (`PyFunc`), open sockets, or start
servers. The list below is closed and holds what our exports need; anything else is refused, in the
graph and in its library of functions.

Four file operations belong to the saver of every SavedModel (`SaveV2`, `RestoreV2`,
`MergeV2Checkpoints`, `ShardedFilename`). They are accepted, together with the assignment of
variables, only in the functions that the saver's own two nodes call, and nothing else may call or
name those. What `scan` returns, and `zoo.load` loads, is the rest: a program without file
operations. Its objects are those of an export and no others, so loading calls none of its
functions; its size, nesting and constants are bounded, and so is what TensorFlow computes of them
while it loads (`zoo.serving.folding`).

What remains possible to whoever writes an export: wrong answers, and at a verb endless loops,
requests for huge memory, and whatever errors the kernels of the listed operations have. The session
loader (C++, TF Serving) runs the saver's restore function, which `zoo.load` never does. That
function is accepted only if it reads from the path that the loader gives it, and writes no file.
"""

import graphlib
import math
import os
import pathlib
from typing import Any

from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import config_pb2, saved_model_pb2

from zoo.serving import folding, graphs, objects
from zoo.serving.directory import content, damaged
from zoo.serving.saver import OPERATIONS, Saver

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
    BatchMatMulV3 Cholesky Cross Einsum MatMul MatrixBandPart MatrixDeterminant MatrixDiag
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
# Constants of these kinds hold serialised objects, among them whole programs.
_OPAQUE = frozenset({types_pb2.DT_RESOURCE, types_pb2.DT_VARIANT})
# Attributes without a declaration, which tell TensorFlow to treat a function or a node in a special
# way: `api_implements`, for instance, lets the optimizer call another function in its place.
_OF_FUNCTIONS = frozenset({"_input_shapes", "_construction_context"})
_OF_NODES = frozenset(
    "_collective_manager_ids _gradient_op_type _has_manual_control_dependencies"
    " _lower_using_switch_merge _num_original_outputs _output_shapes _read_only_resource_inputs"
    "".split()
)
# Bounds of what loading costs: ten times what the largest config needs (Real NVP on CelebA).
_BYTES = 2**29
_FUNCTIONS = 1000
_NODES = 200_000  # with every call replaced by what it calls
_DEPTH = 32  # calls within calls
_ELEMENTS = 2**26  # of all constants


def scan(directory: str | os.PathLike) -> saved_model_pb2.SavedModel:
    """Reads `saved_model.pb` in `directory`, once, and judges it.

    Returns:
        The SavedModel without its saver, initialisers and session signatures: what may be loaded.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged, or holds what could do harm, which is named.
    """
    directory = pathlib.Path(directory)
    # TensorFlow would read the first of these instead, and the second if the file were missing.
    for other in ("saved_model.cpb", "saved_model.pbtxt"):
        if os.path.lexists(directory / other):
            raise _refused(directory, f"{other} beside saved_model.pb")
    if not os.path.lexists(directory / "saved_model.pb"):
        trouble = f"Invalid export {str(directory)!r}: it has no saved_model.pb."
        raise FileNotFoundError(trouble)
    serialised = content(directory, "saved_model.pb", _BYTES)
    try:
        saved = saved_model_pb2.SavedModel.FromString(serialised)
    except Exception:  # protobuf's DecodeError has no stable public home
        raise damaged(directory, "saved_model.pb is not a SavedModel") from None
    # Without objects TensorFlow 2 falls back to the loader of sessions, which runs the saver and
    # the initialisers.
    if len(saved.meta_graphs) != 1 or not saved.meta_graphs[0].object_graph_def.nodes:
        raise _refused(directory, "not exactly one graph with its objects")
    meta_graph = saved.meta_graphs[0]
    saver = Saver(meta_graph)
    for judge in (
        _operations,
        _sizes,
        folding.judge,
        _attributes,
        _assets,
        objects.judge,
        saver.misuse,
    ):
        harm = judge(meta_graph)
        if harm:
            raise _refused(directory, harm)
    return _program(meta_graph, saver.functions)


def _refused(directory: pathlib.Path, trouble: str) -> ValueError:
    hint = "zoo.serving.scan lists what is allowed"
    return ValueError(f"Refused export {str(directory)!r}: it holds {trouble}; {hint}.")


def _program(meta_graph: Any, without: set[str]) -> saved_model_pb2.SavedModel:
    """A SavedModel of the objects, their constants, and the functions but those in `without`."""
    program = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    kept = program.meta_graphs.add()
    kept.meta_info_def.CopyFrom(meta_graph.meta_info_def)
    kept.object_graph_def.CopyFrom(meta_graph.object_graph_def)
    kept.graph_def.versions.CopyFrom(meta_graph.graph_def.versions)
    kept.graph_def.node.extend(node for node in meta_graph.graph_def.node if node.op == "Const")
    library = meta_graph.graph_def.library
    kept.graph_def.library.registered_gradients.extend(library.registered_gradients)
    kept.graph_def.library.function.extend(
        function for function in library.function if function.signature.name not in without
    )
    return program


# --- judges: what could do harm, in words, or None ------------------------------------------------


def _operations(meta_graph: Any) -> str | None:
    """Operations outside of the lists."""
    library = meta_graph.graph_def.library
    names = [function.signature.name for function in library.function]
    functions = set(names)
    shadowed = sorted(functions & (ALLOWED | _OUTER | OPERATIONS))
    if shadowed:
        return f"a function named as the operation {shadowed[0]!r}"
    if len(functions) < len(names):
        return "two functions of one name"
    for place, node in graphs.nodes(meta_graph):
        more = _OUTER | OPERATIONS if place is None else OPERATIONS
        if node.op not in ALLOWED and node.op not in more and node.op not in functions:
            return f"operation {node.op!r} ({graphs.at(place, node)})"
        if node.op == "Const" and node.attr["value"].tensor.dtype in _OPAQUE:
            return f"a constant object ({graphs.at(place, node)})"
        for name in graphs.calls(node):
            if name not in functions:
                return f"a call of {name!r}, which it does not hold ({graphs.at(place, node)})"
    return None


def _sizes(meta_graph: Any) -> str | None:
    """More than loads in bounded time, or recursion."""
    functions = {f.signature.name: f for f in meta_graph.graph_def.library.function}
    if len(functions) > _FUNCTIONS:
        return f"{len(functions)} functions, more than {_FUNCTIONS}"
    elements = 0
    called: dict[str, list[str]] = {name: [] for name in functions}
    for place, node in graphs.nodes(meta_graph):
        if node.op == "Const":
            shape = node.attr["value"].tensor.tensor_shape
            elements += math.prod(max(0, axis.size) for axis in shape.dim)
        if elements > _ELEMENTS:
            return f"constants of more than {_ELEMENTS} elements ({graphs.at(place, node)})"
        if place is not None:
            called[place] += [name for name in (node.op, *graphs.calls(node)) if name in functions]
    try:
        order = list(graphlib.TopologicalSorter(called).static_order())  # the called ones first
    except graphlib.CycleError as error:
        return f"functions that call themselves ({error.args[1][0]!r})"
    nodes = {name: len(function.node_def) for name, function in functions.items()}
    if sum(nodes.values()) > _NODES:
        return f"more than {_NODES} nodes"
    depth: dict[str, int] = {}
    for name in order:
        depth[name] = 1 + max((depth[each] for each in called[name]), default=0)
        nodes[name] += sum(nodes[each] for each in called[name])
        if depth[name] > _DEPTH:
            return f"calls within calls, more than {_DEPTH} deep ({name!r})"
        if nodes[name] > _NODES:
            return f"a function of more than {_NODES} nodes, with those it calls ({name!r})"
    return None


def _attributes(meta_graph: Any) -> str | None:
    """Attributes that have TensorFlow treat a function or a node in another way."""
    library = meta_graph.graph_def.library
    for function in library.function:
        odd = sorted(set(function.attr) - _OF_FUNCTIONS - _without_xla(function.attr))
        if odd:
            return f"the attribute {odd[0]!r} of function {function.signature.name!r}"
    for place, node in graphs.nodes(meta_graph):
        for name, value in node.attr.items():
            odd_name = name.startswith("_") and name not in _OF_NODES | _without_xla(node.attr)
            inner = (value.func, *value.list.func)
            if odd_name or name.startswith("api_") or any(each.attr for each in inner):
                return f"the attribute {name!r} ({graphs.at(place, node)})"
            if name == "config_proto" and _optimizers(value.s):
                return f"a choice of graph optimizers ({graphs.at(place, node)})"
    functions = {function.signature.name for function in library.function}
    named = {gradient.gradient_func for gradient in library.registered_gradients}
    return "a gradient of a function" if library.gradient or named - functions else None


def _without_xla(attributes: Any) -> set[str]:
    """The attribute by which `tf.function(jit_compile=False)` asks for nothing special, if so."""
    name = "_XlaMustCompile"
    said_no = name in attributes and attributes[name].WhichOneof("value") == "b"
    return {name} if said_no and not attributes[name].b else set()


def _optimizers(serialised: bytes) -> bool:
    """Whether a `ConfigProto` names graph optimizers, or is none."""
    try:
        config = config_pb2.ConfigProto.FromString(serialised)
    except Exception:  # protobuf's DecodeError has no stable public home
        return True
    options = config.graph_options.rewrite_options
    return bool(options.optimizers or options.custom_optimizers)


def _assets(meta_graph: Any) -> str | None:
    """Files that the loader of sessions would hand to the graph, in either of their places."""
    if meta_graph.asset_file_def:
        return "assets"
    odd = sorted(set(meta_graph.collection_def) - {"saved_model_main_op"})
    return f"a collection {odd[0]!r}" if odd else None
