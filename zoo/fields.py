"""Hyper-parameters, declared once: typed fields in the body of a class.

    class VAE(GenerativeModel):
        decoder_stddev: float = field("standard deviation of a normal p(x|z)", default=0.1, above=0)
        learning_rate = 1e-3  # the base's field with another default

    class IWAE(VAE):
        kl = fixed("monte_carlo")  # the base's field, which is no argument here

Signature, `Args:`, flags, `--help` and checks derive from these. Of the package's own methods the
registry reads the same declarations from the source with `ast`, and joins them by the same
function, `collect`. Loads no TensorFlow.
"""

import dataclasses
import inspect
import sys
import textwrap
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from zoo.errors import nearest, refusal
from zoo.hyper_parameter import HIGH, KINDS, LOW
from zoo.hyper_parameter import HyperParameter as HyperParameter


def field(
    help: str,
    *,
    default: Any,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    needs: str | None = None,
) -> Any:
    """Declares a hyper-parameter; its annotation says which values it takes.

    The annotation is `int`, `float`, `bool`, `str`, `Literal[...]` of strings, `tuple[kind, ...]`,
    or one of these `| None`.

    Args:
        help: its meaning, in one line without a final stop.
        default: a literal.
        at_least, above, at_most, below: bounds of a number, or of each item of a tuple.
        needs: the setting of another field without which this one has no effect, so that only its
            default is taken: "penalty" (neither None, False nor 0), or "decoder_output=normal", or
            "objective=wgan_gp|sum".
    """
    return HyperParameter(
        default=default,
        help=help,
        at_least=at_least,
        above=above,
        at_most=at_most,
        below=below,
        needs=needs,
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
                if hasattr(value, "__get__"):  # a property or a method
                    expected = f"a default or fixed(...), as {name} is a field of a base class"
                    raise TypeError(refusal(name, expected, value))
                default = found[name].check(value)
                found[name] = dataclasses.replace(found[name], default=default)
    for item in found.values():
        name, equals, _ = (item.needs or item.name).partition("=")
        if name not in found or (equals and not found[name].choices):
            expected = "the name of another field, or name=one|another of its choices"
            raise TypeError(refusal(f"{item.name}: needs", expected, item.needs))
    return found


def check_effects(declared: Mapping[str, HyperParameter], values: Mapping[str, Any]) -> None:
    """Refuses a value, other than the default, that nothing would make use of.

    Args:
        declared: {name: HyperParameter} of a method, those that it fixes included or not.
        values: {name: value} of these at least.

    Raises:
        ValueError: what the field `needs` is set otherwise.
    """
    for name, item in declared.items():
        if not item.fixed and values[name] != item.default and not item.has_effect(values):
            expected = f"{item.default!r}, as it has no effect without {item.needs}"
            raise ValueError(refusal(name, expected, values[name]))


@typing.dataclass_transform(kw_only_default=True, field_specifiers=(field, fixed))
class Declared:
    """A class whose hyper-parameters are fields of its body.

    Class attributes:
        HYPER_PARAMETERS: {name: HyperParameter}, the base classes' included. As attributes of the
            class, fields are their defaults.
        ARGUMENTS: {name: meaning} of the constructor's other arguments.
        RESERVED: names of attributes that no class body shows, as a library sets them.
    """

    HYPER_PARAMETERS: typing.ClassVar[dict[str, HyperParameter]] = {}
    ARGUMENTS: typing.ClassVar[Mapping[str, str]] = {}
    RESERVED: typing.ClassVar[tuple[str, ...]] = ()
    _DECLARED: typing.ClassVar[Declarations] = Declarations({}, {})

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._DECLARED = _declarations(cls)
        _check_names(cls)
        # A plain mix-in has no `_DECLARED`, but may have fields all the same.
        own = (vars(b).get("_DECLARED") or _declarations(b) for b in reversed(cls.__mro__))
        cls.HYPER_PARAMETERS = collect(own)
        _check_body(cls)
        for declared in cls.HYPER_PARAMETERS.values():
            setattr(cls, declared.name, declared.default)
        cls.__signature__ = _OfClass(_signature(cls))  # type: ignore[attr-defined]
        cls.__doc__ = _with_arguments(cls)

    def assign(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Sets every hyper-parameter; returns the arguments that are none.

        Raises:
            TypeError: a value of another kind.
            ValueError: a value out of range, or one without effect.
        """
        values = {
            name: declared.check(arguments[name]) if name in arguments else declared.default
            for name, declared in self.HYPER_PARAMETERS.items()
        }
        check_effects(self.HYPER_PARAMETERS, values)
        for name, value in values.items():
            setattr(self, name, value)
        return {k: v for k, v in arguments.items() if k not in self.HYPER_PARAMETERS}


class _OfClass:
    """An attribute that a class has and its instances have not: theirs is the one of `__call__`."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is not None:
            raise AttributeError("__signature__")
        return self.value


def _declarations(cls: type) -> Declarations:
    """What the body of a class declares, as Python has read it."""
    own = vars(cls)
    annotations = dict(inspect.get_annotations(cls))
    for name in annotations.keys() & _fields(cls):
        if isinstance(annotations[name], str):
            scope = vars(sys.modules[cls.__module__])
            try:
                annotations[name] = eval(annotations[name], scope)
            except Exception:
                expected = f"names that {cls.__module__} defines"
                message = refusal(f"{name}: annotation", expected, annotations[name])
                raise TypeError(message) from None
    return Declarations(dict(own), annotations, tuple(own.get("PLAYERS", ())))


def _fields(cls: type) -> set[str]:
    """Names that the body of a class declares by `field`; of a `Declared` one before it is made."""
    own = vars(cls).items()
    return {name for name, value in own if isinstance(value, HyperParameter) and not value.fixed}


def _check_names(cls: type[Declared]) -> None:
    """Refuses fields, and roles of networks, by names that mean something else in a base class."""
    bases = cls.__mro__[1:]
    fields = _fields(cls).union(*map(_fields, bases))  # those of plain mix-ins too
    inherited = set().union(*(getattr(base, "HYPER_PARAMETERS", ()) for base in bases))
    roles = {role for player in vars(cls).get("PLAYERS", {}).values() for role in player}
    if clash := roles & (fields | inherited):
        raise TypeError(refusal("PLAYERS", "roles that no field is called", min(clash)))
    for base in bases:
        used = vars(base).keys() - getattr(base, "HYPER_PARAMETERS", {}).keys() - _fields(base)
        if any(issubclass(host, base) and issubclass(host, Declared) for host in bases):
            # Annotations without a value are attributes that instances get.
            used |= inspect.get_annotations(base).keys() - inherited
        used |= {*vars(base).get("ARGUMENTS", ()), *vars(base).get("RESERVED", ())}
        for argument, names in ("field", fields), ("PLAYERS", roles):
            if used & names:
                expected = f"a name that {base.__name__} does not use"
                raise TypeError(refusal(argument, expected, min(used & names)))


def _check_body(cls: type[Declared]) -> None:
    """Refuses a value that would be ignored: of a misspelt field, or of one without `field`."""
    bases = cls.__mro__[1:]
    known = {n for base in bases for n in (*vars(base), *inspect.get_annotations(base))}
    for name, annotation in inspect.get_annotations(cls).items():
        if not (name in known or name in vars(cls) or name[0] == "_") and _is_kind(annotation):
            expected = f"a value, as in {name}: {_named(annotation)} = field(..., default=...)"
            raise TypeError(refusal(name, expected, "an annotation alone"))
    for name in vars(cls).keys() - known:
        value, annotation = vars(cls)[name], inspect.get_annotations(cls).get(name)
        constant = name[0] == "_" or name.isupper()
        constant |= "ClassVar" in str(annotation)
        if not constant and (value is None or isinstance(value, (int, float, str, tuple))):
            expected = f"the name of a field, {name}: float = field(...), or a NAME in capitals"
            raise TypeError(refusal(name, expected, value, nearest(name, cls.HYPER_PARAMETERS)))


def _typed(name: str, declared: HyperParameter, annotations: Mapping[str, Any]) -> HyperParameter:
    """A declaration with its name and the kind that its annotation says."""
    if name not in annotations:
        raise TypeError(refusal("field", f"an annotation, such as {name}: float", name))
    annotation = annotations[name]
    union = typing.get_origin(annotation) in (types.UnionType, typing.Union)
    parts = typing.get_args(annotation) if union else (annotation,)
    kinds = [_kind(part) for part in parts if part is not types.NoneType]
    if len(kinds) != 1 or not kinds[0]:
        expected = (
            "int, float, bool, str, Literal[...] of strings or tuple[kind, ...], "
            "or one of these | None"
        )
        raise TypeError(refusal(f"{name}: annotation", expected, annotation))
    typed = dataclasses.replace(declared, name=name, optional=len(parts) > 1, **kinds[0])
    _check_bounds(typed)
    return dataclasses.replace(typed, default=typed.check(typed.default))


def _kind(annotation: Any) -> dict[str, Any]:
    """`kind`, `items` and `choices` that a type says; {} for a type that no field may have."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal and all(isinstance(part, str) for part in parts):
        return {"kind": "str", "choices": parts}
    if origin is tuple and len(parts) == 2 and parts[1] is ... and parts[0] in KINDS.values():
        return {"kind": "tuple", "items": parts[0].__name__}
    return {"kind": annotation.__name__} if annotation in KINDS.values() else {}


def _is_kind(annotation: Any) -> bool:
    """Whether an annotation, or the text of one, names a type that fields have."""
    if isinstance(annotation, str):
        return annotation.partition("|")[0].partition("[")[0].strip() in (*KINDS, "Literal")
    union = isinstance(annotation, types.UnionType)
    return any(map(_kind, typing.get_args(annotation) if union else (annotation,)))


def _named(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _check_bounds(declared: HyperParameter) -> None:
    """Refuses bounds of what is no number, two on one side, and those that leave no number."""
    given = declared.bounds
    low, high = ([given[n] for n in side if n in given] for side in (LOW, HIGH))
    numbers = {declared.kind, declared.items} & {"int", "float"}
    empty = low and high and (low > high or (low == high and {"above", "below"} & given.keys()))
    if (given and not numbers) or len(low) > 1 or len(high) > 1 or empty:
        expected = "one bound a side, of numbers, that leave some between them"
        raise TypeError(refusal(f"{declared.name}: bounds", expected, given))


def _learning_rate(player: str) -> HyperParameter:
    help = f"learning rate of the {player.replace('_', ' ')}'s Adam, None for `learning_rate`"
    name = f"{player}_learning_rate"
    return HyperParameter(name, "float", None, optional=True, help=help, above=0.0)


def _signature(cls: type[Declared]) -> inspect.Signature:
    keyword = inspect.Parameter.KEYWORD_ONLY
    made = inspect.signature(cls.__init__).parameters
    others = [made[name] for name in cls.ARGUMENTS]
    fields = [
        inspect.Parameter(d.name, keyword, default=d.default, annotation=d.annotation)
        for d in cls.HYPER_PARAMETERS.values()
        if not d.fixed
    ]
    networks = inspect.Parameter("networks", inspect.Parameter.VAR_KEYWORD)
    return inspect.Signature([*others, *fields, networks])


def _with_arguments(cls: type[Declared]) -> str:
    """The docstring of a class with a section `Args:`, before its references."""
    plain = f"{cls.__name__}, a {cls.__bases__[0].__name__}."
    docstring = inspect.cleandoc(vars(cls).get("__doc__") or plain)
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
