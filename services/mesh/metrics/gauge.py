"""Gauges: what is, not what happened; asked for when somebody reads the metrics."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from opentelemetry.metrics import CallbackOptions, Meter, NoOpMeter, Observation

NO_METER: Meter = NoOpMeter("off")
"""What nobody reads."""


class Gauge(NamedTuple):
    """A gauge by its fixed name; units as UCUM says them: `s`, `{change}`."""

    name: str
    unit: str
    description: str


@dataclass(frozen=True)
class Point:
    """What a gauge shows for one set of labels, none of which is a value of a record."""

    gauge: Gauge
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def observe(meter: Meter, gauges: Iterable[Gauge], points: Callable[[], Iterable[Point]]) -> None:
    """Show what `points` returns, which must come from memory: it is called for every gauge at every scrape."""

    def show(gauge: Gauge) -> None:
        def observed(_options: CallbackOptions) -> Iterator[Observation]:
            return (Observation(point.value, point.labels) for point in points() if point.gauge == gauge)

        meter.create_observable_gauge(gauge.name, [observed], gauge.unit, gauge.description)

    for gauge in gauges:
        show(gauge)
