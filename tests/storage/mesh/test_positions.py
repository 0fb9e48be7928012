"""Positions in time: as it was known then, the same whenever asked."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.postgres.database import Database, driver
from services.mesh.records import positions
from tests.support.database.record_service import AuditInMemory, Ledger, publish_everything
from tests.support.waiting import eventually


def database_now(database: Database) -> datetime:
    with database.reading() as connection:
        row = driver(connection).execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    now: datetime = row[0]
    return now


def resolve(database: Database, read_time: datetime) -> int:
    with database.reading() as connection:
        return positions.resolve(connection, read_time)


def test_a_time_resolves_to_the_last_position_published_by_then(
    ledger: Ledger, database: Database, audit: AuditInMemory
) -> None:
    times = []
    for _ in range(3):
        ledger.write("suppliers/1", "suppliers/2")
        publish_everything(database, audit)
        times.append(database_now(database))
    assert [resolve(database, time) for time in times] == [2, 4, 6]
    statement = "SELECT published_at FROM positions WHERE position = 4"
    with database.reading() as connection:
        row = driver(connection).execute(statement).fetchone()
    assert row is not None
    assert resolve(database, row[0]) == 4
    assert resolve(database, row[0] - timedelta(microseconds=1)) == 2


@pytest.mark.parametrize("read_time", [datetime(1999, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)])
def test_a_time_without_a_feed_is_refused(
    ledger: Ledger, database: Database, audit: AuditInMemory, read_time: datetime
) -> None:
    ledger.write("suppliers/1")
    publish_everything(database, audit)
    with pytest.raises(ConcordError) as caught:
        resolve(database, read_time)
    assert caught.value.reason == reasons.ERROR_REASON_INVALID_READ_TIME


def test_a_read_waits_for_positions_that_are_stamped_and_not_committed(
    ledger: Ledger, database: Database, audit: AuditInMemory
) -> None:
    ledger.write("suppliers/1")
    publish_everything(database, audit)
    answers: list[int] = []
    with database.transaction() as publishing:
        raw = driver(publishing)
        raw.execute("SELECT pg_advisory_xact_lock(%s)", (positions.PUBLISHING_LOCK,))
        raw.execute("INSERT INTO positions VALUES (2, 99, 2, clock_timestamp(), 1, '')")
        now = database_now(database)
        reader = threading.Thread(target=lambda: answers.append(resolve(database, now)))
        reader.start()
        eventually(lambda: _waits_for_advisory_lock(database))
        assert not answers
    reader.join()
    assert answers == [2] == [resolve(database, now)]


def _waits_for_advisory_lock(database: Database) -> bool:
    with database.reading() as connection:
        statement = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return driver(connection).execute(statement).fetchone() == (1,)
