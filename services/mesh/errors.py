"""The one error of the mesh: a reason from the contract, rendered to and read from `google.rpc.Status`.

What is lost on the wire: the cause, the stack, and whatever is longer than the bounds below. Messages, metadata and
violations are shown to callers and must hold no value of a record.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.governance.v1 import options_pb2

DOMAIN = "concord"
DETAILS_KEY = "grpc-status-details-bin"

# In bytes. Clients refuse trailing metadata above 8 KiB, in which the status stands in base64 and the message a second
# time, three characters for a byte: an error must fit whatever it is about.
LONGEST_TEXT = 512
MOST_VIOLATIONS = 20
_ROOM = 4400
_ROOM_FOR_METADATA = 1536
_ROOM_FOR_VIOLATIONS = 1800
_WRAPPING = 120

_PREFIX = "ERROR_REASON_"
_NOTHING: Mapping[str, str] = MappingProxyType({})
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_CODE_OF_REASON = {
    value.number: _CODES[value.GetOptions().Extensions[options_pb2.reason].code]
    for value in reasons.ErrorReason.DESCRIPTOR.values
    if value.number
}

_REASONS = {name.removeprefix(_PREFIX): number for name, number in reasons.ErrorReason.items() if number}

# What the transport itself answers, without saying why in our words.
_REASON_OF_CODE = {
    grpc.StatusCode.UNAVAILABLE: reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
    grpc.StatusCode.CANCELLED: reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: reasons.ERROR_REASON_DEADLINE_TOO_SHORT,
    grpc.StatusCode.RESOURCE_EXHAUSTED: reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
    grpc.StatusCode.UNAUTHENTICATED: reasons.ERROR_REASON_CREDENTIALS_INVALID,
    grpc.StatusCode.PERMISSION_DENIED: reasons.ERROR_REASON_METHOD_NOT_GOVERNED,
    grpc.StatusCode.UNIMPLEMENTED: reasons.ERROR_REASON_METHOD_NOT_GOVERNED,
}
_TOO_LARGE = ("larger than max", "metadata size")


@dataclass(frozen=True)
class FieldViolation:
    """One broken rule: the field's path in the request, the rule in words, the rule's id."""

    field: str
    description: str
    reason: str = ""


@dataclass(frozen=True)
class Precondition:
    """What must be so first: a kind such as `STATE`, what it is about, and how to bring it about."""

    kind: str
    subject: str
    description: str


class ConcordError(Exception):
    """A failure that has a reason in `concord.governance.v1.ErrorReason`; the reason fixes the status code.

    `resource` is (type, name) of what the call was about; `retry_after` says that a repeat may succeed, and when.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each kind of detail that a status can have
        self,
        reason: reasons.ErrorReason.ValueType,
        message: str,
        *,
        metadata: Mapping[str, str] = _NOTHING,
        violations: Sequence[FieldViolation] = (),
        resource: tuple[str, str] | None = None,
        retry_after: timedelta | None = None,
        preconditions: Sequence[Precondition] = (),
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = metadata
        self.violations = tuple(violations)
        self.resource = resource
        self.retry_after = retry_after
        self.preconditions = tuple(preconditions)

    @property
    def code(self) -> grpc.StatusCode:
        """The status code that goes with the reason."""
        return _CODE_OF_REASON[self.reason]

    @property
    def reason_name(self) -> str:
        """The reason as it stands in `ErrorInfo.reason`, such as `RECORD_NOT_FOUND`."""
        return reasons.ErrorReason.Name(self.reason).removeprefix(_PREFIX)


def to_status(error: ConcordError) -> status_pb2.Status:
    """Render an error for the wire; texts beyond the bounds are cut, details that no longer fit are left out."""
    status = status_pb2.Status(code=error.code.value[0], message=_cut(error.message))
    info = error_details_pb2.ErrorInfo(reason=error.reason_name, domain=DOMAIN)
    for key, value in error.metadata.items():
        if info.ByteSize() <= _ROOM_FOR_METADATA - 2 * LONGEST_TEXT:
            info.metadata[_cut(key)] = _cut(value)
    status.details.add().Pack(info)
    for detail in _further_details(error):
        if status.ByteSize() + detail.ByteSize() + _WRAPPING <= _ROOM:
            status.details.add().Pack(detail)
    return status


def from_status(status: status_pb2.Status) -> ConcordError:
    """Read an error that `to_status` rendered, such as one inside an acknowledgement.

    A status that is not Concord's gets the reason that is closest to its code.
    """
    details: dict[type[Message], Any] = {kind: _unpacked(status, kind) for kind in _DETAILS}
    info = details[error_details_pb2.ErrorInfo]
    reason = _REASONS.get(info.reason) if info is not None and info.domain == DOMAIN else None
    if reason is None:
        return _foreign(_CODES.get(status.code, grpc.StatusCode.UNKNOWN), status.message)
    resource = details[error_details_pb2.ResourceInfo]
    retry = details[error_details_pb2.RetryInfo]
    return ConcordError(
        reason,
        status.message,
        metadata=dict(info.metadata),
        violations=_violations_of(details[error_details_pb2.BadRequest]),
        resource=(resource.resource_type, resource.resource_name) if resource is not None else None,
        retry_after=retry.retry_delay.ToTimedelta() if retry is not None else None,
        preconditions=_preconditions_of(details[error_details_pb2.PreconditionFailure]),
    )


def from_rpc_error(rpc_error: grpc.RpcError) -> ConcordError:
    """Read the error that a call ended with; one that has no details of ours gets the reason closest to its code."""
    call: Any = rpc_error  # what stubs raise is the call as well
    if not hasattr(call, "trailing_metadata"):
        return _foreign(grpc.StatusCode.UNKNOWN, "the call failed")
    for key, value in call.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return from_status(status_pb2.Status.FromString(value))
            except DecodeError:
                break
    return _foreign(call.code() or grpc.StatusCode.UNKNOWN, call.details() or "")


_DETAILS: tuple[type[Message], ...] = (
    error_details_pb2.ErrorInfo,
    error_details_pb2.BadRequest,
    error_details_pb2.ResourceInfo,
    error_details_pb2.RetryInfo,
    error_details_pb2.PreconditionFailure,
)


def _further_details(error: ConcordError) -> Iterable[Message]:
    """Yield the details beyond ErrorInfo, the most useful first: the later ones may not fit."""
    if error.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromTimedelta(error.retry_after)
        yield retry
    if error.violations:
        yield _bad_request(error.violations)
    if error.resource is not None:
        kind, name = error.resource
        yield error_details_pb2.ResourceInfo(resource_type=_cut(kind), resource_name=_cut(name))
    if error.preconditions:
        yield _precondition_failure(error.preconditions)


def _precondition_failure(preconditions: Sequence[Precondition]) -> error_details_pb2.PreconditionFailure:
    failure = error_details_pb2.PreconditionFailure()
    for condition in preconditions[:MOST_VIOLATIONS]:
        failure.violations.add(
            type=_cut(condition.kind), subject=_cut(condition.subject), description=_cut(condition.description)
        )
    return failure


def _bad_request(violations: Sequence[FieldViolation]) -> error_details_pb2.BadRequest:
    request = error_details_pb2.BadRequest()
    for violation in violations[:MOST_VIOLATIONS]:
        added = request.field_violations.add(
            field=_cut(violation.field), description=_cut(violation.description), reason=_cut(violation.reason)
        )
        if request.ByteSize() > _ROOM_FOR_VIOLATIONS:
            request.field_violations.remove(added)
            break
    return request


def _violations_of(request: error_details_pb2.BadRequest | None) -> tuple[FieldViolation, ...]:
    broken = request.field_violations if request is not None else ()
    return tuple(FieldViolation(one.field, one.description, one.reason) for one in broken)


def _preconditions_of(failure: error_details_pb2.PreconditionFailure | None) -> tuple[Precondition, ...]:
    broken = failure.violations if failure is not None else ()
    return tuple(Precondition(one.type, one.subject, one.description) for one in broken)


def _unpacked(status: status_pb2.Status, kind: type[Message]) -> Message | None:
    for detail in status.details:
        if detail.Is(kind.DESCRIPTOR):
            message = kind()
            message.ParseFromString(detail.value)
            return message
    return None


def _foreign(code: grpc.StatusCode, message: str) -> ConcordError:
    reason = _REASON_OF_CODE.get(code, reasons.ERROR_REASON_INTERNAL_FAILURE)
    if code == grpc.StatusCode.RESOURCE_EXHAUSTED and any(words in message for words in _TOO_LARGE):
        reason = reasons.ERROR_REASON_MESSAGE_TOO_LARGE
    return ConcordError(reason, _cut(message), metadata={"grpc_code": code.name})


def _cut(text: str) -> str:
    encoded = text.encode(errors="replace")
    return (
        encoded.decode() if len(encoded) <= LONGEST_TEXT else f"{encoded[: LONGEST_TEXT - 3].decode(errors='ignore')}…"
    )
