"""From a method's name on the wire to its wrapped handler; what is not known is refused by the same stages."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

import grpc
from google.protobuf.empty_pb2 import Empty
from opentelemetry.sdk.trace import TracerProvider

from concord.governance.v1 import options_pb2 as options
from services.mesh.call import Call
from services.mesh.contract.governance import MethodPolicy
from services.mesh.server.method import Method
from services.mesh.server.spans import Spans
from services.mesh.server.stages import Stages

# Generic in its type stubs only.
TransportHandler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

_WRITING = (options.AUDIT_CATEGORY_MUTATION, options.AUDIT_CATEGORY_EVIDENCE)

# One name for all of them: a stranger must not be able to fill traces with names.
_UNKNOWN = "/unknown/unknown"


@dataclass(frozen=True)
class Threads:
    """Who serves streams, and unary calls that change records or append evidence; workers serve all others."""

    streams: ThreadPoolExecutor
    writers: ThreadPoolExecutor

    def of(self, method: Method) -> ThreadPoolExecutor | None:
        """Return the threads that serve a method; None = the server's workers."""
        if not method.policy.permission:
            return None
        if method.takes_stream or method.gives_stream:
            return self.streams
        return self.writers if method.policy.audit in _WRITING else None


class Routing(grpc.GenericRpcHandler):
    """Every call that is neither health nor reflection."""

    def __init__(
        self, methods: Iterable[Method], stages: Stages, tracer_provider: TracerProvider, threads: Threads
    ) -> None:
        self._stages = stages
        self._threads = threads
        self._spans = Spans(tracer_provider)
        self._handlers = {method.policy.full_name: self._handler(method, method.policy.full_name) for method in methods}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> TransportHandler:
        """Return the handler of a method; for an unknown one a handler that refuses, but only who is authenticated."""
        name: str = handler_call_details.method
        return self._handlers.get(name) or self._handler(_unknown(name), _UNKNOWN)

    def _handler(self, method: Method, span_name: str) -> TransportHandler:
        """Wrap a method in its stages and those in the span.

        No deserialiser is named: bytes come in, so that undecodable ones are refused by the stages and not by the
        transport.
        """
        staged = self._stages.wrap(method)
        spanned = self._spans.streamed if method.gives_stream else self._spans.single
        behaviour: Any = spanned(span_name, staged)
        threads = self._threads.of(method)
        if threads is not None:
            # The transport looks for the pool on the outermost behaviour only.
            behaviour.experimental_thread_pool = threads
        return _ARITIES[method.takes_stream, method.gives_stream](behaviour)


_ARITIES: "Mapping[tuple[bool, bool], Callable[..., TransportHandler]]" = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def _unknown(name: str) -> Method:
    """Return a method without a policy, which the authorisation stage lets nobody call."""
    policy = MethodPolicy(
        full_name=name,
        layer=options.LAYER_UNSPECIFIED,
        permission="",
        audit=options.AUDIT_CATEGORY_UNSPECIFIED,
        idempotency=options.IDEMPOTENCY_UNSPECIFIED,
        interaction=options.INTERACTION_UNSPECIFIED,
        latency_objective=timedelta(0),
    )
    return Method(
        policy=policy,
        request_type=Empty,
        response_type=Empty,
        takes_stream=True,
        gives_stream=True,
        validated=True,
        handler=_never_called,
    )


def _never_called(_requests: object, call: Call) -> object:
    raise AssertionError(f"{call.policy.full_name} was let through")
