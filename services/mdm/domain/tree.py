"""Trees: how records of one type hang together in a named hierarchy on one day.

A node is known by its scope and its key within: a code within an entity, a number within a ledger. Keys are compared
without case and blanks around. A record belongs to a tree when it hangs below another one, or another one below it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import cached_property
from typing import Any

from google.protobuf.message import Message

from services.mdm.domain.effective import at
from services.mdm.domain.record_type import PARENTS, RecordType

NANOS = 1_000_000_000
"""Nanounits in a unit of money."""

Amounts = Mapping[str, int]
"""Nanounits by ISO 4217 currency code."""


Place = tuple[str, str]
"""What tells nodes apart: a scope and a bare key."""


def bare(key: str) -> str:
    """Return a key as keys are compared."""
    return key.strip().casefold()


@dataclass(frozen=True)
class Member:
    """A record as it is on the tree's day; `parent_key` is empty when it hangs below nothing."""

    name: str
    scope: str
    key: str
    display_name: str = ""
    parent_scope: str = ""
    parent_key: str = ""

    @property
    def place(self) -> Place:
        """What it is known by."""
        return self.scope, bare(self.key)

    @property
    def above(self) -> Place | None:
        """What it hangs below."""
        return (self.parent_scope or self.scope, bare(self.parent_key)) if self.parent_key else None


@dataclass(frozen=True)
class Node:
    """A member in its place; `depth` is 0 for a root and for what hangs below nothing that is there."""

    member: Member
    depth: int


class Wrong(Enum):
    """What can be wrong in a tree."""

    CYCLE = "cycle"
    ORPHAN = "orphan"
    AMBIGUOUS_KEY = "ambiguous key"


@dataclass(frozen=True)
class Problem:
    """Something wrong in a tree: what, where, and which records it is about."""

    kind: Wrong
    scope: str
    key: str
    description: str
    records: tuple[str, ...]


@dataclass(frozen=True)
class Total:
    """A node with what was booked on it, and on it and below it."""

    node: Node
    own: Amounts
    total: Amounts


@dataclass(frozen=True)
class Difference:
    """A record in two trees; None where it is not in one."""

    before: Member | None
    after: Member | None

    @property
    def member(self) -> Member:
        """The record, as it becomes or was."""
        found = self.after or self.before
        assert found is not None  # noqa: S101 - it is in one of the trees
        return found


class Tree:
    """The members of one hierarchy on one day, whatever is wrong with them."""

    def __init__(self, members: Iterable[Member]) -> None:
        by_place: defaultdict[Place, list[Member]] = defaultdict(list)
        self._scopes: set[str] = set()
        for member in sorted(members, key=lambda member: (bare(member.key), member.scope, member.name)):
            by_place[member.place].append(member)
            self._scopes.add(member.scope)
        parents = {each[0].above for each in by_place.values()}
        self._homonyms = [each for each in by_place.values() if len(each) > 1]
        self._members = {place: each[0] for place, each in by_place.items() if each[0].above or place in parents}
        self._children: defaultdict[Place, list[Place]] = defaultdict(list)
        for place, member in self._members.items():
            if member.above:
                self._children[member.above].append(place)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes, each followed by what is below it, siblings by key; what hangs in a cycle is left out."""
        return tuple(self._below([place for place, member in self._members.items() if not self._is_below(member)]))

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong, by kind and key."""
        return (*self._ambiguities(), *self._orphans(), *self._cycles())

    @cached_property
    def places(self) -> Mapping[str, Member]:
        """The members by record name, those in cycles too."""
        return {member.name: member for member in self._members.values()}

    @cached_property
    def _places_by_key(self) -> Mapping[str, Sequence[Place]]:
        found: defaultdict[str, list[Place]] = defaultdict(list)
        for place in self._members:
            found[place[1]].append(place)
        return found

    def find(self, scope: str, key: str, *, exactly: bool = False) -> Place | None:
        """Return the place of a key: in this scope, else (unless `exactly`) the only one; None = there is none."""
        if (scope, bare(key)) in self._members:
            return scope, bare(key)
        others = [] if exactly else self._places_by_key.get(bare(key), [])
        return others[0] if len(others) == 1 else None

    def under(self, place: Place) -> tuple[Node, ...]:
        """Return the node at a place and what is below it; nothing when it hangs in a cycle."""
        start = next((number for number, node in enumerate(self.nodes) if node.member.place == place), None)
        if start is None:
            return ()
        top = self.nodes[start].depth
        following = enumerate(self.nodes[start + 1 :], start + 1)
        end = next((number for number, node in following if node.depth <= top), len(self.nodes))
        return self.nodes[start:end]

    def roll_up(self, booked: Mapping[Place, Amounts]) -> tuple[Total, ...]:
        """Add up what was booked on nodes; return the nodes with something on or below them."""
        totals: dict[Place, defaultdict[str, int]] = {node.member.place: defaultdict(int) for node in self.nodes}
        for node in reversed(self.nodes):
            here, above = node.member.place, node.member.above
            for currency, nanos in booked.get(here, {}).items():
                totals[here][currency] += nanos
            if above is not None and above in totals:
                for currency, nanos in totals[here].items():
                    totals[above][currency] += nanos
        with_totals = ((node, totals[node.member.place]) for node in self.nodes)
        return tuple(
            Total(node, booked.get(node.member.place, {}), dict(total)) for node, total in with_totals if total
        )

    def _is_below(self, member: Member) -> bool:
        return member.above in self._members

    def _below(self, tops: Sequence[Place]) -> Iterator[Node]:
        waiting = [(place, 0) for place in reversed(tops)]
        while waiting:
            place, depth = waiting.pop()
            yield Node(self._members[place], depth)
            waiting.extend((child, depth + 1) for child in reversed(self._children.get(place, [])))

    def _ambiguities(self) -> Iterator[Problem]:
        for each in self._homonyms:
            names = tuple(member.name for member in each)
            yield Problem(Wrong.AMBIGUOUS_KEY, each[0].scope, each[0].key, "is the key of several records", names)

    def _orphans(self) -> Iterator[Problem]:
        """Give what hangs below nothing; a parent in a scope that this tree does not cover is no orphan's."""
        for member in self._members.values():
            if member.above and member.above[0] in self._scopes and not self._is_below(member):
                description = f"hangs below {member.parent_key}, which is not there"
                yield Problem(Wrong.ORPHAN, member.scope, member.key, description, (member.name,))

    def _cycles(self) -> Iterator[Problem]:
        """Give each cycle once, from its smallest key, with the records that hang in or below it."""
        placed = {node.member.place for node in self.nodes}
        seen: set[Place] = set()
        for start in self._members:
            circle = self._circle(start) if start not in placed | seen else []
            if circle and not seen.intersection(circle):
                first = self._members[circle[0]]
                route = " → ".join(self._members[place].key for place in (*circle, circle[0]))
                hanging = tuple(member.name for member in self._hanging(circle))
                yield Problem(Wrong.CYCLE, first.scope, first.key, f"hangs below itself: {route}", hanging)
            seen.update(circle)

    def _circle(self, start: Place) -> list[Place]:
        path: dict[Place, int] = {}
        place: Place | None = start
        while place is not None and place not in path:
            path[place] = len(path)
            place = self._members[place].above
        assert place is not None  # noqa: S101 - what is not below a root hangs in a circle
        circle = list(path)[path[place] :]
        first = circle.index(min(circle))
        return circle[first:] + circle[:first]

    def _hanging(self, circle: Sequence[Place]) -> Iterator[Member]:
        waiting, seen = list(circle), set(circle)
        while waiting:
            place = waiting.pop()
            yield self._members[place]
            further = [child for child in self._children.get(place, []) if child not in seen]
            seen.update(further)
            waiting.extend(further)


def members(record_type: RecordType, contents: Mapping[str, Message], hierarchy: str, day: date) -> Iterator[Member]:
    """Give the records that are in effect on a day, with their place in a hierarchy."""
    assert record_type.identity is not None  # noqa: S101 - what hangs in trees has a key
    for name, content in contents.items():
        now = at(record_type, content, day)
        if now is None:
            continue
        pieces = getattr(now, record_type.slice_field or "")
        piece: Any = pieces[0] if pieces else None
        parent = next((p for p in getattr(piece, PARENTS, ()) if p.hierarchy == hierarchy), None)
        scope, key = (getattr(now, field) for field in record_type.identity)
        above = (parent.parent_scope, parent.parent_code) if parent else ("", "")
        yield Member(name, scope, key, getattr(piece, "display_name", ""), *above)


def hierarchies(record_type: RecordType, contents: Iterable[Message]) -> list[str]:
    """Return the hierarchies that records ever stand in, by name."""
    pieces = (piece for content in contents for piece in getattr(content, record_type.slice_field or ""))
    return sorted({parent.hierarchy for piece in pieces for parent in getattr(piece, PARENTS)})


def differences(before: Tree, after: Tree) -> list[Difference]:
    """Return the records whose place differs, by key."""
    was, will = before.places, after.places
    found = [Difference(was.get(name), will.get(name)) for name in was.keys() | will.keys()]
    differing = (each for each in found if _above(each.before) != _above(each.after))
    return sorted(differing, key=lambda each: (*each.member.place, each.member.name))


def _above(member: Member | None) -> tuple[bool, Place | None]:
    return member is not None, member.above if member else None
