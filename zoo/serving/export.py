"""A model becomes a versioned SavedModel, `<export_dir>/<version>/`, which TF Serving reads.

The SavedModel is a plain `tf.Module` with the signatures of `zoo.serving.signatures`: loading it
needs neither Keras nor the method's code.
"""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from zoo import cards, checks, files, libraries
from zoo.errors import refusal
from zoo.serving import lite, manifest, quantised, signatures, warm_up
from zoo.serving.directory import versions
from zoo.serving.scan import scan
from zoo.serving.staging import staging
from zoo.verbs import FACTS, Verbs, default_verb

CARD = "model_card.md"


@dataclasses.dataclass(frozen=True)
class _Wishes:
    """What an export shall hold beside the model; see `export`."""

    data: str | None
    metrics: dict[str, Any] | None
    batch_sizes: tuple[int, ...]
    quantise: str
    tflite: bool


def export(
    model: Any,
    export_dir: str | os.PathLike,
    version: int | None = None,
    *,
    data: str | None = None,
    metrics: dict[str, Any] | None = None,
    batch_sizes: Sequence[int] = warm_up.BATCH_SIZES,
    quantise: str = "none",
    tflite: bool = False,
) -> pathlib.Path:
    """Writes a model as a new version below `export_dir`, beside the older ones, in one rename.

    EMA weights are exported where the model keeps them; of training, nothing is: no optimizers, no
    gradients.

    Args:
        model: a GenerativeModel.
        export_dir: directory of all versions; its name is the served model's name.
        version: int >= 1 that does not exist yet; None takes the next one.
        data: name of the data set that the model was trained on, for the model card.
        metrics: what `zoo.metrics.evaluate` returned, for the model card.
        batch_sizes: ascending ints, which a server may make of requests: it is warmed up for each.
        quantise: "bfloat16" stores kernels in half the bytes; arithmetic stays in float32. What
            outputs lose is measured, and stated in the manifest as `quantised`. Or "none".
        tflite: whether to write TFLite models too, `tflite/<signature>.tflite`, of the encoders
            and decoders that are one pass through a network. They keep their weights in float32.

    Returns:
        pathlib.Path of the version directory.

    Raises:
        ValueError: `export_dir` holds models, not versions; the version exists or is below 1, or a
            file has its name; `tflite` of a model that TFLite cannot run; another argument is out
            of its bounds.
        TypeError: an argument of another type, or the model is none of the zoo's.
        NotADirectoryError: `export_dir` (or a parent) is a file.
    """
    if not (isinstance(model, keras.Model) and isinstance(model, Verbs)):
        raise TypeError(refusal("model", "a model of zoo.create or zoo.restore", model))
    export_dir = pathlib.Path(os.path.abspath(files.checked_path(export_dir, "export_dir")))
    version = checks.whole(version, "version", optional=True)
    _check_new(version, export_dir)
    if not isinstance(data, str | None):
        raise TypeError(refusal("data", "the name of a data set, a str, or None", data))
    if not isinstance(metrics, Mapping | None) or not all(
        isinstance(n, str) for n in metrics or ()
    ):
        expected = "{name: what was measured}, as zoo.metrics.evaluate returns, or None"
        raise TypeError(refusal("metrics", expected, metrics))
    quantised.check(quantise)
    tflite = checks.truth(tflite, "tflite")
    wishes = _Wishes(data, metrics, warm_up.checked_sizes(batch_sizes), quantise, tflite)
    if tflite:
        lite.check(model)
    try:
        export_dir.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise NotADirectoryError(refusal("export_dir", "a directory", str(export_dir))) from None
    with staging(export_dir) as folder:
        _write(model, folder, export_dir.name, wishes)
        folder.chmod(0o755)  # it was made private
        files.sync_tree(folder)  # the rename cannot come before its contents
        return _publish(folder, export_dir, version)


def _check_new(version: int | None, export_dir: pathlib.Path) -> None:
    if not export_dir.is_dir():
        return
    visible = [path for path in export_dir.glob("[!.]*") if path.is_dir()]
    models = [path.name for path in visible if _holds_exports(path)]
    if models:
        expected = f"the folder of one model, such as {export_dir / 'my-model'}"
        hint = f"It holds models: {', '.join(sorted(models)[:3])}."
        raise ValueError(refusal("export_dir", expected, str(export_dir), hint))
    if version is None:
        return
    if version in versions(export_dir) or (export_dir / str(version)).exists():
        raise ValueError(refusal("version", f"one that is not in {export_dir} yet", version))


def _holds_exports(folder: pathlib.Path) -> bool:
    return any((path / manifest.FILE_NAME).is_file() for path in versions(folder).values())


def _write(model: Any, directory: pathlib.Path, name: str, wishes: _Wishes) -> None:
    families = signatures.families(model)
    functions, losses = signatures.trace(model, families), None
    if wishes.quantise != "none":
        exact, weights = functions, quantised.Stored(model, functions.values())
        functions = signatures.trace(model, families, weights.read)
        losses = quantised.measured(functions, exact, signatures.specs(model))
    module = tf.Module()
    found = {id(v): v for function in functions.values() for v in function.graph.variables}
    module.variables_in_use = sorted(found.values(), key=lambda variable: variable.name)
    default = functions[default_verb(model.capabilities)]
    tf.saved_model.save(
        module, str(directory), signatures={**functions, "serving_default": default}
    )
    scan(directory)  # what `zoo.load` would refuse is not published

    shapes = {verb: signatures.shapes(function) for verb, function in functions.items()}
    facts = {
        **{fact: _plain(getattr(model, fact)) for fact in FACTS},
        "hyper_parameters": model.hyper_parameters,
        "dtype": model.dtype_policy.name,
        "step": int(model.step),
        "signatures": shapes,
        "distributions": {
            verb: signatures.recipe(verb, family, shapes) for verb, family in families.items()
        },
        "versions": libraries.versions(),
        "warm_up": warm_up.FILE_NAME,
        "batch_sizes": list(wishes.batch_sizes),
        "quantised": losses,
        "tflite": lite.write(model, directory, families) if wishes.tflite else {},
    }
    warm_up.write(directory, name, shapes, wishes.batch_sizes)
    text = cards.render(name, model, facts, wishes.data, wishes.metrics)
    (directory / CARD).write_text(text, encoding="utf-8")
    manifest.write(directory, facts)


def _plain(fact: Any) -> Any:
    """A fact as JSON holds it: sets become sorted lists."""
    return sorted(fact) if isinstance(fact, frozenset) else fact


def _publish(folder: pathlib.Path, export_dir: pathlib.Path, version: int | None) -> pathlib.Path:
    """Renames `folder` to its version; another exporter may have taken the number meanwhile."""
    while True:
        number = version if version is not None else max(versions(export_dir), default=0) + 1
        target = export_dir / str(number)
        try:
            os.rename(folder, target)  # fails on a directory that is not empty
            break
        except OSError:
            if not target.exists():
                raise
            if version is not None:
                _check_new(version, export_dir)
            elif number not in versions(export_dir):  # a file, which the next try would meet again
                expected = f"a folder without a file called {number}"
                raise ValueError(refusal("export_dir", expected, str(export_dir))) from None
    files.sync_folder(export_dir)
    return target
