"""What waits for people in the hub, as gauges tell it."""

from concord.mdm.v1 import supplier_pb2
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.storage.depths import EXCEPTIONS, QUARANTINED, REQUESTS, REVIEWS, UNSEARCHED, depths
from services.mesh.metrics.gauge import Gauge
from tests.support.database.record_service import AuditInMemory, publish_everything
from tests.support.hub.stored import TestHub, statement


def shown(hub: TestHub, gauge: Gauge) -> dict[str, float]:
    """Return a gauge's values by its only label; "" where it has none."""
    with hub.database.reading() as connection:
        points = [point for reading in depths() for point in reading.read(connection) if point.gauge == gauge]
    return {next(iter(point.labels.values()), ""): point.value for point in points}


def test_nothing_that_waits_is_shown_as_nothing_and_not_left_out(hub: TestHub) -> None:
    assert shown(hub, REVIEWS) == dict.fromkeys((each.name for each in RECORD_TYPES), 0)
    assert shown(hub, REQUESTS) == {"": 0}
    assert shown(hub, EXCEPTIONS) == {"": 0}
    assert set(shown(hub, QUARANTINED).values()) == {0}


def test_what_is_refused_waits_at_its_system_until_it_is_taken_in(hub: TestHub) -> None:
    wrong = statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="S", lei="wrong"))
    hub.submit(wrong, statement("systems/nobody", "1", supplier_pb2.Supplier(legal_name="S")))
    found = shown(hub, QUARANTINED)
    assert (found["systems/erp"], found["systems/unknown"]) == (1, 1)
    hub.submit(statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="S")))
    assert shown(hub, QUARANTINED)["systems/erp"] == 0


def test_what_was_published_waits_for_search_until_the_index_has_taken_it_in(hub: TestHub) -> None:
    hub.submit(statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="S")))
    assert shown(hub, UNSEARCHED) == {"": 0}
    publish_everything(hub.database, AuditInMemory())
    published = shown(hub, UNSEARCHED)[""]
    assert published > 0
    assert hub.parts.search_index.step() == published
    assert shown(hub, UNSEARCHED) == {"": 0}
