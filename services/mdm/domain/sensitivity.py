"""Which fields are RESTRICTED, as the contracts' governance options say."""

from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from concord.governance.v1 import options_pb2


@cache
def is_restricted(field: FieldDescriptor) -> bool:
    """Tell whether a field itself is RESTRICTED."""
    policy = field.GetOptions().Extensions[options_pb2.field]
    return policy.classification == options_pb2.CLASSIFICATION_RESTRICTED


@cache
def holds_restricted(descriptor: Descriptor) -> bool:
    """Tell whether a message has a RESTRICTED field, however deep."""
    return any(
        is_restricted(field) or (field.message_type is not None and holds_restricted(field.message_type))
        for field in descriptor.fields
    )


def clear_restricted(message: Message) -> None:
    """Clear every RESTRICTED field of a message, also within its messages."""
    for field, value in message.ListFields():
        if is_restricted(field):
            message.ClearField(field.name)
        elif field.message_type is not None and holds_restricted(field.message_type):
            for part in value if field.is_repeated else (value,):
                clear_restricted(part)
