"""What an adapter's process is configured with, below a prefix of its own such as CONCORD_ERP_ADAPTER."""

from dataclasses import dataclass, field
from pathlib import Path

from services.mesh.calling.peer import PeerSettings
from services.mesh.identity.authentication import AuthenticationSettings
from services.mesh.postgres.database import DatabaseSettings
from services.mesh.server import ServerSettings
from services.mesh.telemetry import TelemetrySettings


@dataclass(frozen=True)
class AdapterSettings:
    """An adapter's settings. `systems_file` says which systems it serves; see `services.adapter.systems.systems_file`.

    `spool_limit` is the number of unpublished changes above which nothing is pulled or delivered.
    `reconciliation_interval_s` lie between two comparisons of all evidence with the audit's; with 0 the adapter makes
    none by itself.
    """

    database: DatabaseSettings
    authentication: AuthenticationSettings
    key_file: Path
    hub: PeerSettings
    audit: PeerSettings
    systems_file: Path
    server: ServerSettings = field(default_factory=ServerSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    spool_limit: int = 100_000
    reconciliation_interval_s: float = 21_600.0

    def __post_init__(self) -> None:
        """Refuse an interval that is none."""
        if self.reconciliation_interval_s < 0:
            raise ValueError("reconciliation_interval_s must not be below 0")
