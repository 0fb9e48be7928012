"""Transactions with typed errors, and migrations."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.postgres.database import Database, driver
from services.mesh.postgres.migrations import migrate
from tests.storage.mesh.conftest import MIGRATIONS
from tests.support.database.databases import SERVICE, MigratedDatabase


def test_an_error_rolls_the_transaction_back(database: Database) -> None:
    def insert_and_fail() -> None:
        with database.transaction() as connection:
            row = "INSERT INTO idempotency (principal, rpc, request_id, digest) VALUES ('a', 'b', 'c', 'd')"
            driver(connection).execute(row)
            raise KeyError

    with pytest.raises(KeyError):
        insert_and_fail()
    with database.reading() as connection:
        assert driver(connection).execute("SELECT count(*) FROM idempotency").fetchone() == (0,)


def test_reading_cannot_write(database: Database) -> None:
    with pytest.raises(Exception, match="read-only"), database.reading() as connection:
        driver(connection).execute("DELETE FROM idempotency")
    with database.transaction() as connection:
        driver(connection).execute("DELETE FROM idempotency")


def test_what_was_prepared_for_reading_stays_prepared(database: Database) -> None:
    for _ in range(2):
        with database.reading() as connection:
            driver(connection).execute("SELECT count(*) FROM idempotency", prepare=True)
            prepared = driver(connection).execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
            assert prepared == (1,)


def test_a_read_sees_what_was_committed_since_the_one_before(database: Database) -> None:
    with database.reading() as connection:
        assert driver(connection).execute("SELECT count(*) FROM idempotency").fetchone() == (0,)
        with database.transaction() as other:
            row = "INSERT INTO idempotency (principal, rpc, request_id, digest) VALUES ('a', 'b', 'c', 'd')"
            driver(other).execute(row)
        assert driver(connection).execute("SELECT count(*) FROM idempotency").fetchone() == (1,)


def test_plans_of_transactions_are_kept_and_look_records_up(database: Database) -> None:
    with database.transaction() as connection:
        raw = driver(connection)
        raw.execute("PREPARE wanted(text[]) AS SELECT * FROM revisions WHERE record = ANY($1)")
        plan = "\n".join(line for (line,) in raw.execute("EXPLAIN EXECUTE wanted('{a}')"))
    assert "Index Cond: (record = ANY ($1))" in plan


def test_a_deadlock_is_a_concurrent_change(database: Database) -> None:
    barrier = threading.Barrier(2)
    found: list[object] = []

    def lock(first: int, second: int) -> None:
        try:
            with database.transaction() as connection:
                driver(connection).execute("SELECT pg_advisory_xact_lock(%s)", (first,))
                barrier.wait()
                driver(connection).execute("SELECT pg_advisory_xact_lock(%s)", (second,))
        except ConcordError as error:
            found.append(error.reason)

    threads = [threading.Thread(target=lock, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [reasons.ERROR_REASON_CONCURRENT_CHANGE]


def test_a_statement_that_takes_too_long_is_a_deadline(migrated: MigratedDatabase) -> None:
    database = Database(replace(migrated.service, statement_timeout_s=0.05))
    with pytest.raises(ConcordError) as caught, database.transaction() as connection:
        driver(connection).execute("SELECT pg_sleep(10)")
    assert caught.value.reason == reasons.ERROR_REASON_DEADLINE_TOO_SHORT
    database.close()


def test_a_lost_connection_is_an_unavailable_dependency_once(database: Database) -> None:
    with pytest.raises(ConcordError) as caught, database.transaction() as connection:
        driver(connection).execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert caught.value.reason == reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE
    with database.transaction() as connection:
        driver(connection).execute("SELECT 1")


def test_no_database_is_an_unavailable_dependency(migrated: MigratedDatabase, tmp_path: Path) -> None:
    nowhere = Database(replace(migrated.service, url=f"postgresql://nobody@/nothing?host={tmp_path}"))
    with pytest.raises(ConcordError) as caught, nowhere.transaction():
        pass
    assert caught.value.reason == reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE
    assert caught.value.metadata == {"dependency": "database"}


def test_an_exhausted_pool_is_an_unavailable_dependency(migrated: MigratedDatabase) -> None:
    database = Database(replace(migrated.service, pool_size=1, pool_timeout_s=0.05))
    with database.transaction() as connection:
        for _ in range(3):
            with pytest.raises(ConcordError) as caught, database.transaction():
                pass
            assert caught.value.reason == reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE
        held = driver(connection)
    # No further connection was opened: the next transaction gets the one there is.
    with database.transaction() as connection:
        assert driver(connection) is held
    database.close()


def test_migrating_again_changes_nothing(migrated: MigratedDatabase) -> None:
    before = schema(migrated)
    migrate(migrated.owner, MIGRATIONS, service_role=SERVICE)
    assert schema(migrated) == before
    with migrated.opened_by_owner() as owner, owner.transaction() as connection:
        driver(connection).execute("CREATE TABLE planted (a int)")
    assert schema(migrated) != before


def schema(migrated: MigratedDatabase) -> list[tuple[str, ...]]:
    """Return what there is in a database, as its catalogs tell it: relations, columns, indexes, triggers, grants."""
    told = """
    SELECT 'relation', c.oid::text, c.relname, coalesce(c.relacl::text, ''), coalesce(pg_get_indexdef(i.indexrelid), '')
    FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'column', a.attrelid::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'trigger', t.oid::text, t.tgname, pg_get_triggerdef(t.oid), '' FROM pg_trigger t
    UNION ALL
    SELECT 'function', f.oid::text, f.proname, f.prosrc, coalesce(f.proacl::text, '') FROM pg_proc f
    WHERE f.pronamespace = 'public'::regnamespace
    """
    with migrated.opened_by_owner() as owner, owner.reading() as connection:
        return sorted(driver(connection).execute(told).fetchall())


def test_a_role_name_is_no_place_for_sql(migrated: MigratedDatabase) -> None:
    with pytest.raises(ValueError, match="not a role name"):
        migrate(migrated.owner, MIGRATIONS, service_role="x; DROP TABLE records")
