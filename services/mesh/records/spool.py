"""The spool: changes that wait for their evidence to be receipted, and the guard that bounds it."""

import threading
import time
from datetime import timedelta

from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.postgres.database import Database, driver

_FRESH_S = 0.2
_LAG = """
SELECT extract(epoch FROM clock_timestamp() - occurred_at)::float8 FROM changes
WHERE seq = (SELECT min(seq) FROM spool)
"""


def backlog(connection: Connection, at_most: int | None = None) -> int:
    """Count the changes that are not published yet; stops counting at `at_most` where given."""
    statement = "SELECT count(*) FROM (SELECT FROM spool LIMIT %s) AS waiting"
    row = driver(connection).execute(statement, (at_most,)).fetchone()
    return row[0] if row else 0


def lag_s(connection: Connection) -> float:
    """Return for how many seconds the oldest change has waited, by the database's clock; 0 when none waits."""
    row = driver(connection).execute(_LAG).fetchone()
    return max(0.0, row[0]) if row else 0.0


class SpoolGuard:
    """Refuses mutations while too many changes wait for the audit: fail closed, never drop. Safe in threads."""

    def __init__(self, database: Database, limit: int, retry_after: timedelta = timedelta(seconds=2)) -> None:
        self._database = database
        self._limit = limit
        self._retry_after = retry_after
        self._lock = threading.Lock()
        self._count = 0
        self._counted_at = float("-inf")

    def check(self) -> None:
        """Raise ConcordError SPOOL_FULL when the backlog is above the limit; the count is at most 200 ms old.

        Call it before the transaction: it may take a connection of its own.
        """
        count = self._recent_count()
        if count > self._limit:
            raise ConcordError(
                reasons.ERROR_REASON_SPOOL_FULL,
                "too many changes wait for the audit",
                metadata={"backlog": str(count)},
                retry_after=self._retry_after,
            )

    def _recent_count(self) -> int:
        with self._lock:
            if time.monotonic() - self._counted_at > _FRESH_S:
                with self._database.reading() as connection:
                    self._count = backlog(connection, at_most=self._limit + 1)
                self._counted_at = time.monotonic()
            return self._count
