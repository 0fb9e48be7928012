"""A trial: one measured round of calls, which counts only when it leaves no work behind."""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from tools.bench.figures import Round
from tools.bench.hub import Hub
from tools.bench.load import Load, run
from tools.mesh import Running

LONGEST_DRAIN_S = 1.0
"""A round whose changes still wait for their receipts after this time has not paid for all that it asked for."""

_ATTEMPTS = 3


class UnsteadyError(Exception):
    """Round after round left a backlog behind."""


@dataclass(frozen=True)
class Subject:
    """Calls that are measured: their name, how a round's load is made, and the processes that serve them.

    `spread` = these have no core to themselves: they, and everything beside them, run where the kernel likes.
    """

    name: str
    load: Callable[[], Load]
    processes: Sequence[Running]
    spread: bool = False


def measured(subject: Subject, hub: Hub, progress: Callable[[str], None]) -> Round:
    """Run rounds until one counts. Raises LoadError, UnsteadyError."""
    for _ in range(_ATTEMPTS):
        with hub.on_every_core() if subject.spread else nullcontext():
            one, drain_s = _round(subject, hub)
        if drain_s <= LONGEST_DRAIN_S:
            return one
        progress(f"{subject.name}: a round does not count, its backlog took {drain_s:.1f} s to drain")
    raise UnsteadyError(f"{subject.name}: {_ATTEMPTS} rounds left a backlog of more than {LONGEST_DRAIN_S:g} s behind")


def _round(subject: Subject, hub: Hub) -> tuple[Round, float]:
    """Run one round; return it with the seconds that the backlog took to drain.

    The processor time of draining counts, and that of the search index, which follows what was published.
    """
    load = subject.load()
    before = hub.used(subject.processes)
    outcome = run(load, hub.directory / "generator")
    ended = time.monotonic()
    hub.await_drained()
    drain_s = time.monotonic() - ended
    hub.await_indexed()
    used = hub.used(subject.processes) - before
    return Round(outcome.calls, used, outcome.rate, outcome.busy), drain_s
