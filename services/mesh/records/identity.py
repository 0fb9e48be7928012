"""The identity of a database: what a cursor belongs to."""

from uuid import UUID

from sqlalchemy import Connection

from services.mesh.postgres.database import driver


def database_identity(connection: Connection) -> UUID:
    """Return the UUID that the first migration gave this database; a restored copy keeps it."""
    row = driver(connection).execute("SELECT id FROM database_identity").fetchone()
    if row is None:
        raise LookupError("the database has no identity: its first migration did not run to its end")
    identity: UUID = row[0]
    return identity
