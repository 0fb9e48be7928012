"""Several processes of one service: who is killed is followed within seconds, who is told to stop does so in order."""

import http.client
import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from concord.adapter.v1.adapter_pb2 import SyncSystemRequest
from concord.adapter.v1.adapter_pb2_grpc import AdapterServiceStub
from concord.audit.v1.audit_pb2 import AppendLeavesRequest
from concord.audit.v1.audit_pb2_grpc import AuditServiceStub
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2, ingest_pb2
from services.mdm.app import reconcile, retain
from services.mdm.settings import PREFIX, MdmSettings
from services.mesh.configuration import load
from services.mesh.errors import from_rpc_error
from tests.support.audit.leaves import history
from tests.support.hub.importing import batches, new_import, supplier_row
from tests.support.hub.served import Client
from tests.support.mesh.replicas import (
    Replica,
    Replicas,
    creation,
    no_systems,
    registered,
    running_replicas,
    silent_system,
)
from tests.support.processes.write_load import SYSTEM, WriteLoad, decide, under_load
from tests.support.waiting import eventually
from tools.mesh import AUDIT, ERP_ADAPTER, MDM, SAAS_ADAPTER, WITNESS, Running

HAND_OVER_S = 5.0
"""What is promised of relay and sequencer."""

STOP_S = 10.0
"""What is promised of a process that is told to stop; it takes 2 to 3 s here."""

SERVING = {"RETENTION_INTERVAL_S": "0"}
JOBS = {
    "relay",
    "code maps",
    "pins",
    "reevaluation",
    "model training",
    "matching",
    "search",
    "match quality",
    "purging",
}
_WAITING = "SELECT count(*) > 0 FROM pg_locks WHERE relation = %s::regclass AND NOT granted"
_POSITION = "SELECT coalesce(max(position), 0) FROM positions"
_ANOTHER_LEAF = "UPDATE changes SET leaf = leaf || '\\x00'::bytea WHERE seq = (SELECT min(seq) FROM changes)"
_FIRST_LEAF = "SELECT seq, leaf FROM changes ORDER BY seq LIMIT 1"


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    with running_replicas(tmp_path_factory.mktemp("replicas")) as running:
        yield running


@pytest.fixture(scope="module")
def first(replicas: Replicas) -> tuple[Replica, Replica]:
    """The first audit and the first hub, which sends to it."""
    audit, hub = registered(replicas, (AUDIT, MDM))
    return audit, hub


@pytest.fixture(scope="module")
def second_hub(replicas: Replicas, first: tuple[Replica, Replica]) -> Replica:
    assert first
    return replicas.start(MDM, "second", **SERVING)


@pytest.fixture(scope="module")
def third_hub(replicas: Replicas, first: tuple[Replica, Replica]) -> Replica:
    assert first
    return replicas.start(MDM, "third", **SERVING)


@pytest.fixture(scope="module")
def second_audit(replicas: Replicas, first: tuple[Replica, Replica]) -> Replica:
    assert first
    return replicas.start(AUDIT, "second")


@contextmanager
def writing(*clients: Client) -> Iterator[WriteLoad]:
    """Let writers write through each hub for the time of the block."""
    load = WriteLoad()
    with under_load(load, [partial(decide, load, client) for client in clients for _ in range(2)]):
        eventually(lambda: len(load.acknowledged) > len(clients))
        yield load
    assert load.wrong == []


def await_waiting(connection: "psycopg.Connection[tuple[object, ...]]", table: str) -> None:
    """Wait until somebody waits for the table, which the connection has locked."""
    eventually(lambda: connection.execute(_WAITING, (table,)).fetchone() == (True,))


def await_arrival(channel: grpc.Channel) -> None:
    """Wait until the calls that were begun on a channel have come: they come in their order, as a rule."""
    health: Any = HealthStub(channel)
    health.Check(HealthCheckRequest(), timeout=60)


def position(replicas: Replicas) -> int:
    with psycopg.connect(replicas.mesh.postgres.url("mdm")) as connection:
        row = connection.execute(_POSITION).fetchone()
    assert row is not None
    return int(row[0])


def require_whole(replicas: Replicas, client: Client, load: WriteLoad) -> None:
    replicas.evidence.await_drained()
    replicas.evidence.require_whole()
    replicas.evidence.require_acknowledged(client, load.acknowledged)


def test_a_killed_hubs_work_is_taken_over_and_nothing_is_lost_or_doubled(
    replicas: Replicas, first: tuple[Replica, Replica], second_hub: Replica
) -> None:
    _, hub = first
    everything = {f"one {job}" for job in (*JOBS, "reconciliation", "retention")}
    eventually(lambda: everything <= replicas.elected("mdm"))
    survivor = replicas.client(second_hub)
    with writing(replicas.client(hub), survivor) as load:
        hub.running.process.kill()
        at_kill = position(replicas)
        eventually(lambda: position(replicas) > at_kill, HAND_OVER_S, describe="the relay's successor")
    mine = {f"second {job}" for job in (*JOBS, "reconciliation")}
    eventually(lambda: mine <= replicas.elected("mdm"))
    eventually(lambda: "one retention" not in replicas.elected("mdm"))
    # Whose retention is not on a schedule of its own is not elected for it.
    assert "second retention" not in replicas.elected("mdm")
    require_whole(replicas, survivor, load)


def test_a_killed_sequencer_is_followed_and_nothing_is_lost_or_doubled(
    replicas: Replicas, first: tuple[Replica, Replica], second_hub: Replica, second_audit: Replica
) -> None:
    audit, _ = first
    client = replicas.client(second_hub)
    with writing(client) as load:
        # The relay has sent to the first since it began: there was no other.
        audit.running.process.kill()
        at_kill = position(replicas)
        eventually(lambda: position(replicas) > at_kill, HAND_OVER_S, describe="the sequencer's successor")
    eventually(lambda: second_audit.serving("readiness"))
    require_whole(replicas, client, load)


def settings(hub: Replica) -> MdmSettings:
    """Return what a hub's commands work with."""
    return load(MdmSettings, hub.running.environment, PREFIX)


def test_reconciling_tells_by_its_exit_code_whether_somebody_has_to_look(
    replicas: Replicas, second_hub: Replica
) -> None:
    replicas.evidence.await_drained()
    clean = reconcile(settings(second_hub))
    assert (clean.exit_code, clean.sums["compared"], clean.sums["differences"]) == (0, position(replicas), 0)
    with psycopg.connect(replicas.mesh.postgres.url("mdm"), autocommit=True) as connection:
        before = connection.execute(_FIRST_LEAF).fetchone()
        assert before is not None
        connection.execute("SET session_replication_role = replica")
        connection.execute(_ANOTHER_LEAF)
        try:
            command = [sys.executable, "-m", "services.mdm", "reconcile"]
            environment = {**os.environ, **second_hub.running.environment}
            differs = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        finally:
            connection.execute("UPDATE changes SET leaf = %s WHERE seq = %s", (before[1], before[0]))
    assert differs.returncode == 1
    assert "other_bytes" in differs.stdout
    assert differs.stdout.splitlines()[-1].endswith("differences 1")


def test_retention_runs_as_a_command_where_the_service_has_no_schedule_for_it(
    replicas: Replicas, first: tuple[Replica, Replica], second_hub: Replica
) -> None:
    # The first hub has a schedule of its own, and is elected for it as long as its connection lives.
    first[1].running.process.kill()
    eventually(lambda: not any(each.endswith(" retention") for each in replicas.elected("mdm")))
    report = retain(settings(second_hub))
    assert (report.exit_code, report.sums["erased"], report.sums["stayed"]) == (0, 0, 0)
    assert {row["record_type"] for row in report.rows} >= {"supplier", "quarantined_record"}


@contextmanager
def told_to_stop(running: Running) -> Iterator[None]:
    """Send SIGTERM, run the block while it drains, and require that it ends in order and in time."""
    began = time.monotonic()
    os.kill(running.process.pid, signal.SIGTERM)
    yield
    assert running.process.wait(STOP_S) == 0
    assert time.monotonic() - began < STOP_S


class Stream:
    """A stream whose requests come one by one, and which is left open."""

    def __init__(self, open_stream: Callable[[Iterator[Any]], Any], *requests: Any) -> None:
        self._requests: queue.Queue[Any] = queue.Queue()
        for request in requests:
            self._requests.put(request)
        self._answers = open_stream(iter(self._requests.get, None))
        next(self._answers)

    def ended_with(self) -> int:
        """Return the reason that it ends with."""
        with pytest.raises(grpc.RpcError) as raised:
            next(self._answers)
        self._requests.put(None)
        return from_rpc_error(raised.value).reason


class Feed:
    """A subscriber: what it was told of, and the cursor behind that."""

    def __init__(self, client: Client, cursor: bytes = b"") -> None:
        self.cursor = cursor
        self.names: list[str] = []
        self._stream = client.changes.WatchChanges(change_pb2.WatchChangesRequest(cursor=cursor), timeout=60)

    def follow(self, until: str) -> None:
        """Read on until a record has come."""
        while until not in self.names:
            self._take(next(self._stream))

    def ended_with(self) -> int:
        """Read on until the stream ends; return the reason."""
        try:
            for message in self._stream:
                self._take(message)
        except grpc.RpcError as error:
            return from_rpc_error(error).reason
        raise AssertionError("the stream ended without a reason")

    def _take(self, message: change_pb2.WatchChangesResponse) -> None:
        self.names += [change.record for change in message.transaction.changes]
        self.cursor = message.cursor


def test_a_hub_told_to_stop_finishes_calls_and_its_streams_go_on_elsewhere(
    replicas: Replicas, second_hub: Replica, third_hub: Replica
) -> None:
    client, elsewhere = replicas.client(second_hub), replicas.client(third_hub)
    submitting = Stream(
        client.ingest.SubmitSourceRecords,
        ingest_pb2.SubmitSourceRecordsRequest(sequence=1, source_record=supplier_row("T1")),
    )
    importing = Stream(client.ingest.ImportSourceRecords, *batches(new_import(SYSTEM), [supplier_row("T2")]))
    feed = Feed(client)
    feed.follow(client.suppliers.CreateSupplier(creation()).supplier.name)
    url = replicas.mesh.postgres.url("mdm")
    with writing(client, elsewhere), psycopg.connect(url) as searching, psycopg.connect(url) as committing:
        # One holds up a job for ever, the other a call until the process drains.
        searching.execute("LOCK TABLE search_progress IN ACCESS EXCLUSIVE MODE")
        committing.execute("LOCK TABLE changes IN SHARE MODE")
        under_way = client.suppliers.CreateSupplier.future(creation("Under way"), timeout=60)
        await_arrival(client.channel)
        await_waiting(committing, "changes")
        await_waiting(searching, "search_progress")
        with told_to_stop(second_hub.running):
            eventually(lambda: not second_hub.serving("readiness"))
            assert second_hub.serving("liveness")
            for stream in (submitting, importing, feed):
                assert stream.ended_with() == reasons.ERROR_REASON_SHUTTING_DOWN
            committing.rollback()
            assert under_way.result().supplier.legal_name == "Under way"
    resumed, whole = Feed(elsewhere, feed.cursor), Feed(elsewhere)
    last = elsewhere.suppliers.CreateSupplier(creation()).supplier.name
    resumed.follow(last)
    whole.follow(last)
    assert feed.names + resumed.names == whole.names
    assert under_way.result().supplier.name in resumed.names


def test_an_adapter_told_to_stop_does_not_wait_for_a_system_that_does_not_answer(
    replicas: Replicas, third_hub: Replica, tmp_path: Path
) -> None:
    serves = silent_system(replicas.silent, tmp_path)
    adapter = replicas.start(ERP_ADAPTER, "one", HUB_TARGET=third_hub.running.target, **serves)
    eventually(lambda: adapter.serving("readiness"))
    with replicas.silent.accept()[0]:
        stub = AdapterServiceStub(replicas.channel(adapter))
        stub.SyncSystem.future(SyncSystemRequest(system=SYSTEM), timeout=60)
        with told_to_stop(adapter.running):
            eventually(lambda: not adapter.serving("readiness"))
            assert adapter.serving("liveness")


def test_an_adapter_without_systems_serves_and_stops(replicas: Replicas, third_hub: Replica, tmp_path: Path) -> None:
    adapter = replicas.start(SAAS_ADAPTER, "one", HUB_TARGET=third_hub.running.target, **no_systems(tmp_path))
    eventually(lambda: adapter.serving("readiness"))
    with told_to_stop(adapter.running):
        pass


def test_an_audit_told_to_stop_gives_the_receipts_that_it_owes(
    replicas: Replicas, first: tuple[Replica, Replica], second_audit: Replica
) -> None:
    first[0].running.process.kill()
    channel = replicas.channel(second_audit)
    audit = AuditServiceStub(channel)
    requests = [AppendLeavesRequest(leaves=history(f"suppliers/owed-{number}", [1])) for number in range(20)]
    with psycopg.connect(replicas.mesh.postgres.url("audit")) as committing:
        committing.execute("LOCK TABLE leaves IN SHARE MODE")
        owed = [audit.AppendLeaves.future(request, timeout=60) for request in requests]
        await_waiting(committing, "leaves")
        await_arrival(channel)  # of nearly all others
        with told_to_stop(second_audit.running):
            eventually(lambda: not second_audit.serving("readiness"))
            assert second_audit.serving("liveness")
            committing.rollback()
            answered = [call for call in owed if call.exception() is None]
            assert {len(call.result().receipts) for call in answered} == {1}
            # What a stopping server has received and not begun it refuses, and a client asks another one.
            assert {call.code() for call in owed if call not in answered} <= {grpc.StatusCode.UNAVAILABLE}
            # Whoever waits for the commit has begun. How many of the others have is not to be seen from here.
            assert answered
        leaves = committing.execute("SELECT count(*) FROM leaves WHERE record LIKE 'suppliers/owed-%'").fetchone()
        assert leaves == (len(answered),)


def test_a_witness_told_to_stop_does_not_wait_for_open_connections(replicas: Replicas, second_audit: Replica) -> None:
    assert second_audit
    witness = replicas.mesh.services[WITNESS.name]
    connection = http.client.HTTPConnection(witness.target, timeout=60)
    connection.request("POST", "/elsewhere", b"")
    assert connection.getresponse().read()
    with told_to_stop(witness):
        pass
    connection.close()
