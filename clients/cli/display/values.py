"""What a value of a message looks like to a person, in one line; names of fields stay those of the contracts."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.any_pb2 import Any as PackedAny
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from clients.cli import contracts
from services.mesh.errors import from_status

_LONGEST_HEX = 32


def text(field: FieldDescriptor, value: Any) -> str:
    """Return one value of a field as text; of a message that has no short form, its parts with their names."""
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return message_text(value)
    if field.enum_type is not None:
        return enum_text(field.enum_type, value)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return "yes" if value else "no"
    if field.type == FieldDescriptor.TYPE_BYTES:
        return value.hex() if len(value) <= _LONGEST_HEX else f"({len(value)} bytes)"
    return str(value)


def enum_text(enum: EnumDescriptor, number: int) -> str:
    """Return an enum's value without its type's name: `STATE_ACTIVE` is `active`."""
    value = enum.values_by_number.get(number)
    if value is None:
        return str(number)
    common = _prefix(enum)
    return str(value.name.removeprefix(common).lower())


def short_text(message: Message) -> str | None:
    """Return the text of a message that has a form of its own, such as a date; None for every other message."""
    write = _FORMS.get(message.DESCRIPTOR.full_name)
    return write(message) if write is not None else None


def has_short_form(descriptor: Descriptor) -> bool:
    """Tell whether messages of a type have a form of their own."""
    return descriptor.full_name in _FORMS


def message_text(message: Message) -> str:
    """Return a message in one line, in its own form or as its parts: `site_code: HQ, kind: ordering`."""
    own = short_text(message)
    if own is not None:
        return own
    if isinstance(message, PackedAny):
        content = unpacked(message)
        return message.TypeName() if content is None else message_text(content)
    return ", ".join(f"{field.name}: {all_text(field, value)}" for field, value in message.ListFields())


def all_text(field: FieldDescriptor, value: Any) -> str:
    """Return a field's whole value in one line, the elements of a list or map parted by commas."""
    if is_map(field):
        return ", ".join(f"{key}={one}" for key, one in sorted(value.items()))
    if not field.is_repeated:
        return text(field, value)
    joint = "; " if field.message_type is not None and len(value) > 1 else ", "
    return joint.join(dict.fromkeys(text(field, one) for one in value))


def is_map(field: FieldDescriptor) -> bool:
    """Tell whether a field is a map."""
    return bool(field.message_type is not None and field.message_type.GetOptions().map_entry)


def unpacked(packed: PackedAny) -> Message | None:
    """Return what an Any holds; None for a type that is not known here."""
    contracts.services()
    name = packed.TypeName()
    try:
        content = GetMessageClass(PackedAny.DESCRIPTOR.file.pool.FindMessageTypeByName(name))()
    except KeyError:
        return None
    packed.Unpack(content)
    return content


def _prefix(enum: EnumDescriptor) -> str:
    zero: str = enum.values_by_number[0].name if 0 in enum.values_by_number else ""
    return zero.removesuffix("UNSPECIFIED")


def _time(time: Any) -> str:
    return str(time.ToJsonString())


def _date(date: Any) -> str:
    parts = (f"{date.year:04}", f"{date.month:02}", f"{date.day:02}")
    return "-".join(part for part, given in zip(parts, (1, date.month, date.day), strict=True) if given)


def _money(money: Any) -> str:
    digits = f"{abs(money.nanos):09}".rstrip("0").ljust(2, "0")
    sign = "-" if money.units < 0 or money.nanos < 0 else ""
    return f"{sign}{abs(money.units)}.{digits} {money.currency_code}".strip()


def _period(period: Any) -> str:
    start = _date(period.start_date) if period.HasField("start_date") else ""
    end = _date(period.end_date) if period.HasField("end_date") else ""
    if start and end:
        return f"{start} until {end}"
    return f"from {start}" if start else f"until {end}" if end else "always"


def _status(status: Any) -> str:
    if not status.code:
        return "ok"
    error = from_status(status)
    broken = "; ".join(f"{one.field} {one.description}".strip() for one in error.violations)
    return f"{error.reason_name}: {broken or error.message}"


def _json(message: Any) -> str:
    return str(message.ToJsonString())


_FORMS: Mapping[str, Callable[[Any], str]] = {
    "google.protobuf.Timestamp": _time,
    "google.protobuf.Duration": _json,
    "google.protobuf.FieldMask": _json,
    "google.type.Date": _date,
    "google.type.Money": _money,
    "google.rpc.Status": _status,
    "concord.mdm.v1.EffectivePeriod": _period,
}


def said(value: str) -> str:
    """Return a value that a message holds as JSON the way a person reads it: `"Acme"` is Acme."""
    try:
        read = json.loads(value)
    except ValueError:
        return value
    return read if isinstance(read, str) else _plain(read)


def _plain(read: Any) -> str:
    if isinstance(read, dict):
        return ", ".join(f"{key}: {_plain(one)}" for key, one in read.items())
    if isinstance(read, list):
        return "; ".join(_plain(one) for one in read)
    return read if isinstance(read, str) else json.dumps(read, ensure_ascii=False)
