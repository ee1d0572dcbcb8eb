"""From the directory of an export to the functions of its signatures.

TensorFlow loads a private copy of what `scan` has read and judged, not the file, which may have
been replaced meanwhile. The weights are read where they are: whoever can write them while an export
is loaded can change what the model says, and no more.
"""

import os
import pathlib
import tempfile
import types
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from zoo.distributions.families import FAMILIES
from zoo.serving import signatures, warm_up
from zoo.serving.directory import damaged
from zoo.serving.scan import scan


def load_module(directory: pathlib.Path, facts: dict[str, Any]) -> Any:
    """The loaded SavedModel of a version, whose `signatures` are those of the manifest.

    Args:
        directory: of the version.
        facts: its manifest, of the right types (`zoo.serving.manifest.read`).

    Raises:
        FileNotFoundError: there is no SavedModel.
        ValueError: it could do harm, cannot be loaded, or is not what the manifest says.
    """
    trouble = _contradiction(facts)
    if trouble:
        raise damaged(directory, f"the manifest {trouble}")
    program = scan(directory)
    try:
        module = _loaded(directory, program)
        found = {name: signatures.shapes(module.signatures[name]) for name in module.signatures}
    except Exception as error:
        raise damaged(directory, f"TensorFlow cannot load it ({_shown(error)})") from None
    for name, described in facts["signatures"].items():
        if name not in found:
            raise damaged(directory, f"saved_model.pb has no signature {name!r}")
        if found[name] != described:
            raise damaged(directory, f"signature {name!r} is not as the manifest says")
    return module


def _loaded(directory: pathlib.Path, program: saved_model_pb2.SavedModel) -> Any:
    with tempfile.TemporaryDirectory(prefix="zoo-") as private:
        pathlib.Path(private, "saved_model.pb").write_bytes(program.SerializeToString())
        pathlib.Path(private, "variables").symlink_to(os.path.abspath(directory / "variables"))
        return tf.saved_model.load(private)


def _contradiction(facts: dict[str, Any]) -> str | None:
    """What a manifest says of the verbs that cannot be, in words, or None."""
    found, recipes = facts["signatures"], facts["distributions"]
    if len(facts["image_shape"]) not in (1, 3) or min(facts["image_shape"]) < 1:
        return f"has data of shape {facts['image_shape']}"
    if not 1 <= facts["levels"] <= len(found):
        return f"has {facts['levels']} levels"
    if facts["conditional"] and facts["num_classes"] is facts["num_attributes"] is None:
        return "is conditional, of neither classes nor attributes"
    family = recipes.get("decode", {}).get("family")
    parameters = {known.name: set(known.parameters) for known in FAMILIES}
    model = types.SimpleNamespace(**facts)
    specs = signatures.described(signatures.specs(model))
    for name, fed in signatures.inputs(model, family).items():
        if name not in found:
            return f"has no signature {name!r}, which its verbs need"
        if found[name]["inputs"] != {each: specs[each] for each in fed}:
            return f"has signature {name!r} with other inputs than its {', '.join(fed)}"
        recipe = recipes.get(name)
        if recipe is None and signatures.is_distribution(name):
            return f"has no distribution {name!r}, which its verbs need"
        needed = signatures.outputs(name, recipe and recipe["family"], facts["levels"])
        if not needed <= set(found[name]["outputs"]):
            return f"has signature {name!r} without the outputs {', '.join(sorted(needed))}"
        axes = {
            **dict.fromkeys(signatures.DATA, model.image_shape),
            "classify": [model.num_classes],
        }
        for output, described in found[name]["outputs"].items():
            expected = tf.TensorShape([None, *axes.get(name, described["shape"][1:])])
            if not expected.is_compatible_with(described["shape"]):
                return f"has signature {name!r} with {output!r} of shape {described['shape']}"
    if model.code_classes is not None and model.code_classes > (model.code_dim or 0):
        return f"has {model.code_classes} classes of a code of {model.code_dim}"
    try:
        warm_up.checked_sizes(model.batch_sizes)
    except ValueError:
        return f"has batches of {model.batch_sizes}"
    for name, recipe in recipes.items():
        if recipe["family"] not in parameters or recipe["signature"] not in found:
            return f"has an unknown distribution {name!r}"
        if recipe != signatures.recipe(name, recipe["family"], found):
            return f"has a distribution {name!r} of other signatures or outputs"
        if set(recipe["parameters"]) != parameters[recipe["family"]]:
            return f"has a distribution {name!r} of other parameters"
    return None


def _shown(error: Exception) -> str:
    """The first words of an error, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
