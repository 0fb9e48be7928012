"""The one error of the mesh: a reason from the closed list, rendered once at the edge and read back by clients.

What is lost on the way: the cause (it is logged where it happened) and everything that is not in `google.rpc` details.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from concord.governance.v1 import error_reason_pb2, options_pb2

DOMAIN = "concord"
_PREFIX = "ERROR_REASON_"
_NOTHING: Mapping[str, str] = MappingProxyType({})
_CODES = {
    value.number: value.GetOptions().Extensions[options_pb2.reason].code
    for value in error_reason_pb2.ErrorReason.DESCRIPTOR.values
}
_STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True)
class FieldViolation:
    """A field that can't be as it is: its path in the request, and what is wrong with it."""

    field: str
    description: str
    reason: str = ""


class ConcordError(Exception):
    """A call, or one record of it, that fails for a reason of the closed list.

    `resource` is (type, name) of what is missing or in the way; `preconditions` are (type, subject, description).
    """

    def __init__(  # noqa: PLR0913 - an error has as many parts as google.rpc has details
        self,
        reason: error_reason_pb2.ErrorReason.ValueType,
        message: str,
        *,
        metadata: Mapping[str, str] = _NOTHING,
        violations: Sequence[FieldViolation] = (),
        resource: tuple[str, str] | None = None,
        retry_after: timedelta | None = None,
        preconditions: Sequence[tuple[str, str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = dict(metadata)
        self.violations = tuple(violations)
        self.resource = resource
        self.retry_after = retry_after
        self.preconditions = tuple(preconditions)

    @property
    def code(self) -> grpc.StatusCode:
        """The gRPC status code that goes with the reason, everywhere."""
        return _STATUS_CODES[_CODES[self.reason]]

    @property
    def reason_name(self) -> str:
        """The reason as it stands in ErrorInfo, without the enum's prefix."""
        return error_reason_pb2.ErrorReason.Name(self.reason).removeprefix(_PREFIX)

    def __str__(self) -> str:
        return f"{self.reason_name}: {self.message}"


def to_status(error: ConcordError) -> status_pb2.Status:
    """Return the error as `google.rpc.Status`: ErrorInfo always, the other details where they apply."""
    status = status_pb2.Status(code=error.code.value[0], message=error.message)
    _detail(
        status,
        error_details_pb2.ErrorInfo(reason=error.reason_name, domain=DOMAIN, metadata=error.metadata),
    )
    if error.violations:
        bad = error_details_pb2.BadRequest()
        for violation in error.violations:
            bad.field_violations.add(
                field=violation.field, description=violation.description, reason=violation.reason
            )
        _detail(status, bad)
    if error.preconditions:
        failure = error_details_pb2.PreconditionFailure()
        for kind, subject, description in error.preconditions:
            failure.violations.add(type=kind, subject=subject, description=description)
        _detail(status, failure)
    if error.resource:
        _detail(
            status,
            error_details_pb2.ResourceInfo(resource_type=error.resource[0], resource_name=error.resource[1]),
        )
    if error.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromTimedelta(error.retry_after)
        _detail(status, error_details_pb2.RetryInfo(retry_delay=delay))
    return status


def from_status(status: status_pb2.Status) -> ConcordError:
    """Return the error that `to_status` rendered; what is not ours becomes the nearest reason, by its code."""
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    failure, resource = error_details_pb2.PreconditionFailure(), error_details_pb2.ResourceInfo()
    retry = error_details_pb2.RetryInfo()
    present = {detail.TypeName() for detail in status.details for kind in (info, bad, failure, resource, retry)
               if detail.Unpack(kind)}
    known = info.domain == DOMAIN and f"{_PREFIX}{info.reason}" in error_reason_pb2.ErrorReason.keys()  # noqa: SIM118
    reason = error_reason_pb2.ErrorReason.Value(f"{_PREFIX}{info.reason}") if known else _nearest(status.code)
    return ConcordError(
        reason,
        status.message,
        metadata=dict(info.metadata),
        violations=[FieldViolation(v.field, v.description, v.reason) for v in bad.field_violations],
        resource=(resource.resource_type, resource.resource_name) if resource.resource_name else None,
        retry_after=retry.retry_delay.ToTimedelta() if "google.rpc.RetryInfo" in present else None,
        preconditions=[(v.type, v.subject, v.description) for v in failure.violations],
    )


def from_rpc_error(rpc_error: grpc.RpcError) -> ConcordError:
    """Return a client's RpcError as the error that the server raised, or as the nearest one for foreign errors."""
    assert isinstance(rpc_error, grpc.Call)  # noqa: S101 - every RpcError of the client API is a Call as well
    status = rpc_status.from_call(rpc_error)
    if status is None:
        status = status_pb2.Status(code=rpc_error.code().value[0], message=rpc_error.details() or "")
    return from_status(status)


def _detail(status: status_pb2.Status, message: error_details_pb2.ErrorInfo) -> None:
    packed = any_pb2.Any()
    packed.Pack(message)
    status.details.append(packed)


def _nearest(code: int) -> error_reason_pb2.ErrorReason.ValueType:
    """Return the reason for a status that is not ours: what the transport itself says."""
    return _TRANSPORT.get(code, error_reason_pb2.ERROR_REASON_INTERNAL_FAILURE)


_TRANSPORT = {
    grpc.StatusCode.UNAVAILABLE.value[0]: error_reason_pb2.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED.value[0]: error_reason_pb2.ERROR_REASON_DEADLINE_TOO_SHORT,
    grpc.StatusCode.UNAUTHENTICATED.value[0]: error_reason_pb2.ERROR_REASON_CREDENTIALS_INVALID,
    grpc.StatusCode.PERMISSION_DENIED.value[0]: error_reason_pb2.ERROR_REASON_PERMISSION_MISSING,
    grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]: error_reason_pb2.ERROR_REASON_MESSAGE_TOO_LARGE,
    grpc.StatusCode.CANCELLED.value[0]: error_reason_pb2.ERROR_REASON_SHUTTING_DOWN,
}
