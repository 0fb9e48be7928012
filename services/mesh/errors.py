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

# Trailing metadata above 8 KiB is refused by the transport: an error must fit whatever it is about.
LONGEST_TEXT = 512
MOST_VIOLATIONS = 20
_MOST_METADATA = 8
_LONGEST_DETAIL = 120
_ROOM = 6 * 1024

_PREFIX = "ERROR_REASON_"
_NOTHING: Mapping[str, str] = MappingProxyType({})
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_CODE_OF_REASON = {
    value.number: _CODES[value.GetOptions().Extensions[options_pb2.reason].code]
    for value in reasons.ErrorReason.DESCRIPTOR.values
    if value.number
}

# What the transport itself answers, without saying why in our words.
_REASON_OF_CODE = {
    grpc.StatusCode.UNAVAILABLE: reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
    grpc.StatusCode.CANCELLED: reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: reasons.ERROR_REASON_DEADLINE_TOO_SHORT,
    grpc.StatusCode.RESOURCE_EXHAUSTED: reasons.ERROR_REASON_MESSAGE_TOO_LARGE,
    grpc.StatusCode.UNAUTHENTICATED: reasons.ERROR_REASON_CREDENTIALS_INVALID,
    grpc.StatusCode.PERMISSION_DENIED: reasons.ERROR_REASON_METHOD_NOT_GOVERNED,
    grpc.StatusCode.UNIMPLEMENTED: reasons.ERROR_REASON_METHOD_NOT_GOVERNED,
}


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
    for key, value in list(error.metadata.items())[:_MOST_METADATA]:
        info.metadata[_cut(key)] = _cut(value)
    status.details.add().Pack(info)
    for detail in _further_details(error):
        if status.ByteSize() + detail.ByteSize() + _LONGEST_DETAIL <= _ROOM:
            status.details.add().Pack(detail)
    return status


def from_status(status: status_pb2.Status) -> ConcordError:
    """Read an error that `to_status` rendered, such as one inside an acknowledgement.

    A status that is not Concord's gets the reason that is closest to its code.
    """
    details: dict[type[Message], Any] = {kind: _unpacked(status, kind) for kind in _DETAILS}
    info = details[error_details_pb2.ErrorInfo]
    known = info is not None and info.domain == DOMAIN and _PREFIX + info.reason in reasons.ErrorReason.keys()  # noqa: SIM118 - a wrapper, not a dict
    if not known:
        return _foreign(_CODES.get(status.code, grpc.StatusCode.UNKNOWN), status.message)
    resource = details[error_details_pb2.ResourceInfo]
    retry = details[error_details_pb2.RetryInfo]
    return ConcordError(
        reasons.ErrorReason.Value(_PREFIX + info.reason),
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
    if error.resource is not None:
        kind, name = error.resource
        yield error_details_pb2.ResourceInfo(resource_type=_cut(kind), resource_name=_cut(name))
    if error.preconditions:
        failure = error_details_pb2.PreconditionFailure()
        for condition in error.preconditions[:MOST_VIOLATIONS]:
            failure.violations.add(
                type=_cut(condition.kind), subject=_cut(condition.subject), description=_cut(condition.description)
            )
        yield failure
    if error.violations:
        yield _bad_request(error.violations)


def _bad_request(violations: Sequence[FieldViolation]) -> error_details_pb2.BadRequest:
    request = error_details_pb2.BadRequest()
    for violation in violations[:MOST_VIOLATIONS]:
        added = request.field_violations.add(
            field=_cut(violation.field), description=_cut(violation.description), reason=_cut(violation.reason)
        )
        if request.ByteSize() > _ROOM // 2:
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
    return ConcordError(reason, _cut(message), metadata={"grpc_code": code.name})


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
