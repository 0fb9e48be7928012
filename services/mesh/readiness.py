"""Whether a process is ready to serve: its database answers, and the schema is as new as this code needs."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import psycopg

from services.mesh.postgres.database import Database, DatabaseSettings
from services.mesh.postgres.schema_revision import SchemaRevision
from services.mesh.process import NotStartedError

_TIMEOUT_S = 2
_PAUSE_S = 1.0

_log = logging.getLogger(__name__)


class DatabaseWatch:
    """One thread that looks at the database through a connection of its own, and tells what it sees.

    Not through the pool: that is empty when the process is at its busiest, and no reason to send calls elsewhere.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        revision: SchemaRevision,
        tell: Callable[[bool], None],
        *,
        pause_s: float = _PAUSE_S,
    ) -> None:
        self._database = Database(
            replace(settings, connect_timeout_s=_TIMEOUT_S, statement_timeout_s=_TIMEOUT_S, pool_size=1)
        )
        self._revision = revision
        self._tell = tell
        self._pause_s = pause_s
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._reason = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="database-watch", daemon=True)

    def start(self) -> None:
        """Tell that nothing is known to be there yet, and start the thread that looks."""
        self._tell(False)
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            # A connection that was cut says little: the database is away when there is none to be had.
            reason = self._looked() and self._looked()
            self._tell(not reason)
            if reason != self._reason:
                _log.warning("ready again") if not reason else _log.warning("not ready: %s", reason)
                self._reason = reason
            self._stopping.wait(self._pause_s)
        self._disconnect()

    def _looked(self) -> str:
        """Look once; return what is wrong, "" = nothing."""
        try:
            if self._connection is None:
                self._connection = self._database.connect("readiness")
            self._revision.require(self._connection)
        except (psycopg.Error, NotStartedError, OSError, ValueError) as error:
            self._disconnect()
            return str(error) if isinstance(error, NotStartedError) else f"the database: {type(error).__name__}"
        return ""

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None
