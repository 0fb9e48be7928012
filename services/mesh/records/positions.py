"""Positions: the gapless numbers of published changes, and the times they stand for."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.postgres.database import driver

PUBLISHING_LOCK = 0x434F4E43_00000003
"""Advisory lock: the relay holds it from stamping positions until they are committed."""

_RESOLVE = """
SELECT %(time)s > clock_timestamp(),
    (SELECT published_at > %(time)s FROM positions ORDER BY position DESC LIMIT 1),
    (SELECT position FROM positions WHERE published_at <= %(time)s
     ORDER BY published_at DESC, position DESC LIMIT 1)
"""

# One statement: a client that freezes must not hold the lock.
_WAIT = "SELECT pg_advisory_lock_shared(%(lock)s), pg_advisory_unlock_shared(%(lock)s)"


def newest(connection: Connection) -> int:
    """Return the newest published position; 0 when nothing was published."""
    position: int = _one(connection, "SELECT coalesce(max(position), 0) FROM positions")[0]
    return position


def resolve(connection: Connection, read_time: datetime) -> int:
    """Return the last position published at or before `read_time`: the same answer whenever it is asked.

    Times of publication never fall with the position, so an answer is settled as soon as something later is published.
    Before that, positions may have been stamped and not yet committed: wait for them.

    Raises ConcordError INVALID_READ_TIME for a time in the database's future or before anything was published.
    """
    future, settled, position = _one(connection, _RESOLVE, {"time": read_time})
    if not future and not settled:
        _one(connection, _WAIT, {"lock": PUBLISHING_LOCK})
        position = _one(connection, _RESOLVE, {"time": read_time})[2]
    if future or position is None:
        metadata = {"read_time": read_time.isoformat()}
        which = "lies in the future" if future else "is before the first published change"
        raise ConcordError(
            reasons.ERROR_REASON_INVALID_READ_TIME,
            f"the read time {which}",
            metadata=metadata,
            violations=[FieldViolation("read_time", which)],
        )
    found: int = position
    return found


def _one(connection: Connection, statement: str, parameters: dict[str, Any] | None = None) -> tuple[Any, ...]:
    row = driver(connection).execute(statement.encode(), parameters).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    return row
