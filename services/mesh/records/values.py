"""Values: a message as a flat map from path to canonical bytes, which commitments are made over."""

import json
import struct
from collections.abc import Iterator
from typing import Any as Anything

from google.protobuf.any_pb2 import Any
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from services.mesh.records import cutting

_ANY = Any.DESCRIPTOR.full_name
_REAL = frozenset({FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT})


def flatten(message: Message) -> dict[str, bytes]:
    """Return every set value by its path, such as `sites[0].address.city` or `labels["k"]`.

    A value's bytes begin with a letter for its kind: i (integer, bool, enum number in decimal), d (IEEE 754, big
    endian), s (UTF-8), b (bytes), m (a message that is there but empty), t (type of a packed message, whose values
    follow under the same path), r (a map whose keys are RESTRICTED too, serialised). Equal messages give equal maps.
    """
    return dict(_walk(message, ""))


def _walk(message: Message, prefix: str) -> Iterator[tuple[str, bytes]]:
    for field, value in message.ListFields():
        path = prefix + field.name
        if not field.is_repeated:
            yield from _one(field, value, path)
            continue
        entry_value = cutting.map_value(field)
        if entry_value is None:
            for index, each in enumerate(value):
                yield from _one(field, each, f"{path}[{index}]")
        elif cutting.is_restricted(field):
            yield path, _restricted_map(entry_value, value)
        else:
            for key in value:
                yield from _one(entry_value, value[key], f"{path}[{json.dumps(key)}]")


def _one(field: FieldDescriptor, value: Anything, path: str) -> Iterator[tuple[str, bytes]]:
    if field.message_type is None:
        yield path, _scalar(field.cpp_type, value)
    elif field.message_type.full_name == _ANY:
        yield from _packed(value, path)
    elif value.ByteSize():
        yield from _walk(value, f"{path}.")
    else:
        yield path, b"m"


def _scalar(kind: int, value: Anything) -> bytes:
    if isinstance(value, str):
        return b"s" + value.encode()
    if isinstance(value, bytes):
        return b"b" + value
    if kind in _REAL:
        return b"d" + struct.pack(">d", value)
    return b"i%d" % value


def _packed(packed: Any, path: str) -> Iterator[tuple[str, bytes]]:
    yield path, b"t" + packed.type_url.encode()
    inner = cutting.unpacked(packed)
    if inner is None:
        yield f"{path}.value", b"b" + packed.value
    else:
        yield from _walk(inner, f"{path}.")


def _restricted_map(entry_value: FieldDescriptor, value: Anything) -> bytes:
    keys = sorted(value, key=json.dumps)
    parts = [json.dumps(key).encode() + b"=" + _map_value(entry_value, value[key]) for key in keys]
    return b"r" + b"".join(struct.pack(">I", len(part)) + part for part in parts)


def _map_value(field: FieldDescriptor, value: Anything) -> bytes:
    if field.message_type is None:
        return _scalar(field.cpp_type, value)
    serialised: bytes = value.SerializeToString(deterministic=True)
    return serialised
