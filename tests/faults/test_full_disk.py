"""The disk of the audit's database is full: appends are refused with a reason, nothing is lost, and it goes on."""

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import grpc
import psycopg
import pytest
from psycopg import sql

from concord.audit.v1.audit_pb2 import AppendLeavesRequest
from concord.audit.v1.audit_pb2_grpc import AuditServiceStub
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import supplier_pb2
from services.mesh.calling.client import FixedToken, open_channel
from services.mesh.errors import ConcordError, from_rpc_error
from tests.support.hub.served import EVERYTHING, Client
from tests.support.mesh.whole_evidence import Evidence
from tests.support.processes.write_load import ENTITY, WriteLoad, decide, register, under_load
from tests.support.waiting import eventually
from tools.mesh import AUDIT, MDM, LocalMesh
from tools.postgres import PostgresServer

SIZE = "32m"
BACKLOG = 60
WRITERS = 2
_NEWEST_LEAF = "SELECT leaf FROM changes ORDER BY seq DESC LIMIT 1"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A small file system in memory."""
    place = tmp_path / "small"
    place.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", str(place)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@contextmanager
def filled(place: Path) -> Iterator[None]:
    """Fill a file system to its last block for the time of the block."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.strerror == "No space left on device"  # noqa: PT017 - the loop has no other end
    try:
        yield
    finally:
        filler.unlink()


def move(postgres: PostgresServer, database: str, place: Path) -> None:
    """Keep a database's tables in another place, which nobody is connected to."""
    tables = place / "tables"
    tables.mkdir(mode=0o700)
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE TABLESPACE small LOCATION {}").format(str(tables)))
        connection.execute(sql.SQL("ALTER DATABASE {} SET TABLESPACE small").format(sql.Identifier(database)))


def test_a_full_disk_refuses_with_a_reason_and_loses_nothing(small: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer.start(tmp_path / "postgres"))
        mesh = stack.enter_context(LocalMesh(tmp_path / "mesh", postgres))
        mesh.prepare(AUDIT)
        move(postgres, "audit", small)
        targets = [
            mesh.start(AUDIT).target,
            mesh.start(MDM, {"CONCORD_MDM_SPOOL_LIMIT": str(BACKLOG)}).target,
        ]
        token = FixedToken(mesh.token("tester", (*EVERYTHING, "audit.leaves.append"), client=MDM.name))
        channels = [stack.enter_context(open_channel(target, token=token)) for target in targets]
        audit, client = AuditServiceStub(channels[0]), Client(channels[1])
        register(client)
        load = WriteLoad()
        with under_load(load, [partial(decide, load, client, revisions=1)] * WRITERS):
            eventually(lambda: len(load.acknowledged) > WRITERS)
            with filled(small):
                eventually(lambda: spool_full(client), timeout_s=60, describe="a hub whose spool is full")
                refusal = eventually(lambda: append_refused(postgres, audit))
                assert refusal is not None
                assert refusal.reason == reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE
                acknowledged = len(load.acknowledged)
            eventually(lambda: len(load.acknowledged) > acknowledged + WRITERS)
        evidence = Evidence(postgres, mesh.log_key_file())
        evidence.await_drained()
        assert load.wrong == []
        evidence.require_whole()
        evidence.require_acknowledged(client, load.acknowledged)


def spool_full(client: Client) -> bool:
    """Whether the hub refuses a write because its spool is full."""
    content = supplier_pb2.Supplier(legal_name="One too many", entities=[ENTITY])
    asked = supplier_pb2.CreateSupplierRequest(supplier=content, request_id=str(uuid.uuid4()), validate_only=True)
    try:
        client.suppliers.CreateSupplier(asked)
    except grpc.RpcError as error:
        return from_rpc_error(error).reason == reasons.ERROR_REASON_SPOOL_FULL
    return False


def append_refused(postgres: PostgresServer, audit: AuditServiceStub) -> ConcordError | None:
    """Append the newest leaf of the hub, as its relay does; return what refuses it."""
    with psycopg.connect(postgres.url("mdm")) as connection:
        row = connection.execute(_NEWEST_LEAF).fetchone()
    assert row is not None
    try:
        audit.AppendLeaves(AppendLeavesRequest(leaves=[bytes(row[0])]))
    except grpc.RpcError as error:
        return from_rpc_error(error)
    return None
