"""Hyper-parameters as fields: what they take, what they refuse, what subclasses change."""

import inspect
from typing import Literal

import numpy as np
import pytest

from tests import helpers
from zoo.fields import Declared, HyperParameter, field, fixed

PARAMETERS = {
    "count": HyperParameter("count", "int", 1, at_least=1),
    "rate": HyperParameter("rate", "float", 0.5, at_least=0, below=1),
    "positive": HyperParameter("positive", "float", None, optional=True, above=0),
    "flag": HyperParameter("flag", "bool", False),
    "loss": HyperParameter("loss", "str", "wgan", choices=("wgan", "hinge")),
    "widths": HyperParameter("widths", "tuple", (1, 2), items="int", at_least=1),
    "share": HyperParameter("share", "float", 1.0, above=0, at_most=1),
}


@pytest.mark.parametrize(
    "name, text, value",
    [
        ("count", "7", 7),
        ("rate", "0", 0.0),
        ("rate", "1e-3", 1e-3),
        ("positive", "none", None),
        ("positive", "", None),
        ("positive", "2", 2.0),
        ("flag", "True", True),
        ("flag", "0", False),
        ("loss", "hinge", "hinge"),
        ("widths", "(3, 4,5)", (3, 4, 5)),
        ("widths", "3", (3,)),
    ],
)
def test_parse(name, text, value):
    parsed = PARAMETERS[name].parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    "name, text",
    [
        ("count", "0"),
        ("count", "1.5"),
        ("count", "none"),
        ("rate", "1"),
        ("rate", "-0.1"),
        ("rate", "nan"),
        ("positive", "0"),
        ("flag", "yes"),
        ("loss", "wgam"),
        ("widths", "1,a"),
    ],
)
def test_parse_refuses(name, text):
    with pytest.raises(
        ValueError, match=rf"^Invalid `{name}`: expected .*Received: {name}="
    ) as told:
        PARAMETERS[name].parse(text)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "name, value, checked",
    [
        ("rate", 0, 0.0),
        ("widths", [1, 2], (1, 2)),
        ("positive", None, None),
        ("count", 1, 1),
        ("count", np.int64(3), 3),
        ("count", np.array(3), 3),
        ("rate", np.float32(0.5), 0.5),
        ("rate", np.int32(0), 0.0),
        ("flag", np.bool_(True), True),
        ("loss", np.str_("hinge"), "hinge"),
        ("widths", np.array([1, 2]), (1, 2)),
        ("widths", (np.int64(1), 2), (1, 2)),
    ],
)
def test_check(name, value, checked):
    assert PARAMETERS[name].check(value) == checked
    assert type(PARAMETERS[name].check(value)) is type(checked)


@pytest.mark.parametrize(
    "name, value, error",
    [
        ("count", 0, ValueError),
        ("count", 1.0, TypeError),
        ("count", True, TypeError),
        ("count", None, TypeError),
        ("rate", 1.0, ValueError),
        ("rate", float("nan"), ValueError),
        ("rate", "0.5", TypeError),
        ("rate", False, TypeError),
        ("positive", 0.0, ValueError),
        ("flag", 1, TypeError),
        ("loss", "wgam", ValueError),
        ("loss", 3, TypeError),
        ("widths", 3, TypeError),
        ("widths", (1.0,), TypeError),
        ("widths", (1, 0), ValueError),
        ("widths", "12", TypeError),
        ("count", np.float64(3), TypeError),
        ("count", np.bool_(True), TypeError),
        ("positive", float("inf"), ValueError),
        ("share", 0.0, ValueError),
        ("share", 1.1, ValueError),
    ],
)
def test_check_refuses(name, value, error):
    with pytest.raises(error, match=f"Received: {name}=") as told:
        PARAMETERS[name].check(value)
    assert type(told.value) is error


@pytest.mark.parametrize(
    "name, words",
    [
        ("count", "an int >= 1"),
        ("rate", "a float in [0, 1)"),
        ("positive", "a float > 0 or None"),
        ("share", "a float in (0, 1]"),
        ("loss", "one of 'wgan', 'hinge'"),
        ("widths", "a tuple of ints >= 1"),
        ("flag", "a bool"),
    ],
)
def test_what_is_expected_in_words(name, words):
    assert PARAMETERS[name].expected == words


# --- classes --------------------------------------------------------------------------------------


class Base(Declared):
    """A base."""

    ARGUMENTS = {"shape": "of the data.", "name": "of the thing."}
    RESERVED = ("made",)

    def __init__(self, *, shape: tuple[int, ...], name: str | None = None, **arguments):
        self.shape, self.name, self.rest = shape, name, self.assign(arguments)

    rate: float = field("a rate", default=0.1, above=0)
    kind: Literal["a", "b"] = field("a kind", default="a")
    count: int | None = field("a count", default=None, at_least=1)


class Mixin(Declared):
    """Mixed in."""

    widths: tuple[int, ...] = field("some widths", default=(4,), at_least=1)
    kind: Literal["c", "d"] = field("another kind", default="c")


class Child(Mixin, Base):
    """A child.

    Reference:
        Nobody.
    """

    PLAYERS = {"critic": ("critic",), "flow": ("flow",)}

    flow_learning_rate: float | None = field("of its own", default=0.5, above=0)
    rate = 2
    count = fixed(None)


def test_fields_are_inherited_changed_fixed_and_added():
    assert list(Base.HYPER_PARAMETERS) == ["rate", "kind", "count"]
    child = Child.HYPER_PARAMETERS
    assert child["rate"].default == 2.0 and type(child["rate"].default) is float
    assert child["rate"].above == 0 and child["rate"].help == "a rate"
    assert child["kind"].choices == ("c", "d")  # the mix-in's, which comes before the base
    assert child["count"].fixed and not Base.HYPER_PARAMETERS["count"].fixed
    assert child["critic_learning_rate"].default is None and child["critic_learning_rate"].optional
    assert child["flow_learning_rate"].default == 0.5
    assert (Child.rate, Base.rate, Child.widths, Child.count) == (2.0, 0.1, (4,), None)


def test_signature_and_docstring_are_generated():
    parameters = inspect.signature(Child).parameters
    assert list(parameters)[:2] == ["shape", "name"] and "count" not in parameters
    assert parameters["shape"].default is inspect.Parameter.empty
    assert parameters["shape"].annotation == tuple[int, ...]
    assert (parameters["name"].default, parameters["name"].annotation) == (None, str | None)
    assert parameters["rate"].default == 2.0 and parameters["rate"].annotation is float
    assert parameters["widths"].annotation == tuple[int, ...]
    text = inspect.getdoc(Child)
    assert "\nArgs:\n    shape: of the data.\n" in text
    assert "    rate: a rate (a float > 0; default 2.0).\n" in text
    assert text.index("Args:") < text.index("\nReference:\n    Nobody.")


def test_assign_sets_all_and_returns_the_rest():
    child = Child(shape=(1,))
    left = child.assign({"rate": np.float64(3.0), "widths": [2, 1], "critic": "a network"})
    assert left == {"critic": "a network"}
    assert (child.rate, child.widths, child.kind, child.count) == (3.0, (2, 1), "c", None)
    child.assign({"count": None})  # the fixed value itself
    with helpers.refused(ValueError, match="`count`: expected None, which the method fixes"):
        child.assign({"count": 3})
    with helpers.refused(ValueError, match="`widths`"):
        child.assign({"widths": (0,)})


class Settings(Declared):
    mode: Literal["plain", "sum", "clip"] = field("a mode", default="plain")
    weight: float | None = field("a weight", default=None)
    clip: float = field("of clip and sum", default=0.1, needs="mode=clip|sum")
    steps: int = field("of a weight", default=1, needs="weight")


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"clip": 0.1, "steps": 1},  # defaults may be said
        {"clip": 0.2, "mode": "clip"},
        {"clip": 0.2, "mode": "sum"},
        {"steps": 2, "weight": 0.5},
    ],
)
def test_values_with_effect_are_taken(values):
    settings = Settings()
    settings.assign(values)
    assert {name: getattr(settings, name) for name in values} == values


@pytest.mark.parametrize(
    "values, message",
    [
        ({"clip": 0.2}, r"`clip`: expected 0.1, .* without mode=clip\|sum. Received: clip=0.2"),
        ({"clip": 0.2, "mode": "plain"}, "`clip`: expected 0.1"),
        ({"steps": 2}, "`steps`: expected 1, as it has no effect without weight"),
        ({"steps": 2, "weight": 0.0}, "`steps`: expected 1"),
    ],
)
def test_values_without_effect_are_refused_and_nothing_is_set(values, message):
    settings = Settings()
    with helpers.refused(ValueError, match=message):
        settings.assign({**values})
    assert "clip" not in vars(settings)


def test_a_class_may_fix_what_a_field_needs():
    class Clipped(Settings):
        mode = fixed("clip")

    clipped = Clipped()
    clipped.assign({"clip": 0.2})
    assert (clipped.mode, clipped.clip) == ("clip", 0.2)


def needing(needs):
    return {
        "gamma": field("x", default=1.0, needs=needs),
        "__annotations__": {"gamma": float},
    }


@pytest.mark.parametrize(
    "body, message",
    [
        ({"gamma": field("x", default=1.0)}, "an annotation, such as gamma: float"),
        ({"gamma": field("x", default=1), "__annotations__": {"gamma": str}}, "`gamma`.*a string"),
        ({"rate": -1.0}, "`rate`: expected a float > 0"),
        ({"rate": property(lambda self: 1.0)}, "`rate`: expected a default or fixed.*property"),
        ({"gamma": fixed(1.0)}, "an inherited field to fix"),
        (needing("gammas"), "`gamma: needs`: expected the name of another field"),
        (needing("rate=2"), "`gamma: needs`: expected .* of its choices"),
        ({"kind": fixed("c")}, "`kind`: expected one of a, b"),
        ({"rate": fixed("x")}, "`rate`: expected a float > 0"),
        ({"rate": lambda self: 1.0}, "`rate`: expected a default or fixed.*function"),
        (
            {"assign": field("x", default=1.0), "__annotations__": {"assign": float}},
            "Declared does",
        ),
        ({"name": field("x", default=1.0), "__annotations__": {"name": float}}, "Base does not"),
        ({"made": field("x", default=1.0), "__annotations__": {"made": float}}, "Base does not"),
        ({"rates": 0.5}, "`rates`: expected the name of a field.*Did you mean 'rate'"),
        ({"gamma": 0.5, "__annotations__": {"gamma": float}}, r"gamma: float = field\(\.\.\.\)"),
        ({"PLAYERS": {"a": ("rate",)}}, "`PLAYERS`: expected roles that no field.*'rate'"),
        ({"PLAYERS": {"a": ("assign",)}}, "`PLAYERS`: expected a name that Declared does not use"),
    ],
)
def test_wrong_declarations_are_refused_when_the_class_is_made(body, message):
    with helpers.refused(ValueError, TypeError, match=message):
        type("Wrong", (Base,), {"__module__": __name__, **body})


def test_annotations_may_be_strings():
    annotations = {"gamma": "float | None"}
    body = {"gamma": field("x", default=None, above=0), "__annotations__": annotations}
    cls = type("Late", (Base,), {"__module__": __name__, **body})
    assert cls.HYPER_PARAMETERS["gamma"].optional and cls.HYPER_PARAMETERS["gamma"].kind == "float"


@pytest.mark.parametrize(
    "annotation",
    [None, tuple, tuple[dict, ...], tuple[int, int], tuple[()], Literal[1, 2], Literal["a", None]]
    + [int | str, list[int], "Unknown", "int |"],
)
def test_annotations_that_no_field_has_are_refused(annotation):
    body = {"gamma": field("x", default=None), "__annotations__": {"gamma": annotation}}
    with helpers.refused(TypeError, match="^Invalid `gamma: annotation`: expected "):
        type("Wrong", (Base,), {"__module__": __name__, **body})


@pytest.mark.parametrize(
    "annotation, bounds",
    [
        (float, {"at_least": 2, "at_most": 1}),
        (float, {"above": 1, "at_most": 1}),
        (float, {"at_least": 0, "above": 0}),
        (float | None, {"at_most": 0, "below": 2}),
        (str, {"at_least": 0}),
        (Literal["a"], {"below": 0}),
        (tuple[str, ...], {"above": 0}),
        (bool, {"at_least": 0}),
    ],
)
def test_bounds_that_say_nothing_are_refused(annotation, bounds):
    body = {"gamma": field("x", default=1, **bounds), "__annotations__": {"gamma": annotation}}
    with helpers.refused(TypeError, match="^Invalid `gamma: bounds`: expected one bound a side"):
        type("Wrong", (Base,), {"__module__": __name__, **body})


def test_a_bound_may_be_met_from_both_sides():
    one = field("x", default=1, at_least=1, at_most=1)
    cls = type("One", (Base,), {"__module__": __name__, "a": one, "__annotations__": {"a": int}})
    assert cls.HYPER_PARAMETERS["a"].expected == "an int in [1, 1]"


class Plain:
    """No `Declared`."""

    width: int = field("a width", default=3, at_least=1)


class Mixed(Plain, Base):
    kind: Literal["a", "b"] = "b"  # an annotated default is a default
    CONSTANT = 3
    _own = 4


class Wider(Mixed):
    """A wider one."""

    width = 5


def test_fields_of_a_plain_mix_in_are_collected():
    assert (Mixed.HYPER_PARAMETERS["width"].default, Mixed.width, Mixed.kind) == (3, 3, "b")
    assert Wider(shape=(1,)).width == 5 and Wider(shape=(1,), width=7).width == 7
    with helpers.refused(ValueError, match="`width`: expected an int >= 1"):
        Mixed(shape=(1,), width=0)


def test_a_class_without_a_docstring_says_what_it_is():
    assert Mixed.__doc__.startswith("Mixed, a Plain.\n\nArgs:\n    shape: of the data.\n")
    assert Wider.__doc__.startswith("A wider one.\n\nArgs:\n")


def test_large_bounds_are_written_out():
    seed = HyperParameter("seed", "int", 0, at_least=0, at_most=2_147_483_647)
    assert seed.expected == "an int in [0, 2147483647]"
