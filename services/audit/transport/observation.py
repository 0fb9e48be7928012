"""What operators see of appending: a span a leaf in the trace of its change, counts, the alarm of a conflict."""

import logging

from opentelemetry import trace
from opentelemetry.metrics import Meter
from opentelemetry.trace import Link, SpanKind, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.audit.domain.leaf import IncomingLeaf
from services.audit.domain.sequencing import Appended, LeafConflictError, Receipt
from services.mesh.errors import ConcordError
from services.mesh.metrics.count import Count

_log = logging.getLogger(__name__)
_propagator = TraceContextTextMapPropagator()


class Observation:
    """Tells traces, metrics and the log what became of requests to append."""

    def __init__(self, tracer: Tracer, meter: Meter) -> None:
        self._tracer = tracer
        self._appended = Count(meter, "concord.audit.leaves.appended", "{leaf}", "Leaves added to the log.")
        self._repeated = Count(meter, "concord.audit.leaves.repeated", "{leaf}", "Leaves that were held.")
        self._conflicts = meter.create_counter(
            "concord.audit.leaves.conflicting", "{request}", "Requests refused for other bytes than held. An alarm."
        )
        self._refused = Count(
            meter, "concord.audit.appends.refused", "{request}", "Requests refused because too many leaves waited."
        )

    def appended(self, outcome: Appended, began_ns: int) -> None:
        """Tell that a request was appended; `began_ns` since the epoch."""
        self._appended.add(len(outcome.fresh))
        if len(outcome.receipts) > len(outcome.fresh):
            self._repeated.add(len(outcome.receipts) - len(outcome.fresh))
        call = trace.get_current_span().get_span_context()
        links = [Link(call)] if call.is_valid else []
        for leaf, receipt in outcome.fresh:
            if leaf.traceparent:
                self._trace(leaf, receipt, began_ns, links)

    def conflicted(self, error: LeafConflictError) -> None:
        """Raise the alarm."""
        self._conflicts.add(1, {"source_service": error.key.source_service})
        _log.error(
            "alarm: %s sent other bytes for %s revision %d than are held at place %d",
            error.key.source_service,
            error.key.record,
            error.key.revision,
            error.held.leaf_index,
        )

    def refused(self, error: ConcordError) -> None:
        """Tell that a request found too many others waiting."""
        self._refused.add(1)
        _log.warning("a request to append was refused: %s", error)

    def _trace(self, leaf: IncomingLeaf, receipt: Receipt, began_ns: int, links: list[Link]) -> None:
        context = _propagator.extract({"traceparent": leaf.traceparent})
        if not trace.get_current_span(context).get_span_context().trace_flags.sampled:
            return
        attributes: dict[str, str | int] = {
            "concord.record": leaf.key.record,
            "concord.revision": leaf.key.revision,
            "concord.leaf_index": receipt.leaf_index,
        }
        self._tracer.start_span(
            "append leaf", context, SpanKind.CONSUMER, attributes, links=links, start_time=began_ns
        ).end()
