"""Which columns a table of messages gets: those with values, in the contract's order, as many as fit."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from rich.cells import cell_len, set_cell_size

from clients.cli.display import values
from clients.cli.mistake import Mistake, nearest

GAP = 2
LEAST_WIDTH = 10
"""Below this width a column tells too little to be worth its place."""

_USUAL_STATE = 1
"""The number of the state that records of nearly every type begin in, and mostly are in."""

# What every record has, and what tells it from no other.
_BOOKKEEPING = {"etag", "revision", "state", "create_time", "update_time", "entities"}
_DEEPEST = 2
_PACKED = "google.protobuf.Any"


@dataclass(frozen=True)
class Column:
    """A heading and its cells, one a row."""

    title: str
    cells: tuple[str, ...]

    @property
    def width(self) -> int:
        """The width at which nothing is cut, in characters."""
        return max(cell_len(text) for text in (self.title, *self.cells))


def columns(messages: Sequence[Message], paths: Sequence[str] = (), default: Sequence[str] = ()) -> list[Column]:
    """Return the columns at `paths`; without any, those at `default`, else all, that hold anything."""
    if not messages:
        return []
    descriptor: Any = messages[0].DESCRIPTOR
    for path in paths:
        _require(descriptor, path)
    chosen = list(paths or default or (*_candidates(descriptor), *_telling_state(messages)))
    found = [Column(_title(path, chosen), _cells(messages, path)) for path in chosen]
    return found if paths else [column for column in found if any(column.cells)]


def _telling_state(messages: Sequence[Any]) -> list[str]:
    """Return the state as a column where it says more than that all are as they usually are."""
    field = messages[0].DESCRIPTOR.fields_by_name.get("state")
    if field is None or field.enum_type is None or {each.state for each in messages} <= {_USUAL_STATE}:
        return []
    return ["state"]


def fitting(found: Sequence[Column], width: int | None, whole: Collection[str] = ()) -> list[Column]:
    """Return the columns that fit a width, and share it; None = no limit.

    The first is never cut; those with a title in `whole` are not either, but left out where they don't fit.
    """
    if width is None or not found:
        return list(found)
    room = width - found[0].width
    widths: list[int] = []
    for column in found[1:]:
        least = column.width if column.title in whole else min(column.width, LEAST_WIDTH)
        if room < GAP + least:
            break
        widths.append(least)
        room -= GAP + least
    kept = found[1 : len(widths) + 1]
    for _ in range(room):
        wanting = [number for number, column in enumerate(kept) if widths[number] < column.width]
        if wanting:
            widths[min(wanting, key=widths.__getitem__)] += 1
    return [found[0], *(_narrowed(column, granted) for column, granted in zip(kept, widths, strict=True))]


def _narrowed(column: Column, width: int) -> Column:
    return Column(cut(column.title, width), tuple(cut(cell, width) for cell in column.cells))


def cut(text: str, width: int) -> str:
    """Cut a text to a width, with an ellipsis where something is missing."""
    return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1)}…"


def _candidates(descriptor: Descriptor, prefix: str = "", depth: int = 1) -> Iterable[str]:
    """Yield the paths of what fits a cell, the name first; a list of parts is looked into, one level deep."""
    for field in descriptor.fields:
        if depth == 1 and field.name in _BOOKKEEPING:
            continue
        nested = field.message_type
        if nested is None or values.is_map(field) or values.has_short_form(nested):
            yield f"{prefix}{field.name}"
        elif depth < _DEEPEST and nested.full_name != _PACKED:
            yield from _candidates(nested, f"{prefix}{field.name}.", depth + 1)


def _title(path: str, among: Sequence[str]) -> str:
    """Return the last part of a path, or all of it where another one ends the same."""
    last = path.rpartition(".")[2]
    alike = [other for other in among if other.rpartition(".")[2] == last]
    return (last if len(alike) == 1 else path).upper()


def _cells(messages: Sequence[Message], path: str) -> tuple[str, ...]:
    return tuple("; ".join(dict.fromkeys(_found(message, path))) for message in messages)


def _found(message: Any, path: str) -> list[str]:
    """Return the texts at a path, of every element of the lists on the way."""
    name, _, rest = path.partition(".")
    field: FieldDescriptor = message.DESCRIPTOR.fields_by_name[name]
    value = getattr(message, name)
    if not rest:
        filled = len(value) if field.is_repeated else _is_set(message, field)
        return [values.all_text(field, value).replace("\n", " ")] if filled else []
    below = value if field.is_repeated else [value] if message.HasField(name) else []
    return [text for one in below for text in _found(one, rest)]


def _is_set(message: Message, field: FieldDescriptor) -> bool:
    if field.has_presence:
        return message.HasField(field.name)
    return bool(getattr(message, field.name))


def _require(descriptor: Descriptor, path: str) -> None:
    inside: Descriptor | None = descriptor
    for name in path.split("."):
        if inside is None or name not in inside.fields_by_name:
            known = inside.fields_by_name if inside is not None else ()
            raise Mistake(f"there is no column {path!r}", nearest(name, known))
        inside = inside.fields_by_name[name].message_type
