"""Election: of all replicas of an adapter, one synchronises a system."""

from contextlib import ExitStack, closing
from typing import Any

import psycopg

from services.mesh.postgres.database import Database

_CLASS = 0x434F4E43
_ELECT = "SELECT pg_try_advisory_lock(%s, hashtext(%s))"


class Election:
    """Holds a system's advisory lock on a connection of its own. One thread stands and resigns; any may ask."""

    def __init__(self, database: Database, system: str) -> None:
        self._database = database
        self._system = system
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def stand(self) -> bool:
        """Tell whether this process is elected, or becomes it now; False while the database does not answer."""
        if self.holds() or self._wins():
            return True
        self.resign()
        return False

    def holds(self) -> bool:
        """Tell whether this process still is elected, by its connection; who lost that lost the election."""
        connection = self._connection
        if connection is None:
            return False
        try:
            connection.execute("SELECT 1")
        except (psycopg.OperationalError, OSError):
            return False
        return True

    def resign(self) -> None:
        """Give the lock up, if it is held."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _wins(self) -> bool:
        if self._connection is not None:
            return False
        try:
            with ExitStack() as opened:
                connection = opened.enter_context(closing(self._database.connect(f"synchronises {self._system}")))
                row = connection.execute(_ELECT, (_CLASS, self._system)).fetchone()
                if row is not None and row[0]:
                    opened.pop_all()
                    self._connection = connection
        except (psycopg.OperationalError, OSError):
            return False
        return self._connection is not None
