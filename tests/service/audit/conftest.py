"""An audit on a real database, served on a real port; tokens signed by a real issuer."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from concord.audit.v1.audit_pb2_grpc import AuditServiceStub
from concord.audit.v1.log_pb2_grpc import LogServiceStub
from services.audit.app import audit_services
from services.audit.domain.checkpoint import LogSigner
from services.audit.storage import MIGRATIONS
from services.audit.storage.leaf_log import LeafLog
from services.audit.transport.submission import read_leaves
from services.development.issuer import DevelopmentIssuer
from services.mesh.calling.client import FixedToken, open_channel
from services.mesh.errors import ConcordError, from_rpc_error
from services.mesh.identity.authentication import AuthenticationSettings, TokenAuthenticator
from services.mesh.postgres.database import Database
from services.mesh.records.denial_log import DenialLog
from services.mesh.server import ServerSettings, build_server
from services.mesh.telemetry import Telemetry, TelemetrySettings
from tests.support.audit.log_keys import SIGNER
from tests.support.database.databases import Databases, MigratedDatabase

GRACE_S = 5.0
APPEND, READ, PROVE = "audit.leaves.append", "audit.leaves.read", "audit.log.read"
EVERYTHING = ("*",)
WRITER = "mdm"
"""The service whose leaves tests append, unless they say otherwise."""


@dataclass
class Clients:
    """Makes stubs whose calls carry a token."""

    port: int
    issuer: DevelopmentIssuer

    @contextmanager
    def stub(self, token: str) -> Iterator[AuditServiceStub]:
        """Open a channel whose calls carry this very token."""
        with self._channel(token) as channel:
            yield AuditServiceStub(channel)

    @contextmanager
    def log(self, *permissions: str) -> Iterator[LogServiceStub]:
        """Open a channel to the log's proofs with a token that has these permissions."""
        with self._channel(self.granted(*permissions)) as channel:
            yield LogServiceStub(channel)

    def _channel(self, token: str) -> grpc.Channel:
        return open_channel(f"127.0.0.1:{self.port}", token=FixedToken(token) if token else None)

    def granted(self, *permissions: str, entities: Sequence[str] = EVERYTHING, client: str = WRITER) -> str:
        """Issue a token with permissions and entities, for the service whose leaves are appended."""
        return self.issuer.issue("tester", client, permissions, entities)


def refusal(call: Callable[[], object]) -> ConcordError:
    """Return the typed error that a call fails with."""
    with pytest.raises(grpc.RpcError) as refused:
        call()
    return from_rpc_error(refused.value)


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentIssuer:
    return DevelopmentIssuer(tmp_path_factory.mktemp("issuer"))


@pytest.fixture
def migrated(databases: Databases) -> Iterator[MigratedDatabase]:
    with databases.cloned(MIGRATIONS) as migrated:
        yield migrated


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@contextmanager
def replica(
    migrated: MigratedDatabase, issuer: DevelopmentIssuer, spans: InMemorySpanExporter, signer: LogSigner = SIGNER
) -> Iterator[Clients]:
    """Serve the audit as one more replica on this database."""
    telemetry = Telemetry(TelemetrySettings(access_log=False), "audit", exporters=[spans])
    settings = AuthenticationSettings(issuer=issuer.issuer, jwks_file=issuer.jwks_file)
    with migrated.opened() as database:
        log = LeafLog(database, signer)
        denials = DenialLog("audit", lambda leaves: log.append(read_leaves(leaves)), pause_s=0.05)
        server = build_server(
            audit_services(database, signer, telemetry),
            settings=ServerSettings(),
            authenticator=TokenAuthenticator(settings),
            telemetry=telemetry,
            note_denial=denials.note,
        )
        server.start()
        denials.start()
        try:
            yield Clients(server.port, issuer)
        finally:
            server.stop(GRACE_S)
            denials.stop()
            telemetry.shutdown()


@pytest.fixture
def clients(migrated: MigratedDatabase, issuer: DevelopmentIssuer, spans: InMemorySpanExporter) -> Iterator[Clients]:
    with replica(migrated, issuer, spans) as clients:
        yield clients


@pytest.fixture
def audit(clients: Clients) -> Iterator[AuditServiceStub]:
    """Yield a stub that may do everything."""
    with clients.stub(clients.granted(APPEND, READ)) as stub:
        yield stub


@pytest.fixture
def database(migrated: MigratedDatabase) -> Iterator[Database]:
    with migrated.opened() as database:
        yield database
