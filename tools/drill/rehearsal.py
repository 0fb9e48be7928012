"""Where the drill takes place: a mesh whose hub and audit each have a primary PostgreSQL and a standby of their own."""

import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from concord.mdm.v1.supplier_pb2_grpc import SupplierServiceStub
from concord.mdm.v1.system_pb2 import CreateEntityRequest, CreateSystemRequest, Entity, System
from concord.mdm.v1.system_pb2_grpc import SystemServiceStub
from services.mesh.calling.client import FixedToken, open_channel
from tools.drill import evidence
from tools.drill.figures import Figure
from tools.drill.replication import clear_synchronous, primary_url, set_synchronous, start_primary, start_standby
from tools.drill.writers import ENTITY, Writing
from tools.leftovers import end_server
from tools.mesh import AUDIT, MDM, LocalMesh, ServiceKind, roles
from tools.postgres import PostgresServer

PERMISSIONS = (
    "mdm.suppliers.read",
    "mdm.suppliers.write",
    "mdm.systems.write",
    "mdm.entities.write",
    "evidence.reconcile",
    "audit.bundles.export",
)
_CONNECTED_S = 30.0

Progress = Callable[[str], None]


@dataclass
class Pair:
    """A service's servers: the primary and its standby; after a failover the standby is the primary."""

    kind: ServiceKind
    primary: PostgresServer
    standby: PostgresServer
    archive: Path

    def without_standby(self) -> None:
        """Go on with the primary alone: commits wait for nobody any more."""
        if self.standby is not self.primary:
            clear_synchronous(self.primary)
            self.standby.stop()
            self.standby = self.primary


@dataclass(frozen=True)
class Rehearsal:
    """Everything that a rehearsal acts on. `stack` ends what is started during it."""

    directory: Path
    mesh: LocalMesh
    hub: Pair
    audit: Pair
    stack: ExitStack
    progress: Progress

    def channel(self, name: str) -> grpc.Channel:
        """Open a channel to a service, as somebody who may do all that a drill needs; return it once it is connected.

        After a restart a channel connects again within its longest backoff, which another one to there shares.
        """
        token = FixedToken(self.mesh.token("drill", PERMISSIONS))
        channel = self.stack.enter_context(open_channel(self.mesh.services[name].target, token=token))
        grpc.channel_ready_future(channel).result(_CONNECTED_S)
        return channel

    def suppliers(self) -> SupplierServiceStub:
        """Return the hub's suppliers."""
        return SupplierServiceStub(self.channel("mdm"))


def emptied(directory: Path) -> None:
    """Empty the directory, of servers that an interrupted drill left there as well."""
    for pid_file in directory.glob("*/cluster/postmaster.pid"):
        end_server(pid_file, str(pid_file.parent))
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700, parents=True)


@contextmanager
def rehearsal(directory: Path, progress: Progress) -> Iterator[Rehearsal]:
    """Start servers, standbys and services in an empty directory; end all of them."""
    with ExitStack() as stack:
        primaries = {kind: stack.enter_context(_primary(directory, kind)) for kind in (MDM, AUDIT)}
        mesh = LocalMesh(directory / "mesh", primaries[MDM], primaries)
        for kind in (AUDIT, MDM):
            mesh.prepare(kind)
        progress("two PostgreSQL servers serve, their databases are migrated")
        hub, audit = (_followed(directory, kind, primaries[kind], stack) for kind in (MDM, AUDIT))
        progress("a standby follows each, synchronously")
        stack.enter_context(mesh)
        for pair in (audit, hub):
            mesh.start(pair.kind, variables(pair.kind, [pair.primary, pair.standby]))
        progress("witness, audit and hub serve")
        stage = Rehearsal(directory, mesh, hub, audit, stack, progress)
        register(stage.channel("mdm"))
        yield stage


def register(channel: grpc.Channel) -> None:
    """Register the entity and the system that the writers speak for."""
    systems = SystemServiceStub(channel)
    entity = Entity(name=ENTITY, display_name="Drill")
    systems.CreateEntity(CreateEntityRequest(entity=entity, request_id=str(uuid.uuid4())))
    hub = System(
        name="systems/hub",
        display_name="Stewards",
        kind="hub",
        entity=ENTITY,
        trust_rank=1,
        authored_attributes=["supplier"],
    )
    systems.CreateSystem(CreateSystemRequest(system=hub, request_id=str(uuid.uuid4())))


def variables(kind: ServiceKind, servers: Sequence[PostgresServer]) -> dict[str, str]:
    """Return what tells a service to use whichever of the servers is the primary."""
    return {f"{kind.prefix}_DATABASE_URL": primary_url(kind.name, roles(kind)[1], servers)}


def whole(stage: Rehearsal, load: Writing, name: str, recovery_s: float) -> Figure:
    """Look for what is lost, and have the whole log checked. Raises LostError when the log is refuted."""
    hub, audit = stage.hub.primary, stage.audit.primary
    evidence.await_drained(hub)
    evidence.await_cosigned(audit)
    gone, found = evidence.missing(hub, load.acknowledged), evidence.differences(stage.channel("mdm"))
    proven = evidence.verified(
        stage.channel("audit"), hub, stage.mesh.directory / "public", stage.directory / "evidence"
    )
    held = not gone and not found
    named = evidence.named(found, gone)
    return Figure(name, recovery_s, len(load.acknowledged), len(gone), named, load.repeats, held, proven)


def archive_of(directory: Path, kind: ServiceKind) -> Path:
    """Return where the write-ahead log of a service's servers is kept."""
    return directory / f"{kind.name}-archive"


def _primary(directory: Path, kind: ServiceKind) -> PostgresServer:
    archive = archive_of(directory, kind)
    archive.mkdir(mode=0o700, parents=True)
    return start_primary(directory / f"{kind.name}-1", archive)


def _followed(directory: Path, kind: ServiceKind, primary: PostgresServer, stack: ExitStack) -> Pair:
    archive = archive_of(directory, kind)
    standby = stack.enter_context(start_standby(primary, directory / f"{kind.name}-2", archive))
    set_synchronous(primary)
    return Pair(kind, primary, standby, archive)
