"""Configuration: frozen dataclasses read from environment variables, with every mistake told at once.

A field `pool_size` below the prefix `CONCORD_MDM_DATABASE` is the variable `CONCORD_MDM_DATABASE_POOL_SIZE`; a field
that is itself a dataclass opens a prefix of its own, and where it is optional it is there as soon as one of its
variables is set. A variable that is set but empty counts as not set. A `Secret` comes from the file that the
variable with `_FILE` at its end names, so that no secret is ever in an environment.
"""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class ConfigurationError(Exception):
    """What is wrong with a configuration: one line for each of `mistakes`."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("the configuration is wrong:" + "".join(f"\n  - {mistake}" for mistake in mistakes))


@dataclass(frozen=True)
class Secret:
    """A value that is shown nowhere; `value` is the file's text without white space around it."""

    value: str = field(repr=False)


def load(settings: type[T], environ: Mapping[str, str], prefix: str) -> T:
    """Return the settings that the environment holds below `prefix` (such as `CONCORD_MDM`).

    Raises ConfigurationError with every missing variable, every value that is not of its field's type, every file
    that can't be read, every ValueError of a dataclass and every variable below the prefix that no field has.
    TypeError for a field of a type that can't be configured.
    """
    known = [variable.name for variable in _variables(settings, prefix)]
    reader = _Reader({name: value for name, value in environ.items() if value})
    loaded = reader.settings(settings, prefix, None)
    unknown = sorted(name for name in reader.environ if name.startswith(f"{prefix}_") and name not in known)
    mistakes = [*reader.mistakes, *(_unknown(name, known) for name in unknown)]
    if mistakes:
        raise ConfigurationError(mistakes)
    return typing.cast("T", loaded)


def describe(settings: type, prefix: str) -> str:
    """Return a table of the variables below `prefix` for --help: name, kind of value, default or `required`."""
    rows = [(variable.name, _KINDS[variable.kind][0], variable.told) for variable in _variables(settings, prefix)]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
    return "\n".join(f"{name:{widths[0]}}  {kind:{widths[1]}}  {told}".rstrip() for name, kind, told in rows)


@dataclass(frozen=True)
class _Variable:
    name: str
    kind: type
    told: str


@dataclass(frozen=True)
class _Field:
    """One field of a dataclass; `default` is MISSING for a required one, and what it falls back to otherwise."""

    name: str
    variable: str
    kind: type
    default: Any

    @property
    def is_nested(self) -> bool:
        return self.kind not in _KINDS

    @property
    def is_required(self) -> bool:
        return self.default is MISSING


class _Reader:
    """One pass over the environment, gathering mistakes."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.mistakes: list[str] = []

    def settings(self, kind: type, prefix: str, start: Any) -> Any:
        """Return an instance of a dataclass, `start` with what the environment says otherwise; None on mistakes."""
        before = len(self.mistakes)
        values: dict[str, Any] = {}
        for entry in _fields(kind, prefix, start):
            if not entry.is_nested:
                self._value(entry, values)
            elif entry.default is not None or self._has_any(entry):
                inner = None if entry.is_required else entry.default
                values[entry.name] = self.settings(entry.kind, entry.variable, inner)
        if len(self.mistakes) > before:
            return None
        try:
            return kind(**values) if start is None else dataclasses.replace(start, **values)
        except ValueError as error:
            self.mistakes.append(f"{prefix}_*: {error}")
            return None

    def _has_any(self, entry: _Field) -> bool:
        return any(variable.name in self.environ for variable in _variables(entry.kind, entry.variable))

    def _value(self, entry: _Field, values: dict[str, Any]) -> None:
        spoken, read = _KINDS[entry.kind]
        text = self.environ.get(entry.variable)
        if text is None:
            if entry.is_required:
                self.mistakes.append(f"{entry.variable} is missing: {spoken}")
            return
        try:
            values[entry.name] = read(text)
        except UnicodeDecodeError:
            self.mistakes.append(f"{entry.variable} names a file that is not text")
        except OSError as error:
            # Without the text: it may be the secret itself, put there by mistake.
            self.mistakes.append(f"{entry.variable} names a file that can't be read: {error.strerror}")
        except (ValueError, OverflowError):
            self.mistakes.append(f"{entry.variable} is {text!r}, which is not {spoken}")


def _variables(kind: type, prefix: str, start: Any = None, required: str = "required") -> Iterator[_Variable]:
    for entry in _fields(kind, prefix, start):
        if not entry.is_nested:
            told = required if entry.is_required else _default_told(entry.default)
            yield _Variable(entry.variable, entry.kind, told)
        elif entry.default is None:
            yield from _variables(entry.kind, entry.variable, None, f"required with any {entry.variable}_*")
        else:
            yield from _variables(entry.kind, entry.variable, None if entry.is_required else entry.default, required)


def _fields(kind: type, prefix: str, start: Any) -> Iterator[_Field]:
    hints = typing.get_type_hints(kind)
    for declared in dataclasses.fields(kind):
        inner = _without_none(hints[declared.name])
        if inner not in _KINDS and not dataclasses.is_dataclass(inner):
            raise TypeError(f"{kind.__name__}.{declared.name} is of a type that can't be configured: {inner}")
        suffix = "_FILE" if inner is Secret else ""
        variable = f"{prefix}_{declared.name.upper()}{suffix}"
        default = _default(declared) if start is None else getattr(start, declared.name)
        yield _Field(declared.name, variable, inner, default)


def _default(declared: "dataclasses.Field[Any]") -> Any:
    return declared.default_factory() if declared.default_factory is not MISSING else declared.default


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) not in (types.UnionType, typing.Union):
        return hint
    rest = [part for part in typing.get_args(hint) if part is not types.NoneType]
    return rest[0] if len(rest) == 1 else hint


def _default_told(default: Any) -> str:
    if default is None:
        return "optional"
    if isinstance(default, Secret):
        return "default: a secret"
    if isinstance(default, timedelta):
        return f"default {default.total_seconds():g}"
    return f"default {str(default).lower() if isinstance(default, bool) else default}"


def _unknown(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return f"{name} is not a variable of this service" + (f"; did you mean {close[0]}?" if close else "")


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _secret(path: str) -> Secret:
    value = Path(path).read_text(encoding="utf-8").strip()
    if not value:
        raise OSError(0, "it is empty")
    return Secret(value)


_KINDS: Mapping[type, tuple[str, Callable[[str], Any]]] = {
    str: ("a text", str),
    int: ("a whole number", int),
    float: ("a number", _number),
    bool: ("true or false", _boolean),
    Path: ("a path", Path),
    timedelta: ("a number of seconds", lambda text: timedelta(seconds=_number(text))),
    Secret: ("the path of a file with a secret", _secret),
}
