"""What the audit's process is configured with, below the prefix CONCORD_AUDIT."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from services.audit.storage.leaf_log import MOST_WAITING_LEAVES
from services.audit.witness_client import WitnessSettings
from services.mesh.identity.authentication import AuthenticationSettings
from services.mesh.postgres.database import DatabaseSettings
from services.mesh.server import ServerSettings
from services.mesh.telemetry import TelemetrySettings

PREFIX = "CONCORD_AUDIT"
_WRITERS = 64


@dataclass(frozen=True)
class LogSettings:
    """What the log is called, what it signs with, and how many leaves may wait for a commit.

    `origin` names the log for ever, in every checkpoint: a name like a URL without its scheme, such as
    `audit.hospital.example/log`. `key_file` is described in services/audit/signing_keys.py.
    """

    origin: str
    key_file: Path
    most_waiting_leaves: int = MOST_WAITING_LEAVES


@dataclass(frozen=True)
class RetentionSettings:
    """How long the bodies of leaves are kept (RETENTION_EVIDENCE of the contracts), in days; their hashes for ever.

    The audit looks every `interval_s` seconds for what is due; with 0 it does not by itself.
    """

    evidence_days: int = 2557
    interval_s: float = 21_600.0

    def __post_init__(self) -> None:
        """Refuse a retention that would prune what has just come."""
        if self.evidence_days < 1:
            raise ValueError("evidence is kept for a day at least")
        if self.interval_s < 0:
            raise ValueError("interval_s must not be below 0")

    @property
    def evidence(self) -> timedelta:
        """How long bodies are kept; seven years unless told otherwise."""
        return timedelta(days=self.evidence_days)


@dataclass(frozen=True)
class AuditSettings:
    """The audit's settings. `database` is entered in the role that may only read and append.

    Without a `witness`, whoever holds the database and the log's key can show others another history. Its `server` has
    more writers than others: all who append at once share a commit, which costs little more for many.
    """

    database: DatabaseSettings
    authentication: AuthenticationSettings
    log: LogSettings
    server: ServerSettings = field(default_factory=lambda: ServerSettings(writers=_WRITERS))
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    witness: WitnessSettings | None = None
    retention: RetentionSettings = field(default_factory=RetentionSettings)
