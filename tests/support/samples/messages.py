"""Arbitrary messages of any type, for property tests."""

from typing import Any as Anything

from google.protobuf.any_pb2 import Any
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

_DEPTH = 4
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_SCALARS: dict[int, st.SearchStrategy[Anything]] = {
    FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False),
    FieldDescriptor.TYPE_FLOAT: st.floats(allow_nan=False, width=32),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_STRING: _TEXT,
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=12),
}
_SIGNED_64 = (FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT64, FieldDescriptor.TYPE_SFIXED64)
_UNSIGNED = (
    FieldDescriptor.TYPE_UINT32,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_FIXED32,
    FieldDescriptor.TYPE_FIXED64,
)


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor, packed: tuple[Descriptor, ...] = (), depth: int = 0) -> Message:
    """Draw a message of the type; an Any in it packs one of the types in `packed`."""
    if descriptor.full_name == Any.DESCRIPTOR.full_name:
        message: Message = Any()
        if packed:
            inner = draw(messages(draw(st.sampled_from(packed)), (), depth))
            assert isinstance(message, Any)
            message.Pack(inner)
        return message
    message = GetMessageClass(descriptor)()
    fields = draw(st.lists(st.sampled_from(tuple(descriptor.fields)), unique_by=lambda field: field.number, max_size=8))
    for field in fields:
        _fill(draw, message, field, packed, depth)
    return message


def _fill(
    draw: st.DrawFn, message: Message, field: FieldDescriptor, packed: tuple[Descriptor, ...], depth: int
) -> None:
    if field.message_type is not None and (depth >= _DEPTH or field.message_type.GetOptions().map_entry):
        return
    if field.message_type is not None:
        values = messages(field.message_type, packed, depth + 1)
        if field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(values, max_size=3)))
        else:
            getattr(message, field.name).SetInParent()
            getattr(message, field.name).CopyFrom(draw(values))
    elif field.is_repeated:
        getattr(message, field.name).extend(draw(st.lists(_scalars(field), max_size=3)))
    else:
        setattr(message, field.name, draw(_scalars(field)))


def _scalars(field: FieldDescriptor) -> st.SearchStrategy[Anything]:
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.type in _SCALARS:
        return _SCALARS[field.type]
    if field.type in _UNSIGNED:
        return st.integers(0, 2**32 - 1)
    bits = 63 if field.type in _SIGNED_64 else 31
    return st.integers(-(2**bits), 2**bits - 1)
