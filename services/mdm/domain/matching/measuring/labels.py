"""Labelled sets: records and which of them are one thing; and the share of them that counts as decided by stewards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from google.protobuf.message import Message

from services.mdm.domain.matching.columns.hashing import hashed
from services.mdm.domain.matching.columns.lists import Numbers
from services.mdm.domain.matching.scoring.bulk import Flags

Pair = tuple[int, int]
LEFT, RIGHT, ANY = 0, 1, -1
_SEED, _HASHES = "drawn", 2**64


@dataclass(frozen=True)
class LabelledSet:
    """Records and which of them are one thing, by place: first those of the left, then those of the right."""

    left: Sequence[Message]
    right: Sequence[Message]
    """Empty: duplicates are looked for within the left."""
    truth: frozenset[Pair]
    one_to_one: bool = False
    """Whether both sides are free of duplicates."""

    def sides(self) -> list[int]:
        """Return for each record which side it is of."""
        return [LEFT] * len(self.left) + [RIGHT] * len(self.right) if self.right else [ANY] * len(self.left)


@dataclass(frozen=True)
class Decisions:
    """What stewards decided on: all candidates between the `drawn` records."""

    labelled: LabelledSet
    drawn: Flags

    def knows(self, pair: Pair) -> bool:
        """Tell whether a pair was decided on."""
        return bool(self.drawn[pair[0]] and self.drawn[pair[1]])

    def on(self, candidates: Iterable[Pair]) -> dict[Pair, bool]:
        """Return which of the pairs were decided on, and whether they are one thing."""
        return {pair: pair in self.labelled.truth for pair in candidates if self.knows(pair)}

    def links(self) -> list[Pair]:
        """Return the true pairs that were decided on: they hold together whatever they score."""
        return sorted(filter(self.knows, self.labelled.truth))

    def truth(self) -> set[Pair]:
        """Return the true pairs that nobody decided on."""
        return {pair for pair in self.labelled.truth if not self.knows(pair)}

    def sides(self) -> Numbers:
        """Return which side each record is of.

        A left record that was decided on belongs to its golden record: others of the left may be like it, too. Where
        the left has no duplicates they may not.
        """
        sides = np.asarray(self.labelled.sides(), dtype=np.int64)
        if self.labelled.right and not self.labelled.one_to_one:
            sides[self.drawn] = RIGHT
        return sides

    def across(self, pairs: Iterable[Pair]) -> set[Pair]:
        """Return what pairs say that nobody decided on: who is like a record is like what it was linked with."""
        sides, groups = self.labelled.sides(), self._groups
        found = (
            (min(one, other), max(one, other))
            for pair in pairs
            for one in groups.get(pair[0], (pair[0],))
            for other in groups.get(pair[1], (pair[1],))
            if sides[one] == ANY or sides[one] != sides[other]
        )
        return {pair for pair in found if not self.knows(pair)}

    @cached_property
    def _groups(self) -> dict[int, tuple[int, ...]]:
        things = _things(self.links())
        members: dict[int, list[int]] = {}
        for record in sorted(things):
            members.setdefault(things[record], []).append(record)
        return {record: tuple(members[thing]) for record, thing in things.items()}


def decisions(labelled: LabelledSet, share: float) -> Decisions:
    """Return the decisions of stewards who looked at a share of the records: always the same for the same set.

    Of two sides those of the left are drawn, with all of the right to decide between; of one, things as a whole.
    """
    things = {} if labelled.right else _things(labelled.truth)
    places = range(len(labelled.left) + len(labelled.right))
    drawn = [hashed(f"{_SEED} {things.get(place, place)}") < share * _HASHES for place in places]
    if labelled.right:
        drawn[len(labelled.left) :] = [share > 0] * len(labelled.right)
    return Decisions(labelled, np.asarray(drawn, dtype=np.bool_))


def _things(pairs: Iterable[Pair]) -> dict[int, int]:
    """Return for each record of the pairs the first of those that they hold together."""
    first: dict[int, int] = {}

    def root(record: int) -> int:
        while first.setdefault(record, record) != record:
            record = first[record]
        return record

    for one, other in sorted(pairs):
        ours, theirs = sorted((root(one), root(other)))
        first[theirs] = ours
    return {record: root(record) for record in first}
