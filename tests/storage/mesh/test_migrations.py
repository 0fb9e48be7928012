"""A migrated database is its owner's and its service's, and nobody else's."""

import os
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from services.mesh.postgres.database import Database, DatabaseSettings
from services.mesh.postgres.migrations import migrate
from tests.storage.mesh.conftest import MIGRATIONS
from tests.support.database.databases import OWNER, SERVICE, Databases

STRANGER = "stranger_to_migrations"


@pytest.fixture
def name(databases: Databases) -> Iterator[str]:
    """The name of a database that is dropped at the end."""
    name = f"closed to others {os.getpid()}"
    yield name
    databases.server.drop_database(name)


def test_nobody_but_the_service_may_connect_to_a_migrated_database(
    databases: Databases, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = databases.server
    server.create_role(STRANGER)
    server.create_database(name, owner=OWNER)
    for _ in range(2):
        migrate(DatabaseSettings(server.url(name, OWNER)), MIGRATIONS, service_role=SERVICE)
    with (
        closing(Database(DatabaseSettings(server.url(name, SERVICE)))) as database,
        database.reading() as connection,
    ):
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(server.url(name, STRANGER)).close()
    assert "every role may connect" not in caplog.text


def test_who_migrates_a_database_that_others_own_is_told_what_is_left_to_its_owner(
    databases: Databases, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = databases.server
    server.create_database(name)
    with psycopg.connect(server.url(name), autocommit=True) as owner:
        owner.execute(f"GRANT ALL ON SCHEMA public TO {OWNER}".encode())
    migrate(DatabaseSettings(server.url(name, OWNER)), MIGRATIONS, service_role=SERVICE)
    (told,) = (record.getMessage() for record in caplog.records if record.name == "services.mesh.postgres.migrations")
    assert "every role may connect to this database, and only its owner can end that" in told
    assert told.endswith(
        f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC; GRANT CONNECT ON DATABASE "{name}" TO {SERVICE}'
    )
