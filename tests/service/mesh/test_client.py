"""What a channel adds to every call: a token, a deadline, the trace, retries."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from concord.audit.v1 import audit_pb2, audit_pb2_grpc
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2, change_pb2_grpc, ingest_pb2, ingest_pb2_grpc
from services.mesh.calling.client import ClientTls, FixedToken, TokenFile, open_channel
from services.mesh.errors import ConcordError, from_rpc_error
from services.mesh.server import Call, GrpcService, MeshServer, ServerTls
from services.mesh.telemetry import Telemetry, TelemetrySettings, current_traceparent, span
from tests.support.server.certificates import Authority
from tests.support.server.serving import Tokens, service, serving
from tests.support.waiting import eventually

AUDIT = "concord.audit.v1.AuditService"
CHANGES = "concord.mdm.v1.ChangeService"
INGEST = "concord.mdm.v1.IngestService"
PERMISSIONS = ("audit.leaves.read", "audit.leaves.append", "mdm.changes.read", "mdm.source_records.write")
TOKENS = Tokens()
TOKENS.grant("first", *PERMISSIONS)
TOKENS.grant("second", *PERMISSIONS)
FIRST = FixedToken("first")


class Seen:
    """Handlers that remember every call."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.failures = 0
        self.cut_off = 0

    def get_leaf(self, _request: audit_pb2.GetLeafRequest, call: Call) -> audit_pb2.GetLeafResponse:
        self.calls.append(call)
        if self.failures:
            self.failures -= 1
            raise ConcordError(reasons.ERROR_REASON_SPOOL_FULL, "not now")
        if self.cut_off:
            self.cut_off -= 1
            call.cancel()
        return audit_pb2.GetLeafResponse()

    def append(self, _request: audit_pb2.AppendLeavesRequest, call: Call) -> audit_pb2.AppendLeavesResponse:
        self.calls.append(call)
        raise ConcordError(reasons.ERROR_REASON_LEAF_CONFLICT, "another leaf is here")

    def watch(self, _request: change_pb2.WatchChangesRequest, call: Call) -> Iterator[change_pb2.WatchChangesResponse]:
        self.calls.append(call)
        yield change_pb2.WatchChangesResponse(cursor=b"1")
        yield change_pb2.WatchChangesResponse(cursor=b"2")

    def submit(
        self, requests: Iterator[ingest_pb2.SubmitSourceRecordsRequest], call: Call
    ) -> Iterator[ingest_pb2.SubmitSourceRecordsResponse]:
        self.calls.append(call)
        for request in requests:
            yield ingest_pb2.SubmitSourceRecordsResponse(sequence=request.sequence)

    def services(self) -> list[GrpcService]:
        return [
            service(AUDIT, {"GetLeaf": self.get_leaf, "AppendLeaves": self.append}),
            service(CHANGES, {"WatchChanges": self.watch}),
            service(INGEST, {"SubmitSourceRecords": self.submit}),
        ]


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def server(seen: Seen) -> Iterator[MeshServer]:
    with serving(TOKENS, *seen.services()) as (running, _):
        yield running


def get_leaf(channel: grpc.Channel, timeout: float | None = None) -> None:
    audit_pb2_grpc.AuditServiceStub(channel).GetLeaf(audit_pb2.GetLeafRequest(), timeout=timeout)


def allowed(call: Call) -> float:
    """Return the seconds that the call was given, as far as the server can tell."""
    assert call.deadline is not None
    return round(call.deadline - time.monotonic())


def test_a_token_is_read_again_when_its_file_changes(server: MeshServer, seen: Seen, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    with open_channel(f"127.0.0.1:{server.port}", token=TokenFile(file)) as channel:
        get_leaf(channel)
        fresh = tmp_path / "fresh"
        fresh.write_text("second\n")
        os.replace(fresh, file)  # noqa: PTH105 - how renewers do it
        get_leaf(channel)
    assert [call.caller.subject for call in seen.calls] == ["first", "second"]


def test_without_its_token_a_client_does_not_call(server: MeshServer, seen: Seen, tmp_path: Path) -> None:
    with (
        open_channel(f"127.0.0.1:{server.port}", token=TokenFile(tmp_path / "missing")) as channel,
        pytest.raises(ConcordError) as raised,
    ):
        get_leaf(channel)
    assert raised.value.reason == reasons.ERROR_REASON_CREDENTIALS_MISSING
    assert not seen.calls


def test_a_unary_call_has_the_policys_deadline_or_its_own(server: MeshServer, seen: Seen) -> None:
    with open_channel(f"127.0.0.1:{server.port}", token=FIRST) as channel:
        get_leaf(channel)
        get_leaf(channel, timeout=3)
    assert 3 < allowed(seen.calls[0]) <= 10
    assert allowed(seen.calls[1]) <= 3


def test_a_call_without_a_policy_gets_the_default_deadline(server: MeshServer, seen: Seen) -> None:
    channel = open_channel(f"127.0.0.1:{server.port}", token=FIRST, policy='{"methodConfig": []}', default_deadline_s=4)
    with channel:
        get_leaf(channel)
    assert allowed(seen.calls[0]) <= 4


def test_a_stream_has_no_deadline_and_can_be_cancelled(server: MeshServer, seen: Seen) -> None:
    telemetry = Telemetry.off()
    with open_channel(f"127.0.0.1:{server.port}", token=FIRST, telemetry=telemetry) as channel:
        stream = change_pb2_grpc.ChangeServiceStub(channel).WatchChanges(change_pb2.WatchChangesRequest())
        assert next(stream).cursor == b"1"
        stream.cancel()
    assert seen.calls[0].deadline is None


def test_the_trace_goes_along_with_every_kind_of_call(server: MeshServer, seen: Seen) -> None:
    exporter = InMemorySpanExporter()
    telemetry = Telemetry(TelemetrySettings(access_log=False), "caller", exporters=[exporter])
    with (
        open_channel(f"127.0.0.1:{server.port}", token=FIRST, telemetry=telemetry) as channel,
        span("pull"),
    ):
        trace_id = current_traceparent()[3:35]
        get_leaf(channel)
        list(change_pb2_grpc.ChangeServiceStub(channel).WatchChanges(change_pb2.WatchChangesRequest()))
        requests = iter([ingest_pb2.SubmitSourceRecordsRequest(sequence=1)])
        list(ingest_pb2_grpc.IngestServiceStub(channel).SubmitSourceRecords(requests))
    telemetry.shutdown()
    assert [call.traceparent[3:35] for call in seen.calls] == [trace_id] * 3
    assert f"/{AUDIT}/GetLeaf" in [finished.name for finished in exporter.get_finished_spans()]


def test_a_call_that_nobody_took_is_repeated_three_times_at_most(server: MeshServer, seen: Seen) -> None:
    with open_channel(f"127.0.0.1:{server.port}", token=FIRST) as channel:
        seen.failures = 2
        get_leaf(channel)
        assert len(seen.calls) == 3
        seen.failures = 10
        with pytest.raises(grpc.RpcError) as raised:
            get_leaf(channel)
    assert from_rpc_error(raised.value).reason == reasons.ERROR_REASON_SPOOL_FULL
    assert len(seen.calls) == 3 + 4


def test_a_call_that_a_stopping_server_cut_off_is_repeated(server: MeshServer, seen: Seen) -> None:
    seen.cut_off = 1
    with open_channel(f"127.0.0.1:{server.port}", token=FIRST) as channel:
        get_leaf(channel)
    assert len(seen.calls) == 2


def test_a_refusal_is_not_repeated(server: MeshServer, seen: Seen) -> None:
    with (
        open_channel(f"127.0.0.1:{server.port}", token=FIRST) as channel,
        pytest.raises(grpc.RpcError) as raised,
    ):
        audit_pb2_grpc.AuditServiceStub(channel).AppendLeaves(audit_pb2.AppendLeavesRequest(leaves=[b"x"]))
    assert from_rpc_error(raised.value).reason == reasons.ERROR_REASON_LEAF_CONFLICT
    assert len(seen.calls) == 1


def test_over_tls_the_token_goes_as_call_credentials(seen: Seen, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    identity = authority.issue("audit")
    mine = authority.issue("caller")
    server_tls = ServerTls(identity.certificate_file, identity.key_file, authority.ca_file)
    client_tls = ClientTls(authority.ca_file, mine.certificate_file, mine.key_file)
    with (
        serving(TOKENS, *seen.services(), tls=server_tls) as (server, _),
        open_channel(f"127.0.0.1:{server.port}", token=FIRST, tls=client_tls) as channel,
    ):
        get_leaf(channel)
    assert seen.calls[0].caller.subject == "first"
    assert "caller" in seen.calls[0].peer_identity


@pytest.mark.parametrize("target", ["10.0.0.1:443", "dns:///mdm:443", "mdm:443", "ipv4:127.0.0.1:1,10.0.0.1:1"])
def test_plaintext_to_another_machine_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="plaintext"):
        open_channel(target)


@pytest.mark.parametrize("target", ["127.0.0.1:1", "localhost:1", "[::1]:1", "ipv4:127.0.0.1:1", "unix:/run/x"])
def test_plaintext_to_this_machine_is_fine(target: str) -> None:
    open_channel(target).close()


class Renewed:
    """A source of a token that nobody grants, which counts how often it is told so."""

    def __init__(self, token: str) -> None:
        self._token = token
        self.times_refused = 0

    def token(self) -> str:
        return self._token

    def refused(self) -> None:
        self.times_refused += 1


def get_leaf_later(channel: grpc.Channel) -> object:
    return audit_pb2_grpc.AuditServiceStub(channel).GetLeaf.future(audit_pb2.GetLeafRequest()).result()


def watch(channel: grpc.Channel) -> object:
    return list(change_pb2_grpc.ChangeServiceStub(channel).WatchChanges(change_pb2.WatchChangesRequest()))


@pytest.mark.parametrize("call", [get_leaf, get_leaf_later, watch])
def test_the_source_of_a_token_is_told_that_it_was_refused(
    server: MeshServer, call: Callable[[grpc.Channel], object]
) -> None:
    refused, taken = Renewed("nobody's"), Renewed("first")
    with open_channel(f"127.0.0.1:{server.port}", token=taken) as channel:
        call(channel)
    with open_channel(f"127.0.0.1:{server.port}", token=refused) as channel:
        with pytest.raises(grpc.RpcError):
            call(channel)
        eventually(lambda: refused.times_refused == 1)
    assert taken.times_refused == 0
