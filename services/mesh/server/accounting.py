"""The telemetry stage: a span, a measurement and one line of log for every call, none with a value of a field in it."""

import time
from collections.abc import Iterator
from typing import Any

import grpc
from opentelemetry import trace

from services.mesh.access_log import ServedCall
from services.mesh.call import NEVER_STOPPING, Call, Stopping, open_call
from services.mesh.server.method import Method, Single, Streamed
from services.mesh.telemetry import REASON_ATTRIBUTE, Telemetry, current_span, current_traceparent

_UNGOVERNED = "ungoverned"
_STATUS_ATTRIBUTE = "rpc.grpc.status_code"


class Accounting:
    """The outermost stage; it makes the call that the others work on."""

    def __init__(self, telemetry: Telemetry, stopping: Stopping, *, identities: bool) -> None:
        self._telemetry = telemetry
        self._stopping = stopping
        self._identities = identities

    def single(self, method: Method, inner: Single) -> Single:
        """Account for an RPC with one response."""
        stopping = self._stopping if method.takes_stream else NEVER_STOPPING

        def accounted(request: object, context: Any) -> object:
            began = time.perf_counter()
            call = self._open(method, context, stopping)
            try:
                return inner(request, call)
            finally:
                self._close(call, time.perf_counter() - began, is_stream=False)

        return accounted

    def streamed(self, method: Method, inner: Streamed) -> Streamed:
        """Account for an RPC with a stream of responses, from its first to its last."""

        def accounted(request: object, context: Any) -> Iterator[object]:
            began = time.perf_counter()
            call = self._open(method, context, self._stopping)
            self._telemetry.stream_opened(_name(call))
            try:
                yield from self._begun(inner(request, call), call, began)
            except GeneratorExit:
                call.code = grpc.StatusCode.CANCELLED
                raise
            finally:
                self._close(call, time.perf_counter() - began, is_stream=True)

        return accounted

    def _begun(self, responses: Iterator[object], call: Call, began: float) -> Iterator[object]:
        for first in responses:
            self._telemetry.stream_began(_name(call), time.perf_counter() - began)
            yield first
            yield from responses

    def _open(self, method: Method, context: Any, stopping: Stopping) -> Call:
        call = open_call(method.policy, context, stopping, current_traceparent())
        if self._identities:
            call.peer_identity = ",".join(identity.decode() for identity in context.peer_identities() or ())
        return call

    def _close(self, call: Call, seconds: float, *, is_stream: bool) -> None:
        reason = call.failure.reason_name if call.failure is not None else ""
        _tell(current_span(), call.code, reason)
        served = ServedCall(_name(call), call.code, reason, call.caller.client, seconds, call.traceparent, is_stream)
        self._telemetry.record_call(served)


def _name(call: Call) -> str:
    return call.policy.full_name if call.policy.permission else _UNGOVERNED


def _tell(span: trace.Span, code: grpc.StatusCode, reason: str) -> None:
    """Tell a call's span how the call ended."""
    if not span.is_recording():
        return
    span.set_attribute(_STATUS_ATTRIBUTE, code.value[0])
    if code is not grpc.StatusCode.OK:
        span.set_status(trace.StatusCode.ERROR, code.name)
    if reason:
        span.set_attribute(REASON_ATTRIBUTE, reason)
