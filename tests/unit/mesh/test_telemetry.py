"""Spans, their context across threads of time, and the measurements of calls."""

import io
import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.mesh.access_log import ServedCall
from services.mesh.telemetry import Telemetry, TelemetrySettings, current_traceparent, span
from tools.postgres import free_port

SECRET = "98-7654321"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    telemetry = Telemetry(TelemetrySettings(access_log=False), "small", exporters=[exporter])
    yield exporter
    telemetry.shutdown()


def test_outside_of_a_span_there_is_no_traceparent() -> None:
    assert current_traceparent() == ""


def test_a_span_started_from_a_stored_traceparent_continues_its_trace(spans: InMemorySpanExporter) -> None:
    with span("the change"):
        stored = current_traceparent()
    with span("something else"), span("its publication", stored, changes=3):
        assert current_traceparent()[3:35] == stored[3:35]
    publication = next(one for one in spans.get_finished_spans() if one.name == "its publication")
    assert publication.parent is not None
    assert f"{publication.parent.span_id:016x}" == stored[36:52]
    assert dict(publication.attributes or {}) == {"changes": 3}


def test_a_failed_span_names_the_kind_of_failure_and_not_its_text(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match=SECRET), span("work"):
        raise ValueError(SECRET)
    (failed,) = spans.get_finished_spans()
    assert failed.status.description == "ValueError"
    assert SECRET not in failed.to_json()


def test_a_damaged_traceparent_begins_a_new_trace(spans: InMemorySpanExporter) -> None:
    with span("work", "00-zz-zz-01"):
        assert current_traceparent().startswith("00-")
    assert len(spans.get_finished_spans()) == 1


def test_spans_are_lines_of_json_in_their_file(tmp_path: Path) -> None:
    file = tmp_path / "spans.jsonl"
    telemetry = Telemetry(TelemetrySettings(spans_file=file, access_log=False), "small")
    with span("outer"):
        trace_id = current_traceparent()[3:35]
        with span("inner"):
            pass
    telemetry.shutdown()
    inner, outer = (json.loads(line) for line in file.read_text().splitlines())
    assert (inner["name"], inner["service"], inner["trace_id"]) == ("inner", "small", trace_id)
    assert inner["parent_id"] == outer["span_id"]
    assert inner["end_ns"] >= inner["start_ns"]


def test_what_is_not_sampled_still_has_a_trace_id(tmp_path: Path) -> None:
    file = tmp_path / "spans.jsonl"
    telemetry = Telemetry(TelemetrySettings(spans_file=file, sampling_ratio=0.0, access_log=False), "small")
    with span("work"):
        assert int(current_traceparent()[-2:], 16) & 1 == 0
    telemetry.shutdown()
    assert file.read_text() == ""


def test_calls_are_measured_by_method_code_and_client() -> None:
    telemetry = Telemetry(TelemetrySettings(metrics_port=0, access_log=False), "small")
    telemetry.record_call(ServedCall("/a.B/C", grpc.StatusCode.OK, "", "console", 0.003, ""))
    telemetry.record_call(ServedCall("/a.B/C", grpc.StatusCode.NOT_FOUND, "RECORD_NOT_FOUND", "console", 0.2, ""))
    with urllib.request.urlopen(f"http://127.0.0.1:{telemetry.metrics_port}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    telemetry.shutdown()
    counts = [line for line in lines if line.startswith("rpc_server_call_duration_seconds_count")]
    assert len(counts) == 2
    for code in ("OK", "NOT_FOUND"):
        assert any(
            f'code="{code}"' in line and 'client="console"' in line and 'rpc="/a.B/C"' in line for line in counts
        )


def test_a_call_is_one_line_of_the_access_log() -> None:
    lines = io.StringIO()
    telemetry = Telemetry(TelemetrySettings(), "small", access_stream=lines)
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    telemetry.record_call(ServedCall("/a.B/C", grpc.StatusCode.OK, "", 'con"sole', 0.00321, traceparent))
    telemetry.shutdown()
    told = json.loads(lines.getvalue())
    assert told["rpc"] == "/a.B/C"
    assert told["client"] == 'con"sole'
    assert told["ms"] == 3.21
    assert told["trace_id"] == traceparent[3:35]


def test_a_collector_that_is_away_does_not_keep_a_process_from_stopping() -> None:
    nobody = TelemetrySettings(otlp_endpoint=f"http://127.0.0.1:{free_port()}", access_log=False)
    telemetry = Telemetry(nobody, "small")
    with telemetry.tracer.start_as_current_span("lost"):
        pass
    begin = time.monotonic()

    telemetry.shutdown()

    # Without a bound of ours the exporter tries for ten seconds.
    assert time.monotonic() - begin < 6
