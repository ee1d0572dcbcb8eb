"""Hyper-parameters, declared once: typed fields in the body of a class.

    class VAE(GenerativeModel):
        decoder_stddev: float = field("standard deviation of a normal p(x|z)", default=0.1, above=0)
        learning_rate = 1e-3  # the base's field with another default

    class IWAE(VAE):
        kl = fixed("monte_carlo")  # the base's field, which is no argument here

Signature, `Args:`, flags, `--help` and checks derive from these. The registry reads the same
declarations from the source with `ast`, and joins them by the same function, `collect`. Loads no
TensorFlow.
"""

import dataclasses
import inspect
import math
import sys
import textwrap
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from zoo.errors import refusal, unknown

_KINDS: dict[str, type] = {"int": int, "float": float, "bool": bool, "str": str}
_ITEMS = {"int": "ints", "float": "floats", "bool": "bools", "str": "strings"}
_WORDS = {"int": "an int", "float": "a float", "bool": "a bool", "str": "a string"}


@dataclasses.dataclass(frozen=True)
class HyperParameter:
    """One typed argument of a method, or one flag of a tool.

    Attributes:
        name: the argument's and the flag's name.
        kind: "int", "float", "bool", "str" or "tuple".
        default: its value where the caller gives none.
        optional: whether None is accepted.
        choices: the accepted strings, or None.
        items: kind of a tuple's items, or None.
        help: its meaning, in one line.
        at_least, above, at_most, below: bounds of a number, or of each item of a tuple; `above` and
            `below` exclude the bound itself.
        fixed: whether the class fixes the value: then it is no argument.
    """

    name: str = ""
    kind: str = ""
    default: Any = None
    optional: bool = False
    choices: tuple[str, ...] | None = None
    items: str | None = None
    help: str = ""
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    fixed: bool = False

    @property
    def bounded(self) -> bool:
        """Whether a number, or each item of a tuple, has a bound."""
        bounds = (self.at_least, self.above, self.at_most, self.below)
        return any(bound is not None for bound in bounds)

    @property
    def expected(self) -> str:
        """What is accepted, in words: "an int >= 1 or None"."""
        if self.fixed:
            return f"{self.default!r}, which the method fixes"
        if self.choices:
            words = "one of " + ", ".join(map(repr, self.choices))
        elif self.kind == "tuple":
            words = f"a tuple of {_ITEMS[self.items or 'str']}{self._range}"
        else:
            words = _WORDS[self.kind] + self._range
        return words + (" or None" if self.optional else "")

    @property
    def _range(self) -> str:
        low = self.above if self.at_least is None else self.at_least
        high = self.below if self.at_most is None else self.at_most
        if low is None and high is None:
            return ""
        if high is None:
            return f" {'>' if self.at_least is None else '>='} {low:g}"
        if low is None:
            return f" {'<' if self.at_most is None else '<='} {high:g}"
        left, right = "(["[self.at_least is not None], ")]"[self.at_most is not None]
        return f" in {left}{low:g}, {high:g}{right}"

    @property
    def annotation(self) -> Any:
        """The type that was declared."""
        kind: Any = _KINDS.get(self.kind, tuple)
        if self.choices:
            kind = typing.Literal[self.choices]
        elif self.items:
            # Types that are values: no checker follows them.
            kind = tuple[_KINDS[self.items], ...]  # type: ignore[valid-type, name-defined]
        return kind | None if self.optional else kind

    @property
    def description(self) -> str:
        """Meaning, what is accepted and the default, for `Args:`."""
        return f"{self.help} ({self.expected}; default {self.default!r})."

    def parse(self, text: str) -> Any:
        """The value that a flag's text stands for; raises as `check` does."""
        text = text.strip()
        if self.optional and text.lower() in ("", "none"):
            return None
        try:
            if self.kind == "bool":
                value: Any = {"true": True, "1": True, "false": False, "0": False}[text.lower()]
            elif self.kind == "tuple":
                cast = _KINDS[self.items or "str"]
                value = tuple(cast(item) for item in text.strip("()[] ").split(",") if item.strip())
            else:
                value = _KINDS[self.kind](text)
        except (KeyError, ValueError):
            raise ValueError(refusal(self.name, self.expected, text)) from None
        return self.check(value)

    def check(self, value: Any) -> Any:
        """`value` as a plain Python object.

        Raises:
            TypeError: a value of another kind.
            ValueError: a value out of range, or another one than the fixed one.
        """
        if self.fixed:
            if value != self.default:
                raise ValueError(refusal(self.name, self.expected, value))
            return value
        if value is None and self.optional:
            return None
        if self.kind == "tuple":
            if not isinstance(value, (list, tuple)) and getattr(value, "ndim", 0) != 1:
                raise TypeError(refusal(self.name, self.expected, value))
            return tuple(self._item(_plain(item), self.items or "str", value) for item in value)
        return self._item(_plain(value), self.kind, value)

    def _item(self, item: Any, kind: str, received: Any) -> Any:
        """One value, or one item of a tuple; `received` is what the caller gave."""
        if kind == "float" and isinstance(item, int) and not isinstance(item, bool):
            item = float(item)
        if not isinstance(item, _KINDS[kind]) or (kind != "bool" and isinstance(item, bool)):
            raise TypeError(refusal(self.name, self.expected, received))
        if self.choices and item not in self.choices:
            raise unknown(self.name, item, self.choices)
        if kind in ("int", "float") and not self._within(item):  # type: ignore[arg-type]  # kind
            raise ValueError(refusal(self.name, self.expected, received))
        return item

    def _within(self, number: float) -> bool:
        return (
            math.isfinite(number)
            and (self.at_least is None or number >= self.at_least)
            and (self.above is None or number > self.above)
            and (self.at_most is None or number <= self.at_most)
            and (self.below is None or number < self.below)
        )


def field(
    help: str,
    *,
    default: Any,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
) -> Any:
    """Declares a hyper-parameter; its annotation says which values it takes.

    The annotation is `int`, `float`, `bool`, `str`, `Literal[...]` of strings, `tuple[kind, ...]`,
    or one of these `| None`.

    Args:
        help: its meaning, in one line without a final stop.
        default: a literal.
        at_least, above, at_most, below: bounds of a number, or of each item of a tuple.
    """
    return HyperParameter(
        default=default, help=help, at_least=at_least, above=above, at_most=at_most, below=below
    )


def fixed(value: Any) -> Any:
    """Fixes an inherited hyper-parameter: it keeps this value, and is no argument any more."""
    return HyperParameter(default=value, fixed=True)


@dataclasses.dataclass
class Declarations:
    """What one class body declares.

    Attributes:
        values: {name: what stands behind the equals sign: a `field`, a `fixed`, or a value}.
        annotations: {name: annotation}, those of fields at least.
        players: names of the players that the class adds; each has a learning rate.
    """

    values: dict[str, Any]
    annotations: dict[str, Any]
    players: tuple[str, ...] = ()


def collect(lineage: Iterable[Declarations]) -> dict[str, HyperParameter]:
    """{name: HyperParameter} of a class, from its oldest base to itself."""
    found: dict[str, HyperParameter] = {}
    for own in lineage:
        for player in own.players:
            rate = _learning_rate(player)
            found.setdefault(rate.name, rate)
        for name, value in own.values.items():
            if isinstance(value, HyperParameter) and not value.fixed:
                found[name] = _typed(name, value, own.annotations)
            elif isinstance(value, HyperParameter):
                if name not in found:
                    raise TypeError(refusal(name, "an inherited field to fix", value.default))
                free = dataclasses.replace(found[name], fixed=False)
                default = None if value.default is None else free.check(value.default)
                found[name] = dataclasses.replace(free, default=default, fixed=True)
            elif name in found:
                default = found[name].check(value)
                found[name] = dataclasses.replace(found[name], default=default)
    return found


@typing.dataclass_transform(kw_only_default=True, field_specifiers=(field, fixed))
class Declared:
    """A class whose hyper-parameters are fields of its body.

    Class attributes:
        HYPER_PARAMETERS: {name: HyperParameter}, the base classes' included. As attributes of the
            class, fields are their defaults.
        ARGUMENTS: {name: meaning} of the constructor's other arguments; the first one is required.
    """

    HYPER_PARAMETERS: typing.ClassVar[dict[str, HyperParameter]] = {}
    ARGUMENTS: typing.ClassVar[Mapping[str, str]] = {}
    _DECLARED: typing.ClassVar[Declarations] = Declarations({}, {})

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = dict(vars(cls))
        fields = {n for n, v in own.items() if isinstance(v, HyperParameter) and not v.fixed}
        for base in cls.__mro__[1:]:
            for name in fields & vars(base).keys() - getattr(base, "HYPER_PARAMETERS", {}).keys():
                expected = f"a name that {base.__name__} does not use"
                raise TypeError(refusal("field", expected, name))
        annotations = inspect.get_annotations(cls)
        scope = vars(sys.modules[cls.__module__])
        annotations = {
            n: eval(a, scope) if isinstance(a, str) and n in fields else a
            for n, a in annotations.items()
        }
        cls._DECLARED = Declarations(own, annotations, tuple(own.get("PLAYERS", ())))
        lineage = (vars(base).get("_DECLARED") for base in reversed(cls.__mro__))
        cls.HYPER_PARAMETERS = collect(own for own in lineage if own is not None)
        for declared in cls.HYPER_PARAMETERS.values():
            setattr(cls, declared.name, declared.default)
        cls.__signature__ = _signature(cls)  # type: ignore[attr-defined]
        cls.__doc__ = _with_arguments(inspect.cleandoc(cls.__doc__ or ""), cls)

    def assign(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Sets every hyper-parameter; returns the arguments that are none.

        Raises:
            TypeError: a value of another kind.
            ValueError: a value out of range.
        """
        for name, declared in self.HYPER_PARAMETERS.items():
            given = name in arguments
            setattr(self, name, declared.check(arguments[name]) if given else declared.default)
        return {k: v for k, v in arguments.items() if k not in self.HYPER_PARAMETERS}


def _typed(name: str, declared: HyperParameter, annotations: Mapping[str, Any]) -> HyperParameter:
    """A declaration with its name and the kind that its annotation says."""
    if name not in annotations:
        raise TypeError(refusal("field", f"an annotation, such as {name}: float", name))
    annotation = annotations[name]
    union = typing.get_origin(annotation) in (types.UnionType, typing.Union)
    parts = typing.get_args(annotation) if union else (annotation,)
    kinds = [part for part in parts if part not in (None, types.NoneType)]
    kind: dict[str, Any] = {"kind": getattr(kinds[0], "__name__", "")}
    if typing.get_origin(kinds[0]) is typing.Literal:
        kind = {"kind": "str", "choices": typing.get_args(kinds[0])}
    elif typing.get_origin(kinds[0]) is tuple:
        kind = {"kind": "tuple", "items": typing.get_args(kinds[0])[0].__name__}
    if len(kinds) != 1 or kind["kind"] not in (*_KINDS, "tuple"):
        expected = "int, float, bool, str, Literal[...] or tuple[kind, ...], or one of these | None"
        raise TypeError(refusal(f"{name}: annotation", expected, annotation))
    typed = dataclasses.replace(declared, name=name, optional=len(parts) > len(kinds), **kind)
    return dataclasses.replace(typed, default=typed.check(typed.default))


def _learning_rate(player: str) -> HyperParameter:
    help = f"learning rate of the {player.replace('_', ' ')}'s Adam, None for `learning_rate`"
    name = f"{player}_learning_rate"
    return HyperParameter(name, "float", None, optional=True, help=help, above=0.0)


def _plain(value: Any) -> Any:
    """A NumPy scalar, or an array of rank 0, as the Python number that it holds."""
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value


def _signature(cls: type[Declared]) -> inspect.Signature:
    keyword = inspect.Parameter.KEYWORD_ONLY
    others = [
        inspect.Parameter(n, keyword, default=None if i else inspect.Parameter.empty)
        for i, n in enumerate(cls.ARGUMENTS)
    ]
    fields = [
        inspect.Parameter(d.name, keyword, default=d.default, annotation=d.annotation)
        for d in cls.HYPER_PARAMETERS.values()
        if not d.fixed
    ]
    networks = inspect.Parameter("networks", inspect.Parameter.VAR_KEYWORD)
    return inspect.Signature([*others, *fields, networks])


def _with_arguments(docstring: str, cls: type[Declared]) -> str:
    """A docstring with a section `Args:`, before its references."""
    arguments = {**cls.ARGUMENTS}
    fields = cls.HYPER_PARAMETERS.values()
    arguments |= {d.name: d.description for d in fields if not d.fixed}
    roles = dict.fromkeys(r for own in getattr(cls, "PLAYERS", {}).values() for r in own)
    told = getattr(cls, "ROLES", {})
    arguments |= {r: f"a Keras network of one's own: {told[r]}" for r in roles if r in told}
    wrap = textwrap.TextWrapper(100, initial_indent="    ", subsequent_indent="        ")
    lines = [wrap.fill(f"{name}: {meaning}") for name, meaning in arguments.items()]
    head, reference, tail = docstring.partition("\nReference:")
    return "\n".join([head.rstrip(), "", "Args:", *lines, ""]) + reference + tail
