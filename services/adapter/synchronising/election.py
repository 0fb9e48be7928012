"""Election: of all replicas of an adapter, one synchronises a system."""

from typing import Any

import psycopg

from services.mesh.postgres.database import Database

_CLASS = 0x434F4E43
_ELECT = "SELECT pg_try_advisory_lock(%s, hashtext(%s))"


class Election:
    """Holds a system's advisory lock on a connection of its own. For one thread."""

    def __init__(self, database: Database, system: str) -> None:
        self._database = database
        self._system = system
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def stand(self) -> bool:
        """Tell whether this process is elected, or becomes it now; False while the database does not answer."""
        if self._holds():
            return True
        self.resign()
        return False

    def resign(self) -> None:
        """Give the lock up, if it is held."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _holds(self) -> bool:
        try:
            if self._connection is not None:
                self._connection.execute("SELECT 1")
                return True
            self._connection = self._database.connect(f"synchronises {self._system}")
            row = self._connection.execute(_ELECT, (_CLASS, self._system)).fetchone()
        except (psycopg.OperationalError, OSError):
            return False
        return bool(row and row[0])
