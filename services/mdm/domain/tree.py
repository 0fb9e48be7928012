"""Trees: how records of one type hang together in a named hierarchy on one day.

Keys are codes within the tree's scope, compared without case and blanks around. A record belongs to a tree when it
hangs below another one, or another one hangs below it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import cached_property
from typing import Any

from google.protobuf.message import Message

from services.mdm.domain.effective import at, period_of
from services.mdm.domain.record_type import PARENTS, RecordType

NANOS = 1_000_000_000
"""Nanounits in a unit of money."""

Amounts = Mapping[str, int]
"""Nanounits by ISO 4217 currency code."""


def bare(key: str) -> str:
    """Return a key as keys are compared."""
    return key.strip().casefold()


@dataclass(frozen=True)
class Member:
    """A record as it is on the tree's day; `parent_key` is empty when it hangs below nothing."""

    name: str
    key: str
    display_name: str
    parent_key: str


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
    """Something wrong in a tree: what, with which key, and which records it is about."""

    kind: Wrong
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
    """A record's place in two trees; a parent's key is empty for a root, None where the record is not in the tree."""

    name: str
    key: str
    before: str | None
    after: str | None


class Tree:
    """The members of one hierarchy on one day, whatever is wrong with them."""

    def __init__(self, members: Iterable[Member]) -> None:
        by_key: defaultdict[str, list[Member]] = defaultdict(list)
        for member in sorted(members, key=lambda member: (bare(member.key), member.name)):
            by_key[bare(member.key)].append(member)
        named = {bare(each[0].parent_key) for each in by_key.values() if each[0].parent_key}
        self._homonyms = {key: each for key, each in by_key.items() if len(each) > 1}
        self._members = {key: each[0] for key, each in by_key.items() if each[0].parent_key or key in named}
        self._children: defaultdict[str, list[str]] = defaultdict(list)
        for key, member in self._members.items():
            self._children[bare(member.parent_key)].append(key)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes, each followed by what is below it, siblings by key; what hangs in a cycle is left out."""
        tops = [key for key, member in self._members.items() if bare(member.parent_key) not in self._members]
        return tuple(self._below(tops))

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong, by kind and key."""
        return (*self._ambiguities(), *self._orphans(), *self._cycles())

    def under(self, key: str) -> tuple[Node, ...] | None:
        """Return the node with this key and what is below it; None = it is not in the tree."""
        start = next((place for place, node in enumerate(self.nodes) if bare(node.member.key) == bare(key)), None)
        if start is None:
            return None
        top = self.nodes[start].depth
        following = enumerate(self.nodes[start + 1 :], start + 1)
        end = next((place for place, node in following if node.depth <= top), len(self.nodes))
        return self.nodes[start:end]

    def roll_up(self, booked: Mapping[str, Amounts]) -> tuple[tuple[Total, ...], tuple[str, ...]]:
        """Add up what was booked by key; return the nodes with something on or below them, and the keys not found.

        Of keys that differ by case or blanks alone only one may be given.
        """
        own = {bare(key): key for key in booked}
        totals: dict[str, defaultdict[str, int]] = {bare(node.member.key): defaultdict(int) for node in self.nodes}
        for node in reversed(self.nodes):
            key, above = bare(node.member.key), bare(node.member.parent_key)
            for currency, nanos in booked.get(own.get(key, ""), {}).items():
                totals[key][currency] += nanos
            for currency, nanos in totals[key].items() if above in totals else ():
                totals[above][currency] += nanos
        found = [
            Total(node, booked.get(own.get(key, ""), {}), dict(totals[key]))
            for node in self.nodes
            if totals[key := bare(node.member.key)]
        ]
        return tuple(found), tuple(key for short, key in own.items() if short not in totals)

    def places(self) -> Mapping[str, Member]:
        """Return the members by record name."""
        return {member.name: member for member in self._members.values()}

    def _below(self, tops: Sequence[str]) -> Iterator[Node]:
        waiting = [(key, 0) for key in reversed(tops)]
        while waiting:
            key, depth = waiting.pop()
            yield Node(self._members[key], depth)
            waiting.extend((child, depth + 1) for child in reversed(self._children.get(key, [])))

    def _ambiguities(self) -> Iterator[Problem]:
        for each in self._homonyms.values():
            names = tuple(member.name for member in each)
            yield Problem(Wrong.AMBIGUOUS_KEY, each[0].key, "is the key of several records", names)

    def _orphans(self) -> Iterator[Problem]:
        for member in self._members.values():
            if member.parent_key and bare(member.parent_key) not in self._members:
                description = f"hangs below {member.parent_key}, which is not there"
                yield Problem(Wrong.ORPHAN, member.key, description, (member.name,))

    def _cycles(self) -> Iterator[Problem]:
        """Give each cycle once, from its smallest key, with the records that hang in or below it."""
        placed = {bare(node.member.key) for node in self.nodes}
        seen: set[str] = set()
        for start in self._members:
            circle = self._circle(start) if start not in placed | seen else []
            if circle and not seen.intersection(circle):
                below = [member.name for member in self._hanging(circle)]
                route = " → ".join(self._members[key].key for key in (*circle, circle[0]))
                yield Problem(Wrong.CYCLE, self._members[circle[0]].key, f"hangs below itself: {route}", tuple(below))
            seen.update(circle)

    def _circle(self, key: str) -> list[str]:
        path: dict[str, int] = {}
        while key not in path:
            path[key] = len(path)
            key = bare(self._members[key].parent_key)
        circle = list(path)[path[key] :]
        first = circle.index(min(circle))
        return circle[first:] + circle[:first]

    def _hanging(self, circle: Sequence[str]) -> Iterator[Member]:
        waiting, seen = list(circle), set(circle)
        while waiting:
            key = waiting.pop()
            yield self._members[key]
            further = [child for child in self._children.get(key, []) if child not in seen]
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
        parent = next((p.parent_code for p in getattr(piece, PARENTS, ()) if p.hierarchy == hierarchy), "")
        yield Member(name, getattr(now, record_type.identity[1]), getattr(piece, "display_name", ""), parent)


def hierarchies(record_type: RecordType, contents: Iterable[Message]) -> list[str]:
    """Return the hierarchies that records ever stand in, by name."""
    pieces = (piece for content in contents for piece in getattr(content, record_type.slice_field or ""))
    return sorted({parent.hierarchy for piece in pieces for parent in getattr(piece, PARENTS)})


def days_of_change(record_type: RecordType, contents: Iterable[Message], since: date) -> list[date]:
    """Return a day and the later ones on which some record begins, ends or changes."""
    found = {since}
    for content in contents:
        periods = [period_of(piece) for piece in getattr(content, record_type.slice_field or "")]
        periods += [period_of(content, record_type.period_field)] if record_type.period_field else []
        found |= {bound for period in periods for bound in (period.start, period.end) if bound and bound > since}
    return sorted(found)


def differences(before: Tree, after: Tree) -> list[Difference]:
    """Return the records whose place differs, by key."""
    was, will = before.places(), after.places()
    found = []
    for name in was.keys() | will.keys():
        old, new = was.get(name), will.get(name)
        places = tuple(bare(member.parent_key) if member else None for member in (old, new))
        member = new or old
        if places[0] != places[1] and member:
            parents = (each.parent_key if each else None for each in (old, new))
            found.append(Difference(name, member.key, *parents))
    return sorted(found, key=lambda difference: (bare(difference.key), difference.name))
