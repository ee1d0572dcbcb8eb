"""A model becomes a versioned SavedModel, `<export_dir>/<version>/`, which TF Serving reads.

The SavedModel is a plain `tf.Module` with one signature a verb: loading it needs neither Keras nor
the method's code. Every input of a signature is fed (a server knows no optional ones), seeds
included, and row i of the outputs depends on row i of the inputs alone: the server may batch
requests.
"""

import os
import pathlib
import shutil
import tempfile
from importlib import metadata

import numpy as np
import tensorflow as tf

import zoo
from zoo.distributions import describe, pixels
from zoo.errors import refusal
from zoo.serving import card, manifest, warm_up
from zoo.serving.scan import scan

# Inputs of each signature; `y` comes on top where the model is conditional. All are verbs but those
# from which `Served.decode` rebuilds p(x|z): its parameters, or an autoregressive one's scores.
INPUTS = {
    "sample": ("seed",),
    "encode": ("x", "seed"),
    "decode": ("z", "seed"),
    "decode_parameters": ("z",),
    "decode_log_prob": ("x", "z"),
    "reconstruct": ("x", "seed"),
    "log_prob": ("x", "seed"),
    "classify": ("x",),
}
# Families that have no parameters: known by samples alone (or outside of the closed list), or by
# samples and scores.
IMPLICIT, AUTOREGRESSIVE = "implicit", "autoregressive"


def export(model, export_dir, version=None, *, data=None, metrics=None):
    """Writes a model as a new version below `export_dir`, beside the older ones, in one rename.

    EMA weights are exported where the model keeps them; of training, nothing is: no optimizers, no
    gradients.

    Args:
        model: a GenerativeModel.
        export_dir: directory of all versions; its name is the served model's name.
        version: int >= 1 that does not exist yet; None takes the next one.
        data: name of the data set that the model was trained on, for the model card.
        metrics: what `zoo.metrics.evaluate` returned, for the model card.

    Returns:
        pathlib.Path of the version directory.

    Raises:
        ValueError: the version exists or is below 1.
        TypeError: `version` is not an int.
        NotADirectoryError: `export_dir` (or a parent) is a file.
    """
    export_dir = pathlib.Path(os.path.abspath(export_dir))
    _check_version(version, export_dir)
    try:
        export_dir.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise NotADirectoryError(refusal("export_dir", "a directory", str(export_dir))) from None
    # A name that starts with a point is no version, neither here nor for TF Serving.
    staging = pathlib.Path(tempfile.mkdtemp(prefix=".staging-", dir=export_dir))
    try:
        _write(model, staging, export_dir.name, data, metrics)
        staging.chmod(0o755)  # mkdtemp made it private
        _sync(staging)
        return _publish(staging, export_dir, version)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def versions(export_dir):
    """The integer versions below `export_dir`, ascending."""
    names = (path.name for path in pathlib.Path(export_dir).iterdir() if path.is_dir())
    return sorted(int(name) for name in names if name.isascii() and name.isdecimal())


def _check_version(version, export_dir):
    if version is None:
        return
    if isinstance(version, bool) or not isinstance(version, int):
        raise TypeError(refusal("version", "an int >= 1 or None", version))
    if version < 1:
        raise ValueError(refusal("version", "an int >= 1 or None", version))
    if (export_dir / str(version)).exists():
        raise ValueError(refusal("version", f"one that is not in {export_dir} yet", version))


def _write(model, directory, name, data, metrics):
    families = {verb: _family(model, verb) for verb in {"encode", "decode"} & model.capabilities}
    module, functions = tf.Module(), _signatures(model, families)
    found = {id(v): v for function in functions.values() for v in function.graph.variables}
    module.variables_in_use = sorted(found.values(), key=lambda variable: variable.name)
    signatures = dict(functions)
    if "sample" in functions:
        signatures["serving_default"] = functions["sample"]
    tf.saved_model.save(module, str(directory), signatures=signatures)
    scan(directory)  # what `zoo.load` would refuse is not published

    shapes = {verb: _shapes(function) for verb, function in functions.items()}
    facts = {
        "method": model.method,
        "hyper_parameters": model.hyper_parameters,
        "image_shape": list(model.image_shape),
        "latent_dim": model.latent_dim,
        "num_classes": model.num_classes,
        "num_attributes": model.num_attributes,
        "conditional": model.conditional,
        "levels": model.levels,
        "capabilities": sorted(model.capabilities),
        "density": model.density,
        "dtype": model.dtype_policy.name,
        "step": int(model.step),
        "signatures": shapes,
        "distributions": {verb: _recipe(verb, families[verb], functions) for verb in families},
        "versions": _library_versions(),
        "warm_up": warm_up.FILE_NAME,
    }
    warm_up.write(directory, name, ((verb, _example(shapes[verb]["inputs"])) for verb in functions))
    card.write(directory, name, model, facts, data, metrics)
    manifest.write(directory, facts)


# --- signatures -----------------------------------------------------------------------------------


def _signatures(model, families):
    """{name: ConcreteFunction} of what the model can do."""
    bodies = {
        "sample": lambda seed, y=None: {"x": model.sample_rows(seed, y)},
        "encode": lambda x, seed, y=None: model.encode_rows(x, seed, y),
        "decode": lambda z, seed, y=None: model.decode_rows(z, seed, y),
        "decode_parameters": lambda z, y=None: _parameters(model, z, y),
        "decode_log_prob": lambda x, z, y=None: {"log_prob": _score(model, x, z, y)},
        "reconstruct": lambda x, seed, y=None: {
            f"level_{level}": model.reconstruct_rows(x, seed, y, level=level)
            for level in range(1, model.levels + 1)
        },
        "log_prob": lambda x, seed, y=None: {"log_prob": model.log_prob_rows(x, seed, y)},
        "classify": lambda x: {"logits": model.classify_rows(x)},
    }
    wanted = [verb for verb in INPUTS if verb in model.capabilities]
    extra = {None: (), IMPLICIT: (), AUTOREGRESSIVE: ("decode_log_prob",)}
    wanted += extra.get(families.get("decode"), ("decode_parameters",))
    return {name: _trace(bodies[name], _specs(model, name)) for name in wanted}


def _specs(model, name):
    """The TensorSpecs of a signature's inputs, in order."""
    y = tf.TensorSpec([None], tf.int32, "y")
    if model.num_attributes is not None:
        y = tf.TensorSpec([None, model.num_attributes], tf.float32, "y")
    known = {
        "x": tf.TensorSpec([None, *model.image_shape], tf.float32, "x"),
        "z": tf.TensorSpec([None, model.code_dim], tf.float32, "z"),
        "seed": tf.TensorSpec([None], tf.int64, "seed"),
        "y": y,
    }
    labels = ("y",) if model.conditional and name != "classify" else ()
    return [known[name] for name in (*INPUTS[name], *labels)]


def _trace(body, specs):
    """The ConcreteFunction of `body`, a callable of keywords that returns {name: tensor}."""
    names = [spec.name for spec in specs]

    # No jit_compile: TensorFlow Serving on a CPU has no XLA to run it with.
    @tf.function(input_signature=specs, autograph=False)
    def signature(*inputs):
        with pixels.without_xla():
            outputs = body(**dict(zip(names, inputs, strict=True)))
        return {name: tf.cast(value, tf.float32) for name, value in outputs.items()}

    return signature.get_concrete_function()


def _parameters(model, z, y):
    """The parameters of p(x|z), on the weights that the verbs use."""
    with model.inference():
        return _described(model.likelihood, z, y)[1]


def _score(model, x, z, y):
    """log p(x|z), [B] nats, on the weights that the verbs use."""
    with model.inference():
        return (model.likelihood(z) if y is None else model.likelihood(z, y)).log_prob(x)


def _described(distribution, *inputs):
    """(family, parameters) of q(z|x) or p(x|z); ("implicit", {}) outside of the closed list."""
    found = distribution(*(tensor for tensor in inputs if tensor is not None))
    try:
        return describe(found)
    except (AttributeError, TypeError):
        return IMPLICIT, {}


def _family(model, verb):
    """The family of what `encode` or `decode` returns, from a trace that is thrown away."""
    distribution = model.posterior if verb == "encode" else model.likelihood
    families = []

    def body(x=None, z=None, seed=None, y=None):
        del seed
        families.append(_described(distribution, x if z is None else z, y)[0])
        return {}

    _trace(body, _specs(model, verb))
    return families[0]


def _recipe(verb, family, functions):
    """How `Served` rebuilds a distribution: family, signature to call, {parameter: its output}."""
    if family in (IMPLICIT, AUTOREGRESSIVE):
        return {"family": family, "signature": verb, "parameters": {}}
    signature = {"encode": "encode", "decode": "decode_parameters"}[verb]
    outputs = sorted(functions[signature].structured_outputs)
    # A code without noise is its own value.
    parameters = {"loc": "value"} if outputs == ["value"] else {name: name for name in outputs}
    return {"family": family, "signature": signature, "parameters": parameters}


def _shapes(function):
    """{"inputs" | "outputs": {name: {"dtype", "shape"}}} of a signature."""
    inputs = {spec.name: spec for spec in function.structured_input_signature[0]}
    outputs = function.structured_outputs
    return {"inputs": _facts(inputs), "outputs": _facts(outputs)}


def _facts(tensors):
    return {k: {"dtype": t.dtype.name, "shape": t.shape.as_list()} for k, t in tensors.items()}


def _example(inputs):
    """One row of each input: zeros, which are valid images, codes, labels, and seeds."""
    return {name: np.zeros([1, *spec["shape"][1:]], spec["dtype"]) for name, spec in inputs.items()}


def _library_versions():
    packages = ("tensorflow", "keras", "tensorflow-probability")
    return {"zoo": zoo.__version__, **{name: metadata.version(name) for name in packages}}


# --- the directory --------------------------------------------------------------------------------


def _sync(directory):
    """Everything below `directory` reaches the disk: the rename cannot come before its contents."""
    for root, _, names in os.walk(directory):
        for name in names:
            _fsync(os.path.join(root, name))
        _fsync(root)


def _fsync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(staging, export_dir, version):
    """Renames `staging` to its version; another exporter may have taken the number meanwhile."""
    while True:
        number = version if version is not None else max(versions(export_dir), default=0) + 1
        target = export_dir / str(number)
        try:
            os.rename(staging, target)  # fails on a directory that is not empty
            break
        except OSError:
            if not target.exists():
                raise
            if version is not None:
                _check_version(version, export_dir)
    _fsync(export_dir)
    return target
