"""The spool: changes that wait for their evidence to be receipted, and the guard that bounds it."""

from datetime import timedelta

from sqlalchemy import Connection

from services.mesh.database import Database


def backlog(connection: Connection, at_most: int | None = None) -> int:
    """Count the changes that are not published yet; stops counting at `at_most` where given."""
    raise NotImplementedError


class SpoolGuard:
    """Refuses mutations while too many changes wait for the audit: fail closed, never drop."""

    def __init__(self, database: Database, limit: int, retry_after: timedelta = timedelta(seconds=2)) -> None:
        raise NotImplementedError

    def check(self) -> None:
        """Raise ConcordError SPOOL_FULL when the backlog is above the limit; the count is at most 200 ms old."""
        raise NotImplementedError
