"""A mesh with several hubs and audits, each process by a name of its own in the database, for some to be ended."""

import socket
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import psycopg
from grpc_health.v1 import health_pb2, health_pb2_grpc

from concord.mdm.v1 import supplier_pb2
from services.mesh.calling.client import FixedToken, open_channel
from tests.support.hub.served import EVERYTHING, Client
from tests.support.mesh.whole_evidence import Evidence
from tests.support.processes.write_load import ENTITY, SYSTEM, register
from tools.mesh import AUDIT, ERP_ADAPTER, MDM, SAAS_ADAPTER, LocalMesh, Running, ServiceKind
from tools.postgres import PostgresServer, free_port

PERMISSIONS = (*EVERYTHING, "audit.leaves.append", "adapter.systems.operate")

_ELECTED = """
SELECT DISTINCT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND datname = %s AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True)
class Replica:
    """One process of a service: how it runs, and how the kubelet asks for its health."""

    name: str
    running: Running
    health_port: int

    def serving(self, name: str) -> bool:
        """Ask health for one of its names."""
        with grpc.insecure_channel(f"127.0.0.1:{self.health_port}") as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=60)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


class Replicas:
    """The mesh, its evidence, and stubs for each process."""

    def __init__(self, mesh: LocalMesh, silent: socket.socket, stack: ExitStack) -> None:
        self.mesh = mesh
        self.silent = silent
        self._stack = stack
        self.evidence = Evidence(mesh.postgres, mesh.log_key_file())

    def start(self, kind: ServiceKind, name: str, **extra: str) -> Replica:
        """Start a process of a service, the first or one more on the same port."""
        health_port = free_port()
        variables = {
            "DATABASE_APPLICATION_NAME": name,
            "SERVER_HEALTH_PORT": str(health_port),
            "SERVER_REUSE_PORT": "true",
            **extra,
        }
        told = {f"{kind.prefix}_{variable}": value for variable, value in variables.items()}
        first = self.mesh.services.get(kind.name)
        # Hubs on ports of their own, so that a test can choose one; audits on one, so that a hub need not.
        port = first.port if first is not None and kind is AUDIT else None
        running = self.mesh.start_beside(kind.name, port, told) if first else self.mesh.start(kind, told)
        return Replica(name, running, health_port)

    def channel(self, replica: Replica) -> grpc.Channel:
        """Open a channel of somebody who may do everything, also append in the hub's name."""
        token = FixedToken(self.mesh.token("tester", PERMISSIONS, client=MDM.name))
        return self._stack.enter_context(open_channel(replica.running.target, token=token))

    def client(self, replica: Replica) -> Client:
        """Return stubs of a hub."""
        return Client(self.channel(replica))

    def elected(self, database: str) -> set[str]:
        """Name the elected workers of a database: the process, and what it is elected for."""
        with psycopg.connect(self.mesh.postgres.url()) as connection:
            return {name for (name,) in connection.execute(_ELECTED, (database,))}


@contextmanager
def running_replicas(directory: Path) -> Iterator[Replicas]:
    """Start PostgreSQL and prepare every database; a test starts the processes."""
    with ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer.start(directory / "postgres"))
        mesh = stack.enter_context(LocalMesh(directory / "mesh", postgres))
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(mesh.prepare, (AUDIT, MDM, ERP_ADAPTER, SAAS_ADAPTER)))
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        silent.settimeout(30)
        yield Replicas(mesh, silent, stack)


def silent_system(silent: socket.socket, directory: Path) -> Mapping[str, str]:
    """Return what makes an adapter serve a system that takes connections and never says a word."""
    password, systems = directory / "password", directory / "systems.toml"
    password.touch(mode=0o600)
    password.write_text("silent")
    systems.write_text(
        f"""
        [[systems]]
        name = "{SYSTEM}"
        connector = "tryton"
        [systems.options]
        url = "http://127.0.0.1:{silent.getsockname()[1]}"
        database = "erp"
        user = "concord"
        password_file = "{password}"
        """
    )
    return {"SYSTEMS_FILE": str(systems)}


def no_systems(directory: Path) -> Mapping[str, str]:
    """Return what makes an adapter serve no system yet."""
    systems = directory / "none.toml"
    systems.write_text("systems = []\n")
    return {"SYSTEMS_FILE": str(systems)}


def creation(legal_name: str = "") -> supplier_pb2.CreateSupplierRequest:
    """Return the request to create a supplier."""
    content = supplier_pb2.Supplier(legal_name=legal_name or f"Supplier {uuid.uuid4()}", entities=[ENTITY])
    return supplier_pb2.CreateSupplierRequest(supplier=content, request_id=str(uuid.uuid4()))


def registered(replicas: Replicas, kinds: Sequence[ServiceKind]) -> Sequence[Replica]:
    """Start the first process of each kind; register what the tests speak of."""
    started = [replicas.start(kind, "one") for kind in kinds]
    register(replicas.client(started[-1]))
    return started
