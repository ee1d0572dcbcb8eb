"""The signatures of an export, traced from a model's row-wise functions (`zoo.model.rows`).

    sample(seed) -> x                          reconstruct(x, seed) -> level_1, ..., level_L
    encode(x, seed) -> loc, scale | value      redraw(x, seed) -> level_1, ..., level_L
    decode(z, seed) -> mean, sample            log_prob(x, seed) -> log_prob
    decode_parameters(z) -> logits | ...       classify(x) -> logits
    decode_log_prob(x, z) -> log_prob           read(x, seed) -> as encode
    log_ratio(x) -> log_ratio

All are verbs but `redraw`, a step of `inpaint`, and the two from which `Served.decode` rebuilds
p(x|z): its parameters, or an autoregressive one's scores. Where there are levels, or parts of the
code, they are encoded by `encode_level_2`, ..., or `encode_y`, ... Every input of a signature is
fed, as a server knows no optional ones: seeds always, and labels `y`, which come last, where the
model is conditional.
"""

import contextlib
import functools
from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from zoo.distributions import pixels

Outputs = dict[str, tf.Tensor]
Body = Callable[..., Outputs]
Weights = Callable[[], contextlib.AbstractContextManager]

# Families without parameters: known by samples alone, or by samples and scores.
IMPLICIT, AUTOREGRESSIVE = "implicit", "autoregressive"
# The output of the signatures that have one, under the same name in every export.
_OUTPUT = {"sample": "x", "classify": "logits", "log_ratio": "log_ratio"}
_OUTPUT |= dict.fromkeys(("log_prob", "decode_log_prob"), "log_prob")
DATA = ("sample", "decode", "reconstruct", "redraw")  # all outputs of these are data


def encoding(level: int = 1, part: str = "z") -> str:
    """The name of the signature that encodes a level, or a part of the code."""
    if part != "z":
        return f"encode_{part}"
    return "encode" if level == 1 else f"encode_level_{level}"


def families(model: Any) -> dict[str, str]:
    """{signature: family of the distribution that it encodes or decodes}."""
    blank = {
        name: tf.zeros([1, *spec.shape[1:]], spec.dtype) for name, spec in specs(model).items()
    }
    y, found = blank.get("y"), {}
    if "encode" in model.capabilities:
        for name, where in _encodings(model).items():
            found[name] = model.described(model.posterior_of(blank["x"], y, **where))[0]
    if "read" in model.capabilities:
        found["read"] = model.described(model.reading_of(blank["x"], y))[0]
    if "decode" in model.capabilities:
        found["decode"] = model.described(model.likelihood_of(blank["z"], y))[0]
    return found


def inputs(model: Any, family: str | None) -> dict[str, tuple[str, ...]]:
    """{signature: names of its inputs} of all that a model can do.

    Args:
        model: a GenerativeModel, or any object with the facts of one (`zoo.verbs.FACTS`).
        family: of p(x|z); None where nothing is decoded.
    """
    x, z = ("x", "seed"), ("z", "seed")
    # What `Served.decode` rebuilds a p(x|z) of this family from.
    behind_decode: dict[str | None, dict[str, tuple[str, ...]]]
    behind_decode = {IMPLICIT: {}, AUTOREGRESSIVE: {"decode_log_prob": ("x", "z")}}
    of_verb: dict[str, dict[str, tuple[str, ...]]] = {
        "sample": {"sample": ("seed",)},
        "encode": dict.fromkeys(_encodings(model), x),
        "read": {"read": x},
        "decode": {"decode": z, **behind_decode.get(family, {"decode_parameters": ("z",)})},
        "reconstruct": {"reconstruct": x, "redraw": x},
        "log_prob": {"log_prob": x},
        "classify": {"classify": ("x",)},
        "log_ratio": {"log_ratio": ("x",)},
    }
    found: dict[str, tuple[str, ...]] = {}
    for verb, signatures in of_verb.items():
        found |= signatures if verb in model.capabilities else {}
    labels = ("y",) if model.conditional else ()
    return {name: (*fed, *(labels if name != "classify" else ())) for name, fed in found.items()}


def is_distribution(name: str) -> bool:
    """Whether `Served` makes a distribution of what a signature returns."""
    return name in ("decode", "read") or name.startswith("encode")


def outputs(name: str, family: str | None, levels: int) -> set[str]:
    """Names of the outputs that `Served` reads of a signature, beside a distribution's parameters.

    Args:
        name: of the signature.
        family: of the distribution that it encodes or decodes, if any.
        levels: of the model.
    """
    if name in ("reconstruct", "redraw"):
        return {f"level_{k}" for k in range(1, levels + 1)}
    if is_distribution(name):
        drawn = "sample" if name == "decode" else "value"
        return {drawn} if family in (IMPLICIT, AUTOREGRESSIVE) else set()
    return {_OUTPUT[name]} if name in _OUTPUT else set()


def trace(
    model: Any, families: dict[str, str], weights: Weights = contextlib.nullcontext
) -> dict[str, Any]:
    """{signature: ConcreteFunction} of all that the model can do.

    All axes of their outputs but the first, the rows, are known.

    Args:
        model: a GenerativeModel.
        families: what `families` says of it.
        weights: makes the context in which each function is traced, such as one in which the
            model's weights are others.
    """
    fed_by, bodies = specs(model), _bodies(model)
    return {
        name: _traced(bodies[name], [fed_by[each] for each in fed], weights)
        for name, fed in inputs(model, families.get("decode")).items()
    }


def seedless(
    model: Any,
    families: dict[str, str],
    names: Iterable[str],
    weights: Weights = contextlib.nullcontext,
) -> dict[str, Any]:
    """{signature: ConcreteFunction} of some that draw nothing, without their input `seed`.

    Args:
        model, families, weights: see `trace`.
        names: of the signatures.
    """

    def without(body: Body) -> Body:
        return lambda rows, *labels: body(rows, tf.zeros(tf.shape(rows)[:1], tf.int64), *labels)

    fed_by, bodies, found = specs(model), _bodies(model), {}
    for name in names:
        fed = inputs(model, families.get("decode"))[name]
        body = without(bodies[name]) if "seed" in fed else bodies[name]
        taken = [fed_by[each] for each in fed if each != "seed"]
        found[name] = _function(body, taken, weights)
    return found


def shapes(function: Any) -> dict[str, dict[str, Any]]:
    """{"inputs" | "outputs": {name: {"dtype", "shape"}}} of a signature, traced or loaded."""
    positional, named = function.structured_input_signature
    inputs = {spec.name: spec for spec in positional} | named
    return {"inputs": described(inputs), "outputs": described(function.structured_outputs)}


def recipe(name: str, family: str, shapes: dict[str, Any]) -> dict[str, Any]:
    """How `Served` rebuilds a distribution: family, signature to call, {parameter: its output}.

    Args:
        name: of the signature that encodes or decodes.
        family: of the distribution.
        shapes: of all signatures.
    """
    if family in (IMPLICIT, AUTOREGRESSIVE):
        return {"family": family, "signature": name, "parameters": {}}
    signature = "decode_parameters" if name == "decode" else name
    outputs = sorted(shapes[signature]["outputs"]) if signature in shapes else []
    # A code without noise is its own value.
    parameters = {"loc": "value"} if outputs == ["value"] else {name: name for name in outputs}
    return {"family": family, "signature": signature, "parameters": parameters}


def _encodings(model: Any) -> dict[str, dict[str, Any]]:
    """{signature: what `encode` is told} of each level and each part."""
    wheres: list[dict[str, Any]] = [{"level": level} for level in range(1, model.levels + 1)]
    wheres += [{"part": part} for part in model.parts if part != "z"]
    return {encoding(**where): where for where in wheres}


def _bodies(model: Any) -> dict[str, Body]:
    """{signature: function of its inputs -> {output: tensor}}."""

    def by_level(function: Callable[..., tf.Tensor]) -> Body:
        levels = range(1, model.levels + 1)
        return lambda *inputs: {f"level_{k}": function(*inputs, level=k) for k in levels}

    def data(body: Body) -> Body:
        """Its outputs are data. TFP's `mean` may have lost the number of channels."""
        shape = [None, *model.image_shape]
        return lambda *inputs: {
            name: tf.ensure_shape(value, shape) for name, value in body(*inputs).items()
        }

    one: dict[str, Callable[..., tf.Tensor]] = {
        "sample": model.sample_rows,
        "log_prob": model.log_prob_rows,
        "decode_log_prob": lambda x, z, *y: model.likelihood_of(z, *y).log_prob(x),
        "classify": model.classify_rows,
        "log_ratio": model.log_ratio_rows,
    }
    found: dict[str, Body] = {
        **{name: _named(_OUTPUT[name], function) for name, function in one.items()},
        **{
            name: functools.partial(model.encode_rows, **where)
            for name, where in _encodings(model).items()
        },
        "read": model.read_rows,
        "decode": model.decode_rows,
        "decode_parameters": lambda z, *y: model.described(model.likelihood_of(z, *y))[1],
        "reconstruct": by_level(model.reconstruct_rows),
        "redraw": by_level(model.redraw_rows),
    }
    return found | {name: data(found[name]) for name in DATA}


def _named(output: str, function: Callable[..., tf.Tensor]) -> Body:
    return lambda *inputs: {output: function(*inputs)}


def specs(model: Any) -> dict[str, tf.TensorSpec]:
    """{input: TensorSpec} of all inputs that signatures may have."""
    found = {
        "x": tf.TensorSpec([None, *model.image_shape], tf.float32, "x"),
        "seed": tf.TensorSpec([None], tf.int64, "seed"),
    }
    if "decode" in model.capabilities:
        found["z"] = tf.TensorSpec([None, model.code_dim], tf.float32, "z")
    if model.conditional and model.num_attributes is not None:
        found["y"] = tf.TensorSpec([None, model.num_attributes], tf.float32, "y")
    elif model.conditional:
        found["y"] = tf.TensorSpec([None], tf.int32, "y")
    return found


def _traced(body: Body, specs: list[tf.TensorSpec], weights: Weights) -> Any:
    """The ConcreteFunction of a body, with all axes of its outputs known but the rows."""
    function = _function(body, specs, weights)
    if all(value.shape[1:].is_fully_defined() for value in function.structured_outputs.values()):
        return function
    # What an operation does not say of any number of rows, it says of one.
    one = [tf.TensorSpec([1, *spec.shape[1:]], spec.dtype, spec.name) for spec in specs]
    axes = {k: v.shape[1:] for k, v in _function(body, one, weights).structured_outputs.items()}

    def known(*inputs: tf.Tensor) -> Outputs:
        return {k: tf.ensure_shape(v, [None, *axes[k]]) for k, v in body(*inputs).items()}

    return _function(known, specs, weights)


def _function(body: Body, specs: list[tf.TensorSpec], weights: Weights) -> Any:
    """The ConcreteFunction of a body that returns {name: tensor}."""

    # No jit_compile: TensorFlow Serving on a CPU has no XLA to run it with.
    @tf.function(input_signature=specs, autograph=False)
    def signature(*inputs: tf.Tensor) -> Outputs:
        with pixels.without_xla(), weights():
            outputs = body(*inputs)
        return {name: tf.cast(value, tf.float32) for name, value in outputs.items()}

    return signature.get_concrete_function()


def described(tensors: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """{name: {"dtype", "shape"}} of tensors, or of their specifications."""
    return {k: {"dtype": t.dtype.name, "shape": t.shape.as_list()} for k, t in tensors.items()}
