"""The service's PostgreSQL: pooled transactions with typed errors, connections of one's own."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import sqlalchemy
from psycopg import errors
from sqlalchemy import exc
from sqlalchemy.pool import QueuePool

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.contract.validation import constraint_violated
from services.mesh.errors import ConcordError, FieldViolation

_LONGEST_IDLE_TRANSACTION_MS = 60_000

# A machine that is gone says nothing: whoever waits for it, database or client, has to find out before anybody else can
# go on. Both sides ask the other's kernel after ten seconds without a word, and give up within twenty.
_KEEPALIVES: Mapping[str, Any] = {"keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3}
_UNACKNOWLEDGED_MS = 20_000

# The plan of a prepared statement, or of a trigger's, is made once and kept, maybe since the tables were empty: it has
# to be the one that is right when they are large. What transactions do is to look single records up.
_LOOK_UPS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}

_CONTENTION = (errors.SerializationFailure, errors.DeadlockDetected, errors.LockNotAvailable)


@dataclass(frozen=True)
class DatabaseSettings:
    """Where the database is and as whom to connect.

    `pool_size` is the number of connections to write, and again of those to read.
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


class PoolUse(NamedTuple):
    """How many connections of a pool are in use, and how many it has at most."""

    pool: str
    used: int
    most: int


class Database:
    """The pools of connections of one service process, in the role that may only append: one to write, one to read."""

    engine: sqlalchemy.Engine

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self.engine = _pool(settings, lambda: _connect(settings, further=_LOOK_UPS))
        # Without a transaction around it, a statement costs one round trip, and the driver keeps what it prepared: it
        # forgets everything at a rollback.
        self._readers = _pool(
            settings,
            lambda: _connect(settings, autocommit=True, further={"default_transaction_read_only": "on"}),
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            pool_reset_on_return=None,
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
        """Run statements that may only read, each of which sees what is committed when it begins.

        That is what a READ COMMITTED transaction shows, too. Same errors as `transaction`.
        """
        with self._typed_errors(), self._readers.connect() as connection:
            yield connection

    def connect(self, purpose: str) -> psycopg.Connection[tuple[Any, ...]]:
        """Open a connection outside the pool in autocommit mode, for session locks and LISTEN; the caller closes it.

        `purpose` shows in pg_stat_activity. Raises psycopg.OperationalError.
        """
        name = f"{self._settings.application_name} {purpose}"
        return _connect(replace(self._settings, application_name=name), autocommit=True)

    def pool_use(self) -> list[PoolUse]:
        """Return how the pools are used right now, from memory."""
        pools = {"write": self.engine.pool, "read": self._readers.pool}
        most = self._settings.pool_size
        return [PoolUse(name, pool.checkedout(), most) for name, pool in pools.items() if isinstance(pool, QueuePool)]

    def close(self) -> None:
        """Close every pooled connection that nobody uses right now."""
        self.engine.dispose()
        self._readers.dispose()

    @contextmanager
    def _typed_errors(self) -> Iterator[None]:
        try:
            yield
        except (exc.TimeoutError, exc.DBAPIError, psycopg.Error) as error:
            typed = typed_error(error)
            if typed is None:
                raise
            if typed.reason == reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE and not isinstance(error, exc.TimeoutError):
                # Its pooled neighbours are most likely gone as well: let nobody else run into them. Those of a pool
                # that is only busy are well, and a new pool beside them would open as many again.
                self.close()
            raise typed from error


def typed_error(error: Exception) -> ConcordError | None:
    """Return the ConcordError for what a database does to its callers; None for what is a defect of ours."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    if isinstance(cause, _CONTENTION):
        return ConcordError(reasons.ERROR_REASON_CONCURRENT_CHANGE, "another transaction changed the same records")
    if isinstance(cause, errors.QueryCanceled):
        return ConcordError(reasons.ERROR_REASON_DEADLINE_TOO_SHORT, "the database took longer than is allowed")
    if isinstance(cause, errors.CharacterNotInRepertoire) or (
        isinstance(cause, psycopg.DataError) and cause.sqlstate is None
    ):
        # What no text of PostgreSQL's holds; the driver refuses it itself, where it sends texts.
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


def clock(connection: sqlalchemy.Connection) -> datetime:
    """Return what time it is by the database's clock: replicas' clocks differ."""
    row = driver(connection).execute("SELECT clock_timestamp()", prepare=True).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    now: datetime = row[0]
    return now


def _pool(
    settings: DatabaseSettings, connect: Callable[[], psycopg.Connection[tuple[Any, ...]]], **options: Any
) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=connect,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_timeout_s,
        # The connection used last is the likeliest to have prepared what comes next.
        pool_use_lifo=True,
        hide_parameters=True,
        **options,
    )


def _connect(
    settings: DatabaseSettings, *, autocommit: bool = False, further: Mapping[str, str] | None = None
) -> psycopg.Connection[tuple[Any, ...]]:
    password = settings.password_file.read_text().strip() if settings.password_file else None
    timeout_ms = int(settings.statement_timeout_s * 1000)
    options = {
        "timezone": "UTC",
        "default_transaction_isolation": r"read\ committed",
        "statement_timeout": timeout_ms,
        # A process that froze must not keep its locks.
        "idle_in_transaction_session_timeout": _LONGEST_IDLE_TRANSACTION_MS,
        **{f"tcp_{name}": value for name, value in _KEEPALIVES.items()},
        "tcp_user_timeout": _UNACKNOWLEDGED_MS,
        **(further or {}),
    }
    return psycopg.connect(
        settings.url,
        password=password,
        application_name=settings.application_name,
        connect_timeout=settings.connect_timeout_s,
        options=" ".join(f"-c {name}={value}" for name, value in options.items()),
        autocommit=autocommit,
        tcp_user_timeout=_UNACKNOWLEDGED_MS,
        **_KEEPALIVES,
    )
