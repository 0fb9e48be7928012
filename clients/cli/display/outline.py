"""One message as an outline: its fields in the contract's order, one a line, what lies deeper indented."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.any_pb2 import Any as PackedAny
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from clients.cli.display import values

_BULLET = "- "


@dataclass(frozen=True)
class Line:
    """A label, indented by its depth, and its value; empty where only deeper lines follow."""

    depth: int
    label: str
    value: str = ""


def lines(message: Message, depth: int = 0) -> Iterator[Line]:
    """Yield the lines of a message; an Any shows what it holds."""
    if isinstance(message, PackedAny):
        content = values.unpacked(message)
        yield from [Line(depth, "type", message.TypeName())] if content is None else lines(content, depth)
        return
    for field, value in message.ListFields():
        yield from _field(field, value, depth)


def _field(field: FieldDescriptor, value: Any, depth: int) -> Iterator[Line]:
    if values.is_map(field):
        yield Line(depth, field.name)
        yield from (Line(depth + 1, str(key), str(value[key])) for key in sorted(value))
    elif field.message_type is None:
        yield Line(depth, field.name, values.all_text(field, value))
    elif field.is_repeated:
        yield Line(depth, field.name)
        for one in value:
            yield from _element(one, depth + 1)
    else:
        yield from _nested(field.name, value, depth)


def _nested(label: str, message: Message, depth: int) -> Iterator[Line]:
    own = values.short_text(message)
    if own is not None:
        yield Line(depth, label, own)
        return
    yield Line(depth, label)
    yield from lines(message, depth + 1)


def _element(message: Message, depth: int) -> Iterator[Line]:
    own = values.short_text(message)
    inner = [Line(depth, "", own)] if own is not None else list(lines(message, depth))
    for number, line in enumerate(inner):
        yield Line(line.depth, f"{_BULLET if number == 0 else '  '}{line.label}", line.value)
