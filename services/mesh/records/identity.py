"""The identity of a database: what a cursor belongs to."""

from uuid import UUID

from sqlalchemy import Connection


def database_identity(connection: Connection) -> UUID:
    """Return the UUID that the first migration gave this database; a restored copy keeps it."""
    raise NotImplementedError
