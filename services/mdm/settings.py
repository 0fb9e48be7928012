"""What the hub's process is configured with, below the prefix CONCORD_MDM."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from concord.governance.v1 import options_pb2
from services.mdm.storage.retention.expiry import Periods
from services.mesh.calling.peer import PeerSettings
from services.mesh.feed.receipts import ReceiptSettings
from services.mesh.feed.stream import StreamSettings
from services.mesh.identity.authentication import AuthenticationSettings
from services.mesh.postgres.database import DatabaseSettings
from services.mesh.server import ServerSettings
from services.mesh.telemetry import TelemetrySettings

PREFIX = "CONCORD_MDM"


@dataclass(frozen=True)
class FeedSettings:
    """How patient the feed is with subscribers, in seconds."""

    progress_interval_s: float = 10.0
    consumer_limit_s: float = 30.0

    def stream(self) -> StreamSettings:
        """Return the settings of one stream."""
        return StreamSettings(progress_interval_s=self.progress_interval_s, consumer_limit_s=self.consumer_limit_s)


@dataclass(frozen=True)
class RetentionSettings:
    """How long records are kept after they ended, in days, by the retention classes of the contracts.

    The hub looks every `interval_s` seconds for what is due; with 0 it does not by itself.
    """

    record_days: int = 2557
    operational_days: int = 90
    interval_s: float = 21_600.0

    def __post_init__(self) -> None:
        """Refuse a retention that would erase what has just ended."""
        if min(self.record_days, self.operational_days) < 1:
            raise ValueError("records are kept for a day at least after they ended")
        if self.interval_s < 0:
            raise ValueError("interval_s must not be below 0")

    def periods(self) -> Periods:
        """Return the periods by class: seven years and 90 days unless told otherwise."""
        return {
            options_pb2.RETENTION_RECORD: timedelta(days=self.record_days),
            options_pb2.RETENTION_OPERATIONAL: timedelta(days=self.operational_days),
        }


@dataclass(frozen=True)
class MdmSettings:
    """The hub's settings; `spool_limit` is the number of unpublished changes above which mutations are refused.

    `reconciliation_interval_s` lie between two comparisons of all evidence with the audit's; with 0 the hub makes none
    by itself.
    """

    database: DatabaseSettings
    authentication: AuthenticationSettings
    key_file: Path
    audit: PeerSettings
    server: ServerSettings = field(default_factory=ServerSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    feed: FeedSettings = field(default_factory=FeedSettings)
    receipts: ReceiptSettings = field(default_factory=ReceiptSettings)
    spool_limit: int = 100_000
    reconciliation_interval_s: float = 21_600.0
    retention: RetentionSettings = field(default_factory=RetentionSettings)

    def __post_init__(self) -> None:
        """Refuse an interval that is none."""
        if self.reconciliation_interval_s < 0:
            raise ValueError("reconciliation_interval_s must not be below 0")
