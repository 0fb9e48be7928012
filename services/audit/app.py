"""The audit's composition root: the only module that sees all of its layers."""

from services.audit.settings import AuditSettings
from services.audit.storage.leaf_log import LeafLog
from services.audit.storage.leaf_reader import LeafReader
from services.audit.transport.audit_service import AuditService
from services.audit.transport.observation import Observation
from services.mesh.authentication import TokenAuthenticator
from services.mesh.configuration import ConfigurationError
from services.mesh.database import Database
from services.mesh.logs import start_logging
from services.mesh.process import serve
from services.mesh.server import GrpcService, build_server
from services.mesh.telemetry import Telemetry

SERVICE = "audit"


def audit_services(database: Database, telemetry: Telemetry) -> list[GrpcService]:
    """Return every gRPC service of the audit."""
    observation = Observation(telemetry.tracer, telemetry.meter)
    return [AuditService(LeafLog(database), LeafReader(database), observation).grpc_service()]


def run(settings: AuditSettings) -> int:
    """Serve the audit until it is told to stop; return the exit code.

    Raises ConfigurationError for a database without the log, ConcordError DEPENDENCY_UNAVAILABLE.
    """
    start_logging(SERVICE, settings.telemetry.log_level)
    telemetry = Telemetry(settings.telemetry, SERVICE)
    database = Database(settings.database)
    if not LeafReader(database).is_migrated():
        raise ConfigurationError(["the database holds no log that this role may append to: migrate it first"])
    server = build_server(
        audit_services(database, telemetry),
        settings=settings.server,
        authenticator=TokenAuthenticator(settings.authentication),
        telemetry=telemetry,
    )
    return serve(SERVICE, server, on_stop=[database.close, telemetry.shutdown])
