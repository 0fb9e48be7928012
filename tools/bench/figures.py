"""The arithmetic: medians of rounds, ratios to the yardstick, percentiles; and the file that they are written to."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tools.bench.processor_time import ProcessorTime


@dataclass(frozen=True)
class Round:
    """One round that counts: so many calls, the processor time that they took, calls a second, how busy the client."""

    calls: int
    used: ProcessorTime
    rate: float
    busy: float


@dataclass(frozen=True)
class Costs:
    """What a call costs: medians of rounds, in microseconds of processor time; calls a second; the client's load."""

    service: float
    audit: float
    postgres: float
    rate: float
    busy: float

    @classmethod
    def of(cls, rounds: Sequence[Round]) -> "Costs":
        """Return the medians of rounds."""
        per_call = [one.used.per(one.calls) for one in rounds]
        return cls(
            service=median(each.service for each in per_call),
            audit=median(each.audit for each in per_call),
            postgres=median(each.postgres for each in per_call),
            rate=median(one.rate for one in rounds),
            busy=median(one.busy for one in rounds),
        )


@dataclass(frozen=True)
class Figure:
    """One figure as it is reported; `of` names what `ratio` compares it with, `limit` is what has been promised."""

    name: str
    value: float
    unit: str
    of: str | None = None
    ratio: float | None = None
    rate: float | None = None
    costs: Costs | None = None
    also: Mapping[str, float] = field(default_factory=dict)

    def told(self) -> dict[str, float | str]:
        """Return it as JSON has it."""
        wanted: dict[str, float | str | None] = {
            "value": self.value,
            "unit": self.unit,
            "of": self.of,
            "ratio": self.ratio,
            "rate": self.rate,
        }
        if self.costs is not None:
            wanted |= {
                "service_us": self.costs.service,
                "audit_us": self.costs.audit,
                "postgres_us": self.costs.postgres,
                "client_busy": self.costs.busy,
            }
        return {name: _rounded(value) for name, value in {**wanted, **self.also}.items() if value is not None}


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of the values do not exceed. ValueError for none."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def write(figures: Sequence[Figure], path: Path) -> None:
    """Write figures by name as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({figure.name: figure.told() for figure in figures}, indent=2) + "\n")


def _rounded(value: float | str) -> float | str:
    return round(value, 3) if isinstance(value, float) else value
