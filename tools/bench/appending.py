"""Appending to the audit's log, how long a receipt takes and how long a proof: in a small log and in a large one.

Their rounds take turns, so that a machine that changes its speed changes that of both.
"""

from collections.abc import Callable
from functools import cached_property
from statistics import median

from tools.bench.audit_log import AuditLog
from tools.bench.figures import Costs, Figure, Round
from tools.bench.hub import Hub
from tools.bench.load import Outcome

SMALL = 10_000
DEFAULT_SIZE = 1_000_000

_BATCH, _BATCHES, _RELAYS = 500, 30, 4
_CALLERS, _CALLS, _RECEIPTS = 64, 4_000, 2_000
_PROOFS = 2_000
_ROUNDS = 5


class Appending:
    """Measures both logs, from empty on; `progress` is told what has been done."""

    def __init__(self, hub: Hub, size: int, progress: Callable[[str], None]) -> None:
        self._hub = hub
        self._size = size
        self._progress = progress

    def batch_figure(self, name: str) -> Figure:
        """Measure batches of 500. Raises LoadError."""
        small, large = self._in_batches
        return _figure(name, small, large, self._large.storage())

    def single_figure(self, name: str) -> Figure:
        """Measure 64 callers of one leaf each. Raises LoadError."""
        small, large = self._one_by_one
        outcomes = [self._large.round(_RECEIPTS, 1, _CALLERS, large.rate / 2)[1] for _ in range(_ROUNDS)]
        p50, p99 = median(one.p50_ms for one in outcomes), median(one.p99_ms for one in outcomes)
        self._progress(f"receipts at {large.rate / 2:,.0f}/s: p50 {p50:.1f} ms, p99 {p99:.1f}")
        return _figure(name, small, large, {"receipt_p50": p50, "receipt_p99": p99})

    def proof_figure(self, name: str) -> Figure:
        """Measure proofs in the large log, one at a time. Raises LoadError."""
        self._large.prove(_PROOFS // 10)
        outcome = self._large.prove(_PROOFS)
        leaves = self._large.leaves()
        self._progress(f"a proof among {leaves:,} leaves: p50 {outcome.p50_ms:.2f} ms, p99 {outcome.p99_ms:.2f}")
        also = {"p99": outcome.p99_ms, "leaves": float(leaves)}
        return Figure(name, outcome.p50_ms, "ms", rate=outcome.rate, also=also)

    @cached_property
    def _small(self) -> AuditLog:
        return self._filled("small_log", SMALL)

    @cached_property
    def _large(self) -> AuditLog:
        return self._filled("large_log", self._size)

    def _filled(self, name: str, size: int) -> AuditLog:
        log = AuditLog(self._hub, name)
        log.fill_to(size)
        self._hub.settle()
        self._progress(f"a log holds {log.leaves():,} leaves")
        return log

    @cached_property
    def _in_batches(self) -> tuple[Costs, Costs]:
        return self._in_turns("in batches", lambda log: log.round(_BATCHES, _BATCH, _RELAYS))

    @cached_property
    def _one_by_one(self) -> tuple[Costs, Costs]:
        return self._in_turns("one by one", lambda log: log.round(_CALLS, 1, _CALLERS))

    def _in_turns(self, how: str, append: Callable[[AuditLog], tuple[Round, Outcome]]) -> tuple[Costs, Costs]:
        """Return what a leaf costs in the large log and in the small one, after a round in each that does not count."""
        logs = self._large, self._small
        for log in logs:
            append(log)
        rounds = [[append(log)[0] for log in logs] for _ in range(_ROUNDS)]
        large, small = (Costs.of(of_one) for of_one in zip(*rounds, strict=True))
        for log, costs in zip(logs, (large, small), strict=True):
            self._progress(f"{log.leaves():,} leaves, {how}: {costs.rate:,.0f}/s, {_cost(costs):.0f} us each")
        return small, large


def _figure(name: str, small: Costs, large: Costs, further: dict[str, float]) -> Figure:
    ratio = _cost(large) / _cost(small)
    also = {"small_rate": small.rate, "small_us": _cost(small), "us": _cost(large), **further}
    return Figure(name, large.rate, "leaves/s", f"{SMALL:,} leaves", ratio, costs=large, also=also)


def _cost(costs: Costs) -> float:
    """Return the microseconds of processor time of audit and PostgreSQL for a leaf."""
    return costs.audit + costs.postgres
