"""Positions: the gapless numbers of published changes, and the times they stand for."""

from datetime import datetime

from sqlalchemy import Connection


def newest(connection: Connection) -> int:
    """Return the newest published position; 0 when nothing was published."""
    raise NotImplementedError


def resolve(connection: Connection, read_time: datetime) -> int:
    """Return the last position published at or before `read_time`: the same answer whenever it is asked.

    0 when nothing was published by then. Raises ConcordError INVALID_READ_TIME for a time in the database's future.
    """
    raise NotImplementedError


def position_of(connection: Connection, record: str, revision: int) -> int | None:
    """Return the position of a change; None while it waits for its receipt (or does not exist)."""
    raise NotImplementedError
