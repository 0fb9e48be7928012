"""What a served call leaves behind: a span, a measurement, a line of log; no value of a field in any of them."""

import io
import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from concord.audit.v1 import audit_pb2, audit_pb2_grpc
from concord.mdm.v1 import change_pb2, change_pb2_grpc
from services.mesh.logs import JsonLines
from services.mesh.server import Call
from services.mesh.telemetry import Telemetry, TelemetrySettings, span
from tests.support.server.scraping import scrape, values
from tests.support.server.serving import Tokens, service, serving
from tests.support.waiting import eventually

AUDIT = "concord.audit.v1.AuditService"
CHANGES = "concord.mdm.v1.ChangeService"
SECRET = "98-7654321"
TRACE = "0af7651916cd43dd8448eb211c80319c"
TOKENS = Tokens()
READER = TOKENS.grant("reader", "audit.leaves.read", "mdm.changes.read")


def get_leaf(request: audit_pb2.GetLeafRequest, _call: Call) -> audit_pb2.GetLeafResponse:
    with span("look up", kind="test"):
        if request.record:
            raise KeyError(request.record)
        return audit_pb2.GetLeafResponse()


@contextmanager
def telemetry(settings: TelemetrySettings) -> Iterator[tuple[Telemetry, io.StringIO]]:
    lines = io.StringIO()
    made = Telemetry(settings, "audit", access_stream=lines)
    try:
        yield made, lines
    finally:
        made.shutdown()


def call(made: Telemetry, record: str = "") -> None:
    with serving(TOKENS, service(AUDIT, {"GetLeaf": get_leaf}), telemetry=made) as (_, channel):
        stub = audit_pb2_grpc.AuditServiceStub(channel)
        metadata = (*READER, ("traceparent", f"00-{TRACE}-b7ad6b7169203331-01"))
        try:
            stub.GetLeaf(audit_pb2.GetLeafRequest(record=record), metadata=metadata)
        except grpc.RpcError:
            assert record


def test_spans_go_on_with_the_callers_trace_into_the_file(tmp_path: Path) -> None:
    file = tmp_path / "spans.jsonl"
    with telemetry(TelemetrySettings(spans_file=file)) as (made, _):
        call(made)
    inner, outer = (json.loads(line) for line in file.read_text().splitlines())
    assert (outer["name"], outer["kind"], outer["parent_id"]) == (f"/{AUDIT}/GetLeaf", "SERVER", "b7ad6b7169203331")
    assert (inner["name"], inner["parent_id"]) == ("look up", outer["span_id"])
    assert {inner["trace_id"], outer["trace_id"]} == {TRACE}


def test_a_failed_call_is_told_by_reason_everywhere_and_by_value_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "spans.jsonl"
    with telemetry(TelemetrySettings(spans_file=file)) as (made, lines):
        call(made, record=SECRET)
    inner, outer = (json.loads(line) for line in file.read_text().splitlines())
    assert inner["status"] == "ERROR"
    assert outer["attributes"]["concord.error_reason"] == "INTERNAL_FAILURE"
    logged = json.loads(lines.getvalue())
    assert (logged["rpc"], logged["code"], logged["reason"]) == (f"/{AUDIT}/GetLeaf", "INTERNAL", "INTERNAL_FAILURE")
    assert (logged["client"], logged["trace_id"]) == ("tests", TRACE)
    printed = "".join(JsonLines("audit").format(record) for record in caplog.records)
    assert "KeyError" in printed
    assert SECRET not in file.read_text() + lines.getvalue() + printed


def watch(_request: change_pb2.WatchChangesRequest, call: Call) -> Iterator[change_pb2.WatchChangesResponse]:
    ended = threading.Event()
    call.on_end(ended.set)
    yield change_pb2.WatchChangesResponse(cursor=b"1")
    yield change_pb2.WatchChangesResponse(cursor=b"2")
    ended.wait(60)


def test_a_stream_is_open_then_ended_and_timed_to_its_first_message() -> None:
    with (
        telemetry(TelemetrySettings(metrics_port=0)) as (made, _),
        serving(TOKENS, service(CHANGES, {"WatchChanges": watch}), telemetry=made) as (_, channel),
    ):
        port = made.metrics_port or 0
        stub = change_pb2_grpc.ChangeServiceStub(channel)
        stream = stub.WatchChanges(change_pb2.WatchChangesRequest(), metadata=READER)
        assert [next(stream).cursor, next(stream).cursor] == [b"1", b"2"]
        served = scrape(port)
        assert values(served["rpc_server_streams_open"], "rpc") == {f"/{CHANGES}/WatchChanges": 1}
        stream.cancel()
        eventually(lambda: values(scrape(port)["rpc_server_streams_open"], "rpc") == {f"/{CHANGES}/WatchChanges": 0})
        served = scrape(port)
        assert values(served["rpc_server_streams_ended_total"], "client") == {"tests": 1}
        first = served["rpc_server_stream_first_message_seconds"].samples
        assert [sample.value for sample in first if sample.name.endswith("_count")] == [1]
        assert "rpc_server_call_duration_seconds" not in served


def test_calls_are_counted_and_timed_by_rpc_code_and_client() -> None:
    with telemetry(TelemetrySettings(metrics_port=0)) as (made, _):
        call(made)
        call(made)
        with urllib.request.urlopen(f"http://127.0.0.1:{made.metrics_port}/metrics", timeout=60) as page:
            counts = [line for line in page.read().decode().splitlines() if line.startswith("rpc_server_call_duration")]
    labels = ('rpc="/concord.audit.v1.AuditService/GetLeaf"', 'code="OK"', 'client="tests"')
    count = next(line for line in counts if "_count{" in line)
    assert all(label in count for label in labels)
    assert float(count.rsplit(" ", 1)[1]) == 2
