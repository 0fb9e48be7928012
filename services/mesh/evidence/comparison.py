"""Comparing evidence: two sides that hold leaves by record and revision, and where they differ.

The names of records are cut into ranges. Where both sides have the same sum over a range, they hold the same leaves in
it and nothing more is asked; an unequal range is cut again, until what is left is small enough to be listed.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby, islice
from typing import NamedTuple, Protocol


class RecordRange(NamedTuple):
    """The record names behind `after` up to `through`, by their bytes; empty = from the first, to whatever end."""

    after: str = ""
    through: str = ""


@dataclass(frozen=True)
class Grain:
    """How finely names are cut, in changes: the ranges summed up at first, the parts of an unequal one, what is listed.

    What is sent for equal ranges is about a hundred bytes for every 4096 changes.
    """

    size: int = 4096
    parts: int = 16
    listed: int = 256


FINE = Grain()


@dataclass(frozen=True)
class Summary:
    """How many leaves there are in a range, and the digest over them that the audit's contract defines."""

    count: int
    digest: bytes


class Entry(NamedTuple):
    """One leaf. `published` says of a service's own change that the audit has receipted it."""

    record: str
    revision: int
    leaf_hash: bytes
    published: bool = True

    @property
    def key(self) -> tuple[str, int]:
        """What the leaf is the evidence of; sorts as both sides do, since code points sort as their UTF-8 does."""
        return self.record, self.revision


class Kind(Enum):
    """What is found where the sides differ; all but WAITING are alarms."""

    WAITING = 0
    MISSING_AT_AUDIT = 1
    UNKNOWN_TO_SERVICE = 2
    OTHER_BYTES = 3


class Finding(NamedTuple):
    """One change on which the sides differ, with the leaf's hash on either; empty where there is none."""

    kind: Kind
    record: str
    revision: int
    own_hash: bytes = b""
    audited_hash: bytes = b""


class Page(NamedTuple):
    """What comparing some ranges found; `behind` is the last record compared, None when it was the last of all."""

    differences: tuple[Finding, ...]
    compared: int
    waiting: int
    behind: str | None


class Side(Protocol):
    """One that holds leaves."""

    def summaries(self, ranges: Sequence[RecordRange]) -> Sequence[Summary]:
        """Return the sum over each range."""

    def entries(self, wanted: RecordRange) -> Iterable[Entry]:
        """Return what is in a range, by record and revision."""


class OwnSide(Side, Protocol):
    """The service whose changes are compared: it cuts, and a change is first here, then at the audit."""

    def cut(self, wanted: RecordRange, size: int) -> Iterator[RecordRange]:
        """Cut a range, without a hole, into ranges of whole records with about `size` changes each."""

    def entry(self, record: str, revision: int) -> Entry | None:
        """Return one change as it is known now; None when it is not."""


def compare(  # noqa: PLR0913 - two sides, from where on, how much, how finely
    own: OwnSide, audit: Side, after: str = "", *, ranges: int = 16, most: int = 1000, grain: Grain = FINE
) -> Page:
    """Compare the next ranges behind a record; a page ends early, behind a record, once it has `most` differences.

    What is committed, published or received while this runs is no difference: of each range the service is asked
    first, so what it has published by then is at the audit, and again where the audit knows more.
    """
    wanted = list(islice(own.cut(RecordRange(after), grain.size), ranges))
    differences: list[Finding] = []
    compared = waiting = 0
    last = ""
    for one, ours, theirs in _summed_up(own, audit, wanted):
        for finding in _unequal(own, audit, one, ours, grain) if ours != theirs else ():
            if len(differences) >= most and finding.record != last:
                behind = max(last, one.after)
                (part,) = own.summaries([RecordRange(one.after, behind)])
                return Page(tuple(differences), compared + part.count, waiting, behind)
            last = finding.record
            if finding.kind is Kind.WAITING:
                waiting += 1
            else:
                differences.append(finding)
        compared += ours.count
    return Page(tuple(differences), compared, waiting, wanted[-1].through or None)


def _summed_up(
    own: OwnSide, audit: Side, ranges: Sequence[RecordRange]
) -> Iterator[tuple[RecordRange, Summary, Summary]]:
    ours = own.summaries(ranges)
    return zip(ranges, ours, audit.summaries(ranges), strict=True)


def _unequal(own: OwnSide, audit: Side, wanted: RecordRange, ours: Summary, grain: Grain) -> Iterator[Finding]:
    """Find the differences in a range whose sums differ, by record and revision."""
    size = max(grain.listed, ours.count // grain.parts)
    parts = [wanted] if ours.count <= grain.listed else list(own.cut(wanted, size))
    if len(parts) == 1:
        yield from _listed(own, audit, wanted)
        return
    for part, mine, theirs in _summed_up(own, audit, parts):
        if mine != theirs:
            yield from _unequal(own, audit, part, mine, grain)


def _listed(own: OwnSide, audit: Side, wanted: RecordRange) -> Iterator[Finding]:
    ours = list(own.entries(wanted))
    for mine, theirs in _side_by_side(ours, audit.entries(wanted)):
        # What only the audit has may have been made since the service was asked.
        known = mine if mine is not None or theirs is None else own.entry(*theirs.key)
        found = _finding(known, theirs)
        if found is not None:
            yield found


def _side_by_side(ours: Iterable[Entry], theirs: Iterable[Entry]) -> Iterator[tuple[Entry | None, Entry | None]]:
    marked = ([(entry.key, is_theirs, entry) for entry in side] for is_theirs, side in ((False, ours), (True, theirs)))
    for _, same in groupby(heapq.merge(*marked), key=lambda each: each[0]):
        found = {is_theirs: entry for _, is_theirs, entry in same}
        yield found.get(False), found.get(True)


def _finding(mine: Entry | None, theirs: Entry | None) -> Finding | None:
    if mine is None:
        assert theirs is not None  # noqa: S101 - it is of one of the sides
        return Finding(Kind.UNKNOWN_TO_SERVICE, theirs.record, theirs.revision, audited_hash=theirs.leaf_hash)
    if theirs is None:
        kind = Kind.MISSING_AT_AUDIT if mine.published else Kind.WAITING
        return Finding(kind, mine.record, mine.revision, own_hash=mine.leaf_hash)
    if mine.leaf_hash != theirs.leaf_hash:
        return Finding(Kind.OTHER_BYTES, mine.record, mine.revision, mine.leaf_hash, theirs.leaf_hash)
    return None
