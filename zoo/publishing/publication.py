"""From a run to a pretrained model: its archive and its registry entry.

The weights are stored in half precision, so the model that will be loaded is not quite the one that
was trained: it is measured again, and its headline metric must be that of the run's result.
"""

import hashlib
import json
import pathlib
import tempfile
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import cards, ledger, libraries, pictures, plots, registry, serving, training
from zoo.cards import figures
from zoo.data.licences import licence
from zoo.errors import refusal
from zoo.metrics import names
from zoo.pretrained import Entry, archives
from zoo.publishing import weights
from zoo.serving import manifest
from zoo.training.run import FLAGS, IDENTITY
from zoo.training.weights import FILE
from zoo.verbs import by_class

if TYPE_CHECKING:
    from zoo.model import GenerativeModel

CARD, EVALUATION, PICTURE = "README.md", "evaluation.json", "samples.png"
_OWN = ("run_dir", "data_dir", "init_from")  # flags that name directories of this computer
_COLUMNS, _POINTS = 10, 2_500  # of the picture
_DIGITS = 6  # of a figure: what follows depends on threads and processors
_SHARE = 0.01  # of a value without a standard error
_ERRORS = 0.5  # of a standard error


def tolerance(metric: ledger.Metric, index: int) -> float:
    """How far a published model's metric may lie from the value of its run.

    Half the standard error of the value, which other test examples would change by more; without
    one, 1 % of the value.

    Args:
        metric: of the run's result.
        index: of the run among its values.
    """
    errors = metric.standard_errors
    error = errors[index] if errors else None
    return _ERRORS * error if error else _SHARE * abs(metric.values[index])


def check(name: str, metric: ledger.Metric, index: int, measured: float) -> None:
    """Refuses a model that does not measure what its result says.

    Args:
        name: of the metric.
        metric: of the result.
        index: of the run among its values.
        measured: the model's own value.

    Raises:
        ValueError: they differ by more than `tolerance`.
    """
    value, most = metric.values[index], tolerance(metric, index)
    if not abs(measured - value) <= most:
        expected = f"a run that measures {name} {value:.6g} +- {most:.2g}, as its result says"
        raise ValueError(refusal("run_dir", expected, round(measured, 6)))


def rounded(content: Any) -> Any:
    """What JSON holds, with numbers that are not whole to `_DIGITS` significant digits."""
    if isinstance(content, Mapping):
        return {key: rounded(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [rounded(value) for value in content]
    return float(f"{content:.{_DIGITS}g}") if isinstance(content, float) else content


def publish(
    run_dir: pathlib.Path,
    name: str,
    result: ledger.Entry,
    seed: int,
    evaluate: Callable[["GenerativeModel"], Mapping[str, Any]],
    *,
    examples: np.ndarray | None = None,
    precision: str | None = None,
    url: str | None = None,
) -> tuple[Entry, bytes]:
    """The registry entry of a first version, and the archive; equal runs give equal bytes.

    Args:
        run_dir: of the run.
        name: of the pretrained model.
        result: the entry of the ledger that the run belongs to.
        seed: of the run, one of the result's.
        evaluate: callable, model -> what evaluation.json holds of it.
        examples: [40, *image_shape], what the picture shows of a model without samples.
        precision: one of PRECISIONS, in which matrices and kernels are stored; None means that of
            a published model whose directory `run_dir` is, else bfloat16.
        url: where the archive will be, or None if it comes with the package.

    Raises:
        ValueError: a method from outside the zoo, a result without a headline metric, or one that
            the run does not reach again.
    """
    method = training.read_identity(run_dir)["method"]
    if method not in registry.list_methods():
        raise ValueError(refusal("run_dir", "a run of a method of the zoo", method))
    headline = names.headline(result.metrics)
    if headline is None:
        expected = f"a run whose result has one of {', '.join(names.HEADLINES)}"
        raise ValueError(refusal("run_dir", expected, sorted(result.metrics)))
    trained = training.restore(run_dir)
    if precision is None:
        stored = run_dir / FILE
        precision = weights.precision(stored.read_bytes()) if stored.is_file() else "bfloat16"
    contents = {
        FLAGS: _flags(run_dir),
        IDENTITY: _json(training.read_identity(run_dir)),
        FILE: weights.pack(trained, precision),
    }
    with tempfile.TemporaryDirectory(prefix="zoo-") as temporary:
        folder = pathlib.Path(temporary, "run")
        folder.mkdir()
        for member, content in contents.items():
            (folder / member).write_bytes(content)
        model = training.restore(folder)  # what will be loaded
        evaluation = rounded(evaluate(model))
        measured = evaluation["metrics"]
        weight_count = weights.count(contents[FILE])
        published = cards.Published(result, seed, PICTURE, weight_count, precision)
        check(headline, result.metrics[headline], published.index, measured[headline]["value"])
        exported = serving.export(model, pathlib.Path(temporary, name), data=result.dataset)
        facts = manifest.read(exported)
    card = cards.render(name, model, facts, result.dataset, measured, published)
    contents |= {
        EVALUATION: _json(evaluation),
        PICTURE: _picture(model, examples),
        CARD: card.encode(),
    }
    archive = archives.pack(contents)
    entry = Entry(
        name=name,
        version=1,
        description=description(model, result, measured),
        method=method,
        data=result.dataset,
        licence=licence(result.dataset).terms,
        parameters=weight_count,
        bytes=len(archive),
        sha256=hashlib.sha256(archive).hexdigest(),
        metric=(headline, measured[headline]["value"]),
        versions=libraries.versions(),
        result=result.name,
        url=url,
    )
    return entry, archive


def description(
    model: "GenerativeModel", result: ledger.Entry, measured: Mapping[str, Mapping[str, Any]]
) -> str:
    """A sentence on a model: what it gives, of which data, by which method.

    Args:
        model: the published one.
        result: the entry of the ledger that it belongs to.
        measured: {metric: {"protocol", ...}}; a likelihood of pixels as real numbers is a density.
    """
    density = any(figures.is_density(name, m["protocol"]) for name, m in measured.items())
    likelihood = "density" if density else "likelihood"
    gives = {
        "classify": "classes",
        "encode": "codes",
        "sample": "samples of a class" if model.conditional else "samples",
        "log_prob": f"exact {likelihood}" if model.density == "exact" else f"{likelihood} bounds",
        "log_ratio": "log ratios",
    }
    if not figures.has_likelihood(measured):
        del gives["log_prob"]
    words = [word for verb, word in gives.items() if verb in model.capabilities]
    words = words or ["a model"]
    listed = " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    labels, reference = (result.flags.get(name) for name in ("labels", "reference_dataset"))
    learned = f"; learned from {labels:,} labels" if labels else ""
    data = f"{result.dataset} to {reference}" if reference else result.dataset
    return f"{listed[0].upper()}{listed[1:]} of {data}, by {type(model).__name__}{learned}."


def _flags(run_dir: pathlib.Path) -> bytes:
    """The flags of the run without the directories of the computer that trained it."""
    flags = training.read_flags(run_dir)
    lines = [f"--{name}={text}\n" for name, text in flags.items() if name not in _OWN]
    return "".join(lines).encode()


def _picture(model: "GenerativeModel", examples: np.ndarray | None) -> bytes:
    """40 samples, of a conditional model with the classes in columns; 2-D data as points.

    Without samples: examples in the order of the classes that a classifier gives, or of log r(x).
    """
    if examples is not None and "sample" not in model.capabilities:
        if "classify" in model.capabilities:
            ordered = by_class(model, examples)
        else:
            ordered = examples[np.argsort(np.asarray(model.log_ratio(examples)), kind="stable")]
        return pictures.png(pictures.image_grid(ordered, columns=_COLUMNS))
    n = _POINTS if len(model.image_shape) == 1 else 40
    y: np.ndarray | None = None
    if model.num_attributes is not None:
        y = np.zeros((n, model.num_attributes), np.float32)
    elif model.conditional:
        y = np.arange(n, dtype=np.int32) % min(_COLUMNS, model.num_classes or _COLUMNS)
    x = np.asarray(model.sample(n, y=y, seed=0))
    if len(model.image_shape) == 1:
        return pictures.png(plots.scatter_image({"samples": x}, pixels=600))
    return pictures.png(pictures.image_grid(x, columns=_COLUMNS))


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()
