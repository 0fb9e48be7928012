"""The span of a served call, below the caller's own where the call carries a trace.

Written by hand for the path of every call: what is not recorded is given a trace id and nothing else.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider

from services.mesh.call import address_of

_SCOPE = "concord.server"
_TRACEPARENT = "traceparent"

Behaviour = Callable[[Any, Any], Any]
"""What the transport calls: (request or requests, context) → response or responses."""


class Spans:
    """Wraps behaviours in spans of one tracer provider."""

    def __init__(self, tracer_provider: TracerProvider) -> None:
        self._tracer = tracer_provider.get_tracer(_SCOPE)

    def single(self, name: str, behaviour: Behaviour) -> Behaviour:
        """Return the behaviour of an RPC with one response, in a span."""

        def spanned(request: Any, context: Any) -> Any:
            span, token = self._begin(name, context)
            try:
                return behaviour(request, context)
            finally:
                contexts.detach(token)
                span.end()

        return spanned

    def streamed(self, name: str, behaviour: Behaviour) -> Behaviour:
        """Return the behaviour of an RPC with a stream of responses, in a span from its first to its last."""

        def spanned(request: Any, context: Any) -> Iterator[Any]:
            span, token = self._begin(name, context)
            try:
                yield from behaviour(request, context)
            finally:
                contexts.detach(token)
                span.end()

        return spanned

    def _begin(self, name: str, context: Any) -> tuple[trace.Span, Any]:
        parent = _remote(context.invocation_metadata() or ())
        span = self._tracer.start_span(name, context=parent, kind=trace.SpanKind.SERVER)
        if span.is_recording():
            span.set_attributes(_attributes(name, context))
        return span, contexts.attach(trace.set_span_in_context(span, parent))


def _remote(metadata: Any) -> contexts.Context | None:
    """Return the context that the caller's trace makes; None = the call carries none."""
    for key, value in metadata:
        if key == _TRACEPARENT:
            return propagate.extract({_TRACEPARENT: value})
    return None


def _attributes(name: str, context: Any) -> Mapping[str, str]:
    service, _, method = name.strip("/").partition("/")
    return {
        "rpc.system": "grpc",
        "rpc.service": service,
        "rpc.method": method,
        "net.peer.ip": address_of(context.peer()),
    }
