"""Metrics of a process: bounded labels, streams apart, and names that the documentation has."""

from collections.abc import Iterator
from datetime import UTC, datetime

import grpc
import pytest
from opentelemetry import trace

from concord.mdm.v1 import match_quality_pb2
from services.adapter.systems.tally import Tally
from services.audit.domain.leaf import LeafKey
from services.audit.domain.sequencing import LeafConflictError, Receipt
from services.audit.transport.observation import Observation
from services.mdm.transport.models.match_quality import quality_gauges
from services.mesh.access_log import ServedCall
from services.mesh.metrics.calls import BoundedSet
from services.mesh.metrics.count import Count
from services.mesh.metrics.durations import OTHER, Durations
from services.mesh.metrics.standing import show_elections
from services.mesh.postgres.elected import Elected
from services.mesh.telemetry import Telemetry, TelemetrySettings
from tests.support.server.scraping import labels, scrape, values
from tools.alerts.documented import documented

UNARY, STREAM = "/a.B/Get", "/a.B/Watch"


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    made = Telemetry(TelemetrySettings(metrics_port=0, access_log=False), "small")
    yield made
    made.shutdown()


def port(telemetry: Telemetry) -> int:
    assert telemetry.metrics_port is not None
    return telemetry.metrics_port


def call(rpc: str, client: str = "console", *, is_stream: bool = False) -> ServedCall:
    return ServedCall(rpc, grpc.StatusCode.OK, "", client, 3.0, "", is_stream)


def test_a_stream_is_counted_and_its_length_is_no_latency(telemetry: Telemetry) -> None:
    telemetry.stream_opened(STREAM)
    telemetry.stream_opened(STREAM)
    telemetry.stream_began(STREAM, 0.02)
    telemetry.record_call(call(STREAM, is_stream=True))
    telemetry.record_call(call(UNARY))
    served = scrape(port(telemetry))
    assert values(served["rpc_server_streams_open"], "rpc") == {STREAM: 1}
    assert values(served["rpc_server_streams_ended_total"], "rpc") == {STREAM: 1}
    assert {sample.labels["rpc"] for sample in served["rpc_server_call_duration_seconds"].samples} == {UNARY}
    first = served["rpc_server_stream_first_message_seconds"].samples
    assert [sample.value for sample in first if sample.labels.get("le") in {"0.01", "0.025"}] == [0, 1]


def test_no_more_than_so_many_clients_are_named() -> None:
    clients = BoundedSet(2)
    assert [clients.known(name) for name in ("a", "b", "c", "a", "d")] == ["a", "b", OTHER, "a", OTHER]


def test_a_count_is_shown_from_zero_on(telemetry: Telemetry) -> None:
    count = Count(telemetry.meter, "leaves.seen", "{leaf}", "")
    assert [each.value for each in scrape(port(telemetry))["leaves_seen_total"].samples] == [0]
    count.add(2)
    count.add(3)
    assert [each.value for each in scrape(port(telemetry))["leaves_seen_total"].samples] == [5]


def test_a_duration_counts_in_its_bucket_and_in_all_above_it() -> None:
    durations = Durations("waits", "", ["what"], [0.1, 1])
    for seconds in (0.05, 0.1, 0.5, 7.0):
        durations.took(seconds, "a")
    durations.took(0.2, "b")
    [family] = durations.collect()
    of_a = {(each.name, each.labels.get("le")): each.value for each in family.samples if each.labels["what"] == "a"}
    assert of_a == {
        ("waits_bucket", "0.1"): 2,
        ("waits_bucket", "1.0"): 3,
        ("waits_bucket", "+Inf"): 4,
        ("waits_count", None): 4,
        ("waits_sum", None): pytest.approx(7.65),
    }


def test_labels_beyond_so_many_sets_are_counted_as_one() -> None:
    durations = Durations("waits", "", ["what"], [1], most_sets=2)
    for label in ("a", "b", "c", "d", "a"):
        durations.took(0.5, label)
    [family] = durations.collect()
    counts = {each.labels["what"]: each.value for each in family.samples if each.name == "waits_count"}
    assert counts == {"a": 2, "b": 1, OTHER: 2}


def test_what_was_not_counted_yet_is_not_shown() -> None:
    assert list(Durations("waits", "", ["what"], [1]).collect()) == []


def test_a_process_says_what_it_is(telemetry: Telemetry) -> None:
    served = scrape(port(telemetry))
    assert values(served["concord_build_info"], "service") == {"small": 1}
    assert served["process_resident_memory_bytes"].samples[0].value > 1_000_000


def test_metrics_are_served_where_they_are_said_to_be() -> None:
    made = Telemetry(TelemetrySettings(metrics_port=0, metrics_host="127.0.0.2", access_log=False), "small")
    try:
        with pytest.raises(OSError, match="refused"):
            scrape(port(made))
    finally:
        made.shutdown()


def test_an_election_is_shown_as_it_stands(telemetry: Telemetry) -> None:
    standing = {"relay": True}
    show_elections(telemetry.meter, {"relay": lambda: standing["relay"]})
    assert values(scrape(port(telemetry))["concord_worker_elected"], "worker") == {"relay": 1}
    standing["relay"] = False
    assert values(scrape(port(telemetry))["concord_worker_elected"], "worker") == {"relay": 0}


def test_what_shows_only_after_something_happened_is_documented_as_it_shows(telemetry: Telemetry) -> None:
    telemetry.stream_opened(STREAM)
    telemetry.stream_began(STREAM, 0.02)
    telemetry.record_call(call(STREAM, is_stream=True))
    Tally(telemetry.meter, "systems/erp").untranslatable("party")
    held = Receipt(7, b"", datetime(2026, 11, 24, tzinfo=UTC))
    conflict = LeafConflictError(0, LeafKey("mdm", "suppliers/1", 1), held)
    Observation(trace.NoOpTracer(), telemetry.meter).conflicted(conflict)
    quality_gauges(telemetry.meter)(match_quality_pb2.MatchQuality(record_type="supplier", recall_broken=True))
    served = scrape(port(telemetry))
    rare = {name: metric for name, metric in documented().items() if metric.rare}
    assert {name: (served[name].type, frozenset(labels(served[name]))) for name in rare} == {
        name: (metric.type, metric.labels) for name, metric in rare.items()
    }


def test_quality_that_is_not_measured_again_is_shown_no_longer(telemetry: Telemetry) -> None:
    now = [0.0]
    quality_gauges(telemetry.meter, lambda: now[0])(match_quality_pb2.MatchQuality(record_type="supplier"))
    assert "concord_match_promise_broken" in scrape(port(telemetry))
    now[0] = 181.0
    assert "concord_match_promise_broken" not in scrape(port(telemetry))


def test_a_worker_that_never_started_is_not_elected() -> None:
    assert not Elected(None, "a job", lambda: False).elected()  # type: ignore[arg-type]
