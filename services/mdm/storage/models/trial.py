"""What a model would make of the golden records there are: computed from what is stored, nothing is written.

It is ingest's own matching over everybody at once: the same candidates, the same scores, the same groups. Records are
grouped part by part, as far as they hang together; where more does than a write looks at, as a write does it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import Connection

from concord.mdm.v1 import match_pb2
from concord.mdm.v1 import match_trial_pb2 as pb
from services.mdm.domain.matching.grouping import consequences
from services.mdm.domain.matching.grouping.clustering import Pair, Partition, Reason, pair_of
from services.mdm.domain.matching.grouping.consequences import Contradiction, Group, Joining, Merge, Split
from services.mdm.domain.matching.learning.tuning import tuned
from services.mdm.domain.matching.measuring.population_scores import Scoring
from services.mdm.domain.matching.model import MatchModel, Score
from services.mdm.domain.matching.standardising.profile import Profile
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.matching.component import Component
from services.mdm.storage.matching.decisions import MatchDecisions
from services.mdm.storage.matching.matcher import MOST_TOGETHER, rivalling, weighed
from services.mdm.storage.matching.population import Gathered, MatchPopulation
from services.mdm.storage.models.stored_models import StoredModels, matched_type
from services.mdm.storage.records.value_trial import ChangedValue, ValueTrial
from services.mdm.storage.registration.registry import Landscape, Registry

_PAIRS_AT_ONCE = 20_000
_GROUPS_AT_ONCE = 100
_MUST = match_pb2.MatchDecision.KIND_MUST_LINK

Decisions = Sequence[match_pb2.MatchDecision]


class Phase(Enum):
    """What a trial is at."""

    READING = "reading"
    SCORING = "scoring"
    SURVIVING = "surviving"


@dataclass(frozen=True)
class Progress:
    """How far a phase is, in source records, pairs or groups."""

    phase: Phase
    done: int
    total: int


@dataclass(frozen=True)
class Merging:
    """Golden records that would become one, and what would bring them together."""

    merge: Merge
    joinings: tuple[Joining, ...]


@dataclass
class Summary:
    """A trial in numbers."""

    sources: int = 0
    pairs: int = 0
    links: int = 0
    merges: int = 0
    splits: int = 0
    values: int = 0
    goldens: int = 0
    contradictions: int = 0
    reviews: int = 0
    decisions: int = 0


Told = Progress | Merging | Split | Contradiction | ChangedValue | Summary


class ModelTrial:
    """Tries models out. A trial looks at each source record as it is when its chunk is read."""

    def __init__(  # noqa: PLR0913 - what it reads
        self,
        transactions: Transactions,
        registry: Registry,
        stored: StoredModels,
        population: MatchPopulation,
        decisions: MatchDecisions,
        values: ValueTrial,
    ) -> None:
        self._transactions = transactions
        self._registry = registry
        self._stored = stored
        self._population = population
        self._decisions = decisions
        self._values = values

    def run(self, name: str, tuning: pb.MatchTuning) -> Iterator[Told]:
        """Give progress and findings, and at the end the summary.

        Raises RECORD_NOT_FOUND, PROPOSAL_INVALID before anything is given.
        """

        def read(connection: Connection) -> tuple[RecordType, MatchModel]:
            record = self._stored.present(self._stored.find(connection, name))
            return matched_type(record.record_type), tuned(self._stored.model(connection, record), tuning)

        record_type, model = self._transactions.read(read)
        yield from self._try(record_type, model)

    def _try(self, record_type: RecordType, model: MatchModel) -> Iterator[Told]:
        gathered, summary = Gathered(), Summary()
        for done, total in self._population.read(record_type, gathered):
            yield Progress(Phase.READING, done, total)
        profiles, decisions = gathered.profiles, self._decisions.holding(record_type.name)
        scoring = Scoring(model, profiles)
        component = _component(gathered, decisions)
        yield from _scored(scoring, component)
        partition = _partition(component, self._transactions.read(self._registry.read), model)
        summary.sources, summary.pairs = len(gathered.voices), len(scoring.pairs)
        summary.links = sum(join.reason is Reason.MODEL for join in partition.joins)
        summary.reviews, summary.decisions = len(partition.reviews), len(decisions)
        yield from _regroupings(component, partition, summary)
        for contradiction in _contradictions(model, profiles, decisions):
            summary.contradictions += 1
            yield contradiction
        before = {name: voice.golden for name, voice in gathered.voices.items()}
        yield from self._changed_values(record_type, consequences.regrouped(before, partition.groups), summary)
        yield summary

    def _changed_values(self, record_type: RecordType, groups: list[Group], summary: Summary) -> Iterator[Told]:
        goldens = set()
        for start in range(0, len(groups), _GROUPS_AT_ONCE):
            yield Progress(Phase.SURVIVING, start, len(groups))
            chunk = groups[start : start + _GROUPS_AT_ONCE]
            for value in self._transactions.read(
                lambda connection: self._values.changed(connection, record_type, chunk)  # noqa: B023 - runs at once
            ):
                goldens.add(value.golden)
                summary.values += 1
                yield value
        summary.goldens = len(goldens)


def _partition(whole: Component, landscape: Landscape, model: MatchModel) -> Partition:
    """Return who would belong together, and what would wait, part by part as a write looks at them."""
    found = []
    for part in whole.parts():
        narrow = [part] if len(part.voices) <= MOST_TOGETHER else part.parts(rivalling(model))
        for each in narrow:
            is_too_much = len(each.voices) > MOST_TOGETHER
            found.append(each.as_it_is() if is_too_much else each.partition(landscape, model))
    return Partition(
        tuple(group for each in found for group in each.groups),
        tuple(join for each in found for join in each.joins),
        # A pair that leads from one part to another is told by both.
        tuple({review[:2]: review for each in found for review in each.reviews}.values()),
    )


def _component(gathered: Gathered, decisions: Decisions) -> Component:
    """Return everybody as one component."""
    component = Component(gathered.voices, set())
    for decision in decisions:
        side = component.must if decision.kind == _MUST else component.cannot
        side.add(_pair(decision))
    return component


def _scored(scoring: Scoring, component: Component) -> Iterator[Progress]:
    total, done = len(scoring.pairs), 0
    yield Progress(Phase.SCORING, done, total)
    for edges in scoring.edges(_PAIRS_AT_ONCE):
        component.edges.update(map(weighed, edges))
        done = min(done + _PAIRS_AT_ONCE, total)
        yield Progress(Phase.SCORING, done, total)


def _regroupings(component: Component, partition: Partition, summary: Summary) -> Iterator[Merging | Split]:
    before = {name: voice.golden for name, voice in component.voices.items()}
    scores = {(edge.one, edge.other): edge.millibits for edge in component.edges}
    joins = [each._replace(one=min(each[:2]), other=max(each[:2])) for each in partition.joins]
    joinings = consequences.joinings(before, joins, scores)
    merges = consequences.merges(before, partition.groups)
    place = {source: number for number, merge in enumerate(merges) for source in merge.sources}
    of: list[list[Joining]] = [[] for _ in merges]
    for joining in joinings:
        of[place[joining.join.one]].append(joining)
    yield from (Merging(merge, tuple(found)) for merge, found in zip(merges, of, strict=True))
    splits = consequences.splits(before, partition.groups)
    yield from splits
    summary.merges, summary.splits = len(merges), len(splits)


def _contradictions(model: MatchModel, profiles: dict[str, Profile], decisions: Decisions) -> list[Contradiction]:
    """Return the decisions that the model speaks against."""
    must: list[tuple[Pair, Score]] = []
    cannot: list[tuple[Pair, Score]] = []
    for decision in decisions:
        one, other = pair = _pair(decision)
        if one in profiles and other in profiles:
            side = must if decision.kind == _MUST else cannot
            side.append((pair, model.score(profiles[one], profiles[other])))
    return consequences.contradictions(model, must, cannot)


def _pair(decision: match_pb2.MatchDecision) -> Pair:
    one, other = decision.source_records
    return pair_of(one, other)
