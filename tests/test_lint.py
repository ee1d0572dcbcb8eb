"""Who may import whom between methods, on sources written here; and that all of zoo is typed."""

import ast
import pathlib

import pytest

pytest.importorskip("importlinter")

from tests.import_contracts import imports_without_subclass


@pytest.mark.parametrize(
    "source",
    [
        "from zoo.methods.wgan import WGAN\nclass WGANGP(WGAN): pass",
        "from zoo.methods import wgan\nclass WGANGP(wgan.WGAN): pass",
        "from zoo.methods.wgan import WGAN as Base\nclass WGANGP(Base): pass",
        "from zoo.model import GenerativeModel\nclass GAN(GenerativeModel): pass",
        "import zoo.model\nimport zoo.methodsx",
    ],
)
def test_subclasses_and_other_rooms_are_allowed(source):
    assert imports_without_subclass(source, "zoo.methods") == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from zoo.methods.gan import helper\nclass ALI: pass", [(1, "helper")]),
        ("x = 1\nfrom zoo.methods import gan\nclass ALI: pass", [(2, "gan")]),
        ("from .gan import helper", [(1, "helper")]),
        ("import zoo.methods.gan", [(1, "zoo.methods.gan")]),
        ("def f():\n    from zoo.methods.gan import GAN\nclass ALI: pass", [(2, "GAN")]),
        ("from zoo.methods.gan import GAN, helper\nclass A(GAN): pass", [(1, "helper")]),
    ],
)
def test_other_imports_between_methods_are_named(source, expected):
    assert imports_without_subclass(source, "zoo.methods") == expected


def untyped(tree: ast.Module) -> list[str]:
    """'line name' of each function that lacks the type of an argument or of what it returns."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    methods = {id(node) for owner in classes for node in owner.body}
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        given = node.args
        named = [*given.posonlyargs, *given.args]
        if id(node) in methods and named and named[0].arg in ("self", "cls"):
            named = named[1:]
        stars = [star for star in (given.vararg, given.kwarg) if star is not None]
        arguments = [*named, *given.kwonlyargs, *stars]
        if node.returns is None or any(each.annotation is None for each in arguments):
            found.append(f"{node.lineno} {node.name}")
    return found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(x: int, *y: int, **z: int) -> None: ...\nlambda x: x", []),
        ("class A:\n    def f(self, x: int) -> None: ...", []),
        ("def f(x) -> None: ...", ["1 f"]),
        ("def f(x: int): ...", ["1 f"]),
        ("def f(self) -> None: ...", ["1 f"]),
        ("class A:\n    def f(self, *, x=1) -> None: ...", ["2 f"]),
        ("def f() -> None:\n    def g(**x) -> None: ...", ["2 g"]),
    ],
)
def test_functions_without_types_are_named(source, expected):
    assert untyped(ast.parse(source)) == expected


def test_every_function_of_zoo_says_its_types():
    root = pathlib.Path(__file__).parents[1] / "zoo"
    files = sorted(root.rglob("*.py"))
    assert len(files) > 50
    found = {str(p.relative_to(root)): untyped(ast.parse(p.read_text())) for p in files}
    assert {path: functions for path, functions in found.items() if functions} == {}
