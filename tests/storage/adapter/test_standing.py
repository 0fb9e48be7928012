"""How far a system is behind, since when, and which documents could not be translated, as gauges tell it."""

import pytest

from services.adapter.storage.agenda import Depth
from services.adapter.systems.tally import Tally
from services.mesh.postgres.database import driver
from services.mesh.telemetry import Telemetry, TelemetrySettings
from tests.support.adapter.outposts import ERP, Landscape, Session
from tests.support.server.scraping import scrape

ONE = "suppliers/000000001"


@pytest.fixture
def session(landscape: Landscape) -> Session:
    landscape.system.edit("vendor/1", number="000000001", name="Acme", phone="1", url="acme.example")
    session = landscape.start()
    session.settle()
    return session


def depth(session: Session) -> Depth:
    with session.outpost.database.reading() as connection:
        return session.outpost.agenda.depth(connection, session.outpost.today())


def age(session: Session, seconds: int) -> None:
    """Make everything on the agenda older."""
    with session.outpost.database.transaction() as connection:
        driver(connection).execute("UPDATE agenda SET since = since - make_interval(secs => %s)", (seconds,))


def test_a_delivery_waits_from_when_it_came_and_a_newer_revision_does_not_make_it_younger(
    landscape: Landscape, session: Session
) -> None:
    assert depth(session) == Depth(0, 0, 0.0)
    landscape.hub.correct(ONE, phone="2")
    session.follow()
    age(session, 100)
    landscape.hub.correct(ONE, phone="3")
    session.follow()
    waiting = depth(session)
    assert waiting.changes == 1
    assert 100 <= waiting.age_s < 160
    session.deliver()
    assert depth(session) == Depth(0, 0, 0.0)


def test_documents_are_counted_by_outcome_and_failures_once_however_often_they_are_read(landscape: Landscape) -> None:
    telemetry = Telemetry(TelemetrySettings(metrics_port=0, access_log=False), "small")
    try:
        landscape.system.edit("vendor/1", number="000000001", name="Acme")
        landscape.system.edit("vendor/2", number="000000002", name="Bolt", broken="yes")
        session = landscape.start(tally=Tally(telemetry.meter, ERP))
        for _ in range(3):
            session.pull(full=True)
        served = scrape(telemetry.metrics_port or 0)
        (failed,) = served["concord_transformations_failed_total"].samples
        assert (failed.labels, failed.value) == ({"system": ERP, "kind": "vendor"}, 1)
        outcomes = {sample.labels["outcome"]: sample.value for sample in served["concord_documents_total"].samples}
        assert outcomes == {"created": 1, "updated": 0, "unchanged": 2, "quarantined": 3}
    finally:
        telemetry.shutdown()
