"""What a service's database holds, counted in the database itself: the other side of the audit's own counts."""

from typing import LiteralString

import psycopg

from tools.postgres import PostgresServer

_REVISIONS = "SELECT record_type, count(*) FROM revisions GROUP BY record_type"
_CHANGES = "SELECT record_type, count(*) FROM changes GROUP BY record_type"
_UNPUBLISHED = "SELECT 'spool', count(*) FROM spool"
_LAST_POSITIONS = """
SELECT record_type, max(position) FROM changes JOIN positions USING (seq) GROUP BY record_type
"""


def revisions(postgres: PostgresServer, database: str) -> dict[str, int]:
    """Count the revisions by record type."""
    return _figures(postgres, database, _REVISIONS)


def changes(postgres: PostgresServer, database: str) -> dict[str, int]:
    """Count the change rows by record type."""
    return _figures(postgres, database, _CHANGES)


def unpublished(postgres: PostgresServer, database: str) -> int:
    """Count the changes that wait for the audit's receipt."""
    return _figures(postgres, database, _UNPUBLISHED)["spool"]


def last_positions(postgres: PostgresServer) -> dict[str, int]:
    """Return the last published position of the hub by record type."""
    return _figures(postgres, "mdm", _LAST_POSITIONS)


def _figures(postgres: PostgresServer, database: str, statement: LiteralString) -> dict[str, int]:
    with psycopg.connect(postgres.url(database)) as connection:
        return {str(name): int(count) for name, count in connection.execute(statement).fetchall()}
