"""What of a record goes into the index table, for filters, orders and Search.

Values are strings that sort as the values do: text casefolded and trimmed, days as ISO 8601,
flags as `true` and `false`, enum values by name, whole numbers shifted to 20 digits. Identifiers that Search
looks at lie there a second time, normalised (see `identifiers.normalise`), under their path with
`~search` behind it.
"""

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from services.mdm.domain.effective import to_date
from services.mdm.domain.identifiers import normalise
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.sensitivity import is_restricted as field_is_restricted

SEARCH_SUFFIX = "~search"
"""Ends the index path under which an identifier lies normalised for Search."""

_DATE = "google.type.Date"
_LOWEST = -(2**63)
_WHOLE = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
    }
)


class IndexEntry(NamedTuple):
    """One value of one path, as a sortable string. RESTRICTED ones are to be stored as keyed tokens."""

    path: str
    value: str
    restricted: bool


@dataclass(frozen=True, order=True)
class IdentifierPath:
    """A field that Search looks at: its path, and the path of its normalised values in the index."""

    path: str
    index_path: str
    restricted: bool


def index_entries(
    record_type: RecordType, content: Message, within: Container[str] | None = None
) -> frozenset[IndexEntry]:
    """Return the entries of a content. Unset values have none.

    `within` are the top-level fields that are looked at, None = all.

    Raises ValueError for dates that are none (`validity` reports them).
    """
    fields = _indexed_fields(record_type)
    found: set[IndexEntry] = set()
    _gather(fields if within is None else [each for each in fields if each.name in within], content, found)
    return frozenset(found)


def identifier_paths(record_type: RecordType) -> tuple[IdentifierPath, ...]:
    """Return the fields that Search looks at."""
    return tuple(
        IdentifierPath(path, path + SEARCH_SUFFIX, is_restricted(record_type, path)) for path in record_type.searchable
    )


def canonical(record_type: RecordType, path: str, literal: str) -> str:
    """Return a filter's literal as the index spells values of the path.

    Raises ValueError when the path can't have such a value, or when there is no such path.
    """
    field = _fields(record_type, path)[-1]
    if field.message_type is not None:
        return _day(path, literal)
    if field.enum_type is not None:
        known = field.enum_type.values_by_name
        if literal not in known:
            raise ValueError(f"{path} is never {literal!r}: it is one of {', '.join(list(known)[1:])}")
        return literal
    if field.type == FieldDescriptor.TYPE_BOOL:
        if literal not in {"true", "false"}:
            raise ValueError(f"{path} is true or false")
        return literal
    return _spelling(field)(literal if field.type == FieldDescriptor.TYPE_STRING else _whole(path, literal))


def _day(path: str, literal: str) -> str:
    try:
        return date.fromisoformat(literal).isoformat()
    except ValueError as error:
        raise ValueError(f"{path} is a day such as 2026-07-01, not {literal!r}") from error


def _whole(path: str, literal: str) -> int:
    try:
        return int(literal)
    except ValueError as error:
        raise ValueError(f"{path} is a whole number, not {literal!r}") from error


def is_restricted(record_type: RecordType, path: str) -> bool:
    """Tell whether anything along a dotted path is RESTRICTED. Raises ValueError for unknown paths."""
    return any(field_is_restricted(field) for field in _fields(record_type, path))


@cache
def _fields(record_type: RecordType, path: str) -> tuple[FieldDescriptor, ...]:
    fields: list[FieldDescriptor] = []
    descriptor = record_type.descriptor
    for name in record_type.fields_of(path):
        field = descriptor.fields_by_name[name]
        fields.append(field)
        if field.message_type is not None:
            descriptor = field.message_type
    if field.message_type is not None and field.message_type.full_name != _DATE:
        raise ValueError(f"{path} is no value")
    return tuple(fields)


class _End(NamedTuple):
    """A path of the index, and how values are spelt there; None = such a value has no entry."""

    index_path: str
    restricted: bool
    spell: Callable[[Any], str | None]


class _IndexedField(NamedTuple):
    """A field on the way to paths of the index: those that end here, and the fields that others go on with.

    As a tree, so that paths that begin alike are followed once.
    """

    name: str
    repeated: bool
    optional: bool
    """Whether it may be unset: then it has no value, not even its default."""
    ends: tuple[_End, ...]
    below: "tuple[_IndexedField, ...]"


def _gather(fields: Iterable[_IndexedField], message: Message, found: set[IndexEntry]) -> None:
    for name, repeated, optional, ends, below in fields:
        if optional and not message.HasField(name):
            continue
        value = getattr(message, name)
        for each in value if repeated else (value,):
            if below:
                _gather(below, each, found)
            if each or optional:
                for path, restricted, spell in ends:
                    if (text := spell(each)) is not None:
                        found.add(IndexEntry(path, text, restricted))


@cache
def _indexed_fields(record_type: RecordType) -> tuple[_IndexedField, ...]:
    """Return the fields that paths for filters and for Search begin with."""
    paths = [(path, path) for path in record_type.filterable]
    paths += [(each.path, each.index_path) for each in identifier_paths(record_type)]
    ways = [(_fields(record_type, path), _end(record_type, path, index_path)) for path, index_path in paths]
    return _tree(ways)


_Way = tuple[tuple[FieldDescriptor, ...], _End]


def _tree(ways: Iterable[_Way]) -> tuple[_IndexedField, ...]:
    branches: dict[FieldDescriptor, list[_Way]] = {}
    for (first, *rest), end in ways:
        branches.setdefault(first, []).append((tuple(rest), end))
    return tuple(_branch(field, onwards) for field, onwards in branches.items())


def _branch(field: FieldDescriptor, onwards: Iterable[_Way]) -> _IndexedField:
    ends = tuple(end for rest, end in onwards if not rest)
    optional = not field.is_repeated and field.has_presence
    below = _tree((rest, end) for rest, end in onwards if rest)
    return _IndexedField(field.name, field.is_repeated, optional, ends, below)


def _end(record_type: RecordType, path: str, index_path: str) -> _End:
    spell = _spelling(_fields(record_type, path)[-1]) if index_path == path else _spelt_for_search
    return _End(index_path, is_restricted(record_type, path), spell)


def _spelt_for_search(value: Any) -> str | None:
    return normalise(str(value)) or None


def _spelling(field: FieldDescriptor) -> Callable[[Any], str]:
    """Return what spells a field's values for filters."""
    if field.message_type is not None:
        return lambda value: to_date(value).isoformat()
    if field.enum_type is not None:
        names = {number: known.name for number, known in field.enum_type.values_by_number.items()}
        return lambda value: names.get(value) or str(value)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return lambda value: "true" if value else "false"
    if field.cpp_type in _WHOLE:
        return lambda value: f"{value - _LOWEST:020d}"
    return lambda value: str(value).strip().casefold()
