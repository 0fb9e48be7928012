"""Readings: gauges of what a database holds, taken by one replica at a time.

A depth belongs to the database, so all replicas would show the same one, and a sum over them would count it as many
times. The elected replica alone reads, every few seconds and in a thread of its own: no call and no scrape ever waits
for it. What could not be read anew is shown no longer, nor is anything by a replica that lost its election; an old
depth would be taken for a good one.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import psycopg
from opentelemetry.metrics import Meter
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.metrics.gauge import Gauge, Point, observe
from services.mesh.postgres.database import Database
from services.mesh.postgres.elected import Elected

READ_EVERY_S = 5.0
_SHOWN_FOR = 3
"""How many intervals what was read is shown for."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """Gauges that a question to the database answers; one whose cost grows with the tables is asked less often."""

    name: str
    gauges: tuple[Gauge, ...]
    read: Callable[[Connection], Iterable[Point]]
    every_s: float = READ_EVERY_S


@dataclass(frozen=True)
class _Taken:
    due_at: float
    shown_until: float
    points: tuple[Point, ...]


class Readings:
    """The newest points of every reading, for as long as they are fresh."""

    def __init__(
        self,
        database: Database,
        meter: Meter,
        readings: Sequence[Reading],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._readings = readings
        self._clock = clock
        self._lock = threading.Lock()
        self._newest: dict[str, _Taken] = {}
        self._job: Elected | None = None
        self._failed = meter.create_counter("concord.readings.failed", "{reading}", "Readings that failed.")
        for reading in readings:
            self._failed.add(0, {"reading": reading.name})
            observe(meter, reading.gauges, self.points)

    def job(self) -> Elected:
        """Return the job that reads while this replica is elected for it."""
        self._job = Elected(self._database, "readings", self.work, idle_pause_s=READ_EVERY_S)
        return self._job

    def work(self) -> bool:
        """Take every reading that is due; nothing more is to be done at once.

        Raises ConcordError DEPENDENCY_UNAVAILABLE. Another failure is that of one reading, and the others go on.
        """
        for reading in self._readings:
            try:
                if self._is_due(reading):
                    self._take(reading)
            except (ConcordError, SQLAlchemyError, psycopg.Error) as error:
                self._failed.add(1, {"reading": reading.name})
                if isinstance(error, ConcordError) and error.reason == reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE:
                    raise
                _log.warning("%s can't be read: %s", reading.name, type(error).__name__)
        return False

    def points(self) -> list[Point]:
        """Return what is fresh, unless another replica reads by now."""
        if self._job is not None and not self._job.elected():
            return []
        with self._lock:
            newest = list(self._newest.values())
        now = self._clock()
        return [point for taken in newest if now < taken.shown_until for point in taken.points]

    def _is_due(self, reading: Reading) -> bool:
        taken = self._newest.get(reading.name)
        return taken is None or self._clock() >= taken.due_at

    def _take(self, reading: Reading) -> None:
        with self._database.reading() as connection:
            points = tuple(reading.read(connection))
        now = self._clock()
        with self._lock:
            self._newest[reading.name] = _Taken(now + reading.every_s, now + _SHOWN_FOR * reading.every_s, points)
