"""Depths of a real database: taken off every call, shown while they are fresh, by one replica."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.metrics.gauge import NO_METER, Gauge, Point
from services.mesh.metrics.readings import Reading, Readings
from services.mesh.metrics.standing import show_connections
from services.mesh.postgres.database import Database
from services.mesh.records.spool_depth import AGE, CHANGES, LIMIT, spool_depth
from services.mesh.telemetry import Telemetry, TelemetrySettings
from tests.support.database.record_service import Ledger
from tests.support.server.scraping import scrape, values
from tests.support.waiting import eventually

ONE = Gauge("tests.one", "{thing}", "One.")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def one(_connection: Connection) -> Iterator[Point]:
    yield Point(ONE, 1)


def broken(connection: Connection) -> Iterator[Point]:
    connection.execute(text("SELECT * FROM nowhere"))
    yield Point(ONE, 2)


def shown(readings: Readings) -> dict[str, float]:
    return {point.gauge.name: point.value for point in readings.points()}


def test_an_empty_spool_is_shown_as_empty(database: Database) -> None:
    readings = Readings(database, NO_METER, [spool_depth(10)])
    readings.work()
    assert shown(readings) == {CHANGES.name: 0, LIMIT.name: 10, AGE.name: 0.0}


def test_a_spool_that_holds_something_tells_how_much_and_since_when(ledger: Ledger, database: Database) -> None:
    ledger.write("suppliers/one", "suppliers/two")
    readings = Readings(database, NO_METER, [spool_depth(10)])
    readings.work()
    found = shown(readings)
    assert found[CHANGES.name] == 2
    assert 0 < found[AGE.name] < 60


def test_of_a_spool_that_is_full_not_everything_is_counted(ledger: Ledger, database: Database) -> None:
    ledger.write(*(f"suppliers/{number}" for number in range(9)))
    readings = Readings(database, NO_METER, [spool_depth(3)])
    readings.work()
    assert shown(readings)[CHANGES.name] == 6


def test_a_reading_that_fails_takes_no_other_with_it(database: Database) -> None:
    telemetry = Telemetry(TelemetrySettings(metrics_port=0, access_log=False), "small")
    try:
        readings = Readings(database, telemetry.meter, [Reading("broken", (), broken), Reading("one", (ONE,), one)])
        readings.work()
        served = scrape(telemetry.metrics_port or 0)
        assert values(served["concord_readings_failed_total"], "reading") == {"broken": 1, "one": 0}
        assert served["tests_one"].samples[0].value == 1
    finally:
        telemetry.shutdown()


def test_what_is_old_is_shown_no_longer(database: Database, clock: Clock) -> None:
    readings = Readings(database, NO_METER, [Reading("one", (ONE,), one, every_s=10)], clock=clock)
    readings.work()
    clock.now = 29.9
    assert shown(readings) == {ONE.name: 1}
    clock.now = 30.1
    assert shown(readings) == {}


def test_what_is_dear_is_asked_for_less_often(database: Database, clock: Clock) -> None:
    asked: list[float] = []

    def counted(_connection: Connection) -> Iterator[Point]:
        asked.append(clock.now)
        yield Point(ONE, len(asked))

    readings = Readings(database, NO_METER, [Reading("dear", (ONE,), counted, every_s=10)], clock=clock)
    for clock.now in (0.0, 5.0, 10.0, 15.0, 20.0):
        readings.work()
    assert asked == [0.0, 10.0, 20.0]


def test_a_database_that_is_away_ends_the_election(database: Database) -> None:
    def away(_connection: Connection) -> list[Point]:
        raise ConcordError(reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE, "the database does not answer")

    with pytest.raises(ConcordError, match="does not answer"):
        Readings(database, NO_METER, [Reading("away", (), away)]).work()


def test_of_two_replicas_one_reads(database: Database) -> None:
    readings = [Readings(database, NO_METER, [Reading("one", (ONE,), one)]) for _ in range(2)]
    first, second = (each.job() for each in readings)
    first.start()
    try:
        eventually(first.elected)
        eventually(lambda: shown(readings[0]))
        second.start()
        assert not second.elected()
        assert shown(readings[1]) == {}
        first.stop()
        assert not first.elected()
        assert shown(readings[0]) == {}
        eventually(second.elected)
        eventually(lambda: shown(readings[1]))
    finally:
        first.stop()
        second.stop()


def test_connections_in_use_are_counted_by_pool(database: Database) -> None:
    telemetry = Telemetry(TelemetrySettings(metrics_port=0, access_log=False), "small")
    try:
        show_connections(telemetry.meter, database)
        with database.transaction(), database.reading(), database.reading():
            served = scrape(telemetry.metrics_port or 0)
        assert values(served["concord_database_connections_used"], "pool") == {"write": 1, "read": 2}
        assert set(values(served["concord_database_connections_limit"], "pool")) == {"write", "read"}
    finally:
        telemetry.shutdown()
