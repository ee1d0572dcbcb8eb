"""A small set of methods that covers what methods do: `make test` takes costly properties of these.

A property that costs much a method (SIGKILL, two processes, XLA, the C++ loader) can only fail
where a method does something that others do not: play in turn, change its game at a stage, share a
network. So `make test` asks it of methods that together do all of these, and `make test-all` of
every method. What a method does is read from its class and from the options of its case, without
making a model.

A variant, a method that is another one but for its default choices, has no code that could fail:
`make test` asks it nothing that needs training, unless it is in the set. What its choices do is
asked in one test of the family, `tests/methods/test_BASE_family.py`.
"""

import ast
import functools
import inspect
import re
import textwrap

from tests.conformance import cases
from zoo import registry

VERBS = {"sample", "encode", "decode", "reconstruct", "log_prob", "classify", "read", "log_ratio"}
# What an export holds beside its verbs.
EXPORTED = {"conditional on labels", "few labels", "levels", "parts", "pixels in turn"}
EXPORTED |= {"an implicit encoder", "reads x by another network"}
# What decides which rows of the data a process gets at a step.
ROWS = ("few labels", "stages")  # labels of all rows are read as those of few
# What a checkpoint has to hold beside the weights of networks and optimizers.
KEPT = ("stages", "players in turn", "networks of its own", "codes with standardised moments")
KEPT += ("initialised by data", "few labels", "a prior of its own")
# What makes rounding grow.
ROUNDED = ("levels", "gradients of gradients", "pixels in turn", "a network of several players")


@functools.cache
def features(method):
    """Names of what the first case of a method does, a frozenset."""
    from zoo.model import GenerativeModel

    cls, family = registry.get(method), cases.families(method)[0]
    defaults = {name: item.default for name, item in registry.hyper_parameters(method).items()}
    values = defaults | cases.descriptor(method).get(family, {})
    labels = bool(values.get("num_classes") or values.get("num_attributes"))
    few = "labels" in cases.descriptor(method).get("data", {})
    names = [name for part in _own_classes(cls, GenerativeModel) for name in _names(part)]
    plays = _names(cls.train_step).count("play")

    def overrides(name):
        return getattr(cls, name) is not getattr(GenerativeModel, name)

    found = {
        family: True,
        "one player": len(cls.PLAYERS) == 1,
        "players at once": len(cls.PLAYERS) > 1 and plays == 1,
        "players in turn": plays > 1,
        "stages": overrides("stage_starts"),
        "a network of several players": bool(cls.SHARED),
        "an implicit encoder": "implicit" in values.values(),
        "noise that replicas share": "shared_noise" in names,
        "conditional on labels": labels and not few,
        "few labels": few,
        "levels": overrides("levels"),
        "parts": overrides("parts"),
        "pixels in turn": any(name.startswith("pixel_") for name in values),
        "dropout": bool(values.get("pixel_dropout")),
        "gradients of gradients": "gradient_penalty" in names or bool(values.get("penalty")),
        "gradients through updates": bool(values.get("unrolled_steps")),
        "networks of its own": "add_network" in names,
        "codes with standardised moments": "standard" in names,
        "a frozen network": "frozen" in names,
        "features of a network": "trace" in names
        and values.get("generator_loss") in (None, "feature_matching"),
        "reads x by another network": hasattr(cls, "reading"),
        "weights changed after a play": "after" in names and bool(values.get("clip_value")),
        "a prior of its own": overrides("prior"),
        "initialised by data": cls.OUTPUT_BIAS or overrides("adapt"),
    }
    return frozenset(name for name, has in found.items() if has)


def cover(sets):
    """Keys of few sets that together hold every element of all: greedy, then none too many.

    Args:
        sets: {key: set}.

    Returns:
        A sorted list.
    """
    missing, chosen = frozenset().union(*sets.values()), []
    while missing:
        best = max(sorted(sets), key=lambda key: len(missing & sets[key]))
        chosen.append(best)
        missing -= sets[best]
    for key in list(chosen):  # a later one may have made an earlier one needless
        others = frozenset().union(*(sets[other] for other in chosen if other != key))
        if sets[key] <= others:
            chosen.remove(key)
    return sorted(chosen)


@functools.cache
def methods(*of):
    """The methods of which `make test` asks a costly property.

    Args:
        of: names of the features that the property is about; of all, if none is named.
    """
    if not of:
        return cover({method: features(method) for method in cases.METHODS})
    return cover({method: features(method) & set(of) for method in methods()})


def documented_verbs(method):
    """Verbs that the paragraph "Capabilities" of a method names, a frozenset."""
    words = re.findall(r"\w+", registry.paragraph(method, "Capabilities"))
    return frozenset(words) & VERBS


@functools.cache
def exported():
    """The methods of which `make test` asks what exports hold: `methods`, and others that differ.

    Exports are written and read by the same code for all methods, from their verbs. So beside
    `methods()` there is one method for each set of verbs, labels, levels and parts.
    """
    seen, chosen = set(), list(methods())
    for method in [*methods(), *(m for m in cases.METHODS if variant_of(m) is None)]:
        kind = (documented_verbs(method), features(method) & EXPORTED)
        if kind not in seen:
            chosen.append(method)
        seen.add(kind)
    return sorted({*chosen})


@functools.cache
def variant_of(method):
    """The method that this one is but for defaults of its fields, or None."""
    cls = registry.get(method)
    base = cls.__bases__[0]
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    declared = [n for n in node.body if isinstance(n, (ast.Assign, ast.AnnAssign))]
    targets = [t for d in declared for t in getattr(d, "targets", None) or [d.target]]
    names = {ast.unparse(target) for target in targets}
    fields = set(getattr(base, "HYPER_PARAMETERS", ()))
    alone = len(declared) == len(node.body) - 1 and names <= fields  # beside the docstring
    known = base.__module__.startswith("zoo.methods.") and len(cls.__bases__) == 1
    return registry.name_of(base) if alone and known else None


def _own_classes(cls, base):
    """The class and its bases, without what every method has."""
    return [c for c in cls.__mro__ if c not in base.__mro__]


@functools.cache
def _names(part):
    """All names, attributes and keywords in the source of a class or function, as often as used."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(part)))
    found = [getattr(n, "attr", None) or getattr(n, "id", None) for n in ast.walk(tree)]
    return [*filter(None, found), *(n.arg for n in ast.walk(tree) if isinstance(n, ast.keyword))]
