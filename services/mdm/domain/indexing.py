"""What of a record goes into the index table, for filters, orders and Search.

Values are strings that sort as the values do: text casefolded and trimmed, days as ISO 8601,
flags as `true` and `false`, enum values by name, whole numbers shifted to 20 digits. Identifiers that Search
looks at lie there a second time, normalised (see `identifiers.normalise`), under their path with
`~search` behind it.
"""

from collections.abc import Container, Iterable, Iterator
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
) -> tuple[IndexEntry, ...]:
    """Return the entries of a content, in order, each once. Unset values have none.

    `within` are the top-level fields that are looked at, None = all.

    Raises ValueError for dates that are none (`validity` reports them).
    """
    filters, searches = _targets(record_type)
    said = {field.name for field, _ in content.ListFields() if within is None or field.name in within}
    return tuple(
        sorted(
            {
                *_filter_entries([target for target in filters if target.top in said], content),
                *_search_entries([target for target in searches if target.top in said], content),
            }
        )
    )


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


class _Step(NamedTuple):
    """What following a path has to know of a field on it."""

    name: str
    repeated: bool
    optional: bool
    """Whether it may be unset: then it has no value, not even its default."""


class _Target(NamedTuple):
    """A path of the index and how to get there."""

    index_path: str
    restricted: bool
    steps: tuple[_Step, ...]
    field: FieldDescriptor
    top: str
    """The field of the record that it begins with."""


@cache
def _targets(record_type: RecordType) -> tuple[tuple[_Target, ...], tuple[_Target, ...]]:
    """Return the paths for filters and those for Search."""
    filters = [_target(record_type, path, path) for path in record_type.filterable]
    searches = [_target(record_type, each.path, each.index_path) for each in identifier_paths(record_type)]
    return tuple(filters), tuple(searches)


def _target(record_type: RecordType, path: str, index_path: str) -> _Target:
    fields = _fields(record_type, path)
    steps = tuple(_Step(each.name, each.is_repeated, not each.is_repeated and each.has_presence) for each in fields)
    return _Target(index_path, is_restricted(record_type, path), steps, fields[-1], fields[0].name)


def _filter_entries(targets: Iterable[_Target], content: Message) -> Iterator[IndexEntry]:
    for target in targets:
        for value in _values(content, target.steps):
            yield IndexEntry(target.index_path, _canonical(target.field, value), target.restricted)


def _search_entries(targets: Iterable[_Target], content: Message) -> Iterator[IndexEntry]:
    for target in targets:
        for value in _values(content, target.steps):
            if bare := normalise(str(value)):
                yield IndexEntry(target.index_path, bare, target.restricted)


def _values(message: Message, steps: tuple[_Step, ...]) -> Iterable[Any]:
    """Return the values at the end of a path, each element of repeated fields for itself."""
    found: list[Any] = [message]
    for step in steps:
        if step.optional:
            found = [getattr(each, step.name) for each in found if each.HasField(step.name)]
        elif step.repeated:
            found = [part for each in found for part in getattr(each, step.name)]
        else:
            found = [getattr(each, step.name) for each in found]
        if not found:
            return ()
    last = steps[-1]
    return found if last.optional else [value for value in found if value]


def _canonical(field: FieldDescriptor, value: Any) -> str:
    if isinstance(value, str):
        return value.strip().casefold()
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
