"""The errors stage: whatever goes wrong inside is answered with one typed status, and no text of ours leaks."""

import logging
import uuid
from collections.abc import Iterator
from typing import Any

import grpc

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.call import Call
from services.mesh.errors import DETAILS_KEY, ConcordError, to_status
from services.mesh.server.method import Method, Single, Streamed

_log = logging.getLogger(__name__)

_PASSED_ON = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_TRACE_ID = slice(3, 35)  # within a traceparent


class Refusal:
    """A stage that turns exceptions into statuses."""

    def single(self, _method: Method, inner: Single) -> Single:
        """Guard an RPC with one response."""

        def guarded(request: object, call: Call) -> object:
            try:
                return inner(request, call)
            except Exception as error:  # noqa: BLE001 - the edge: every failure has to become a status
                refuse(call, error)
                # Not even an empty message: clients repeat a call by policy only when its status came alone.
                return None

        return guarded

    def streamed(self, _method: Method, inner: Streamed) -> Streamed:
        """Guard an RPC with a stream of responses; what was sent before the failure stays sent."""

        def guarded(request: object, call: Call) -> Iterator[object]:
            try:
                yield from inner(request, call)
            except Exception as error:  # noqa: BLE001 - the edge: every failure has to become a status
                refuse(call, error)

        return guarded


def refuse(call: Call, error: Exception) -> None:
    """End a call with the status of an error."""
    context: Any = call.exchange
    if isinstance(error, grpc.RpcError) and not context.is_active():
        call.code = grpc.StatusCode.CANCELLED  # the client has gone: nobody is left to answer
        return
    typed = error if isinstance(error, ConcordError) else _typed(call, error)
    call.code, call.failure = typed.code, typed
    context.set_trailing_metadata(((DETAILS_KEY, to_status(typed).SerializeToString()),))
    context.set_details(typed.message)
    context.set_code(typed.code)


def _typed(call: Call, error: Exception) -> ConcordError:
    code = getattr(error, "code", None)  # what stubs raise is an RpcError and a call at once
    if isinstance(error, grpc.RpcError) and code is not None and code() in _PASSED_ON:
        message = "another service does not answer"
        return ConcordError(reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE, message, metadata={"dependency": "service"})
    correlation_id = call.traceparent[_TRACE_ID] or uuid.uuid4().hex
    _log.error("unhandled failure %s in %s", correlation_id, call.policy.full_name, exc_info=error)
    message, metadata = f"internal failure {correlation_id}", {"correlation_id": correlation_id}
    return ConcordError(reasons.ERROR_REASON_INTERNAL_FAILURE, message, metadata=metadata)
