"""Reading the feed from its database: published transactions after a cursor."""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from concord.audit.v1.audit_pb2 import Operation
from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.feed.cursor import Cursor
from services.mesh.postgres.database import Database, driver
from services.mesh.records.identity import database_identity

_BOUNDS = "SELECT (SELECT position FROM feed_floor), (SELECT coalesce(max(position), 0) FROM positions)"
_READ = """
SELECT p.transaction_end, p.published_at, p.position, c.record, c.revision, c.record_type, c.operation, c.entities,
    c.traceparent, c.occurred_at
FROM positions p JOIN changes c USING (seq)
WHERE p.position > %(after)s AND p.position <= (
    SELECT max(transaction_end)
    FROM (SELECT transaction_end FROM positions WHERE position > %(after)s ORDER BY position LIMIT %(limit)s) AS next
)
ORDER BY p.position
"""


@dataclass(frozen=True)
class PublishedChange:
    """One published change; its content is read from the revision (`RecordStore.read_revisions`)."""

    position: int
    record: str
    revision: int
    record_type: str
    operation: Operation.ValueType
    entities: tuple[str, ...]
    traceparent: str
    occurred_at: datetime


@dataclass(frozen=True)
class PublishedTransaction:
    """All changes of one transaction, by position, and the cursor behind them."""

    changes: tuple[PublishedChange, ...]
    published_at: datetime
    cursor: Cursor


class FeedReader:
    """Reads the feed of one database; any number of readers on any replica see the same."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known_identity: UUID | None = None

    def beginning(self) -> Cursor:
        """Return the lowest cursor that can be read from (the floor)."""
        with self._database.reading() as connection:
            return Cursor(self._identity(connection), _bounds(connection)[0])

    def newest(self) -> Cursor:
        """Return the cursor behind the newest published change."""
        with self._database.reading() as connection:
            return Cursor(self._identity(connection), _bounds(connection)[1])

    def cursor(self, opaque: bytes) -> Cursor:
        """Decode a subscriber's cursor, `beginning()` for an empty one.

        Raises ConcordError INVALID_CURSOR (not ours, another database's, ahead of the feed), CURSOR_EXPIRED.
        """
        if not opaque:
            return self.beginning()
        cursor = Cursor.decode(opaque)
        with self._database.reading() as connection:
            self._require_readable(connection, cursor)
        return cursor

    def read(self, after: Cursor, limit: int = 1000) -> list[PublishedTransaction]:
        """Read the next transactions: about `limit` changes, whole transactions only; empty when there are none.

        Raises ConcordError INVALID_CURSOR, CURSOR_EXPIRED.
        """
        with self._database.reading() as connection:
            self._require_readable(connection, after)
            parameters = {"after": after.position, "limit": limit}
            rows = driver(connection).execute(_READ, parameters).fetchall()
        return [
            PublishedTransaction(
                changes=tuple(_change(row) for row in changes),
                published_at=published_at,
                cursor=Cursor(after.database, end),
            )
            for (end, published_at), changes in groupby(rows, key=itemgetter(0, 1))
        ]

    def _identity(self, connection: Connection) -> UUID:
        if self._known_identity is None:
            self._known_identity = database_identity(connection)
        return self._known_identity

    def _require_readable(self, connection: Connection, cursor: Cursor) -> None:
        floor, newest = _bounds(connection)
        identity = self._identity(connection)
        if cursor.database != identity or cursor.position > newest:
            metadata = {"database": str(identity)}
            message = "the cursor belongs to another database"
            violation = FieldViolation("cursor", message)
            raise ConcordError(reasons.ERROR_REASON_INVALID_CURSOR, message, metadata=metadata, violations=[violation])
        if cursor.position < floor:
            message = "the feed begins above the cursor: take a snapshot, then follow"
            raise ConcordError(reasons.ERROR_REASON_CURSOR_EXPIRED, message, metadata={"floor": str(floor)})


def move_floor(database: Database, position: int) -> None:
    """Expire cursors below `position`; deletes nothing and never moves down."""
    with database.transaction() as connection:
        driver(connection).execute("UPDATE feed_floor SET position = greatest(position, %s)", (position,))


def _change(row: tuple[Any, ...]) -> PublishedChange:
    _, _, position, record, revision, record_type, operation, entities, traceparent, occurred_at = row
    return PublishedChange(
        position, record, revision, record_type, operation, tuple(entities), traceparent, occurred_at
    )


def _bounds(connection: Connection) -> tuple[int, int]:
    row = driver(connection).execute(_BOUNDS).fetchone()
    if row is None or row[0] is None:
        raise LookupError("the database has no feed: its first migration did not run to its end")
    return row[0], row[1]
