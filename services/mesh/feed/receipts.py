"""Receipts: how changes that money follows depend on the audit, before they are made and before they are answered."""

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.feed.news import News
from services.mesh.postgres.arrays import number_array, text_array
from services.mesh.postgres.database import Database, driver

# What the asking transaction itself has changed is not the relay's yet.
_LAG = """
SELECT extract(epoch FROM clock_timestamp() - occurred_at)::float8 FROM changes
WHERE seq = (SELECT min(seq) FROM spool WHERE xid <> pg_current_xact_id())
"""
# In one statement, so that whatever is missing is published above the position that comes with it.
_MISSING = """
SELECT asked.record, asked.revision, (SELECT coalesce(max(position), 0) FROM positions)
FROM unnest(%s::text[], %s::bigint[]) AS asked (record, revision)
JOIN changes USING (record, revision) JOIN spool USING (seq)
"""


class ChangeKey(NamedTuple):
    """One change: a record's revision."""

    record: str
    revision: int


@dataclass(frozen=True)
class ReceiptSettings:
    """How long the audit may take; times in seconds.

    While a change waits for its receipt for longer than `lag_limit_s`, no payment-critical change is made. An answer
    waits for the receipt of such a change for `patience_s` at most. `waiters` answers wait at once, each on a thread
    that nobody else gets meanwhile.
    """

    lag_limit_s: float = 2.0
    patience_s: float = 5.0
    waiters: int = 16

    def __post_init__(self) -> None:
        """Raise ValueError for limits that nothing could keep."""
        if min(self.lag_limit_s, self.patience_s, self.waiters) <= 0:
            raise ValueError("lag_limit_s, patience_s and waiters must be above 0")


class Receipts:
    """Knows whether the audit keeps up, and waits for receipts without a transaction; safe in threads."""

    def __init__(self, database: Database, news: News, settings: ReceiptSettings) -> None:
        self._database = database
        self._news = news
        self._settings = settings
        self._places = threading.BoundedSemaphore(settings.waiters)
        self._retry_after = timedelta(seconds=settings.lag_limit_s)

    def require_current(self, connection: Connection) -> None:
        """Raise ConcordError AUDIT_BEHIND when another transaction's change has waited for longer than the limit."""
        row = driver(connection).execute(_LAG, prepare=True).fetchone()
        if row is None or row[0] <= self._settings.lag_limit_s:
            return
        raise ConcordError(
            reasons.ERROR_REASON_AUDIT_BEHIND,
            "the audit lags too far behind for a payment-critical change",
            metadata={"lag_seconds": f"{row[0]:.0f}", "limit_seconds": f"{self._settings.lag_limit_s:g}"},
            retry_after=self._retry_after,
        )

    def patience_ends(self) -> float:
        """Return until when what is committed now may be waited for, on the clock of `time.monotonic`."""
        return time.monotonic() + self._settings.patience_s

    def wait(self, changes: Collection[ChangeKey], until: float) -> None:
        """Return when all of the committed changes have their receipts.

        Raises ConcordError AUDIT_RECEIPT_PENDING, with the first that has none: at `until` or when the process stops,
        at once when too many wait already.
        """
        if not self._missing(changes):
            return
        if not self._places.acquire(blocking=False):
            raise self._pending(changes)
        try:
            while missing := self._missing(changes):
                key, position = missing
                left = until - time.monotonic()
                if left <= 0 or self._news.is_over:
                    raise self._pending([key])
                self._news.wait(position, left)
        finally:
            self._places.release()

    def _missing(self, changes: Collection[ChangeKey]) -> tuple[ChangeKey, int] | None:
        """Return one of the changes that is not published, and the newest position."""
        columns = text_array([each.record for each in changes]), number_array([each.revision for each in changes])
        with self._database.reading() as connection:
            row = driver(connection).execute(_MISSING, columns, prepare=True).fetchone()
        return (ChangeKey(row[0], row[1]), row[2]) if row else None

    def _pending(self, changes: Collection[ChangeKey]) -> ConcordError:
        record, revision = min(changes)
        return ConcordError(
            reasons.ERROR_REASON_AUDIT_RECEIPT_PENDING,
            "the change stands; the audit has not receipted it yet",
            metadata={"name": record, "revision": str(revision)},
            retry_after=self._retry_after,
        )
