"""A migrated database is its owner's and its service's, and nobody else's."""

import os
from contextlib import closing

import psycopg
import pytest

from services.mesh.database import Database, DatabaseSettings
from services.mesh.migrations import migrate
from tests.storage.mesh.conftest import MIGRATIONS
from tests.support.databases import OWNER, SERVICE, Databases

STRANGER = "stranger_to_migrations"


def test_nobody_but_the_service_may_connect_to_a_migrated_database(databases: Databases) -> None:
    server, name = databases.server, f"closed to others {os.getpid()}"
    server.create_role(STRANGER)
    server.create_database(name, owner=OWNER)
    try:
        for _ in range(2):
            migrate(DatabaseSettings(server.url(name, OWNER)), MIGRATIONS, service_role=SERVICE)
        with (
            closing(Database(DatabaseSettings(server.url(name, SERVICE)))) as database,
            database.reading() as connection,
        ):
            assert connection.exec_driver_sql("SELECT 1").scalar() == 1
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(server.url(name, STRANGER)).close()
    finally:
        server.drop_database(name)
