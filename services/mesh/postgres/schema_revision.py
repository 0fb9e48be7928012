"""Which revision a database's schema is at, and which one this code needs.

Revisions are numbers, `0001`, `0002`, …, in one line, and each file of migrations begins with its own. So a release
knows a newer schema, whose files it has never seen, by its higher number; it runs on that as well (docs/adr/0025).
"""

import logging
import re
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors

from services.mesh.postgres.database import Database, DatabaseSettings
from services.mesh.process import NotStartedError

_PRESENT = "SELECT version_num FROM public.alembic_version"
_NUMBER = re.compile(r"\d{4}")
_LOOK_TIMEOUT_S = 2
_PAUSE_S = 0.5
_TELL_EVERY_S = 10.0

_log = logging.getLogger(__name__)


class OlderSchemaError(NotStartedError):
    """The schema is older than this code needs."""


@dataclass(frozen=True)
class SchemaRevision:
    """The revision that the files in `migrations` lead to, compared with that of a database."""

    migrations: Path

    @property
    def needed(self) -> int:
        """The number of the newest file."""
        return max(int(file.name[:4]) for file in self.migrations.glob("[0-9][0-9][0-9][0-9]_*.py"))

    def require(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        """Raise OlderSchemaError for a schema that is not there, not for this role to see, or older than is needed."""
        present, needed = _present(connection), self.needed
        if present < needed:
            found = f"at revision {present:04}" if present else "not there for this role"
            raise OlderSchemaError(f"the schema is {found}, this release needs {needed:04}: migrate it first")


def require_schema(settings: DatabaseSettings, revision: SchemaRevision) -> None:
    """Raise OlderSchemaError unless the database is as new as is needed, psycopg.OperationalError if it is away."""
    with closing(Database(settings).connect("schema")) as connection:
        revision.require(connection)


def await_schema(settings: DatabaseSettings, revision: SchemaRevision, timeout_s: float) -> None:
    """Wait until the database answers and is as new as is needed; raise NotStartedError when the time is over."""
    quick = _quick(settings)
    _await(lambda: require_schema(quick, revision), timeout_s)
    _log.info("the schema is at revision %04d or newer", revision.needed)


def await_database(settings: DatabaseSettings, timeout_s: float) -> None:
    """Wait until the database answers, whatever it holds; raise NotStartedError when the time is over."""
    quick = _quick(settings)
    _await(lambda: Database(quick).connect("schema").close(), timeout_s)


def _quick(settings: DatabaseSettings) -> DatabaseSettings:
    return replace(settings, connect_timeout_s=_LOOK_TIMEOUT_S, statement_timeout_s=_LOOK_TIMEOUT_S)


def _await(look: Callable[[], None], timeout_s: float) -> None:
    began, told_at = time.monotonic(), -_TELL_EVERY_S
    while missing := _missing(look):
        waited_s = time.monotonic() - began
        if waited_s >= timeout_s:
            raise NotStartedError(f"waited {timeout_s:g} s in vain: {missing}")
        if waited_s >= told_at + _TELL_EVERY_S:
            told_at = waited_s
            _log.info("waiting: %s", missing)
        time.sleep(_PAUSE_S)


def _missing(look: Callable[[], None]) -> str:
    try:
        look()
    except OlderSchemaError as older:
        return str(older)
    except psycopg.OperationalError as error:
        return f"the database does not answer: {error}"
    return ""


def _present(connection: psycopg.Connection[tuple[Any, ...]]) -> int:
    """Return the number of the schema's revision; 0 = this role sees none."""
    try:
        row = connection.execute(_PRESENT).fetchone()
    except (errors.UndefinedTable, errors.InsufficientPrivilege):
        return 0
    if row is None:
        return 0
    if not _NUMBER.fullmatch(row[0]):
        raise NotStartedError(f"the database's revision {row[0]!r} is none of this service's")
    return int(row[0])
