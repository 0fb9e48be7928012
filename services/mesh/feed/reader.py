"""Reading the feed from its database: published transactions after a cursor."""

from dataclasses import dataclass
from datetime import datetime

from concord.audit.v1.audit_pb2 import Operation
from services.mesh.database import Database
from services.mesh.feed.cursor import Cursor


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
        raise NotImplementedError

    def beginning(self) -> Cursor:
        """Return the lowest cursor that can be read from (the floor)."""
        raise NotImplementedError

    def newest(self) -> Cursor:
        """Return the cursor behind the newest published change."""
        raise NotImplementedError

    def cursor(self, opaque: bytes) -> Cursor:
        """Decode a subscriber's cursor, `beginning()` for an empty one.

        Raises ConcordError INVALID_CURSOR (not ours, another database's, ahead of the feed), CURSOR_EXPIRED.
        """
        raise NotImplementedError

    def read(self, after: Cursor, limit: int = 1000) -> list[PublishedTransaction]:
        """Read the next transactions: about `limit` changes, whole transactions only; empty when there are none.

        Raises ConcordError INVALID_CURSOR, CURSOR_EXPIRED.
        """
        raise NotImplementedError


def move_floor(database: Database, position: int) -> None:
    """Expire cursors below `position`; deletes nothing and never moves down."""
    raise NotImplementedError
