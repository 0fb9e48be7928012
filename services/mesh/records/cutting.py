"""Cutting: a message in two, one part without its RESTRICTED values and one with nothing else, and back to one.

The second part has the same type and shape: repeated and map elements keep their place, so that the two lie over each
other. A packed Any with something RESTRICTED inside (or of a type unknown here) goes over as a whole, byte for byte.
"""

import functools
from enum import Enum, auto
from typing import Any as Anything

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.any_pb2 import Any
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

from services.mesh.contract import governance

_ANY = Any.DESCRIPTOR.full_name


class _Step(Enum):
    CUT = auto()
    DESCEND = auto()
    UNPACK = auto()


def is_restricted(field: FieldDescriptor) -> bool:
    """Tell whether the field's values must not lie in the clear: RESTRICTED, or ours and without a class."""
    holder = field.containing_type
    return holder is not None and governance.is_governed(holder) and governance.field_policy(field).hidden


def cut(message: Message) -> tuple[Message, Message | None]:
    """Return a copy without RESTRICTED values (and unknown fields), and the values, None when there are none."""
    open_part = type(message)()
    open_part.CopyFrom(message)
    open_part.DiscardUnknownFields()
    secret_part = type(message)()
    return open_part, secret_part if _move(open_part, secret_part) else None


def join(open_part: Message, secret_part: Message) -> None:
    """Put the values of `secret_part` back to their places in `open_part`; knows no policy, so policies may change."""
    for field, secret in secret_part.ListFields():
        _join_field(open_part, field, secret)


def unpacked(packed: Any) -> Message | None:
    """Return the message in an Any; None when its type is unknown here or its bytes are none of it."""
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(packed.TypeName())
        return message_factory.GetMessageClass(descriptor).FromString(packed.value)
    except (KeyError, DecodeError):
        return None


def map_value(field: FieldDescriptor) -> FieldDescriptor | None:
    """Return the field of a map's values; None when `field` is no map."""
    entry = field.message_type
    return entry.fields_by_name["value"] if entry is not None and entry.GetOptions().map_entry else None


@functools.cache
def _steps(descriptor: Descriptor) -> dict[int, _Step]:
    steps = {field.number: _step(field, frozenset({descriptor.full_name})) for field in descriptor.fields}
    return {number: step for number, step in steps.items() if step}


def _step(field: FieldDescriptor, above: frozenset[str]) -> _Step | None:
    if is_restricted(field):
        return _Step.CUT
    below = field.message_type
    entry_value = map_value(field)
    if entry_value is not None:
        below = entry_value.message_type
    if below is None:
        return None
    if below.full_name == _ANY:
        return _Step.UNPACK
    if below.full_name in above:
        # A recursive message: whatever it holds is found when the walk gets there.
        return _Step.DESCEND
    return _Step.DESCEND if any(_step(each, above | {below.full_name}) for each in below.fields) else None


def _move(message: Message, secrets: Message) -> bool:
    steps = _steps(message.DESCRIPTOR)
    found = False
    if steps:
        for field, value in message.ListFields():
            step = steps.get(field.number)
            if step is _Step.CUT:
                _join_field(secrets, field, value)
                message.ClearField(field.name)
                found = True
            elif step:
                found |= _move_within(secrets, field, value, step)
    return found


def _move_within(secrets: Message, field: FieldDescriptor, value: Anything, step: _Step) -> bool:
    move = _move_any if step is _Step.UNPACK else _move
    below = getattr(secrets, field.name)
    if map_value(field) is not None:
        found = {key: move(value[key], below[key]) for key in value}
        for key in [key for key, yes in found.items() if not yes]:
            del below[key]
        return any(found.values())
    if field.is_repeated:
        if any([move(each, below.add()) for each in value]):  # noqa: C419 - every element must be moved
            return True
        secrets.ClearField(field.name)
        return False
    if move(value, below):
        below.SetInParent()
        return True
    secrets.ClearField(field.name)
    return False


def _move_any(packed: Any, secrets: Any) -> bool:
    inner = unpacked(packed)
    if inner is None:
        secrets.CopyFrom(packed)
        packed.value = b""
        return bool(secrets.value)
    open_part, secret_part = cut(inner)
    if secret_part is None:
        return False
    secrets.CopyFrom(packed)
    packed.value = open_part.SerializeToString(deterministic=True)
    return True


def _join_field(message: Message, field: FieldDescriptor, secret: Anything) -> None:
    if field.message_type is None and not field.is_repeated:
        setattr(message, field.name, secret)
        return
    present = getattr(message, field.name)
    entry_value = map_value(field)
    if entry_value is not None:
        _join_map(present, entry_value, secret)
    elif not field.is_repeated:
        present.SetInParent()
        _join_message(present, secret)
    elif field.message_type is None or not present:
        present.extend(secret)
    else:
        for each, its_secret in zip(present, secret, strict=True):
            _join_message(each, its_secret)


def _join_map(present: Anything, entry_value: FieldDescriptor, secret: Anything) -> None:
    for key, value in secret.items():
        if entry_value.message_type is None:
            present[key] = value
        else:
            _join_message(present[key], value)


def _join_message(message: Message, secret: Message) -> None:
    if message.DESCRIPTOR.full_name == _ANY:
        # An element whose Any held nothing secret lies under an empty one.
        if secret.ByteSize():
            message.CopyFrom(secret)
    else:
        join(message, secret)
