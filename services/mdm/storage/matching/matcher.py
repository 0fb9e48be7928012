"""The matcher: from what source records say now to who belongs together, over whole connected components.

Candidates share a block key; pairs at or above the review cut are kept as edges; every component that a change touches
is decided again by `clusters`. Whoever calls holds the type's matching lock (`hold`), so that of two records which come
at the same moment the second sees the first.

A key that more than `MOST_HOLDERS` records hold says nothing. Which keys these are may change with every write; who
was a candidate by such a key only is none any more, so that the candidates follow from the records that are there.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from concord.mdm.v1 import match_pb2
from services.mdm.domain.decided_pair import pair
from services.mdm.domain.identifiers import MatchKey
from services.mdm.domain.matching.blocking.keys import block_keys
from services.mdm.domain.matching.grouping.clustering import (
    Doubt,
    Edge,
    Pair,
    Partition,
    Review,
    pair_of,
)
from services.mdm.domain.matching.learning.training import MOST_HOLDERS
from services.mdm.domain.matching.model import MatchModel, Score
from services.mdm.domain.matching.scoring.weighing import Weighing
from services.mdm.storage.matching import match_candidates, match_index
from services.mdm.storage.matching.component import Component
from services.mdm.storage.matching.match_candidates import Waiting
from services.mdm.storage.matching.voices import Voice, Voices
from services.mdm.storage.registration.registry import HUB, Landscape
from services.mdm.storage.tables import match_keys as keys

MOST_TOGETHER = 5000
"""Of so many source records at most it is decided in one transaction who belongs together.

Where more hang together it is followed only what can link, or rival a link: who belongs together is the same by that,
and only how many doubtful pairs of a record wait at once is then settled record by record. Where that is still too
much, what is new stays alone.
"""

_NEVER = 2**31
"""More than any score."""

_BY_STEWARDS = "steward"
"""Stands in an edge for an exclusive identifier: what a steward founded is linked with others by stewards only."""


Kind = match_pb2.MatchDecision.Kind
Keyed = Mapping[str, Collection[int]]
"""Block keys by source record."""
Decided = Callable[[Connection, Collection[str]], Iterable[match_pb2.MatchDecision]]
"""Gives the decisions that hold about any of the source records."""


@dataclass(frozen=True)
class Evidence:
    """Source records that are scored anew, and the pairs that this makes."""

    sources: frozenset[str]
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
        keyed = _keyed(fresh, model)
        others = self._index(connection, model, fresh, keyed)
        fresh |= others
        evidence = _evidence(connection, model, fresh, keyed | _keyed(others, model))
        before = match_index.edges(connection, list(fresh)) if fresh else set()
        for least in (-_NEVER, rivalling(model)):
            component = Component(dict(fresh), set(evidence.edges))
            touched = {*fresh, *also, *_ends({*before, *evidence.edges}, least)}
            whole = self._gather(connection, model.record_type, component, touched, changed, least)
            if whole:
                break
        partition = component.partition(landscape, model) if whole else component.as_it_is()
        return Evaluation(component.voices, partition, evidence, model, whole)

    def keep(self, connection: Connection, model: MatchModel, evaluation: Evaluation) -> None:
        """Keep what was found: edges, and what waits for stewards."""
        match_index.replace_edges(connection, evaluation.evidence.sources, evaluation.evidence.edges)
        if not evaluation.whole:
            return
        waiting = [_waiting(model, review) for review in evaluation.partition.reviews]
        match_candidates.replace(connection, model.record_type, list(evaluation.voices), waiting)

    def _index(
        self, connection: Connection, model: MatchModel, fresh: Mapping[str, Voice], keyed: Keyed
    ) -> dict[str, Voice]:
        """Index what changed under its keys; return the others whose candidates are not the same any more."""
        before = match_index.keys_of(connection, list(fresh))
        profiles = {name: (voice.profile, keyed[name]) for name, voice in fresh.items()}
        match_index.put(connection, model.record_type, model.revision, profiles)
        others = self._others(connection, model.record_type, before, keyed) - fresh.keys()
        family = self.voices.read(connection, others) if others else []
        return {voice.source_record: voice for voice in family if voice.source_record in others}

    @staticmethod
    def _others(
        connection: Connection,
        record_type: str,
        before: Keyed,
        now: Keyed,
    ) -> set[str]:
        """Return who holds a key that says nothing any more and has an edge to another holder; who holds one again."""
        more = Counter(key for name, keys in now.items() for key in {*keys}.difference(before.get(name, ())))
        fewer = Counter(key for name, keys in before.items() for key in {*keys}.difference(now[name]))
        most = MOST_HOLDERS + len(now) + 1
        holders = match_index.count_holders(connection, record_type, [*(more.keys() | fewer.keys())], most)
        then = {key: count - more[key] + fewer[key] for key, count in holders.items()}
        silenced = [key for key, count in holders.items() if count > MOST_HOLDERS >= then[key]]
        again = [key for key, count in holders.items() if count <= MOST_HOLDERS < then[key]]
        found = match_index.holding(connection, record_type, again) if again else set()
        for key in silenced:
            here = match_index.holding(connection, record_type, [key])
            known = match_index.edges(connection, here)
            found |= {edge.one for edge in known if here >= {*edge[:2]}}
        return found

    def _gather(  # noqa: PLR0913 - where it begins, and how far it goes
        self,
        connection: Connection,
        record_type: str,
        component: Component,
        touched: set[str],
        changed: Mapping[str, Voice],
        least: int,
    ) -> bool:
        """Follow edges, identifiers, decisions and golden records from what was touched; False when it is too much.

        Edges are followed from `least` on, millibits; those below it that lead out are told as such.
        """
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
            touched |= component.voices.keys() | _ends(component.edges, least) | linked
            touched |= {name for pair in component.must for name in pair}
        inside = {edge for edge in component.edges if component.voices.keys() >= {*edge[:2]}}
        component.beyond = {edge for edge in component.edges - inside if edge.millibits < least}
        component.edges = inside
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


def rivalling(model: MatchModel) -> int:
    """Return from which score on a pair can be linked, or rival one that can; millibits."""
    link = model.link_millibits
    return max(model.review_millibits, link - model.margin_millibits) if link is not None else _NEVER


def _is_news(voice: Voice, indexed: match_index.Stored | None, model: MatchModel) -> bool:
    if not voice.golden or indexed is None:
        return True
    return indexed.token_version is None or indexed[:2] != (voice.profile, model.revision)


def _keyed(voices: Mapping[str, Voice], model: MatchModel) -> dict[str, tuple[int, ...]]:
    return {name: block_keys(voice.profile, model) if voice.profile else () for name, voice in voices.items()}


def _evidence(connection: Connection, model: MatchModel, fresh: Mapping[str, Voice], keyed: Keyed) -> Evidence:
    """Score source records that are indexed with their candidates, two of them once."""
    heard = {name: voice.profile for name, voice in fresh.items() if voice.profile}
    found = match_index.candidates(connection, model.record_type, [keyed[name] for name in heard])
    edges: set[Edge] = set()
    for (name, profile), candidates in zip(heard.items(), found, strict=True):
        others = [each for each in candidates if each.source_record not in heard or each.source_record > name]
        weighing = Weighing(model, profile, model.review_millibits)
        scores = weighing.scores([each.stored for each in others])
        edges |= {_edge((name, each.source_record), score) for each, score in zip(others, scores, strict=True) if score}
    return Evidence(frozenset(fresh), frozenset(edges))


def _edge(ends: Pair, score: Score) -> Edge:
    return weighed(Edge(*pair_of(*ends), score.millibits, score.forbidden))


def weighed(edge: Edge) -> Edge:
    """Return a scored pair as matching takes it: what a steward founded is not linked automatically."""
    founded = any(end.startswith(f"{HUB}/") for end in edge[:2])
    return edge._replace(forbidden=edge.forbidden or (_BY_STEWARDS if founded else ""))


def _ends(edges: Iterable[Edge], least: int) -> set[str]:
    return {end for edge in edges if edge.millibits >= least for end in edge[:2]}


def _carriers(connection: Connection, record_type: str, voices: Iterable[Voice]) -> Iterator[str]:
    """Give the source records that carry the same strong identifiers."""
    wanted = {(record_type, MatchKey(*each)) for voice in voices if voice.profile for each in voice.profile.identifiers}
    return (holder.source_record for holder in keys.holders(connection, wanted))
