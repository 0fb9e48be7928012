"""A process is ready while its database answers and holds a schema that this code can work with."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from services.mesh.postgres.database import Database, driver
from services.mesh.postgres.migrations import migrate
from services.mesh.postgres.schema_revision import OlderSchemaError, SchemaRevision
from services.mesh.readiness import DatabaseWatch
from tests.storage.mesh.conftest import MIGRATIONS
from tests.support.database.databases import SERVICE, Databases, MigratedDatabase
from tests.support.waiting import eventually

CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name LIKE '%%readiness'"
)


class Told:
    """What the watch has told so far."""

    def __init__(self) -> None:
        self.all: list[bool] = []

    def __call__(self, ready: bool) -> None:  # noqa: FBT001 - as health is told
        self.all.append(ready)

    def next(self) -> bool:
        """Wait until it has looked twice more: the first look may have begun before the question."""
        before = len(self.all)
        eventually(lambda: len(self.all) >= before + 2)
        return self.all[-1]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def watched(migrated: MigratedDatabase, told: Told) -> Iterator[DatabaseWatch]:
    watch = DatabaseWatch(migrated.service, SchemaRevision(MIGRATIONS), told, pause_s=0.01)
    watch.start()
    yield watch
    watch.stop()


def set_revision(migrated: MigratedDatabase, revision: str) -> None:
    with migrated.opened_by_owner() as owner, owner.transaction() as connection:
        driver(connection).execute("UPDATE alembic_version SET version_num = %s", (revision,))


def newer_code(directory: Path) -> SchemaRevision:
    for name in ("0001_first.py", "0002_second.py"):
        (directory / name).touch()
    return SchemaRevision(directory)


@pytest.mark.usefixtures("watched")
def test_it_is_not_ready_while_the_database_is_away(
    databases: Databases, migrated: MigratedDatabase, told: Told
) -> None:
    assert told.next()
    name = migrated.service.url.rpartition("/")[2].partition("?")[0]
    with psycopg.connect(databases.server.url(), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        connection.execute(CUT, (name,))
        assert not told.next()
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
        assert told.next()


def test_it_is_not_ready_before_it_has_looked(migrated: MigratedDatabase, told: Told) -> None:
    watch = DatabaseWatch(migrated.service, SchemaRevision(MIGRATIONS), told, pause_s=0.01)
    watch.start()
    eventually(lambda: len(told.all) >= 2)
    watch.stop()
    assert told.all[:2] == [False, True]


@pytest.mark.usefixtures("watched")
def test_a_connection_that_was_cut_is_no_reason(databases: Databases, migrated: MigratedDatabase, told: Told) -> None:
    assert told.next()
    name = migrated.service.url.rpartition("/")[2].partition("?")[0]
    with psycopg.connect(databases.server.url(), autocommit=True) as connection:
        for _ in range(5):
            connection.execute(CUT, (name,))
            told.next()
    assert all(told.all[1:])


def test_it_is_not_ready_until_the_schema_is_new_enough(migrated: MigratedDatabase, told: Told, tmp_path: Path) -> None:
    watch = DatabaseWatch(migrated.service, newer_code(tmp_path), told, pause_s=0.01)
    watch.start()
    try:
        assert not told.next()
        set_revision(migrated, "0002")
        assert told.next()
    finally:
        watch.stop()


def test_code_runs_on_a_schema_that_is_newer_and_refuses_an_older_one(
    migrated: MigratedDatabase, database: Database, tmp_path: Path
) -> None:
    code = newer_code(tmp_path)
    with database.connect("tests") as connection:
        with pytest.raises(OlderSchemaError, match=r"at revision 0001, this release needs 0002: migrate it first"):
            code.require(connection)
        for revision in ("0002", "0003", "0417"):
            set_revision(migrated, revision)
            code.require(connection)


def test_a_release_that_was_gone_back_to_leaves_a_newer_schema_as_it_is(
    migrated: MigratedDatabase, database: Database
) -> None:
    set_revision(migrated, "0002")
    migrate(migrated.owner, MIGRATIONS, service_role=SERVICE)
    with closing(database.connect("schema")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0002",)]
