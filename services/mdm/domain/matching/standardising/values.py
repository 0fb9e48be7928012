"""The values at the end of a dotted path of a message, as texts."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from services.mdm.domain.record_type import RecordType
from services.mdm.domain.sensitivity import is_restricted

_DATE, _MONEY = "google.type.Date", "google.type.Money"
_NANOS = 9


class _Path(NamedTuple):
    """The fields that lead to the holders of a value, the value's own, and whether any of them is RESTRICTED."""

    leading: tuple[FieldDescriptor, ...]
    last: FieldDescriptor
    restricted: bool


@cache
def _path(record_type: RecordType, path: str) -> _Path:
    fields = []
    descriptor = record_type.descriptor
    for name in record_type.fields_of(path):
        field = descriptor.fields_by_name[name]
        fields.append(field)
        descriptor = field.message_type or descriptor
    return _Path(tuple(fields[:-1]), fields[-1], any(map(is_restricted, fields)))


def texts(record_type: RecordType, path: str, content: Message) -> Iterator[tuple[str, bool]]:
    """Yield the values along a path with whether they are RESTRICTED; unset ones are left out.

    The values of one element's repeated field (address lines) are one text.
    """
    leading, last, restricted = _path(record_type, path)
    for holder in _holders(content, leading):
        value = getattr(holder, last.name)
        if last.is_repeated and last.message_type is None:
            text = " ".join(map(str, value)) if leading else ""
            yield from ([(text, restricted)] if text else [(str(each), restricted) for each in value if each])
        elif last.is_repeated:
            yield from ((_text(last, each), restricted) for each in value)
        elif text := _text(last, value):
            yield text, restricted


def _holders(content: Message, leading: tuple[FieldDescriptor, ...]) -> list[Any]:
    found: list[Any] = [content]
    for field in leading:
        if field.is_repeated:
            found = [part for each in found for part in getattr(each, field.name)]
        else:
            found = [getattr(each, field.name) for each in found if each.HasField(field.name)]
    return found


def _text(field: FieldDescriptor, value: Any) -> str:
    if field.message_type is None:
        return str(value) if value else ""
    if field.message_type.full_name == _DATE:
        return f"{value.year:04d}{value.month:02d}{value.day:02d}"
    if field.message_type.full_name == _MONEY:
        return f"{value.units}.{abs(value.nanos):0{_NANOS}d}"
    raise ValueError(f"{field.full_name} is no single value")
