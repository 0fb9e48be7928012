"""The matcher: from what source records say now to who belongs together, over whole connected components.

Candidates share a block key; pairs at or above the review cut are kept as edges; every component that a change touches
is decided again by `clusters`. Whoever calls holds the type's matching lock (`hold`), so that of two records which come
at the same moment the second sees the first.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from sqlalchemy import Connection

from concord.mdm.v1 import match_pb2
from services.mdm.domain.decided_pair import pair
from services.mdm.domain.identifiers import MatchKey
from services.mdm.domain.matching.clustering import (
    Doubt,
    Edge,
    Pair,
    Partition,
    Review,
    pair_of,
)
from services.mdm.domain.matching.keys import block_keys
from services.mdm.domain.matching.model import MatchModel, Score
from services.mdm.domain.matching.profile import Profile
from services.mdm.domain.matching.weighing import Weighing
from services.mdm.storage import match_candidates, match_index
from services.mdm.storage import match_keys as keys
from services.mdm.storage.component import Component
from services.mdm.storage.match_candidates import Waiting
from services.mdm.storage.registry import HUB, Landscape
from services.mdm.storage.voices import Voice, Voices

MOST_TOGETHER = 5000
"""What hangs together with more source records is not decided again in one transaction: what is new stays alone."""

_BY_STEWARDS = "steward"
"""Stands in an edge for an exclusive identifier: what a steward founded is linked with others by stewards only."""


Kind = match_pb2.MatchDecision.Kind
Decided = Callable[[Connection, Collection[str]], Iterable[match_pb2.MatchDecision]]
"""Gives the decisions that hold about any of the source records."""


@dataclass(frozen=True)
class Evidence:
    """What changed source records say, and the pairs that this makes."""

    profiles: Mapping[str, tuple[Profile | None, tuple[int, ...]]]
    edges: frozenset[Edge]


@dataclass(frozen=True)
class Evaluation:
    """Who belongs together, as far as changes reach; `voices` are all that were looked at."""

    voices: Mapping[str, Voice]
    partition: Partition
    evidence: Evidence
    model: MatchModel
    whole: bool
    """False when more hangs together than is looked at in one write: then everything known stays as it is."""


class Matcher:
    """Decides links by match models; stateless but for its parts, safe in threads."""

    def __init__(self, voices: Voices, decided: Decided) -> None:
        self.voices = voices
        self.decided = decided

    @staticmethod
    def hold(connection: Connection, landscape: Landscape, types: Iterable[str]) -> None:
        """Let nobody else decide links of these types until the transaction ends, as far as models decide them."""
        keys.lock(connection, [f"matching/{name}" for name in types if name in landscape.models])

    def evaluate(
        self,
        connection: Connection,
        landscape: Landscape,
        model: MatchModel,
        changed: Mapping[str, Voice],
        also: Collection[str] = (),
    ) -> Evaluation | None:
        """Decide again on everything that hangs together with `changed` source records, and with `also`.

        None = what they say changes nothing for matching.
        """
        indexed = match_index.read(connection, list(changed))
        fresh = {name: voice for name, voice in changed.items() if _is_news(voice, indexed.get(name), model)}
        if not fresh and not also:
            return None
        evidence = self._evidence(connection, model, fresh)
        before = match_index.edges(connection, list(fresh)) if fresh else set()
        component = Component(dict(fresh), set(evidence.edges))
        touched = {*fresh, *also, *_ends(before), *_ends(evidence.edges)}
        whole = self._gather(connection, model.record_type, component, touched, changed)
        partition = component.partition(landscape, model) if whole else component.as_it_is()
        return Evaluation(component.voices, partition, evidence, model, whole)

    def keep(self, connection: Connection, model: MatchModel, evaluation: Evaluation) -> None:
        """Keep what was found: profiles, edges, and what waits for stewards."""
        evidence = evaluation.evidence
        match_index.put(connection, model.record_type, model.revision, evidence.profiles)
        match_index.replace_edges(connection, list(evidence.profiles), evidence.edges)
        if not evaluation.whole:
            return
        waiting = [_waiting(model, review) for review in evaluation.partition.reviews]
        match_candidates.replace(connection, model.record_type, list(evaluation.voices), waiting)

    @staticmethod
    def _evidence(connection: Connection, model: MatchModel, fresh: Mapping[str, Voice]) -> Evidence:
        profiles = {name: (voice.profile, _keys(voice.profile, model)) for name, voice in fresh.items()}
        heard = [voice for voice in fresh.values() if voice.profile]
        found = match_index.candidates(connection, model.record_type, [profiles[v.source_record][1] for v in heard])
        edges = set()
        for voice, stored in zip(heard, found, strict=True):
            assert voice.profile is not None  # noqa: S101 - it is heard
            weighing = Weighing(model, voice.profile, model.review_millibits)
            for candidate in stored:
                score = None if candidate.source_record in fresh else weighing.score(candidate.profile)
                if score is not None:
                    edges.add(_edge((voice.source_record, candidate.source_record), score))
        for one, other in _sharing({name: shared for name, (_, shared) in profiles.items()}):
            ours, theirs = fresh[one].profile, fresh[other].profile
            assert ours is not None  # noqa: S101 - who has keys has a profile
            assert theirs is not None  # noqa: S101 - the same
            score = model.score(ours, theirs)
            if score.millibits >= model.review_millibits:
                edges.add(_edge((one, other), score))
        return Evidence(profiles, frozenset(edges))

    def _gather(
        self,
        connection: Connection,
        record_type: str,
        component: Component,
        touched: set[str],
        changed: Mapping[str, Voice],
    ) -> bool:
        """Follow edges, identifiers, decisions and golden records from what was touched; False when it is too much."""
        fresh, seen = set(component.voices), set[str]()
        while reached := touched - seen:
            seen |= reached
            if len(seen) > MOST_TOGETHER:
                return False
            for voice in self.voices.read(connection, reached):
                component.voices.setdefault(voice.source_record, changed.get(voice.source_record, voice))
            reached |= component.voices.keys() - seen
            seen |= reached
            stored = match_index.edges(connection, reached)
            component.edges |= {edge for edge in stored if fresh.isdisjoint(edge[:2])}
            self._follow_decisions(connection, component, reached)
            heard = [component.voices[name] for name in reached & component.voices.keys()]
            linked = set(_carriers(connection, record_type, heard))
            touched |= component.voices.keys() | _ends(component.edges) | linked
            touched |= {name for pair in component.must for name in pair}
        component.edges = {edge for edge in component.edges if component.voices.keys() >= {*edge[:2]}}
        return True

    def _follow_decisions(self, connection: Connection, component: Component, reached: Collection[str]) -> None:
        for decided in self.decided(connection, reached):
            one, other = decided.source_records
            side = component.must if decided.kind == Kind.KIND_MUST_LINK else component.cannot
            side.add(pair_of(one, other))


def _waiting(model: MatchModel, review: Review) -> Waiting:
    """Return what waits for a steward. First comes what but for an objection were linked, then what nearly were."""
    priority = 1
    if review.doubt is Doubt.WEAK:
        link = model.link_millibits
        nearly = link is not None and 2 * review.millibits >= model.review_millibits + link
        priority = 2 if nearly else 3
    return Waiting(pair(review.one, review.other), review.millibits, review.doubt.value, priority)


def _is_news(voice: Voice, indexed: match_index.Stored | None, model: MatchModel) -> bool:
    if not voice.golden or indexed is None:
        return True
    return (indexed.profile, indexed.model_revision) != (voice.profile, model.revision)


def _keys(profile: Profile | None, model: MatchModel) -> tuple[int, ...]:
    return block_keys(profile, model) if profile else ()


def _edge(ends: Pair, score: Score) -> Edge:
    return weighed(Edge(*pair_of(*ends), score.millibits, score.forbidden))


def weighed(edge: Edge) -> Edge:
    """Return a scored pair as matching takes it: what a steward founded is not linked automatically."""
    founded = any(end.startswith(f"{HUB}/") for end in edge[:2])
    return edge._replace(forbidden=edge.forbidden or (_BY_STEWARDS if founded else ""))


def _sharing(keyed: Mapping[str, Collection[int]]) -> set[Pair]:
    """Return the pairs that share a key."""
    by_key = defaultdict(list)
    for name, keys_of_one in keyed.items():
        for key in keys_of_one:
            by_key[key].append(name)
    return {pair_of(*pair) for names in by_key.values() for pair in combinations(names, 2)}


def _ends(edges: Iterable[Edge]) -> set[str]:
    return {end for edge in edges for end in edge[:2]}


def _carriers(connection: Connection, record_type: str, voices: Iterable[Voice]) -> Iterator[str]:
    """Give the source records that carry the same strong identifiers."""
    wanted = {(record_type, MatchKey(*each)) for voice in voices if voice.profile for each in voice.profile.identifiers}
    return (holder.source_record for holder in keys.holders(connection, wanted))
