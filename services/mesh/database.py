"""The service's PostgreSQL: pooled transactions with typed errors, connections of one's own, migrations."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy


@dataclass(frozen=True)
class DatabaseSettings:
    """Where the database is and as whom to connect.

    `url` is a libpq URL without a password (`postgresql://user@host:5432/name`, or with `?host=/socket/dir&port=…`);
    the password is read from `password_file` at every connect, so that it can be rotated. Times in seconds.
    """

    url: str
    password_file: Path | None = None
    application_name: str = "concord"
    pool_size: int = 16
    pool_timeout_s: float = 10.0
    connect_timeout_s: int = 10
    statement_timeout_s: float = 30.0


class Database:
    """The pool of connections of one service process, in the role that may only append."""

    engine: sqlalchemy.Engine

    def __init__(self, settings: DatabaseSettings) -> None:
        raise NotImplementedError

    @contextmanager
    def transaction(self) -> Iterator[sqlalchemy.Connection]:
        """Run one READ COMMITTED transaction: commit at the end, roll back on any error.

        Raises ConcordError CONCURRENT_CHANGE (serialisation failure, deadlock), DEPENDENCY_UNAVAILABLE (no connection
        to be had, or lost), DEADLINE_TOO_SHORT (statement timeout).
        """
        raise NotImplementedError
        yield

    @contextmanager
    def reading(self) -> Iterator[sqlalchemy.Connection]:
        """Run one read-only READ COMMITTED transaction; same errors as `transaction`."""
        raise NotImplementedError
        yield

    def connect(self, purpose: str) -> psycopg.Connection[tuple[Any, ...]]:
        """Open a connection outside the pool in autocommit mode, for session locks and LISTEN; the caller closes it."""
        raise NotImplementedError

    def close(self) -> None:
        """Close every pooled connection; the object is of no use afterwards."""
        raise NotImplementedError


def migrate(settings: DatabaseSettings, migrations: Path, *, service_role: str) -> None:
    """Bring the schema to the newest revision in `migrations` (a folder of Alembic revision files), as the owner.

    Replicas that start together wait for one another. A revision file reaches the role to grant to by
    `granted_role()`. Raises ConcordError DEPENDENCY_UNAVAILABLE.
    """
    raise NotImplementedError


def granted_role() -> str:
    """Return the service role that the running migration is to grant to; for use in revision files only."""
    raise NotImplementedError
