"""Questions to the log: which leaves, seen by whom, from where on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from services.audit.domain.gap import Gap
from services.audit.domain.sequencing import Receipt

Scope = tuple[str, ...] | None
"""The entities whose leaves may be seen; None for all."""

LARGEST_PAGE_BYTES = 1_500_000
"""Of leaves: a page sends each one twice, as bytes and decoded, and stays below the 4 MiB a client accepts."""


class Outline(NamedTuple):
    """What the log holds of a leaf beside its body, also when that was pruned."""

    source_service: str
    record: str
    revision: int
    record_type: str
    actor: str
    entities: Sequence[str]
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class HeldLeaf:
    """A leaf as the log holds it; `data` is None where it was pruned."""

    outline: Outline
    data: bytes | None
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class LeafFilter:
    """Which leaves are asked for; what is empty does not restrict. Occurred at or after `start`, before `end`.

    `involved` is the actor or one on whose behalf it acted; `terms` are all of them terms of the leaf; `changes` leaves
    out what is the evidence of no change.
    """

    source_service: str = ""
    record: str = ""
    actor: str = ""
    start: datetime | None = None
    end: datetime | None = None
    involved: str = ""
    record_type: str = ""
    changes: bool = False
    terms: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of the log: the places behind `after` and before `before`, both exclusive."""

    after: int
    before: int


@dataclass(frozen=True, slots=True)
class LeafPage:
    """Leaves by place in the log, and the place after which the next page begins; None on the last."""

    leaves: Sequence[HeldLeaf]
    next_after: int | None


@dataclass(frozen=True, slots=True)
class GapPage:
    """Gaps in their order, and the place of the leaf that ends the last one; None on the last page."""

    gaps: Sequence[Gap]
    next_after: int | None


@dataclass(frozen=True, slots=True)
class LeafCount:
    """How many leaves the log holds of one service and record type."""

    source_service: str
    record_type: str
    count: int


def fitting(sizes: Sequence[int], most: int, most_bytes: int = LARGEST_PAGE_BYTES) -> int:
    """Count how many leading items of these sizes make a page: at most `most`, at least one, else within the bytes."""
    total = 0
    for count, size in enumerate(sizes[:most]):
        total += size
        if count and total > most_bytes:
            return count
    return min(len(sizes), most)
