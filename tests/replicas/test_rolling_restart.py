"""Replicas are restarted under calls as a rollout does it; a client with the shipped call policy notices nothing."""

import os
import signal
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest

from concord.mdm.v1.supplier_pb2 import CreateSupplierRequest, CreateSupplierResponse, Supplier
from services.mesh.calling.client import FixedToken, open_channel
from tests.support.database.quick_server import quick_server
from tests.support.waiting import eventually
from tests.system.test_kills import POINTS, WAITING, held
from tools.drill.calls import Calls, Stream
from tools.drill.connections import await_connections
from tools.drill.rehearsal import PERMISSIONS, register
from tools.drill.replicas import Replicas
from tools.drill.writers import ENTITY
from tools.mesh import AUDIT, MDM, LocalMesh

RATE = 40.0
"""Writes a second: some are under way at any time, and one replica of a slow machine can do them alone."""
NO_RETRIES = '{"methodConfig": [{"name": [{}], "timeout": "60s"}]}'
METHOD = "/concord.mdm.v1.SupplierService/CreateSupplier"


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalMesh]:
    with quick_server() as postgres, LocalMesh(tmp_path_factory.mktemp("mesh"), postgres) as running:
        running.start(AUDIT)
        yield running


@pytest.fixture(scope="module")
def hubs(mesh: LocalMesh) -> Replicas:
    replicas = Replicas(mesh, MDM)
    with calling(mesh, replicas.target) as channel:
        register(channel)
    return replicas


def calling(mesh: LocalMesh, target: str, policy: str | None = None) -> grpc.Channel:
    return open_channel(target, token=FixedToken(mesh.token("tester", PERMISSIONS)), policy=policy)


def creations(count: int) -> list[bytes]:
    requests = []
    for _ in range(count):
        request_id = str(uuid.uuid4())
        supplier = Supplier(legal_name=f"Supplier {request_id}", entities=[ENTITY])
        requests.append(CreateSupplierRequest(supplier=supplier, request_id=request_id).SerializeToString())
    return requests


def test_no_call_fails_while_the_replicas_of_the_hub_are_restarted_one_after_the_other(
    mesh: LocalMesh, hubs: Replicas, tmp_path: Path
) -> None:
    token_file = mesh.issuer.write_token(tmp_path / "tester.token", mesh.token("tester", PERMISSIONS))
    with Calls([Stream(hubs.target, METHOD, creations(2_000), RATE)], token_file, tmp_path) as calls:
        for replica in hubs.members:
            await_connections(replica.port, 1)
        restarted = list(hubs.restart())
        outcome = calls.end()
    assert len(restarted) == 2
    assert outcome.failures == []
    assert outcome.calls > RATE


def test_a_call_that_is_under_way_at_sigterm_is_answered_without_being_repeated(
    mesh: LocalMesh, hubs: Replicas
) -> None:
    (creation,) = creations(1)
    replica = hubs.members[0]
    with psycopg.connect(mesh.postgres.url("mdm")) as connection:
        connection.execute(POINTS["hub"].hold())
    with calling(mesh, replica.target, NO_RETRIES) as channel:
        with held(mesh.postgres, POINTS["hub"]) as holder:
            call: Any = channel.unary_unary(METHOD)
            answer = call.future(creation)
            eventually(lambda: holder.execute(WAITING, (POINTS["hub"].lock,)).fetchall())
            os.kill(replica.process.pid, signal.SIGTERM)
            eventually(lambda: not listens(replica.port))
        assert CreateSupplierResponse.FromString(answer.result()).supplier.revision == 1
    assert replica.process.wait(60) == 0
    hubs.members[0] = mesh.replace(replica)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
