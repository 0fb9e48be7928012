"""The matching phase alone, in bulk: `python -m tools.bench.match_bulk --count 100000`.

Suppliers are generated, standardised and a model is trained on them; then keys, candidates, scores and groups are
timed, and the links set beside the truth. Nothing is stored. All is shared among
processes but what texts are told apart by.
"""

import argparse
import gc
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain, combinations, pairwise
from typing import Any

import numpy as np

from services.mdm.domain.matching.blocking.bulk_keys import all_keys_in_bulk
from services.mdm.domain.matching.columns.lists import Lists, Numbers, in_a_row, nothing
from services.mdm.domain.matching.columns.population import (
    Pairs,
    Population,
    holders,
    most_holders,
    pairs_within,
    population,
    united,
)
from services.mdm.domain.matching.grouping.clustering import Cuts, Edge, Node, clusters
from services.mdm.domain.matching.grouping.connected import connected_in_bulk
from services.mdm.domain.matching.learning.training import MOST_HOLDERS, trained
from services.mdm.domain.matching.model import MatchModel
from services.mdm.domain.matching.scoring.bulk import Comparer
from services.mdm.domain.matching.standardising.profile import profile
from services.mdm.domain.types.supplier import SUPPLIER
from tools.population.contents import content
from tools.population.suppliers import suppliers

_PROCESSES = 2
_SEED = 1
_RECORDS_AT_ONCE, _PAIRS_AT_ONCE = 100_000, 500_000


@dataclass(frozen=True)
class Outcome:
    """What came out; `seconds` are of the matching phase, by step."""

    records: int
    records_per_second: float
    candidates_per_record: float
    candidate_recall: float
    precision: float
    recall: float
    f1: float
    seconds: dict[str, float]
    processor_seconds: dict[str, float]
    """Of all processes together."""
    training_seconds: float
    peak_megabytes: int
    """The largest of the processes."""


@dataclass(frozen=True)
class _Edges:
    """Pairs that are worth a review at least, those that hang together in a row, and their scores, millibits."""

    pairs: Pairs
    millibits: Numbers

    def __getitem__(self, part: slice) -> "_Edges":
        return _Edges(Pairs(self.pairs.one[part], self.pairs.other[part]), self.millibits[part])

    def each(self) -> Iterator[Edge]:
        ends = zip(self.pairs.one.tolist(), self.pairs.other.tolist(), self.millibits.tolist(), strict=True)
        return (Edge(f"{one:09d}", f"{other:09d}", score) for one, other, score in ends)


class _Phase:
    """One population under one model; processes that are forked off share it."""

    def __init__(self, of: Population, model: MatchModel) -> None:
        self.of = of
        self.model = model
        self.comparer = Comparer(of, model)
        self.all_keys, self.held, self.most_holders = nothing(), nothing(), MOST_HOLDERS
        self.pairs = Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64))
        self.edges = _Edges(self.pairs, np.zeros(0, np.int64))
        self.seconds: dict[str, float] = {}
        self.processor_seconds: dict[str, float] = {}

    def keys(self, part: slice) -> Lists:
        return all_keys_in_bulk(self.of, self.model, part)

    def holders(self, part: int) -> Lists:
        """Return who holds the keys of one part, of as many as there are processes."""
        return holders(self.all_keys, cap=MOST_HOLDERS, part=(part, _PROCESSES))

    def pairs_within(self, part: slice) -> Pairs:
        """Return the candidates by some of the keys that several hold."""
        starts = self.held.starts[part.start : part.stop + 1]
        held = Lists(self.held.flat[starts[0] : starts[-1]], starts - starts[0])
        return pairs_within(held, self.of.sides, most=self.most_holders)

    def strong(self, part: slice) -> tuple[Numbers, Numbers]:
        """Return which pairs of a part are worth a review at least, and their scores."""
        pairs = Pairs(self.pairs.one[part], self.pairs.other[part])
        places, millibits = self.comparer.strong(pairs, self.model.review_millibits)
        return places + part.start, millibits

    def linked(self, part: slice) -> list[tuple[int, int]]:
        """Return which records are one thing by these pairs, of which none hangs together with one of another part."""
        edges, model = list(self.edges[part].each()), self.model
        nodes = [Node(name, "") for name in {end for edge in edges for end in edge[:2]}]
        cuts = Cuts(model.review_millibits, model.link_millibits, model.margin_millibits)
        groups = clusters(nodes, edges, cuts).groups
        return [(int(one), int(other)) for group in groups for one, other in combinations(group, 2)]

    def timed(self, step: str, work: Callable[[], Any]) -> Any:
        began, busy = time.perf_counter(), _busy()
        found = work()
        self.seconds[step] = round(time.perf_counter() - began, 2)
        self.processor_seconds[step] = round(_busy() - busy, 2)
        return found


def _busy() -> float:
    """Return the processor time of this process and of those that it has ended, seconds."""
    used = (resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


_PHASES: list[_Phase] = []
"""The one that is measured: what processes forked off find."""


def _keys(part: slice) -> Lists:
    return _PHASES[0].keys(part)


def _holders(part: int) -> Lists:
    return _PHASES[0].holders(part)


def _pairs_within(part: slice) -> Pairs:
    return _PHASES[0].pairs_within(part)


def _strong(part: slice) -> tuple[Numbers, Numbers]:
    return _PHASES[0].strong(part)


def _linked(part: slice) -> list[tuple[int, int]]:
    return _PHASES[0].linked(part)


def _parts(size: int, at_once: int) -> list[slice]:
    at_once = min(at_once, -(-size // _PROCESSES)) or 1
    return [slice(start, min(start + at_once, size)) for start in range(0, size, at_once)]


def _shared(
    work: Callable[[Any], Any], parts: Iterable[Any], meanwhile: Callable[[], None] = lambda: None
) -> list[Any]:
    """Return what the parts give, in their order. Processes that live so shortly collect no garbage."""
    pool = multiprocessing.get_context("fork").Pool(_PROCESSES, gc.disable)
    try:
        found = pool.map_async(work, parts, chunksize=1)
        meanwhile()
        return found.get()
    finally:
        pool.close()
        pool.join()


def _all_keys(phase: _Phase) -> Lists:
    """Return everybody's keys; what scores need of all texts is made meanwhile, once for all processes."""
    parts = _parts(len(phase.of), _RECORDS_AT_ONCE)
    return in_a_row(_shared(_keys, parts, meanwhile=phase.comparer.prepare))


def _candidates(phase: _Phase) -> Pairs:
    phase.held = in_a_row(_shared(_holders, range(_PROCESSES)))
    phase.all_keys = nothing()
    phase.most_holders = most_holders(phase.held.sizes(), len(phase.of), cap=MOST_HOLDERS)
    found = united(_shared(_pairs_within, _parts(len(phase.held), len(phase.held))), len(phase.of))
    phase.held = nothing()
    return found


def _scores(phase: _Phase) -> tuple[Numbers, Numbers]:
    found = _shared(_strong, _parts(len(phase.pairs), _PAIRS_AT_ONCE))
    places, millibits = (np.concatenate(each) for each in zip(*found, strict=True))
    return places, millibits


def _groups(phase: _Phase, places: Numbers, millibits: Numbers) -> list[tuple[int, int]]:
    """Return which pairs are linked; what hangs together is decided by one process."""
    pairs = Pairs(phase.pairs.one[places], phase.pairs.other[places])
    first = connected_in_bulk(len(phase.of), pairs.one, pairs.other)[pairs.one]
    order = np.argsort(first, kind="stable")
    phase.edges = _Edges(Pairs(pairs.one[order], pairs.other[order]), millibits[order])
    ends = np.flatnonzero(np.diff(first[order], append=-1)) + 1
    wanted = len(order) * np.arange(1, _PROCESSES) // _PROCESSES
    cuts = [0, *ends[np.searchsorted(ends, wanted)].tolist(), len(order)] if len(order) else [0, 0]
    return list(chain.from_iterable(_shared(_linked, [slice(*each) for each in pairwise(cuts)])))


def measured(count: int) -> Outcome:
    """Generate, train, match; return what came out."""
    records = list(suppliers(count, _SEED))
    profiles = [profile(SUPPLIER, content(record), lambda value, _: value) for record in records]
    of = population(profiles, names=[record.key for record in records])
    began = time.perf_counter()
    model, _ = trained(SUPPLIER, of)
    training = time.perf_counter() - began
    phase = _Phase(of, model)
    _PHASES[:] = [phase]
    gc.collect()
    gc.freeze()
    phase.all_keys = phase.timed("keys and sketches", lambda: _all_keys(phase))
    phase.pairs = phase.timed("candidates", lambda: _candidates(phase))
    found = phase.timed("scores", lambda: _scores(phase))
    linked = phase.timed("groups", lambda: _groups(phase, *found))
    things = np.asarray([record.thing for record in records])
    sizes = np.bincount(things)
    true = int((sizes * (sizes - 1) // 2).sum())
    right = sum(things[one] == things[other] for one, other in linked)
    precision, recall = right / max(len(linked), 1), right / max(true, 1)
    return Outcome(
        records=count,
        records_per_second=round(count / sum(phase.seconds.values())),
        candidates_per_record=round(len(phase.pairs) / count, 1),
        candidate_recall=round(float((things[phase.pairs.one] == things[phase.pairs.other]).sum()) / true, 4),
        precision=round(float(precision), 4),
        recall=round(float(recall), 4),
        f1=round(float(2 * precision * recall / max(precision + recall, 1e-9)), 4),
        seconds=phase.seconds,
        processor_seconds=phase.processor_seconds,
        training_seconds=round(training, 1),
        peak_megabytes=max(resource.getrusage(of).ru_maxrss for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        // 1024,
    )


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.match_bulk", description="Match a population in bulk.")
    parser.add_argument("--count", type=int, default=20_000, help="how many records; 1000000 is what is promised for")
    print(json.dumps(asdict(measured(parser.parse_args().count)), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
