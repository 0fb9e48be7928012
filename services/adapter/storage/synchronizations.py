"""Synchronizations: how far each system and the hub's feed were read, and how that went."""

from dataclasses import dataclass
from datetime import datetime

from google.rpc.status_pb2 import Status
from sqlalchemy import Connection

from services.mesh.postgres.database import driver

_BEGIN = "INSERT INTO synchronizations (system) VALUES (%s) ON CONFLICT DO NOTHING"
_READ = """
SELECT pull_cursor, feed_cursor, feed_position, last_contact_time, last_pull_time, last_error
FROM synchronizations WHERE system = %s
"""
_PULLED = "UPDATE synchronizations SET pull_cursor = %s WHERE system = %s"
_FOLLOWED = """
UPDATE synchronizations SET feed_cursor = %s, feed_position = greatest(feed_position, %s) WHERE system = %s
"""
_COMPLETED = "UPDATE synchronizations SET last_pull_time = %s WHERE system = %s"
_CONTACTED = "UPDATE synchronizations SET last_contact_time = %s, last_error = NULL WHERE system = %s"
_FAILED = "UPDATE synchronizations SET last_error = %s WHERE system = %s"


@dataclass(frozen=True)
class Synchronization:
    """How far one system has got. `feed_position` is the last one that was taken over from the feed."""

    pull_cursor: str
    feed_cursor: bytes
    feed_position: int
    last_contact_time: datetime | None
    last_pull_time: datetime | None
    last_error: Status | None


def begin(connection: Connection, system: str) -> None:
    """Make room for a system; nothing happens if it has some."""
    driver(connection).execute(_BEGIN, (system,))


def read(connection: Connection, system: str) -> Synchronization:
    """Return how far the system has got. Raises LookupError for one that never began."""
    row = driver(connection).execute(_READ, (system,)).fetchone()
    if row is None:
        raise LookupError(f"{system} never began to synchronise")
    pull_cursor, feed_cursor, feed_position, contact, pull, error = row
    failure = Status.FromString(error) if error else None
    return Synchronization(pull_cursor, feed_cursor, feed_position, contact, pull, failure)


def pulled(connection: Connection, system: str, cursor: str) -> None:
    """Keep the cursor behind a batch that is acknowledged."""
    driver(connection).execute(_PULLED, (cursor, system))


def followed(connection: Connection, system: str, cursor: bytes, position: int) -> None:
    """Keep the feed's cursor, with the last position that it covers (0 = not known)."""
    driver(connection).execute(_FOLLOWED, (cursor, position, system))


def completed(connection: Connection, system: str, time: datetime) -> None:
    """Note that a pull reached its end."""
    driver(connection).execute(_COMPLETED, (time, system))


def contacted(connection: Connection, system: str, time: datetime) -> None:
    """Note that the system answered; forgets the last failure."""
    driver(connection).execute(_CONTACTED, (time, system))


def failed(connection: Connection, system: str, error: Status) -> None:
    """Note a failure."""
    driver(connection).execute(_FAILED, (error.SerializeToString(), system))
