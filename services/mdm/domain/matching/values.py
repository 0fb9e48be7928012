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


class _Step(NamedTuple):
    field: FieldDescriptor
    restricted: bool


@cache
def _steps(record_type: RecordType, path: str) -> tuple[_Step, ...]:
    steps = []
    descriptor = record_type.descriptor
    for name in record_type.fields_of(path):
        field = descriptor.fields_by_name[name]
        steps.append(_Step(field, is_restricted(field)))
        descriptor = field.message_type or descriptor
    return tuple(steps)


def texts(record_type: RecordType, path: str, content: Message) -> Iterator[tuple[str, bool]]:
    """Yield the values along a path with whether they are RESTRICTED; unset ones are left out.

    The values of one element's repeated field (address lines) are one text.
    """
    steps = _steps(record_type, path)
    restricted = any(step.restricted for step in steps)
    last = steps[-1].field
    for holder in _holders(content, steps[:-1]):
        value = getattr(holder, last.name)
        if last.is_repeated and last.message_type is None:
            text = " ".join(map(str, value)) if len(steps) > 1 else ""
            yield from ([(text, restricted)] if text else [(str(each), restricted) for each in value if each])
        elif last.is_repeated:
            yield from ((_text(last, each), restricted) for each in value)
        elif text := _text(last, value):
            yield text, restricted


def _holders(content: Message, steps: tuple[_Step, ...]) -> list[Any]:
    found: list[Any] = [content]
    for step in steps:
        name = step.field.name
        if step.field.is_repeated:
            found = [part for each in found for part in getattr(each, name)]
        else:
            found = [getattr(each, name) for each in found if each.HasField(name)]
    return found


def _text(field: FieldDescriptor, value: Any) -> str:
    if field.message_type is None:
        return str(value) if value else ""
    if field.message_type.full_name == _DATE:
        return f"{value.year:04d}{value.month:02d}{value.day:02d}"
    if field.message_type.full_name == _MONEY:
        return f"{value.units}.{abs(value.nanos):0{_NANOS}d}"
    raise ValueError(f"{field.full_name} is no single value")
