"""The registry: what `ast` reads from the source is what Python sees; refusals; no TensorFlow."""

import ast
import inspect
import re
import subprocess
import sys
import typing

import pytest

from tests import helpers, small  # noqa: F401
from zoo import fields, registry

METHODS = registry.list_methods()


@pytest.mark.parametrize("method", METHODS)
def test_source_class_signature_and_help_agree(method):
    read, cls = registry.hyper_parameters(method), registry.get(method)
    assert registry.hyper_parameters(cls) == read
    assert registry.fixed_values(cls) == registry.fixed_values(method)
    signature = inspect.signature(cls).parameters
    assert set(signature) == {*read, *cls.ARGUMENTS, "networks"}
    arguments = cls.__doc__.partition("\nArgs:\n")[2].partition("\n\n")[0]
    described = re.findall(r"^    (\w+): ", arguments, re.M)
    roles = {role for player in cls.PLAYERS.values() for role in player} & cls.ROLES.keys()
    assert described[: -len(roles)] == [*cls.ARGUMENTS, *read]
    assert set(described[-len(roles) :]) == roles
    for name, item in read.items():
        assert signature[name].default == item.default == getattr(cls, name)
        hint = signature[name].annotation
        assert (type(None) in typing.get_args(hint)) == item.optional
        kind = {int: "int", float: "float", bool: "bool", str: "str"}.get(hint)
        assert kind in (item.kind, None)


@pytest.mark.parametrize("method", METHODS)
def test_every_number_has_bounds(method):
    for name, item in registry.hyper_parameters(method).items():
        if {item.kind, item.items} & {"int", "float"}:
            assert item.bounds, f"{method}: {name}"


@pytest.mark.parametrize("method", METHODS)
def test_defaults_are_in_range_and_documented(method):
    for name, parameter in registry.hyper_parameters(method).items():
        assert parameter.name == name
        assert parameter.check(parameter.default) == parameter.default
        assert parameter.help and not parameter.help.endswith(".")
    assert registry.summary(method)
    assert "\n" not in registry.reference(method)
    assert len(registry.reference(method)) > 20
    assert registry.name_of(registry.get(method)) == method


@pytest.mark.parametrize("method", METHODS)
def test_a_value_without_effect_is_refused(method):
    """Every field that needs a setting, with the settings that it needs and with another."""
    declared = registry.hyper_parameters(method)
    for name, item in declared.items():
        if not item.needs:
            continue
        other = (7.0,) if item.kind == "tuple" else 7
        setting, _, texts = item.needs.partition("=")
        for needed in texts.split("|") if texts else (3, True):
            fields.check_effects({name: item}, {name: other, setting: needed})
        with helpers.refused(ValueError, match=f"`{name}`.*no effect without {setting}"):
            fields.check_effects({name: item}, {name: other, setting: "another" if texts else 0})
        fields.check_effects({name: item}, {name: item.default, setting: "another"})


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


def read(body, base=None):
    """What the registry reads in the source of a class."""
    (node,) = ast.parse(f"class Own:\n    {body}").body
    return fields.collect([*([base] if base else []), registry._declarations(node)])


@pytest.mark.parametrize(
    "body, default",
    [
        ("width: int = 8", 8),
        ("width = height = 8", 8),
        ("width: int = fixed(8)", 8),
        ("width: int | None = field('x', default=None, at_least=1)", None),
    ],
)
def test_the_source_is_read_as_python_does(body, default):
    base = fields.Declarations({"width": fields.field("x", default=3)}, {"width": int})
    assert read(body, base)["width"].default == default


@pytest.mark.parametrize(
    "body, words",
    [
        ("width: int = field('x', default=2 * 4)", "`field`: expected literals"),
        ("width: int = field('x', default=LARGE)", "`field`: expected literals"),
        ("width = 2 * 4", "`width`: expected an int.*2 [*] 4"),
        ("width = fixed(LARGE)", "`fixed`: expected literals"),
        ("width: list = field('x', default=8)", "`width: annotation`"),
        ("width: tuple[int, int] = field('x', default=(8, 8))", "`width: annotation`"),
    ],
)
def test_what_the_source_does_not_say_is_refused(body, words):
    base = fields.Declarations({"width": fields.field("x", default=3)}, {"width": int})
    with helpers.refused(TypeError, match=words):
        read(body, base)


OUTSIDE = '''
from tests.small import Bound
from zoo.fields import field


class Wide(Bound):
    """A bound from elsewhere.

    Reference:
        Nobody: Nothing.
    """

    width: int = field("of nothing", default=3, at_least=1)
    beta_1 = 0.9
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


def test_a_module_is_imported_only_if_it_is_allowed(tmp_path, monkeypatch):
    canary = tmp_path / "canary"
    text = f"open({str(canary)!r}, 'w').close()\nfrom tests.small import Bound as Own\n"
    (tmp_path / "hostile.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for ask in (registry.get, registry.hyper_parameters):
        for allow in ((), ("hostil", "hostile.py")):
            words = r"`method`.*hostile:Own'. If you.*restore\(run_dir, allow=\('hostile',\)\)"
            with helpers.refused(ValueError, match=words):
                ask("hostile:Own", allow=allow)
        with helpers.refused(TypeError, match="`allow`: expected a tuple"):
            ask("hostile:Own", allow="hostile")
    assert not canary.exists()
    registry.get("tests.small:Bound", allow=())  # imported by this file's own imports
    registry.get(METHODS[0], allow=())
    assert registry.get("hostile:Own", allow=("hostile",)).__name__ == "Bound"
    assert canary.exists()


@pytest.mark.parametrize("allow", [None, ()])
@pytest.mark.parametrize("name", ["os:mkdir", "subprocess:Popen", "zoo.data:load", "zoo:data"])
def test_what_is_no_model_is_refused_before_it_is_called(name, allow):
    with helpers.refused(ValueError, match="a subclass of zoo.model.GenerativeModel"):
        registry.get(name, allow=allow)
    with helpers.refused(ValueError, match="a subclass of zoo.model.GenerativeModel"):
        registry.create(name, path="/nowhere")


@pytest.mark.parametrize(
    "text, words",
    [
        ("x = (\n", r"SyntaxError: .*broken\.py, line 1"),
        ("\n\nfoo(1)\n", r"NameError: .*broken\.py, line 3"),
        ("from tests.small import Nothing\n", r"ImportError: .*broken\.py, line 1"),
        ("x = 1\n", "AttributeError: .*no attribute 'Own'"),
    ],
)
def test_an_error_in_a_module_names_its_file_and_line(tmp_path, monkeypatch, text, words):
    (tmp_path / "broken.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    with helpers.refused(ValueError, match=f"an importable package.module:Class.*{words}"):
        registry.hyper_parameters("broken:Own")
    monkeypatch.delitem(sys.modules, "broken", raising=False)


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
