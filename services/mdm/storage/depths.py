"""How much waits in the hub, as gauges: for people, and for the search index."""

from collections.abc import Iterator

from sqlalchemy import Connection

from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.storage.matching import match_candidates
from services.mdm.storage.matching.search_index import SearchIndex
from services.mdm.storage.stewardship import change_request_records
from services.mdm.storage.tables import references
from services.mdm.storage.writing import quarantine
from services.mesh.metrics.gauge import Gauge, Point
from services.mesh.metrics.readings import Reading
from services.mesh.postgres.database import driver

QUARANTINED = Gauge("concord.quarantine.open", "{record}", "Records of a system that the hub did not take in.")
REVIEWS = Gauge("concord.review.open", "{pair}", "Pairs of records that wait for a steward.")
REVIEW_AGE = Gauge("concord.review.age", "s", "How long the pair that waits longest has waited.")
REQUESTS = Gauge("concord.change_requests.open", "{request}", "Change requests that wait for a second person.")
EXCEPTIONS = Gauge("concord.references.broken", "{reference}", "References of golden records that do not hold.")
UNSEARCHED = Gauge("concord.search.behind", "{change}", "Published changes that the search index has not taken in.")

# These go over all that waits, the last one over all references that there are.
_QUEUE_EVERY_S = 15.0
_REFERENCES_EVERY_S = 300.0

_QUARANTINED = f"""
SELECT r.record, (SELECT count(*) FROM record_index s JOIN record_index i USING (record_type, record)
    WHERE s.record_type = '{quarantine.RECORD_TYPE}' AND s.path = 'system' AND s.value = r.record
    AND s.to_revision IS NULL AND i.path = 'state' AND i.value = 'STATE_OPEN' AND i.to_revision IS NULL)
FROM (SELECT record FROM records WHERE record_type = 'system' UNION ALL SELECT '{quarantine.UNKNOWN}') AS r
"""  # noqa: S608 - constants of ours
_REQUESTS = f"""
SELECT count(*) FROM record_index WHERE record_type = '{change_request_records.RECORD_TYPE}' AND path = 'state'
AND value = 'STATE_OPEN' AND to_revision IS NULL
"""  # noqa: S608 - a constant of ours


def depths() -> list[Reading]:
    """Return the readings of what waits."""
    return [
        Reading("quarantine", (QUARANTINED,), _quarantined, _QUEUE_EVERY_S),
        Reading("review", (REVIEWS, REVIEW_AGE), _reviews, _QUEUE_EVERY_S),
        Reading("change requests", (REQUESTS,), _requests, _QUEUE_EVERY_S),
        Reading("search", (UNSEARCHED,), _unsearched),
        Reading("references", (EXCEPTIONS,), _broken, _REFERENCES_EVERY_S),
    ]


def _quarantined(connection: Connection) -> Iterator[Point]:
    for system, count in driver(connection).execute(_QUARANTINED):
        yield Point(QUARANTINED, count, {"system": system})


def _reviews(connection: Connection) -> Iterator[Point]:
    waiting = match_candidates.depths(connection)
    for record_type in RECORD_TYPES:
        count, age_s = waiting.get(record_type.name, (0, 0.0))
        yield Point(REVIEWS, count, {"record_type": record_type.name})
        yield Point(REVIEW_AGE, age_s, {"record_type": record_type.name})


def _requests(connection: Connection) -> Iterator[Point]:
    for (count,) in driver(connection).execute(_REQUESTS):
        yield Point(REQUESTS, count)


def _unsearched(connection: Connection) -> Iterator[Point]:
    yield Point(UNSEARCHED, SearchIndex.behind(connection))


def _broken(connection: Connection) -> Iterator[Point]:
    yield Point(EXCEPTIONS, references.count(connection, references.Question()))
