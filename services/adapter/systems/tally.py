"""The tally of one system's documents: what became of those that were read, and which could not be translated."""

from collections.abc import Mapping

from opentelemetry.metrics import Meter

from services.mesh.metrics.gauge import NO_METER


class Tally:
    """Counts documents of one system, by outcome and by kind; never by anything that they say."""

    def __init__(self, meter: Meter, system: str) -> None:
        self._system = system
        self._documents = meter.create_counter("concord.documents", "{document}", "Documents read, by outcome.")
        self._failed = meter.create_counter(
            "concord.transformations.failed", "{document}", "Documents that could not be translated."
        )

    @classmethod
    def off(cls) -> "Tally":
        """Return a tally that nobody reads."""
        return cls(NO_METER, "")

    def took_in(self, outcomes: Mapping[str, int]) -> None:
        """Count documents that were taken in, by what became of them."""
        for outcome, count in outcomes.items():
            self._documents.add(count, {"system": self._system, "outcome": outcome})

    def untranslatable(self, kind: str) -> None:
        """Count a document of the connector's kind that could not be translated, or no longer for the same reason."""
        self._failed.add(1, {"system": self._system, "kind": kind})
