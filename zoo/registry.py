"""Methods by name, and their hyper-parameters, read from the source with `ast`.

A method is a file in `zoo/methods/` that holds one public class; its name is the file's. What it
declares (`zoo.fields`) is read without loading TensorFlow, so that `--help` is light.

A method outside the package is named `package.module:Class`. To know anything about it Python
imports `package` and `package.module`, which runs their code, and TensorFlow with them. So a name
that stands in a file, such as a run's record, is looked up with `allow`.
"""

import ast
import functools
import importlib
import inspect
import operator
import pathlib
import re
import sys
import traceback
import types
import typing
from collections.abc import Collection
from typing import Any

from zoo import fields
from zoo.errors import refusal, unknown
from zoo.fields import HyperParameter

if typing.TYPE_CHECKING:
    from zoo.model import GenerativeModel

_PACKAGE = pathlib.Path(__file__).parent
_METHODS = _PACKAGE / "methods"
_IMPORTER = pathlib.Path(importlib.__file__).parent
# What the declarations in a method's source may name.
_CALLS: dict[str, Any] = {"field": fields.field, "fixed": fields.fixed}
_TYPES = {t.__name__: t for t in (int, float, bool, str, tuple)} | {"Literal": typing.Literal}


def list_methods() -> list[str]:
    """Names of all methods of the package, sorted."""
    return sorted(path.stem for path in _METHODS.glob("*.py") if not path.stem.startswith("_"))


def get(method: str, allow: Collection[str] | None = None) -> "type[GenerativeModel]":
    """The class of `method`.

    Args:
        method: a name of `list_methods()`, or `package.module:Class`.
        allow: modules that may be imported for the second kind of name, beside those of this
            package and those that are imported already; None for any. Give it for a name that the
            user did not type: an import runs code.

    Raises:
        ValueError: an unknown name, no subclass of `GenerativeModel`, a module that is not allowed,
            or one that raises when it is imported.
    """
    if isinstance(method, str) and ":" in method:
        return _outside(method, allow)
    _, node = _find(method)
    return getattr(importlib.import_module(f"zoo.methods.{method}"), node.name)


def check_allowed(method: str, allow: Collection[str] | None) -> None:
    """Refuses `package.module:Class` whose module may not be imported; `allow` as of `get`."""
    if isinstance(allow, str):
        raise TypeError(refusal("allow", "a tuple of names of modules", allow))
    module, colon, _ = method.partition(":")
    if not colon or allow is None or module in allow or module in sys.modules:
        return
    if module.split(".")[0] != "zoo":
        expected = "a method of the zoo, as the import of another recorded module runs its code"
        hint = f"If you trust it: zoo.restore(run_dir, allow=({module!r},)), or --allow={module}."
        raise ValueError(refusal("method", expected, method, hint))


def create(method: str, **arguments: Any) -> "GenerativeModel":
    """A built, uncompiled model.

    Args:
        method: a name of `list_methods()`, or `package.module:Class`.
        **arguments: `image_shape`, the method's hyper-parameters, or networks by role.

    Returns:
        A `zoo.model.GenerativeModel`.

    Raises:
        ValueError: an unknown method or argument, a value out of range.
        TypeError: a value of another kind.
    """
    return get(method)(**arguments)


def hyper_parameters(
    method: "str | type[GenerativeModel]", allow: Collection[str] | None = None
) -> dict[str, HyperParameter]:
    """{name: HyperParameter} of a method (name or class), its base classes' included.

    Those that it fixes are left out: they are no arguments. `allow` as of `get`.
    """
    return {name: item for name, item in _declared(method, allow).items() if not item.fixed}


def fixed_values(method: "str | type[GenerativeModel]") -> dict[str, Any]:
    """{name: value} of the hyper-parameters that a method fixes."""
    return {name: item.default for name, item in _declared(method).items() if item.fixed}


def name_of(cls: type) -> str:
    """The registry's name of a class: "ali", or `package.module:Class` outside the package."""
    package, _, module = cls.__module__.rpartition(".")
    return module if package == "zoo.methods" else f"{cls.__module__}:{cls.__qualname__}"


def reference(method: str) -> str:
    """The `Reference:` paragraph of the method's docstring, on one line."""
    match = re.search(r"Reference:\s*\n?(.*?)(?:\n\s*\n|\Z)", docstring(method), re.S)
    return " ".join(match.group(1).split()) if match else ""


def paragraph(method: str, name: str) -> str:
    """What the method's docstring says after `*name*:`, on one line; "" where it does not."""
    match = re.search(rf"^\*{name}\*: (.*?)(?=^\*|^\s*$|\Z)", docstring(method), re.S | re.M)
    return " ".join(match[1].split()) if match else ""


def summary(method: str) -> str:
    """First line of the method's docstring."""
    return docstring(method).partition("\n")[0]


def docstring(method: str) -> str:
    """The method's docstring: of the package's own methods as it stands in the file."""
    if ":" in method:
        return inspect.getdoc(get(method)) or ""
    return ast.get_docstring(_find(method)[1]) or ""


def _outside(method: str, allow: Collection[str] | None) -> "type[GenerativeModel]":
    """The class that `package.module:Class` names; `allow` as of `get`."""
    check_allowed(method, allow)
    module, _, name = method.partition(":")
    try:
        found = operator.attrgetter(name)(importlib.import_module(module))
    except Exception as error:  # whatever the module's own code raises
        expected = "an importable package.module:Class"
        raise ValueError(refusal("method", expected, method, _cause(error))) from error
    base = importlib.import_module("zoo.model").GenerativeModel
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ValueError(refusal("method", "a subclass of zoo.model.GenerativeModel", method))
    return found


def _cause(error: Exception) -> str:
    """An error of a user's module in one line, with the place in their file if there is one."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    for place in reversed(traceback.extract_tb(error.__traceback__)):
        path = pathlib.Path(place.filename)
        if path.is_absolute() and not {_PACKAGE, _IMPORTER} & {path, *path.parents}:
            return f"{text} ({path}, line {place.lineno})"
    return text


def _declared(
    method: "str | type[GenerativeModel]", allow: Collection[str] | None = None
) -> dict[str, HyperParameter]:
    if isinstance(method, str) and ":" in method:
        method = get(method, allow)
    return method.HYPER_PARAMETERS if isinstance(method, type) else _read(method)


@functools.cache
def _read(method: str) -> dict[str, HyperParameter]:
    lineage = _lineage(*_find(method))
    # As in Python's order of bases: one that comes twice has the older of its places.
    once = [node for i, node in enumerate(lineage) if node not in lineage[i + 1 :]]
    return fields.collect(map(_declarations, reversed(once)))


def _declarations(node: ast.ClassDef) -> fields.Declarations:
    """What a class body declares, as `zoo.fields` finds it in the class."""
    found = fields.Declarations({}, {})
    for statement in node.body:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        elif isinstance(statement, ast.Assign):
            targets = statement.targets
        else:
            continue
        for name in (target.id for target in targets if isinstance(target, ast.Name)):
            if isinstance(statement, ast.AnnAssign):
                found.annotations[name] = statement.annotation
            if name == "PLAYERS" and isinstance(statement.value, ast.Dict):
                keys = (key for key in statement.value.keys if key is not None)
                found.players = tuple(map(ast.literal_eval, keys))
            elif statement.value is not None:
                found.values[name] = _value(statement.value)
    described = {n for n, v in found.values.items() if isinstance(v, HyperParameter)}
    found.annotations = {n: _annotation(a) for n, a in found.annotations.items() if n in described}
    return found


def _value(node: ast.expr) -> Any:
    """What stands behind an equals sign: a field, a fixed or plain value, or else its code."""
    code = ast.unparse(node)
    called = _CALLS.get(ast.unparse(node.func)) if isinstance(node, ast.Call) else None
    try:
        if isinstance(node, ast.Call) and called:
            options: Any = {item.arg: ast.literal_eval(item.value) for item in node.keywords}
            return called(*map(ast.literal_eval, node.args), **options)
        return ast.literal_eval(node)
    except ValueError:
        if called:
            expected = "literals, as the source is read"
            raise TypeError(refusal(called.__name__, expected, code)) from None
        return types.SimpleNamespace(code=code)  # which no hyper-parameter takes


def _annotation(node: ast.expr) -> Any:
    """The type that an annotation names; the text of one that a field may not have."""
    code = ast.unparse(node)
    try:
        return eval(code, {"__builtins__": {}, **_TYPES})
    except (NameError, AttributeError):
        return code


def _find(method: str) -> tuple[pathlib.Path, ast.ClassDef]:
    """The file and the class node of a method of the package."""
    if method not in list_methods():
        raise unknown("method", method, list_methods())
    path = _METHODS / f"{method}.py"
    return path, next(node for name, node in _classes(path).items() if not name.startswith("_"))


@functools.cache
def _classes(path: pathlib.Path) -> dict[str, ast.ClassDef]:
    tree = ast.parse(path.read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


@functools.cache
def _imports(path: pathlib.Path) -> dict[str, str]:
    """{local name: module} of `from module import name`."""
    tree = ast.parse(path.read_text())
    return {
        alias.asname or alias.name: node.module  # type: ignore[misc]  # named, as here
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _lineage(path: pathlib.Path, node: ast.ClassDef) -> list[ast.ClassDef]:
    """A class and its bases, depth first, but those of libraries that declare no fields."""
    nodes = [node]
    for base in node.bases:
        prefix, _, name = ast.unparse(base).rpartition(".")
        home = _home(path, prefix, name)
        if home is not None:
            nodes += _lineage(home, _classes(home)[name])
    return nodes


def _home(path: pathlib.Path, prefix: str, name: str) -> pathlib.Path | None:
    """The file that defines the class which another file calls `name` or `prefix.name`."""
    if prefix:
        first, _, rest = prefix.partition(".")
        module = ".".join(filter(None, (_imports(path).get(first), first, rest)))
    elif name in _classes(path):
        return path
    else:
        module = _imports(path).get(name, "")
    home = _path(module)
    return None if home is None else _home(home, "", name)


def _path(module: str) -> pathlib.Path | None:
    """The file of a module of this package, found without an import; None of other modules."""
    package, _, rest = module.partition(".")
    if package != "zoo":
        return None
    stem = _PACKAGE.joinpath(*rest.split("."))
    return stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")
