"""Methods by name, and their hyper-parameters, read from the source with `ast`.

A method is a file in `zoo/methods/` that holds one public class; its name is the file's. Names,
defaults, types and meanings come from the constructors' signatures and `Args:` sections, so that
`--help` need not load TensorFlow. A method outside the package is named `package.module:Class`.
"""

import ast
import dataclasses
import functools
import importlib
import importlib.util
import inspect
import pathlib
import re
import textwrap

from zoo.errors import refusal, unknown

_METHODS = pathlib.Path(__file__).parent / "methods"
_BASE = "GenerativeModel"


@dataclasses.dataclass(frozen=True)
class HyperParameter:
    """One typed constructor argument of a method.

    Attributes:
        name: the argument's and the flag's name.
        kind: "int", "float", "bool", "str" or "tuple".
        default: the literal default.
        optional: whether None is accepted.
        choices: the accepted strings, or None.
        items: kind of a tuple's items, or None.
        help: its meaning, from the docstring.
        minimum, maximum: bounds read from "in [a, b]", "in [a, b)", ">= a" or "> a" at the end of
            the help, or None.
        above, below: whether `minimum` or `maximum` itself is refused.
    """

    name: str
    kind: str
    default: object
    optional: bool = False
    choices: tuple | None = None
    items: str | None = None
    help: str = ""
    minimum: float | None = None
    maximum: float | None = None
    above: bool = False
    below: bool = False

    @property
    def expected(self):
        """What is accepted, in words."""
        if self.choices:
            words = "one of " + ", ".join(map(repr, self.choices))
        elif self.kind == "tuple":
            words = f"a tuple of {self.items}"
        else:
            words = {"int": "an int", "float": "a float", "bool": "a bool", "str": "a string"}[
                self.kind
            ]
        if self.minimum is not None and self.maximum is not None:
            words += f" in [{self.minimum:g}, {self.maximum:g}{')' if self.below else ']'}"
        elif self.minimum is not None:
            words += f" {'>' if self.above else '>='} {self.minimum:g}"
        return words + (" or None" if self.optional else "")

    def parse(self, text):
        """The value that a flag's text stands for; raises as `check` does."""
        if self.optional and text.strip().lower() in ("", "none"):
            return None
        try:
            if self.kind == "bool":
                return {"true": True, "1": True, "false": False, "0": False}[text.strip().lower()]
            if self.kind == "tuple":
                cast = {"int": int, "float": float, "str": str}[self.items]
                return self.check(
                    tuple(cast(item) for item in text.strip("()[] ").split(",") if item.strip())
                )
            return self.check({"int": int, "float": float, "str": str}[self.kind](text))
        except (KeyError, ValueError) as error:
            if str(error).startswith("Invalid"):
                raise
            raise ValueError(refusal(self.name, self.expected, text)) from None

    def check(self, value):
        """`value`, normalised; `TypeError` for another kind, `ValueError` for one out of range."""
        if value is None and self.optional:
            return None
        if self.kind == "float" and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if self.kind == "tuple" and isinstance(value, list):
            value = tuple(value)
        kind = {"int": int, "float": float, "bool": bool, "str": str, "tuple": tuple}[self.kind]
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            raise TypeError(refusal(self.name, self.expected, value))
        if self.choices and value not in self.choices:
            raise unknown(self.name, value, self.choices)
        if self.kind in ("int", "float"):
            low = self.minimum is not None and (
                value < self.minimum or (self.above and value == self.minimum)
            )
            high = self.maximum is not None and (
                value > self.maximum or (self.below and value == self.maximum)
            )
            if low or high or value != value:
                raise ValueError(refusal(self.name, self.expected, value))
        return value


def list_methods():
    """Names of all methods of the package, sorted."""
    return sorted(path.stem for path in _METHODS.glob("*.py") if not path.stem.startswith("_"))


def get(method):
    """The class of `method`; `ValueError` with the nearest name if there is none."""
    if isinstance(method, str) and ":" in method:
        module, _, name = method.partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            expected = "an importable package.module:Class"
            raise ValueError(refusal("method", expected, method, str(error))) from None
    _source(method)
    module = importlib.import_module(f"zoo.methods.{method}")
    return getattr(module, _method_class(method).name)


def create(method, **arguments):
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


def hyper_parameters(method):
    """{name: HyperParameter} of a method (name or class), its base classes' included."""
    return dict(_hyper_parameters(method))


def name_of(cls):
    """The registry's name of a class: "ali", or `package.module:Class` outside the package."""
    package, _, module = cls.__module__.rpartition(".")
    return module if package == "zoo.methods" else f"{cls.__module__}:{cls.__qualname__}"


def reference(method):
    """The `Reference:` paragraph of the method's docstring, on one line."""
    match = re.search(
        r"Reference:\s*\n?(.*?)(?:\n\s*\n|\Z)", ast.get_docstring(_method_class(method)) or "", re.S
    )
    return " ".join(match.group(1).split()) if match else ""


def paragraph(method, name):
    """What the method's docstring says after `*name*:`, on one line; "" where it does not."""
    text = ast.get_docstring(_method_class(method)) or ""
    match = re.search(rf"^\*{name}\*: (.*?)(?=^\*|^\s*$|\Z)", text, re.S | re.M)
    return " ".join(match[1].split()) if match else ""


def summary(method):
    """First line of the method's docstring."""
    return (ast.get_docstring(_method_class(method)) or "").partition("\n")[0]


@functools.cache
def _hyper_parameters(method):
    found = {}
    lineage = _lineage(method) if isinstance(method, str) else _class_lineage(method)
    for node in reversed(lineage):  # the base class first, so that a method may change a default
        init = next(
            (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None
        )
        if init is None:
            continue
        helps = _argument_helps(ast.get_docstring(node) or "") | _argument_helps(
            ast.get_docstring(init) or ""
        )
        for argument, default in zip(init.args.kwonlyargs, init.args.kw_defaults):
            name = argument.arg
            if argument.annotation is None or default is None:  # what the data or Keras decide
                continue
            inherited = found.get(name)
            text = helps.get(name) or (inherited.help if inherited else "")
            found[name] = _hyper_parameter(
                name, argument.annotation, ast.literal_eval(default), text
            )
    return found


def _hyper_parameter(name, annotation, default, text):
    fields = {"kind": "str", "optional": False, "choices": None, "items": None}
    for part in _union(annotation):
        if isinstance(part, ast.Constant) and part.value is None:
            fields["optional"] = True
        elif isinstance(part, ast.Subscript) and part.value.id == "Literal":
            values = part.slice.elts if isinstance(part.slice, ast.Tuple) else [part.slice]
            fields |= {"kind": "str", "choices": tuple(value.value for value in values)}
        elif isinstance(part, ast.Subscript):
            first = part.slice.elts[0] if isinstance(part.slice, ast.Tuple) else part.slice
            fields |= {"kind": "tuple", "items": first.id}
        else:
            fields["kind"] = part.id
    return HyperParameter(name=name, default=default, help=text, **fields, **_range(text))


def _range(text):
    """Bounds from the end of an argument's help."""
    number = r"(-?[\d.]+(?:e-?\d+)?)"
    if match := re.search(rf"in \[{number}, {number}([\])])\.?$", text):
        return {"minimum": float(match[1]), "maximum": float(match[2]), "below": match[3] == ")"}
    if match := re.search(rf"(>=|>) {number}\.?$", text):
        return {"minimum": float(match[2]), "above": match[1] == ">"}
    return {}


def _union(node):
    if isinstance(node, ast.BinOp):
        return _union(node.left) + _union(node.right)
    return [node]


def _argument_helps(docstring):
    """{argument: text} of a Google-style `Args:` section."""
    match = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)+)", docstring, re.M)
    if not match:
        return {}
    entries = re.findall(r"^(\w+): (.*(?:\n[ \t]+.*)*)", textwrap.dedent(match.group(1)), re.M)
    return {name: " ".join(text.split()) for name, text in entries}


def _source(method):
    if isinstance(method, str) and ":" in method:
        name, _, class_name = method.partition(":")
        try:
            module = importlib.util.find_spec(name)
        except (ImportError, ValueError):  # its package is missing, or the name is malformed
            module = None
        path = pathlib.Path(module.origin) if module and module.origin else None
        if path is None or path.suffix != ".py" or class_name not in _classes(path):
            raise ValueError(refusal("method", "an importable package.module:Class", method))
        return path
    if method not in list_methods():
        raise unknown("method", method, list_methods())
    return _METHODS / f"{method}.py"


@functools.cache
def _classes(path):
    tree = ast.parse(path.read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


@functools.cache
def _imports(path):
    """{local name: module} of `from module import name`."""
    tree = ast.parse(path.read_text())
    return {
        alias.asname or alias.name: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _method_class(method):
    path = _source(method)
    if isinstance(method, str) and ":" in method:
        return _classes(path)[method.partition(":")[2]]
    return next(node for name, node in _classes(path).items() if not name.startswith("_"))


def _lineage(method):
    """Class nodes from the method's own to the base model's, mix-ins before the base they join."""
    nodes = _ancestors(_source(method), _method_class(method))
    return nodes[: next((i + 1 for i, n in enumerate(nodes) if n.name == _BASE), None)]


def _ancestors(path, node):
    """A class and its bases, depth first."""
    nodes = [node]
    for base in node.bases if node.name != _BASE else ():
        parent = base.id if isinstance(base, ast.Name) else base.attr
        home = path if parent in _classes(path) else _path(_imports(path).get(parent, "zoo.model"))
        nodes += _ancestors(home, _classes(home)[parent])
    return nodes


def _path(module):
    """The file of a module; of this package without importing it, or its parents."""
    package, _, rest = module.partition(".")
    if package == "zoo":
        return _METHODS.parent.joinpath(*rest.split(".")).with_suffix(".py")
    return pathlib.Path(importlib.util.find_spec(module).origin)


def _class_lineage(cls):
    """As `_lineage`, of a class in hand, which may be local to a function."""
    nodes = []
    for base in cls.__mro__:
        tree = ast.parse(pathlib.Path(inspect.getsourcefile(base)).read_text())
        nodes += [
            n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name == base.__name__
        ][:1]
        if base.__name__ == _BASE:
            return nodes
    raise TypeError(refusal("method", f"a subclass of {_BASE}", cls))
