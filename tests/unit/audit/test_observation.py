"""What operators see of appending."""

import logging
from datetime import UTC, datetime

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.domain.leaf import LeafKey
from services.audit.domain.sequencing import LeafConflictError, Receipt, Sequencer
from services.audit.transport.observation import Observation
from services.mesh.errors import ConcordError
from tests.support.audit.leaves import incoming, leaf_bytes

NOW = datetime(2026, 11, 24, tzinfo=UTC)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


def spans_of(*traceparents: str) -> list[tuple[str, str, str]]:
    """Append one leaf with each trace context; return (name, trace id, parent span id) of the spans."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    leaves = [incoming(leaf_bytes(revision=n, traceparent=text)) for n, text in enumerate(traceparents, start=1)]
    observation = Observation(provider.get_tracer("test"), metrics.NoOpMeter("test"))
    observation.appended(Sequencer({}, 0, NOW).place(leaves), began_ns=1)
    return [
        (span.name, f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}")
        for span in exporter.get_finished_spans()
        if span.context and span.parent
    ]


def test_a_leaf_has_a_span_in_the_trace_of_its_change() -> None:
    assert spans_of(f"00-{TRACE}-{SPAN}-01") == [("append leaf", TRACE, SPAN)]


@pytest.mark.parametrize("text", ["", "not a trace context", f"00-{TRACE}-{SPAN}-00", f"00-{'0' * 32}-{SPAN}-01"])
def test_a_change_that_was_not_sampled_has_none(text: str) -> None:
    assert spans_of(text) == []


def test_a_conflict_is_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    error = LeafConflictError(2, LeafKey("mdm", "suppliers/one", 7), Receipt(41, b"", NOW))
    Observation(TracerProvider().get_tracer("test"), metrics.NoOpMeter("test")).conflicted(error)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert caplog.messages == ["alarm: mdm sent other bytes for suppliers/one revision 7 than are held at place 41"]


def test_a_request_that_found_too_many_waiting_is_a_warning_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    error = ConcordError(reasons.ERROR_REASON_LOG_QUEUE_FULL, "too many leaves wait")
    Observation(TracerProvider().get_tracer("test"), metrics.NoOpMeter("test")).refused(error)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert caplog.messages == ["a request to append was refused: too many leaves wait"]
