"""Values: a message as a flat map from path to canonical bytes, which commitments are made over."""

import functools
import json
import struct
from enum import Enum, auto
from typing import Any as Anything
from typing import NamedTuple

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
    found: dict[str, bytes] = {}
    _walk(message, "", found)
    return found


class _Form(Enum):
    SCALAR = auto()
    MESSAGE = auto()
    PACKED = auto()


class _Shape(NamedTuple):
    """What the walk has to know of a field, looked up once."""

    name: str
    form: _Form
    kind: int
    repeated: bool
    entry: "_Shape | None"
    """The values of a map."""
    whole: bool
    """Whether it is a map whose keys are RESTRICTED, too."""


@functools.cache
def _shape(field: FieldDescriptor) -> _Shape:
    message = field.message_type
    form = _Form.SCALAR if message is None else _Form.PACKED if message.full_name == _ANY else _Form.MESSAGE
    entry_value = cutting.map_value(field)
    entry = _shape(entry_value) if entry_value is not None else None
    whole = entry is not None and cutting.is_restricted(field)
    return _Shape(field.name, form, field.cpp_type, field.is_repeated, entry, whole)


def _walk(message: Message, prefix: str, found: dict[str, bytes]) -> None:
    for field, value in message.ListFields():
        shape = _shape(field)
        path = prefix + shape.name
        if not shape.repeated:
            _one(shape, value, path, found)
        elif shape.entry is None:
            for index, each in enumerate(value):
                _one(shape, each, f"{path}[{index}]", found)
        elif shape.whole:
            found[path] = _restricted_map(shape.entry, value)
        else:
            for key in value:
                _one(shape.entry, value[key], f"{path}[{json.dumps(key)}]", found)


def _one(shape: _Shape, value: Anything, path: str, found: dict[str, bytes]) -> None:
    if isinstance(value, str):
        found[path] = b"s" + value.encode()
    elif shape.form is _Form.SCALAR:
        found[path] = _scalar(shape.kind, value)
    elif shape.form is _Form.PACKED:
        _packed(value, path, found)
    elif value.ByteSize():
        _walk(value, f"{path}.", found)
    else:
        found[path] = b"m"


def _scalar(kind: int, value: Anything) -> bytes:
    if isinstance(value, str):
        return b"s" + value.encode()
    if isinstance(value, bytes):
        return b"b" + value
    if kind in _REAL:
        return b"d" + struct.pack(">d", value)
    return b"i%d" % value


def _packed(packed: Any, path: str, found: dict[str, bytes]) -> None:
    found[path] = b"t" + packed.type_url.encode()
    inner = cutting.unpacked(packed)
    if inner is None:
        found[f"{path}.value"] = b"b" + packed.value
    else:
        _walk(inner, f"{path}.", found)


def _restricted_map(entry: _Shape, value: Anything) -> bytes:
    keys = sorted(value, key=json.dumps)
    parts = [json.dumps(key).encode() + b"=" + _map_value(entry, value[key]) for key in keys]
    return b"r" + b"".join(struct.pack(">I", len(part)) + part for part in parts)


def _map_value(entry: _Shape, value: Anything) -> bytes:
    if entry.form is _Form.SCALAR:
        return _scalar(entry.kind, value)
    serialised: bytes = value.SerializeToString(deterministic=True)
    return serialised
