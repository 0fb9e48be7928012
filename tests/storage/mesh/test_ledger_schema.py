"""What the database itself refuses, whatever code runs."""

from typing import LiteralString

import psycopg
import pytest
from sqlalchemy import exc

from services.mesh.postgres.database import Database, driver
from services.mesh.records.schema import OPERATIONAL_TABLES, guard_table
from tests.support.database import inspection
from tests.support.database.databases import MigratedDatabase
from tests.support.database.record_service import Ledger

HEAD = "INSERT INTO records VALUES ('suppliers/raw', 'supplier', 1, 1, '{}')"
CONTENT = (
    "INSERT INTO revisions (record, revision, record_type, state, body, created_at)"
    " VALUES ('suppliers/raw', 1, 'supplier', 1, '', now())"
)
CHANGE = (
    "INSERT INTO changes (record, revision, record_type, operation, entities, traceparent, occurred_at, leaf)"
    " VALUES ('suppliers/raw', 1, 'supplier', 1, '{}', '', now(), 'x')"
)


def run(database: Database, *statements: str) -> None:
    with database.transaction() as connection:
        for statement in statements:
            driver(connection).execute(statement.encode())


@pytest.mark.parametrize("row", [HEAD, CONTENT])
def test_a_change_without_its_row_fails_at_commit(migrated: MigratedDatabase, row: LiteralString) -> None:
    with migrated.opened_by_owner() as database, database.engine.connect() as connection:
        driver(connection).execute(row)
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="no change row"):
            driver(connection).commit()


def test_raw_sql_with_its_change_row_commits(database: Database) -> None:
    run(database, HEAD, CONTENT, CHANGE)
    with database.reading() as connection:
        assert driver(connection).execute("SELECT count(*) FROM spool").fetchone() == (1,)


def test_a_change_row_without_its_revision_is_refused(database: Database) -> None:
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="has no revision"):
        run(database, CHANGE)


def test_a_change_row_of_another_transaction_does_not_count(migrated: MigratedDatabase) -> None:
    with migrated.opened_by_owner() as database:
        run(database, HEAD, CONTENT, CHANGE)
        run(database, "ALTER TABLE revisions DISABLE TRIGGER refuse_rewrite", "DELETE FROM revisions")
        with pytest.raises(exc.IntegrityError, match="no change row"):
            run(database, CONTENT)


def test_a_temporary_table_does_not_stand_in_for_the_change_rows(database: Database) -> None:
    row = "'suppliers/raw' AS record, 1 AS revision, pg_current_xact_id() AS xid"
    forged = f"CREATE TEMPORARY TABLE changes AS SELECT {row}"
    with pytest.raises(exc.IntegrityError, match="no change row"):
        run(database, forged, CONTENT)


def test_the_service_role_cannot_forge_a_transaction_id(database: Database) -> None:
    forged = CHANGE.replace("leaf)", "leaf, xid)").replace("'x')", "'x', '5')")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run(database, HEAD, CONTENT, forged)


@pytest.mark.parametrize("table", ["revisions", "changes", "positions", "record_keys", "records"])
@pytest.mark.parametrize("rewrite", ["DELETE FROM {}", "TRUNCATE {}", "UPDATE {} SET record = 'x'"])
def test_the_service_role_cannot_rewrite(database: Database, table: str, rewrite: str) -> None:
    statement = rewrite.format(table).replace("record =", "leaf_hash =" if table == "positions" else "record =")
    with pytest.raises(psycopg.errors.InsufficientPrivilege), database.transaction() as connection:
        driver(connection).execute(statement.encode())


@pytest.mark.parametrize("table", ["revisions", "changes", "positions"])
@pytest.mark.parametrize("rewrite", ["DELETE FROM {}", "TRUNCATE {}"])
def test_not_even_the_owner_rewrites_by_accident(migrated: MigratedDatabase, table: str, rewrite: str) -> None:
    with migrated.opened_by_owner() as database, pytest.raises(psycopg.errors.RestrictViolation):
        run(database, rewrite.format(table))


@pytest.mark.parametrize("revision", ["revision", "revision + 2", "revision - 1"])
def test_a_head_moves_by_exactly_one_revision(ledger: Ledger, revision: str) -> None:
    ledger.write("suppliers/1")
    ledger.write("suppliers/1")
    with pytest.raises(psycopg.errors.CheckViolation), ledger.database.transaction() as connection:
        driver(connection).execute(f"UPDATE records SET revision = {revision}".encode())  # noqa: S608 - ours


def test_a_head_begins_with_revision_one(database: Database) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        run(database, "INSERT INTO records VALUES ('suppliers/raw', 'supplier', 2, 1, '{}')")


def test_the_schema_test_passes_on_the_ledger(database: Database) -> None:
    with database.reading() as connection:
        assert inspection.tables_without_change_trigger(connection, OPERATIONAL_TABLES) == []


def test_the_schema_test_finds_a_planted_mutable_table(migrated: MigratedDatabase) -> None:
    with migrated.opened_by_owner() as database:
        run(database, "CREATE TABLE planted (record text, revision bigint, note text)")
        with database.reading() as connection:
            assert inspection.tables_without_change_trigger(connection, OPERATIONAL_TABLES) == ["planted"]
        run(database, guard_table("planted"))
        with database.reading() as connection:
            assert inspection.tables_without_change_trigger(connection, OPERATIONAL_TABLES) == []


def test_the_schema_test_finds_a_disabled_trigger(migrated: MigratedDatabase) -> None:
    with migrated.opened_by_owner() as database:
        run(database, "ALTER TABLE revisions DISABLE TRIGGER require_change_row")
        with database.reading() as connection:
            assert inspection.tables_without_change_trigger(connection, OPERATIONAL_TABLES) == ["revisions"]


@pytest.mark.parametrize("exempt", [{"nowhere": "because"}, {"spool": " "}, {"revisions": "guarded"}])
def test_a_stale_or_unreasoned_exemption_is_refused(database: Database, exempt: dict[str, str]) -> None:
    with database.reading() as connection, pytest.raises(ValueError, match="exempt"):
        inspection.tables_without_change_trigger(connection, {**OPERATIONAL_TABLES, **exempt})
