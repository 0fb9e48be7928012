"""What a steward wants a record to say, and what it must not be."""

from collections.abc import Sequence

from google.protobuf.message import Message

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.validity import nameless, violations
from services.mdm.domain.violation import Violation
from services.mesh.errors import ConcordError, FieldViolation


def only(message: Message, fields: Sequence[str]) -> Message:
    """Return a message with nothing but these fields: what a steward decides, whatever else systems say."""
    part = type(message)()
    part.CopyFrom(message)
    for field, _ in message.ListFields():
        if field.name not in fields:
            part.ClearField(field.name)
    return part


def require_valid(record_type: RecordType, content: Message, *, strict: bool = True, said_before: bool = False) -> None:
    """Raise INVALID_CONTENT for what contradicts itself; see `validity.violations`."""
    _require_none(record_type, violations(record_type, content, strict=strict, said_before=said_before))


def require_named(record_type: RecordType, desired: Message, fields: Sequence[str]) -> None:
    """Raise INVALID_CONTENT where a decision about fields leaves a record that says not what it is.

    A decision about others may be made of a record that says so little already; see `validity.nameless`.
    """
    if any(path.partition(".")[0] in fields for path in record_type.known_by):
        _require_none(record_type, nameless(record_type, desired))


def _require_none(record_type: RecordType, found: Sequence[Violation]) -> None:
    if found:
        raise ConcordError(
            reasons.ERROR_REASON_INVALID_CONTENT,
            "the record contradicts itself",
            metadata={"type": record_type.descriptor.full_name},
            violations=[FieldViolation(v.field, v.description) for v in found],
        )
