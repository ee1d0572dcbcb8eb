"""The registry: what `ast` reads from the source is what Python sees; refusals; no TensorFlow."""

import inspect
import subprocess
import sys
import types
import typing

import pytest

from zoo import registry

METHODS = registry.list_methods()


def signature_view(method):
    """{name: (kind, default, optional, choices, items)} from `inspect.signature` over the MRO."""
    found = {}
    for cls in reversed(registry.get(method).__mro__):
        if "__init__" not in vars(cls) or not cls.__module__.startswith("zoo."):
            continue
        for name, parameter in inspect.signature(cls.__init__).parameters.items():
            plain = parameter.annotation is inspect.Parameter.empty
            if parameter.kind is not inspect.Parameter.KEYWORD_ONLY or plain:
                continue
            hint = parameter.annotation
            parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
            optional = type(None) in parts
            (main,) = (part for part in parts if part is not type(None))
            origin = typing.get_origin(main)
            choices = typing.get_args(main) if origin is typing.Literal else None
            items = typing.get_args(main)[0].__name__ if origin is tuple else None
            kind = "str" if choices else "tuple" if items else main.__name__
            found[name] = (kind, parameter.default, optional, choices, items)
    return found


@pytest.mark.parametrize("method", METHODS)
def test_ast_equals_signature(method):
    read = registry.hyper_parameters(method)
    view = {n: (h.kind, h.default, h.optional, h.choices, h.items) for n, h in read.items()}
    assert view == signature_view(method)
    assert registry.hyper_parameters(registry.get(method)) == read  # of a class in hand


@pytest.mark.parametrize("method", METHODS)
def test_defaults_are_in_range_and_documented(method):
    for name, parameter in registry.hyper_parameters(method).items():
        assert parameter.name == name
        assert parameter.check(parameter.default) == parameter.default
        assert parameter.help, f"{method}: `Args:` lacks {name}"
    assert registry.summary(method)
    assert "\n" not in registry.reference(method)
    assert len(registry.reference(method)) > 20
    assert registry.name_of(registry.get(method)) == method


PARAMETERS = {
    "count": registry.HyperParameter("count", "int", 1, minimum=1.0),
    "rate": registry.HyperParameter("rate", "float", 0.5, minimum=0.0, maximum=1.0, below=True),
    "positive": registry.HyperParameter("positive", "float", None, True, minimum=0.0, above=True),
    "flag": registry.HyperParameter("flag", "bool", False),
    "loss": registry.HyperParameter("loss", "str", "wgan", choices=("wgan", "hinge")),
    "widths": registry.HyperParameter("widths", "tuple", (1, 2), items="int"),
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
    [("rate", 0, 0.0), ("widths", [1, 2], (1, 2)), ("positive", None, None), ("count", 1, 1)],
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
    ],
)
def test_check_refuses(name, value, error):
    with pytest.raises(error, match=f"Received: {name}=") as told:
        PARAMETERS[name].check(value)
    assert type(told.value) is error


def test_bounds_are_read_from_the_help():
    base = registry.hyper_parameters("zoo.model:GenerativeModel")
    assert (base["beta_1"].minimum, base["beta_1"].maximum, base["beta_1"].below) == (0, 1, True)
    assert (base["learning_rate"].minimum, base["learning_rate"].above) == (0, True)
    assert (base["seed"].minimum, base["seed"].above, base["seed"].maximum) == (0, False, None)
    assert base["latent_dim"].expected == "an int >= 1"
    assert base["clip_norm"].expected == "a float > 0 or None"


@pytest.mark.parametrize("ask", [registry.get, registry.hyper_parameters, registry.create])
def test_unknown_methods_are_refused_with_the_nearest(ask):
    name = f"{METHODS[0]}x"
    words = f"expected one of .*Received: method='{name}'.*Did you mean '{METHODS[0]}'"
    with pytest.raises(ValueError, match=words):
        ask(name)


@pytest.mark.parametrize("ask", [registry.get, registry.hyper_parameters])
@pytest.mark.parametrize("name", ["no_such_package.module:Class", "zoo.model:Nothing", ":", "a:b"])
def test_outside_names_that_lead_nowhere_are_refused(ask, name):
    with pytest.raises(ValueError, match="package.module:Class") as told:
        ask(name)
    assert "\n" not in str(told.value)


OUTSIDE = '''
from tests.small import Bound


class Wide(Bound):
    """A bound from elsewhere.

    Args:
        width: of nothing, >= 1.

    Reference:
        Nobody: Nothing.
    """

    def __init__(self, *, width: int = 3, beta_1: float = 0.9, **base):
        super().__init__(beta_1=beta_1, width=width, **base)
'''


def test_a_class_outside_the_package(tmp_path, monkeypatch):
    package = tmp_path / "outsiders"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "wide.py").write_text(OUTSIDE)
    monkeypatch.syspath_prepend(tmp_path)
    name = "outsiders.wide:Wide"
    read = registry.hyper_parameters(name)
    assert read["width"].default == 3
    base = registry.hyper_parameters("zoo.model:GenerativeModel")
    assert (base["beta_1"].default, read["beta_1"].default) == (0.5, 0.9)
    assert read["beta_1"].help == base["beta_1"].help  # its own default, the meaning inherited
    assert read["latent_dim"].default == 64
    assert registry.summary(name) == "A bound from elsewhere."
    assert registry.reference(name) == "Nobody: Nothing."
    model = registry.create(name, image_shape=(2,), latent_dim=1, width=5)
    assert model.method == name
    assert model.hyper_parameters["width"] == 5
    assert registry.create(model.method, **model.hyper_parameters).width == 5
    with pytest.raises(ValueError, match="width"):
        registry.create(name, image_shape=(2,), width=0)


def test_reading_the_registry_does_not_load_tensorflow():
    code = (
        "import sys, zoo\n"
        "from zoo import registry\n"
        "for m in zoo.list_methods():\n"
        "    registry.hyper_parameters(m), registry.summary(m), registry.reference(m)\n"
        "print([n for n in ('tensorflow', 'keras', 'numpy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
