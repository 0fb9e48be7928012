"""Streams: their bounded number, their validation, and how they end when a server stops."""

import threading
from collections.abc import Callable, Iterator

import grpc
import pytest

from concord.audit.v1 import audit_pb2, audit_pb2_grpc
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2, change_pb2_grpc, ingest_pb2, ingest_pb2_grpc
from services.mesh.configuration import ConfigurationError
from services.mesh.errors import ConcordError, from_rpc_error
from services.mesh.server import Call, GrpcService
from tests.support.server.serving import Tokens, service, serving
from tests.support.waiting import eventually

INGEST = "concord.mdm.v1.IngestService"
CHANGES = "concord.mdm.v1.ChangeService"
AUDIT = "concord.audit.v1.AuditService"
TOKENS = Tokens()
READER = TOKENS.grant("reader", "mdm.source_records.write", "mdm.changes.read", "audit.leaves.read")

Submission = ingest_pb2.SubmitSourceRecordsRequest
Acknowledgement = ingest_pb2.SubmitSourceRecordsResponse


def watch(_request: change_pb2.WatchChangesRequest, call: Call) -> Iterator[change_pb2.WatchChangesResponse]:
    stopped = threading.Event()
    call.on_end(stopped.set)
    call.on_stop(stopped.set)
    yield change_pb2.WatchChangesResponse(cursor=b"1")
    while call.is_active():
        stopped.wait(60)


def acknowledge(requests: Iterator[Submission], _call: Call) -> Iterator[Acknowledgement]:
    for request in requests:
        yield Acknowledgement(sequence=request.sequence)


def watching() -> GrpcService:
    return service(CHANGES, {"WatchChanges": watch})


def failure(act: Callable[[], object]) -> ConcordError:
    with pytest.raises(grpc.RpcError) as raised:
        act()
    return from_rpc_error(raised.value)


def test_a_stream_past_the_cap_is_told_when_to_come_back_and_a_free_place_serves_again() -> None:
    with serving(TOKENS, watching(), streams=1) as (_, channel):
        stub = change_pb2_grpc.ChangeServiceStub(channel)
        first = stub.WatchChanges(change_pb2.WatchChangesRequest(), metadata=READER)
        next(first)
        error = failure(lambda: next(stub.WatchChanges(change_pb2.WatchChangesRequest(), metadata=READER)))
        assert error.reason == reasons.ERROR_REASON_STREAMS_EXHAUSTED
        assert error.retry_after is not None
        first.cancel()

        def opens() -> bool:
            try:
                return bool(next(stub.WatchChanges(change_pb2.WatchChangesRequest(), metadata=READER)).cursor)
            except grpc.RpcError:
                return False

        assert eventually(opens)


def test_full_streams_do_not_keep_unary_calls_waiting() -> None:
    audit = service(AUDIT, {"GetLeaf": lambda _request, _call: audit_pb2.GetLeafResponse()})
    with serving(TOKENS, watching(), audit, streams=3, workers=1) as (_, channel):
        stub = change_pb2_grpc.ChangeServiceStub(channel)
        streams = [stub.WatchChanges(change_pb2.WatchChangesRequest(), metadata=READER) for _ in range(3)]
        assert [next(stream).cursor for stream in streams] == [b"1"] * 3
        audit_pb2_grpc.AuditServiceStub(channel).GetLeaf(audit_pb2.GetLeafRequest(), metadata=READER, timeout=60)
        for stream in streams:
            stream.cancel()


def test_a_bad_message_ends_a_stream_after_the_good_ones_were_answered() -> None:
    with serving(TOKENS, service(INGEST, {"SubmitSourceRecords": acknowledge})) as (_, channel):
        raw = channel.stream_stream(
            f"/{INGEST}/SubmitSourceRecords",
            request_serializer=lambda data: data,
            response_deserializer=Acknowledgement.FromString,
        )
        answers = raw(iter([Submission(sequence=1).SerializeToString(), b"\xff"]), metadata=READER)
        assert next(answers).sequence == 1
        assert failure(lambda: next(answers)).reason == reasons.ERROR_REASON_MALFORMED_MESSAGE


def test_a_stream_that_validates_itself_gets_what_breaks_its_contract() -> None:
    request = change_pb2.WatchChangesRequest(progress_interval_seconds=-1)
    with serving(TOKENS, watching()) as (_, channel):
        stub = change_pb2_grpc.ChangeServiceStub(channel)
        error = failure(lambda: next(stub.WatchChanges(request, metadata=READER)))
        assert error.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED
    itself = service(CHANGES, {"WatchChanges": watch}, self_validated=frozenset({"WatchChanges"}))
    with serving(TOKENS, itself) as (_, channel):
        stub = change_pb2_grpc.ChangeServiceStub(channel)
        assert next(stub.WatchChanges(request, metadata=READER)).cursor == b"1"


def test_a_stopping_server_ends_streams_with_a_reason_even_where_the_client_is_silent() -> None:
    with serving(TOKENS, watching(), service(INGEST, {"SubmitSourceRecords": acknowledge})) as (server, channel):
        silence = threading.Event()

        def submissions() -> Iterator[Submission]:
            yield Submission(sequence=1)
            silence.wait(60)

        watched = change_pb2_grpc.ChangeServiceStub(channel).WatchChanges(
            change_pb2.WatchChangesRequest(), metadata=READER
        )
        submitted = ingest_pb2_grpc.IngestServiceStub(channel).SubmitSourceRecords(submissions(), metadata=READER)
        next(watched)
        next(submitted)
        server.stop(5.0)
        assert failure(lambda: next(watched)).reason == reasons.ERROR_REASON_SHUTTING_DOWN
        assert failure(lambda: next(submitted)).reason == reasons.ERROR_REASON_SHUTTING_DOWN
        silence.set()


def test_a_stopping_server_finishes_what_is_under_way_and_takes_nothing_new() -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(_request: audit_pb2.GetLeafRequest, call: Call) -> audit_pb2.GetLeafResponse:
        entered.set()
        leave.wait(60)
        assert call.is_active()
        return audit_pb2.GetLeafResponse(leaf=audit_pb2.LeafEntry(name="done"))

    with serving(TOKENS, service(AUDIT, {"GetLeaf": slow})) as (server, channel):
        stub = audit_pb2_grpc.AuditServiceStub(channel)
        under_way = stub.GetLeaf.future(audit_pb2.GetLeafRequest(), metadata=READER)
        assert entered.wait(60)
        stopping = threading.Thread(target=server.stop, args=(60.0,))
        stopping.start()

        def refused() -> bool:
            with grpc.insecure_channel(f"127.0.0.1:{server.port}") as fresh:
                try:
                    audit_pb2_grpc.AuditServiceStub(fresh).GetLeaf(
                        audit_pb2.GetLeafRequest(), metadata=READER, timeout=0.5
                    )
                except grpc.RpcError as error:
                    return from_rpc_error(error).code == grpc.StatusCode.UNAVAILABLE
                return False

        eventually(refused)
        leave.set()
        assert under_way.result(60).leaf.name == "done"
        stopping.join(60)
        assert not stopping.is_alive()


def test_a_server_refuses_to_start_with_less_or_more_than_its_contracts_say() -> None:
    with pytest.raises(ValueError, match=r"AuditService\.GetLeaf has no handler"):
        serving(TOKENS, GrpcService(AUDIT, {})).__enter__()
    with pytest.raises(ValueError, match="has no method Forged"):
        serving(TOKENS, service(AUDIT, {"Forged": watch})).__enter__()
    with pytest.raises(ValueError, match="in no contract"):
        serving(TOKENS, GrpcService("acme.v1.Things", {})).__enter__()


def test_plaintext_is_refused_where_others_could_listen() -> None:
    with pytest.raises(ConfigurationError, match="plaintext"):
        serving(TOKENS, watching(), host="0.0.0.0").__enter__()  # noqa: S104 - refused


def test_two_servers_share_a_port_only_when_both_say_so() -> None:
    with serving(TOKENS, watching()) as (server, _), pytest.raises(OSError, match="can't listen"):
        serving(TOKENS, watching(), port=server.port).__enter__()
