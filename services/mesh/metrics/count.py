"""Counts: how often something happened, without labels; cheap to add to, since they are only asked for at a scrape."""

import threading
from collections.abc import Iterator

from opentelemetry.metrics import CallbackOptions, Meter, Observation


class Count:
    """One counter, shown from zero on; safe in threads."""

    def __init__(self, meter: Meter, name: str, unit: str, description: str) -> None:
        self._lock = threading.Lock()
        self._count = 0
        meter.create_observable_counter(name, [self._observed], unit, description)

    def add(self, count: int) -> None:
        """Count so many more."""
        with self._lock:
            self._count += count

    def _observed(self, _options: CallbackOptions) -> Iterator[Observation]:
        yield Observation(self._count)
