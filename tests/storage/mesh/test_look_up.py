"""Look-ups on a real database: the rows and the errors that the driver would give."""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.postgres.database import Database, driver
from services.mesh.postgres.look_up import LookUp
from services.mesh.records import statements
from tests.storage.mesh.test_record_store import SUPPLIER
from tests.support.database.databases import MigratedDatabase
from tests.support.database.record_service import Ledger


@pytest.fixture
def single(migrated: MigratedDatabase) -> Iterator[Database]:
    """A database of one connection, so that every read has the same."""
    database = Database(replace(migrated.service, pool_size=1, pool_timeout_s=1.0))
    yield database
    database.close()


def test_a_look_up_finds_the_rows_that_the_driver_finds(ledger: Ledger, database: Database) -> None:
    for name in ("suppliers/1", "suppliers/ü"):
        ledger.change(name, SUPPLIER)
        with database.reading() as connection:
            found = statements.LOOK_NEWEST_UP.rows(connection, name)
            expected = driver(connection).execute(statements.READ_NEWEST_ONE.encode(), {"name": name}).fetchall()
        (row,) = found
        *same, _clock = row
        assert [tuple(same)] == [each[:-1] for each in expected]


def test_a_name_that_nothing_belongs_to_has_no_rows(database: Database) -> None:
    for _ in range(2):
        with database.reading() as connection:
            assert statements.LOOK_NEWEST_UP.rows(connection, "suppliers/none") == []


def test_a_connection_prepares_a_look_up_once(single: Database) -> None:
    for _ in range(3):
        with single.reading() as connection:
            statements.LOOK_NEWEST_UP.rows(connection, "suppliers/none")
            prepared = driver(connection).execute("SELECT name FROM pg_prepared_statements").fetchall()
            assert prepared == [("newest_revision",)]


def test_a_look_up_works_within_transactions_and_after_one_was_rolled_back(single: Database) -> None:
    both = LookUp("both", "SELECT $1::integer % 7, $2 || '%'")
    with single.reading() as connection:
        expected = both.rows(connection, "9", "ü")
    assert expected == [(2, "ü%")]
    with single.transaction() as connection:
        assert both.rows(connection, "9", "ü") == expected
    with pytest.raises(psycopg.errors.InvalidTextRepresentation), single.transaction() as connection:
        both.rows(connection, "none", "")
    with single.transaction() as connection:
        assert both.rows(connection, "9", "ü") == expected


def test_a_look_up_works_after_its_first_execution_failed(single: Database) -> None:
    halved = LookUp("halved", "SELECT 4 / $1::integer")
    with pytest.raises(psycopg.errors.DivisionByZero), single.reading() as connection:
        halved.rows(connection, "0")
    with single.reading() as connection:
        assert halved.rows(connection, "2") == [(2,)]


def test_a_connection_that_was_lost_is_an_unavailable_dependency_once(single: Database) -> None:
    cut = LookUp("cut", "SELECT pg_terminate_backend(pg_backend_pid()) WHERE $1 <> ''")
    with pytest.raises(ConcordError) as caught, single.reading() as connection:
        cut.rows(connection, "me")
    assert caught.value.reason == reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE
    with single.reading() as connection:
        assert statements.LOOK_NEWEST_UP.rows(connection, "suppliers/none") == []


def test_a_look_up_that_takes_too_long_is_a_deadline(migrated: MigratedDatabase) -> None:
    database = Database(replace(migrated.service, statement_timeout_s=0.05))
    slow = LookUp("slow", "SELECT pg_sleep(10) WHERE $1 <> ''")
    with pytest.raises(ConcordError) as caught, database.reading() as connection:
        slow.rows(connection, "me")
    assert caught.value.reason == reasons.ERROR_REASON_DEADLINE_TOO_SHORT
    database.close()


def test_a_name_with_a_nul_character_breaks_a_constraint(database: Database) -> None:
    with pytest.raises(ConcordError) as caught, database.reading() as connection:
        statements.LOOK_NEWEST_UP.rows(connection, "suppliers/\0")
    assert caught.value.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED
