"""The watch on evidence: compares all of a service's evidence with the audit's by itself, and raises the alarm."""

import logging
from collections.abc import Sequence

from opentelemetry.metrics import Meter

from services.mesh.evidence.comparison import OwnSide, Page, Side, compare
from services.mesh.metrics.gauge import Gauge, Point, observe
from services.mesh.postgres.database import Database
from services.mesh.postgres.elected import Elected, scheduled

DIFFERENCES = Gauge(
    "concord.evidence.differences", "{change}", "Changes on which a service and the audit differ. An alarm."
)
COMPARED = Gauge("concord.evidence.compared", "{change}", "Changes that the last whole reconciliation compared.")

_MOST_NAMED = 100
"""Differences in the log of one run; the metric counts all of them."""

_log = logging.getLogger(__name__)


class EvidenceWatch:
    """One run after the other, range by range; where a run breaks off it goes on."""

    def __init__(self, source_service: str, own: OwnSide, audit: Side, meter: Meter) -> None:
        self._source_service = source_service
        self._own = own
        self._audit = audit
        self._behind = ""
        self._compared = self._differences = 0
        self._concluded: Sequence[Point] = ()
        self._job: Elected | None = None
        observe(meter, (DIFFERENCES, COMPARED), self._points)

    def jobs(self, database: Database, interval_s: float) -> list[Elected]:
        """Return the job that makes one run in every interval, in one replica at a time; none for an interval of 0."""
        jobs = scheduled(database, "reconciliation", self.work, interval_s=interval_s)
        self._job = jobs[0] if jobs else None
        return jobs

    def work(self) -> bool:
        """Compare the next ranges; False at the end of a run. Raises ConcordError."""
        page = compare(self._own, self._audit, self._behind)
        self._tell(page)
        self._compared += page.compared
        self._differences += len(page.differences)
        if page.behind is not None:
            self._behind = page.behind
            return True
        self._conclude()
        return False

    def _tell(self, page: Page) -> None:
        for found in page.differences[: max(0, _MOST_NAMED - self._differences)]:
            _log.error(
                "alarm: evidence of %s differs: %s revision %d: %s",
                *(self._source_service, found.record, found.revision, found.kind.name.lower()),
            )

    def _conclude(self) -> None:
        of = {"source_service": self._source_service}
        self._concluded = (Point(DIFFERENCES, self._differences, of), Point(COMPARED, self._compared, of))
        _log.info("%d changes compared with the audit, %d differ", self._compared, self._differences)
        self._behind, self._compared, self._differences = "", 0, 0

    def _points(self) -> Sequence[Point]:
        """Return what the last run found, while this replica makes the runs: another's may have found otherwise."""
        return self._concluded if self._job is None or self._job.elected() else ()
