"""The service's PostgreSQL: pooled transactions with typed errors, connections of one's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy
from psycopg import errors
from sqlalchemy import exc

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.validation import constraint_violated

_LONGEST_IDLE_TRANSACTION_MS = 60_000
_CONTENTION = (errors.SerializationFailure, errors.DeadlockDetected, errors.LockNotAvailable)


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
        self._settings = settings
        self.engine = sqlalchemy.create_engine(
            "postgresql+psycopg://",
            creator=lambda: _connect(settings),
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_timeout=settings.pool_timeout_s,
            hide_parameters=True,
        )

    @contextmanager
    def transaction(self) -> Iterator[sqlalchemy.Connection]:
        """Run one READ COMMITTED transaction: commit at the end, roll back on any error.

        Raises ConcordError CONCURRENT_CHANGE (serialisation failure, deadlock), DEPENDENCY_UNAVAILABLE (no connection
        to be had, or lost), DEADLINE_TOO_SHORT (statement timeout), CONSTRAINT_VIOLATED (a text with a NUL character).
        """
        with self._typed_errors(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sqlalchemy.Connection]:
        """Run one read-only READ COMMITTED transaction; same errors as `transaction`."""
        with self._typed_errors(), self.engine.connect() as connection:
            yield connection.execution_options(postgresql_readonly=True)

    def connect(self, purpose: str) -> psycopg.Connection[tuple[Any, ...]]:
        """Open a connection outside the pool in autocommit mode, for session locks and LISTEN; the caller closes it.

        `purpose` shows in pg_stat_activity. Raises psycopg.OperationalError.
        """
        name = f"{self._settings.application_name} {purpose}"
        return _connect(replace(self._settings, application_name=name), autocommit=True)

    def close(self) -> None:
        """Close every pooled connection; the object is of no use afterwards."""
        self.engine.dispose()

    @contextmanager
    def _typed_errors(self) -> Iterator[None]:
        try:
            yield
        except (exc.TimeoutError, exc.DBAPIError, psycopg.Error) as error:
            typed = typed_error(error)
            if typed is None:
                raise
            if typed.reason == reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE:
                # Its pooled neighbours are most likely gone as well: let nobody else run into them.
                self.engine.dispose()
            raise typed from error


def typed_error(error: Exception) -> ConcordError | None:
    """Return the ConcordError for what a database does to its callers; None for what is a defect of ours."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    if isinstance(cause, _CONTENTION):
        return ConcordError(reasons.ERROR_REASON_CONCURRENT_CHANGE, "another transaction changed the same records")
    if isinstance(cause, errors.QueryCanceled):
        return ConcordError(reasons.ERROR_REASON_DEADLINE_TOO_SHORT, "the database took longer than is allowed")
    if isinstance(cause, psycopg.DataError) and cause.sqlstate is None:
        # The driver itself refuses what no text of PostgreSQL's holds: the NUL character.
        return constraint_violated([FieldViolation("", "a text contains a NUL character")])
    if isinstance(cause, psycopg.OperationalError | exc.TimeoutError):
        message = "the database does not answer"
        return ConcordError(reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE, message, metadata={"dependency": "database"})
    return None


def driver(connection: sqlalchemy.Connection) -> psycopg.Connection[tuple[Any, ...]]:
    """Return the psycopg connection underneath, for hot statements: same transaction, no compilation."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)  # noqa: S101 - the engine's creator makes nothing else
    return raw


def _connect(settings: DatabaseSettings, *, autocommit: bool = False) -> psycopg.Connection[tuple[Any, ...]]:
    password = settings.password_file.read_text().strip() if settings.password_file else None
    timeout_ms = int(settings.statement_timeout_s * 1000)
    options = {
        "timezone": "UTC",
        "default_transaction_isolation": r"read\ committed",
        "statement_timeout": timeout_ms,
        # A process that froze must not keep its locks.
        "idle_in_transaction_session_timeout": _LONGEST_IDLE_TRANSACTION_MS,
    }
    return psycopg.connect(
        settings.url,
        password=password,
        application_name=settings.application_name,
        connect_timeout=settings.connect_timeout_s,
        options=" ".join(f"-c {name}={value}" for name, value in options.items()),
        autocommit=autocommit,
    )
