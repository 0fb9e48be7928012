"""Field masks: which fields an update is about, and how their values get from one message to another."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError, FieldViolation

EVERYTHING = "*"


def resolve_mask(mask: FieldMask, message: Message) -> tuple[str, ...]:
    """Return the paths that a mask names in a message, without repeats and in the order in which they are named.

    An empty mask stands for the message's populated fields, `*` for all of its fields, both at the top level. A path
    goes down through singular messages only (`payment_terms.net_days`); repeated fields and maps are taken whole.
    Raises ConcordError UNKNOWN_FIELD, with a violation for every wrong path.
    """
    if not mask.paths:
        return tuple(field.name for field, _ in message.ListFields())
    wrong = [path for path in mask.paths if path != EVERYTHING and not _exists(path, message)]
    if wrong:
        raise _unknown(wrong, message.DESCRIPTOR.full_name)
    if EVERYTHING in mask.paths:
        return tuple(field.name for field in message.DESCRIPTOR.fields)
    return tuple(dict.fromkeys(mask.paths))


def apply_mask(source: Message, target: Message, paths: tuple[str, ...]) -> None:
    """Make `target` equal to `source`, which is of the same type, at every path; what `source` lacks is cleared.

    The paths are those that `resolve_mask` returned.
    """
    for path in paths:
        *parents, name = path.split(".")
        _copy(_inner(source, parents), target, parents, name)


def _copy(origin: Message | None, target: Message, parents: list[str], name: str) -> None:
    if origin is None or not _is_populated(origin, name):
        # Clearing below a message that is absent must not bring it into being.
        if (place := _inner(target, parents)) is not None:
            place.ClearField(name)
        return
    place = target
    for parent in parents:
        place = getattr(place, parent)
    place.ClearField(name)
    field, value = origin.DESCRIPTOR.fields_by_name[name], getattr(origin, name)
    if field.is_repeated:
        getattr(place, name).MergeFrom(value)
    elif field.message_type is not None:
        getattr(place, name).SetInParent()
        getattr(place, name).CopyFrom(value)
    else:
        setattr(place, name, value)


def _inner(message: Message, parents: list[str]) -> Message | None:
    for parent in parents:
        if not message.HasField(parent):
            return None
        message = getattr(message, parent)
    return message


def _is_populated(message: Message, name: str) -> bool:
    return any(field.name == name for field, _ in message.ListFields())


def _exists(path: str, message: Message) -> bool:
    fields: Mapping[str, Any] = message.DESCRIPTOR.fields_by_name
    for name in path.split("."):
        if name not in fields:
            return False
        fields = _inner_fields(fields[name])
    return True


def _inner_fields(field: FieldDescriptor) -> Mapping[str, FieldDescriptor]:
    if field.is_repeated or field.message_type is None:
        return {}
    return field.message_type.fields_by_name


def _unknown(paths: list[str], type_name: str) -> ConcordError:
    return ConcordError(
        reasons.ERROR_REASON_UNKNOWN_FIELD,
        f"{type_name} has no field {paths[0]!r}",
        metadata={"field": paths[0], "type": type_name},
        violations=[
            FieldViolation("update_mask", f"{type_name} has no field {path!r}", "UNKNOWN_FIELD") for path in paths
        ],
    )
