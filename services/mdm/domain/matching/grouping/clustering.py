"""Which source records are one thing: a partition of connected components, and what waits for a steward.

The result is a function of the sets of records, edges and decisions; their order does not matter. Stewards'
must-links come first, then equal strong identifiers, then scored pairs from the best down; each joins two groups
unless something speaks against the whole group that would come about.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

Pair = tuple[str, str]

MOST_REVIEWS = 3
"""At most so many pairs of a record wait for a steward at once, the best."""


class Reason(Enum):
    """Why two records were joined."""

    DECISION = "decision"
    IDENTIFIER = "identifier"
    MODEL = "model"


class Doubt(Enum):
    """Why a pair waits for a steward."""

    WEAK = "weak"
    """The evidence is above the review cut and below the link cut."""
    CLOSE_SECOND = "close_second"
    """Another candidate, of which at most one can be right, is nearly as good."""
    DECISION = "decision"
    """Joining would bring together what a steward has kept apart."""
    CONTRADICTION = "contradiction"
    """Joining would bring together different exclusive identifiers."""
    LOOSE = "loose"
    """The pair fits, the rest of the two groups does not."""
    DUPLICATE = "duplicate"
    """Joining would bring together two records of a system that is said to have no duplicates."""


@dataclass(frozen=True)
class Node:
    """A source record. `exclusive` are its (kind, value) of identifiers of which a thing has one at most."""

    name: str
    system: str
    free_of_duplicates: bool = False
    exclusive: frozenset[tuple[str, str]] = frozenset()


class Edge(NamedTuple):
    """A scored pair at or above the review cut."""

    one: str
    other: str
    millibits: int
    forbidden: str = ""


@dataclass(frozen=True)
class Cuts:
    """Where the bands begin, millibits. `link` None = nothing is linked automatically."""

    review: int
    link: int | None
    margin: int


class Join(NamedTuple):
    """A pair that brought two groups together."""

    one: str
    other: str
    reason: Reason


class Review(NamedTuple):
    """A pair that waits for a steward."""

    one: str
    other: str
    millibits: int
    doubt: Doubt


@dataclass(frozen=True)
class Partition:
    """The groups, each sorted; what joined them; what waits for a steward, at most one pair of any two groups."""

    groups: tuple[tuple[str, ...], ...]
    joins: tuple[Join, ...]
    reviews: tuple[Review, ...]


def pair_of(one: str, other: str) -> Pair:
    """Return the two names in order."""
    return (one, other) if one <= other else (other, one)


def clusters(  # noqa: PLR0913 - what a partition follows from
    nodes: Iterable[Node],
    edges: Iterable[Edge],
    cuts: Cuts,
    *,
    identifier_links: Iterable[Pair] = (),
    must_links: Iterable[Pair] = (),
    cannot_links: Iterable[Pair] = (),
) -> Partition:
    """Return the partition of the nodes. Raises KeyError for pairs of unknown nodes."""
    forest = _Forest(nodes, cannot_links)
    graph = _Graph(edges)
    for one, other in _sorted(must_links):
        forest.decide(one, other)
    for one, other in _sorted(identifier_links):
        forest.identify(one, other)
    for edge in graph.edges:
        forest.weigh(edge, graph, cuts)
    return forest.partition()


def _sorted(pairs: Iterable[Pair]) -> list[Pair]:
    return sorted({pair_of(*pair) for pair in pairs})


class _Graph:
    """The scored pairs, best first, and by record."""

    def __init__(self, edges: Iterable[Edge]) -> None:
        ordered = {Edge(*pair_of(edge.one, edge.other), edge.millibits, edge.forbidden) for edge in edges}
        self.edges = sorted(ordered, key=lambda edge: (-edge.millibits, edge.one, edge.other))
        self.of: dict[str, dict[str, Edge]] = {}
        for edge in self.edges:
            self.of.setdefault(edge.one, {})[edge.other] = edge
            self.of.setdefault(edge.other, {})[edge.one] = edge


@dataclass(eq=False)
class _Group:
    members: list[Node]
    systems: set[str] = field(default_factory=set)
    """Systems without duplicates that it has a record of."""
    exclusive: dict[str, set[str]] = field(default_factory=dict)
    apart: set[str] = field(default_factory=set)
    """Records that a steward keeps apart from one of the members."""

    def contradicts(self, other: "_Group") -> bool:
        return any(
            values.isdisjoint(other.exclusive[kind])
            for kind, values in self.exclusive.items()
            if kind in other.exclusive
        )


_Check = Callable[[_Group, _Group], Doubt | None]


class _Forest:
    def __init__(self, nodes: Iterable[Node], cannot_links: Iterable[Pair]) -> None:
        self._apart: dict[str, set[str]] = {}
        for one, other in cannot_links:
            self._apart.setdefault(one, set()).add(other)
            self._apart.setdefault(other, set()).add(one)
        self._group = {node.name: self._alone(node) for node in nodes}
        self._joins: list[Join] = []
        self._reviews: list[Review] = []

    def _alone(self, node: Node) -> _Group:
        kinds: dict[str, set[str]] = {}
        for kind, value in node.exclusive:
            kinds.setdefault(kind, set()).add(value)
        systems = {node.system} if node.free_of_duplicates else set()
        return _Group([node], systems, kinds, set(self._apart.get(node.name, ())))

    def decide(self, one: str, other: str) -> None:
        """Follow a steward's must-link, unless other decisions keep the groups apart."""
        self._try(one, other, Reason.DECISION, 0, (self._kept_apart,))

    def identify(self, one: str, other: str) -> None:
        """Join two records with an equal strong identifier."""
        self._try(one, other, Reason.IDENTIFIER, 0, (self._kept_apart, self._contradiction, self._duplicate))

    def weigh(self, edge: Edge, graph: _Graph, cuts: Cuts) -> None:
        """Join a scored pair, or leave it to a steward."""
        if cuts.link is None or edge.millibits < cuts.link:
            self._leave(edge, Doubt.WEAK)
            return
        ours, theirs = self._group[edge.one], self._group[edge.other]
        if ours is theirs:
            return
        if edge.forbidden:
            self._doubt(*edge[:3], Doubt.CONTRADICTION)
        elif self._has_close_second(edge, graph, cuts.margin):
            self._doubt(*edge[:3], Doubt.CLOSE_SECOND)
        elif not self._coherent(ours, theirs, graph):
            self._leave(edge, Doubt.LOOSE)
        else:
            self._try(
                edge.one,
                edge.other,
                Reason.MODEL,
                edge.millibits,
                (self._kept_apart, self._contradiction, self._duplicate),
            )

    def _leave(self, edge: Edge, doubt: Doubt) -> None:
        """Leave a pair to a steward, unless a system's other record has the place already."""
        if self._duplicate(self._group[edge.one], self._group[edge.other]) is None:
            self._doubt(edge.one, edge.other, edge.millibits, doubt)

    def _try(self, one: str, other: str, reason: Reason, millibits: int, checks: Collection[_Check]) -> None:
        ours, theirs = self._group[one], self._group[other]
        if ours is theirs:
            return
        for check in checks:
            if doubt := check(ours, theirs):
                self._doubt(one, other, millibits, doubt)
                return
        self._join(ours, theirs)
        self._joins.append(Join(one, other, reason))

    def _join(self, ours: _Group, theirs: _Group) -> None:
        large, small = (ours, theirs) if len(ours.members) >= len(theirs.members) else (theirs, ours)
        large.members += small.members
        large.systems |= small.systems
        large.apart |= small.apart
        for kind, values in small.exclusive.items():
            large.exclusive.setdefault(kind, set()).update(values)
        for node in small.members:
            self._group[node.name] = large

    def _doubt(self, one: str, other: str, millibits: int, doubt: Doubt) -> None:
        """Leave a pair to a steward, unless it was decided or one system's other record is there already."""
        if other not in self._apart.get(one, ()) and doubt is not Doubt.DUPLICATE:
            self._reviews.append(Review(one, other, millibits, doubt))

    @staticmethod
    def _kept_apart(ours: _Group, theirs: _Group) -> Doubt | None:
        small, large = sorted((ours, theirs), key=lambda group: len(group.members))
        return Doubt.DECISION if any(node.name in large.apart for node in small.members) else None

    @staticmethod
    def _contradiction(ours: _Group, theirs: _Group) -> Doubt | None:
        return Doubt.CONTRADICTION if ours.contradicts(theirs) else None

    @staticmethod
    def _duplicate(ours: _Group, theirs: _Group) -> Doubt | None:
        return None if ours.systems.isdisjoint(theirs.systems) else Doubt.DUPLICATE

    def _has_close_second(self, edge: Edge, graph: _Graph, margin: int) -> bool:
        return any(
            self._rivals(edge, record, partner, graph.of[record], margin)
            for record, partner in ((edge.one, edge.other), (edge.other, edge.one))
        )

    def _rivals(self, edge: Edge, record: str, partner: str, edges: Mapping[str, Edge], margin: int) -> bool:
        ours, theirs = self._group[record], self._group[partner]
        for name, second in edges.items():
            if second.millibits <= edge.millibits - margin:
                return False
            group = self._group[name]
            if name == partner or group is theirs or group is ours:
                continue
            if self._exclude(group, theirs) and not self._exclude(group, ours):
                return True
        return False

    def _exclude(self, one: _Group, other: _Group) -> bool:
        return any(check(one, other) for check in (self._kept_apart, self._contradiction, self._duplicate))

    def _coherent(self, ours: _Group, theirs: _Group, graph: _Graph) -> bool:
        """Tell whether at least half of the pairs across are at or above the review cut: no chains."""
        known = sum(1 for node in ours.members for other in theirs.members if other.name in graph.of.get(node.name, ()))
        return 2 * known >= len(ours.members) * len(theirs.members)

    def partition(self) -> Partition:
        """Return what came about."""
        groups = {id(group): tuple(sorted(node.name for node in group.members)) for group in self._group.values()}
        return Partition(
            tuple(sorted(groups.values())),
            tuple(sorted(self._joins, key=lambda join: join[:2])),
            tuple(self._open_reviews()),
        )

    def _open_reviews(self) -> Iterator[Review]:
        """Give the best pair of any two groups, of a record the best few, best first.

        What no model would link is not asked of two groups that a steward has kept apart: that was the answer.
        """
        seen: set[frozenset[int]] = set()
        times: Counter[str] = Counter()
        for review in sorted(self._reviews, key=lambda each: (-each.millibits, each.one, each.other)):
            ours, theirs = self._group[review.one], self._group[review.other]
            if review.doubt is Doubt.WEAK and self._kept_apart(ours, theirs):
                continue
            groups = frozenset((id(ours), id(theirs)))
            if len(groups) > 1 and groups not in seen and max(times[review.one], times[review.other]) < MOST_REVIEWS:
                seen.add(groups)
                times.update((review.one, review.other))
                yield review
