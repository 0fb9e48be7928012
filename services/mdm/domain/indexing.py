"""What of a record goes into the index table, for filters, orders and Search.

Values are strings that sort as the values do: text casefolded and trimmed, days as ISO 8601,
flags as `true` and `false`, enum values by name, whole numbers shifted to 20 digits. Identifiers that Search
looks at lie there a second time, normalised (see `identifiers.normalise`), under their path with
`~search` behind it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

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


@dataclass(frozen=True, order=True)
class IndexEntry:
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


def index_entries(record_type: RecordType, content: Message) -> tuple[IndexEntry, ...]:
    """Return the entries of a content, in order, each once. Unset values have none.

    Raises ValueError for dates that are none (`validity` reports them).
    """
    return tuple(sorted({*_filter_entries(record_type, content), *_search_entries(record_type, content)}))


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
        return date.fromisoformat(literal).isoformat()
    if field.enum_type is not None:
        if literal not in field.enum_type.values_by_name:
            raise ValueError(f"{path} has no value of this name")
        return literal
    if field.type == FieldDescriptor.TYPE_BOOL:
        if literal not in {"true", "false"}:
            raise ValueError(f"{path} is true or false")
        return literal
    return _canonical(field, literal if field.type == FieldDescriptor.TYPE_STRING else int(literal))


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


def _filter_entries(record_type: RecordType, content: Message) -> Iterator[IndexEntry]:
    for path in record_type.filterable:
        restricted, fields = is_restricted(record_type, path), _fields(record_type, path)
        for value in _values(content, fields):
            yield IndexEntry(path, _canonical(fields[-1], value), restricted)


def _search_entries(record_type: RecordType, content: Message) -> Iterator[IndexEntry]:
    for target in identifier_paths(record_type):
        for value in _values(content, _fields(record_type, target.path)):
            if bare := normalise(str(value)):
                yield IndexEntry(target.index_path, bare, target.restricted)


def _values(message: Message, fields: Sequence[FieldDescriptor]) -> Iterable[Any]:
    """Give the values at the end of a path, each element of repeated fields for itself."""
    first, *rest = fields
    if not first.is_repeated and first.has_presence and not message.HasField(first.name):
        return
    value = getattr(message, first.name)
    for part in value if first.is_repeated else (value,):
        if rest:
            yield from _values(part, rest)
        elif first.has_presence or part:
            yield part


def _canonical(field: FieldDescriptor, value: Any) -> str:
    if isinstance(value, Message):
        return to_date(value).isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known is not None else str(value)
    if isinstance(value, int):
        return f"{value - _LOWEST:020d}"
    return str(value).strip().casefold()
