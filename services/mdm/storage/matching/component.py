"""A component: source records that hang together, and how matching groups them.

`clusters` knows them by system and key, not by the names that the hub gave them in the order of their arrival: of two
equally good links the same one is made whatever came first.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from services.mdm.domain.matching.grouping.clustering import (
    MOST_REVIEWS,
    Cuts,
    Doubt,
    Edge,
    Join,
    Node,
    Pair,
    Partition,
    Review,
    clusters,
    pair_of,
)
from services.mdm.domain.matching.grouping.connected import connected
from services.mdm.domain.matching.model import MatchModel
from services.mdm.storage.matching.voices import Voice
from services.mdm.storage.registration.registry import HUB, Landscape


@dataclass
class Component:
    """Source records by name, the scored pairs among them, and what stewards decided on pairs."""

    voices: dict[str, Voice]
    edges: set[Edge]
    must: set[Pair] = field(default_factory=set)
    cannot: set[Pair] = field(default_factory=set)
    beyond: set[Edge] = field(default_factory=set)
    """Scored pairs that lead out of it and can neither link nor rival a link."""

    def partition(self, landscape: Landscape, model: MatchModel) -> Partition:
        """Return who belongs together."""
        names = {voice.mark: name for name, voice in self.voices.items()}
        marks = {name: mark for mark, name in names.items()}
        found = clusters(
            (_node(voice, landscape, model) for voice in self.voices.values()),
            [Edge(*_marked(edge[:2], marks), *edge[2:]) for edge in self.edges],
            Cuts(model.review_millibits, model.link_millibits, model.margin_millibits),
            identifier_links=[_marked(pair, marks) for pair in _identified(self.voices.values())],
            must_links=[_marked(pair, marks) for pair in {*self._inside(self.must), *_ties(self.voices.values())}],
            cannot_links=[_marked(pair, marks) for pair in self._inside(self.cannot)],
        )
        return Partition(
            tuple(tuple(names[mark] for mark in group) for group in found.groups),
            tuple(Join(names[join.one], names[join.other], join.reason) for join in found.joins),
            (
                *(Review(names[each.one], names[each.other], *each[2:]) for each in found.reviews),
                *self._waiting_beyond(),
            ),
        )

    def parts(self, least: int | None = None) -> Iterator["Component"]:
        """Give what hangs together within it, as a write follows it: the parts are grouped as the whole is.

        With `least`, millibits, only by pairs that score as much; those below that lead out of a part are told as such.
        """
        names = self.voices.keys()
        edges = [edge for edge in self.edges if names >= {*edge[:2]}]
        must, cannot = self._inside(self.must), self._inside(self.cannot)
        followed = (edge[:2] for edge in edges if least is None or edge.millibits >= least)
        links = [*followed, *must, *_chained(self.voices.values())]
        place = {name: number for number, part in enumerate(connected(names, links)) for name in part}
        found: dict[int, Component] = {}
        for name, number in place.items():
            found.setdefault(number, Component({}, set())).voices[name] = self.voices[name]
        for edge in edges:
            one, other = found[place[edge.one]], found[place[edge.other]]
            for part in (one, other):
                (part.edges if one is other else part.beyond).add(edge)
        for edge in self.beyond:
            found[place[edge.one if edge.one in names else edge.other]].beyond.add(edge)
        for pair in must:
            found[place[pair[0]]].must.add(pair)
        for pair in cannot:
            for name in pair:
                found[place[name]].cannot.add(pair)
        yield from found.values()

    def as_it_is(self) -> Partition:
        """Return the groups as they are, with everything new on its own."""
        groups = defaultdict(list)
        for voice in self.voices.values():
            groups[voice.golden or voice.source_record].append(voice.source_record)
        return Partition(tuple(tuple(sorted(group)) for group in groups.values()), (), ())

    def _waiting_beyond(self) -> list[Review]:
        """Return of each record the best few pairs that lead out of the component."""
        of = defaultdict(list)
        for edge in self.beyond:
            if pair_of(*edge[:2]) not in self.cannot:
                of[edge.one if edge.one in self.voices else edge.other].append(edge)
        best = (sorted(edges, key=lambda edge: (-edge.millibits, *edge[:2]))[:MOST_REVIEWS] for edges in of.values())
        return [Review(*edge[:3], Doubt.WEAK) for edges in best for edge in edges]

    def _inside(self, pairs: Iterable[Pair]) -> list[Pair]:
        return [pair for pair in pairs if self.voices.keys() >= {*pair}]


def _marked(pair: Pair, marks: Mapping[str, str]) -> Pair:
    return pair_of(marks[pair[0]], marks[pair[1]])


def _node(voice: Voice, landscape: Landscape, model: MatchModel) -> Node:
    identifiers = voice.profile.identifiers if voice.profile else ()
    exclusive = frozenset(each for each in identifiers if each[0] in model.exclusive)
    free = voice.profile is not None and landscape.systems[voice.system].free_of_duplicates
    return Node(voice.mark, voice.system, free, exclusive)


def _identified(voices: Iterable[Voice]) -> set[Pair]:
    carrying = defaultdict(list)
    for voice in voices:
        for identifier in voice.profile.identifiers if voice.profile else ():
            carrying[identifier].append(voice.source_record)
    return {pair_of(*pair) for names in carrying.values() for pair in combinations(sorted(names), 2)}


def _chained(voices: Iterable[Voice]) -> Iterator[Pair]:
    """Give pairs by which all hang together that carry one identifier or belong to one golden record."""
    first: dict[object, str] = {}
    for voice in voices:
        for what in (*(voice.profile.identifiers if voice.profile else ()), voice.golden or voice.source_record):
            yield first.setdefault(what, voice.source_record), voice.source_record


def _ties(voices: Collection[Voice]) -> Iterator[Pair]:
    """Give the pairs that hold whatever the evidence: who is bound, with who stands for its golden record."""
    family = defaultdict(list)
    for voice in voices:
        if voice.golden:
            family[voice.golden].append(voice)
    for golden, members in family.items():
        founders = [voice for voice in members if voice.founded == golden]
        standing = min(founders or members, key=lambda voice: (voice.system == HUB, voice.source_record))
        free = [voice for voice in members if not voice.bound and voice is not standing]
        for voice in members:
            own = _own_founder(voice, members)
            if own is not None:
                yield pair_of(voice.source_record, own.source_record)
            elif voice.bound and voice is not standing:
                yield pair_of(voice.source_record, standing.source_record)
            elif voice.bound and free:
                yield pair_of(voice.source_record, min(each.source_record for each in free))


def _own_founder(voice: Voice, members: Iterable[Voice]) -> Voice | None:
    """Return the system's source record that a steward's word adds to."""
    if voice.system != HUB:
        return None
    return next((each for each in members if each.system != HUB and each.founded == voice.founded), None)
