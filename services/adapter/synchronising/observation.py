"""What operators see of a system: what became of its documents, what waits, whether it answers."""

from collections.abc import Iterator, Mapping

from opentelemetry.metrics import Meter
from sqlalchemy import Connection

from concord.adapter.v1.adapter_pb2 import Discrepancy, QuarantinedDocument
from services.adapter.storage import synchronizations
from services.adapter.synchronising.worker import Worker
from services.mesh.metrics.gauge import Gauge, Point, observe
from services.mesh.metrics.readings import Reading

LAG = Gauge("concord.feed.lag", "{change}", "Published golden records that are not delivered to a system yet.")
LAG_AGE = Gauge("concord.feed.lag.age", "s", "How long the one that waits longest has waited for its delivery.")
BLOCKED = Gauge("concord.feed.blocked", "{change}", "Deliveries that wait for the hub to accept the system's word.")
QUARANTINED = Gauge("concord.quarantine.open", "{record}", "Documents of a system that could not be translated.")
DISCREPANCIES = Gauge("concord.discrepancies.open", "{discrepancy}", "Where a system says another thing than the hub.")
CONTACT_AGE = Gauge("concord.system.contact.age", "s", "How long ago a system answered last as it should.")
PAUSED = Gauge("concord.system.paused", "{flag}", "1 while a person has paused a system's synchronisation.")
FAILURES = Gauge("concord.system.failures", "{failure}", "Failures in a row of a system's synchronisation.")

SILENCE = Gauge("concord.feed.silence", "s", "How long the hub's feed has said nothing, not even a bookmark.")


def standing(workers: Mapping[str, Worker]) -> Reading:
    """Return the reading of where each system stands."""

    def read(connection: Connection) -> Iterator[Point]:
        for worker in workers.values():
            yield from _standing(connection, worker)

    return Reading("systems", (LAG, LAG_AGE, BLOCKED, QUARANTINED, DISCREPANCIES, CONTACT_AGE, PAUSED), read)


def show_workers(meter: Meter, workers: Mapping[str, Worker]) -> None:
    """Show of each system that this process synchronises how often that failed in a row, and whether the hub speaks."""

    def points() -> Iterator[Point]:
        for name, worker in workers.items():
            if worker.elected():
                yield Point(FAILURES, worker.failures, {"system": name})
                yield Point(SILENCE, worker.silence_s, {"system": name})

    observe(meter, [FAILURES, SILENCE], points)


def _standing(connection: Connection, worker: Worker) -> Iterator[Point]:
    outpost, of = worker.outpost, {"system": worker.outpost.name}
    waiting = outpost.agenda.depth(connection, outpost.today())
    yield Point(LAG, waiting.changes, of)
    yield Point(LAG_AGE, waiting.age_s, of)
    yield Point(BLOCKED, waiting.blocked, of)
    yield Point(QUARANTINED, outpost.ledger.count_open(connection, outpost.name, QuarantinedDocument), of)
    yield Point(DISCREPANCIES, outpost.ledger.count_open(connection, outpost.name, Discrepancy), of)
    yield Point(PAUSED, int(worker.states.is_paused(connection)), of)
    contact = synchronizations.read(connection, outpost.name).last_contact_time
    if contact is not None:
        yield Point(CONTACT_AGE, (outpost.clock() - contact).total_seconds(), of)
