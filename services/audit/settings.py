"""What the audit's process is configured with, below the prefix CONCORD_AUDIT."""

from dataclasses import dataclass, field

from services.mesh.authentication import AuthenticationSettings
from services.mesh.database import DatabaseSettings
from services.mesh.server import ServerSettings
from services.mesh.telemetry import TelemetrySettings

PREFIX = "CONCORD_AUDIT"


@dataclass(frozen=True)
class AuditSettings:
    """The audit's settings. `database` is entered in the role that may only read and append."""

    database: DatabaseSettings
    authentication: AuthenticationSettings
    server: ServerSettings = field(default_factory=ServerSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
