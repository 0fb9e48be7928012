"""Commits wait for a synchronous standby: what is answered is on both.

PostgreSQL answers a commit whose wait is cancelled with success; docs/adr/0028 rests on nothing of ours cancelling it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from services.mesh.postgres.database import Database, DatabaseSettings, driver
from tests.support.database.quick_server import quick_server
from tests.support.waiting import eventually
from tools.postgres import PostgresServer

LIMIT_S = 1.0
WAITING = "SELECT clock_timestamp() - query_start > %s FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with quick_server() as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE numbers (number int)")
            connection.execute("ALTER ROLE ALL SET synchronous_commit = on")
        yield server


@contextmanager
def without_its_standby(server: PostgresServer) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    """Let commits wait for a standby that is away until the block ends."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("SET synchronous_commit = local")
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        connection.execute("SELECT pg_reload_conf()")
        eventually(lambda: connection.execute("SHOW synchronous_standby_names").fetchone() == ("standby",))
        try:
            yield connection
        finally:
            connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
            connection.execute("SELECT pg_reload_conf()")


def test_no_time_limit_lets_a_commit_be_answered_before_the_standby_has_it(postgres: PostgresServer) -> None:
    database = Database(DatabaseSettings(postgres.url(), statement_timeout_s=LIMIT_S))
    answered = threading.Event()

    def insert() -> None:
        with database.transaction() as transaction:
            driver(transaction).execute("INSERT INTO numbers VALUES (1)")
        answered.set()

    inserting = threading.Thread(target=insert)
    with without_its_standby(postgres) as connection:
        inserting.start()
        waited = (f"{2 * LIMIT_S} s",)
        eventually(lambda: connection.execute(WAITING, waited).fetchone() == (True,) or answered.is_set())
        assert not answered.is_set()
        assert connection.execute("SELECT count(*) FROM numbers").fetchone() == (0,)
    inserting.join()
    assert answered.is_set()
    database.close()
