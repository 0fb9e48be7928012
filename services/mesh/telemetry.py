"""Traces and metrics of one process. No value of a record's field ever enters any of them."""

import json
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TextIO

import grpc
from opentelemetry import metrics, propagate, trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.grpc import client_interceptor, grpcext
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.mesh.access_log import AccessLog, ServedCall
from services.mesh.metrics.calls import CallMetrics
from services.mesh.metrics.exposition import SCOPE, Exposition
from services.mesh.metrics.gauge import NO_METER

REASON_ATTRIBUTE = "concord.error_reason"

_TRACEPARENT = "traceparent"
_LOOPBACK = "127.0.0.1"
_LAST_EXPORT_S = 2.0

# Baggage is dropped: what a stranger writes there must not travel on through the mesh.
_propagator = TraceContextTextMapPropagator()
propagate.set_global_textmap(_propagator)


@dataclass(frozen=True)
class TelemetrySettings:
    """Where traces and metrics go, and how much is logged.

    `spans_file` takes spans as JSON lines, `otlp_endpoint` (`http://host:port`) takes them by OTLP; with neither they
    go nowhere, though every call still has a trace id. `sampling_ratio` is the share of the traces that begin here
    which is recorded; keep it at 1.0 where a collector picks the slow and the failed ones out of all. `metrics_port`
    serves Prometheus' format at `metrics_host`, 0 on a free port. `access_log` writes one line a call to stderr.
    """

    spans_file: Path | None = None
    otlp_endpoint: str | None = None
    sampling_ratio: float = 1.0
    metrics_port: int | None = None
    metrics_host: str = _LOOPBACK
    log_level: str = "INFO"
    access_log: bool = True


class Telemetry:
    """The traces and metrics of one service process; `span` uses the one that was made last.

    `exporters` take spans synchronously, for tests. `access_stream` takes the access log.
    """

    tracer_provider: TracerProvider
    tracer: trace.Tracer
    meter: metrics.Meter

    def __init__(
        self,
        settings: TelemetrySettings,
        service: str,
        *,
        exporters: Sequence[SpanExporter] = (),
        access_stream: TextIO | None = None,
    ) -> None:
        resource = Resource.create({SERVICE_NAME: service})
        self.tracer_provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(settings.sampling_ratio), resource=resource, shutdown_on_exit=False
        )
        self._files: list[TextIO] = []
        self._remote: list[SpanExporter] = []
        self._export_spans(settings, exporters)
        self.tracer = self.tracer_provider.get_tracer(SCOPE)
        port = settings.metrics_port
        self._exposition = None if port is None else Exposition(service, settings.metrics_host, port)
        self.meter = NO_METER if self._exposition is None else self._exposition.meter
        self._calls = CallMetrics(self.meter)
        if self._exposition is not None:
            self._exposition.show(self._calls.durations)
        self._access = AccessLog(service, access_stream or sys.stderr) if settings.access_log else None
        _use(self)

    @classmethod
    def off(cls) -> Self:
        """Return telemetry that records, counts and logs nothing."""
        return cls(TelemetrySettings(sampling_ratio=0.0, access_log=False), "off")

    @property
    def metrics_port(self) -> int | None:
        """The port that metrics are served on; None when they are not."""
        return self._exposition.port if self._exposition is not None else None

    def record_call(self, call: ServedCall) -> None:
        """Count one call that this process served, time it where it has one response, and log it."""
        if self._exposition is not None and call.is_stream:
            self._calls.ended(call.rpc, call.code.name, call.client)
        elif self._exposition is not None:
            self._calls.called(call.rpc, call.code.name, call.client, call.seconds)
        if self._access is not None:
            self._access.tell(call)

    def stream_opened(self, rpc: str) -> None:
        """Count a stream as open, until `record_call` ends it."""
        self._calls.opened(rpc)

    def stream_began(self, rpc: str, seconds: float) -> None:
        """Note how long a stream took to give its first message."""
        self._calls.began(rpc, seconds)

    def traced(self, channel: grpc.Channel) -> grpc.Channel:
        """Return a channel whose unary calls have spans.

        Streams only pass the context on: their spans would last for days, and the library hides the handle by which
        an open stream is cancelled.
        """
        spans = client_interceptor(  # type: ignore[no-untyped-call]
            self.tracer_provider, filter_=lambda call: not hasattr(call, "is_server_stream")
        )
        traced: grpc.Channel = grpcext.intercept_channel(channel, spans)  # type: ignore[no-untyped-call]
        return traced

    def shutdown(self) -> None:
        """Export what is left, for a bounded time, and close files and ports."""
        # A collector that is away must not keep a service from stopping: the exporter would try again and again.
        gives_up = threading.Timer(_LAST_EXPORT_S, self._give_up_exporting)
        gives_up.daemon = True
        gives_up.start()
        self.tracer_provider.shutdown()
        gives_up.cancel()
        if self._exposition is not None:
            self._exposition.shutdown()
        if self._access is not None:
            self._access.close()
        for file in self._files:
            file.close()

    def _give_up_exporting(self) -> None:
        for exporter in self._remote:
            exporter.shutdown()

    def _export_spans(self, settings: TelemetrySettings, exporters: Sequence[SpanExporter]) -> None:
        for exporter in exporters:
            self.tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
        if settings.spans_file is not None:
            file = settings.spans_file.open("a", encoding="utf-8")
            self._files.append(file)
            lines = ConsoleSpanExporter(out=file, formatter=span_line)
            self.tracer_provider.add_span_processor(BatchSpanProcessor(lines, schedule_delay_millis=500))
        if settings.otlp_endpoint is not None:
            otlp = OTLPSpanExporter(endpoint=settings.otlp_endpoint)
            self._remote.append(otlp)
            self.tracer_provider.add_span_processor(BatchSpanProcessor(otlp))


@contextmanager
def span(name: str, parent_traceparent: str | None = None, **attributes: str | float | bool) -> Iterator[trace.Span]:
    """Run the block in a span, below the current one, or below a stored traceparent where one is given.

    An exception marks the span with its type; its text, which may hold values, is left out.
    """
    parent = _propagator.extract({_TRACEPARENT: parent_traceparent}) if parent_traceparent else None
    with _tracer().start_as_current_span(
        name, context=parent, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as running:
        try:
            yield running
        except Exception as error:
            running.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise


def current_span() -> trace.Span:
    """Return the span that runs in this thread; one that ignores everything when there is none."""
    return trace.get_current_span()


def current_traceparent() -> str:
    """Return the W3C traceparent of the span that runs in this thread; "" when there is none."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def span_line(finished: ReadableSpan) -> str:
    """Render a finished span as one line of JSON, ids in hexadecimal, times in nanoseconds since 1970."""
    context = finished.get_span_context()
    told = {
        "service": finished.resource.attributes.get(SERVICE_NAME),
        "name": finished.name,
        "kind": finished.kind.name,
        "trace_id": f"{context.trace_id:032x}" if context is not None else "",
        "span_id": f"{context.span_id:016x}" if context is not None else "",
        "parent_id": f"{finished.parent.span_id:016x}" if finished.parent is not None else "",
        "start_ns": finished.start_time,
        "end_ns": finished.end_time,
        "status": finished.status.status_code.name,
        "attributes": dict(finished.attributes or {}),
    }
    return json.dumps(told, default=str) + "\n"


_latest: list[Telemetry] = []


def _use(telemetry: Telemetry) -> None:
    _latest[:] = [telemetry]


def _tracer() -> trace.Tracer:
    return _latest[0].tracer if _latest else trace.get_tracer(SCOPE)
