"""Replicas are restarted under calls as a rollout does it; a client with the shipped call policy notices nothing."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from concord.mdm.v1.supplier_pb2 import CreateSupplierRequest, Supplier
from services.mesh.client import FixedToken, open_channel
from tests.support.quick_server import quick_server
from tools.drill.calls import Calls, Stream
from tools.drill.connections import await_connections
from tools.drill.rehearsal import PERMISSIONS, register
from tools.drill.replicas import Replicas
from tools.drill.writers import ENTITY
from tools.mesh import AUDIT, MDM, LocalMesh

pytestmark = pytest.mark.xdist_group("rolling")

RATE = 100.0
"""Writes a second, as many as keep some under way at any time."""
METHOD = "/concord.mdm.v1.SupplierService/CreateSupplier"


@contextmanager
def hubs(directory: Path) -> Iterator[tuple[LocalMesh, Replicas]]:
    with quick_server() as postgres, LocalMesh(directory, postgres) as mesh:
        mesh.start(AUDIT)
        replicas = Replicas(mesh, MDM)
        with open_channel(replicas.target, token=FixedToken(mesh.token("tester", PERMISSIONS))) as channel:
            register(channel)
        yield mesh, replicas


def creations(count: int) -> list[bytes]:
    requests = []
    for _ in range(count):
        request_id = str(uuid.uuid4())
        supplier = Supplier(legal_name=f"Supplier {request_id}", entities=[ENTITY])
        requests.append(CreateSupplierRequest(supplier=supplier, request_id=request_id).SerializeToString())
    return requests


def test_no_call_fails_while_the_replicas_of_the_hub_are_restarted_one_after_the_other(tmp_path: Path) -> None:
    with hubs(tmp_path) as (mesh, replicas):
        token_file = mesh.issuer.write_token(tmp_path / "tester.token", mesh.token("tester", PERMISSIONS))
        calls = Calls([Stream(replicas.target, METHOD, creations(2_000), RATE)], token_file, tmp_path / "calls")
        for replica in replicas.members:
            await_connections(replica.port, 1)
        restarted = list(replicas.restart())
        outcome = calls.end()
    assert len(restarted) == 2
    assert outcome.failures == []
    assert outcome.calls > RATE
