"""Which golden record a source record belongs to."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from concord.mdm.v1 import ingest_pb2 as pb
from services.mdm.domain.identifiers import MatchKey
from services.mdm.domain.record_type import RecordType


@dataclass(frozen=True)
class Sighting:
    """The source record that is to be linked.

    `delivered` is the golden record whose push created the document, if one did (`echo.golden_record`
    of a first submission).
    """

    system: str
    free_of_duplicates: bool
    delivered: str | None = None


@dataclass(frozen=True)
class Candidate:
    """A golden record that shares a key: all keys and all systems of its source records."""

    golden: str
    keys: frozenset[MatchKey]
    systems: frozenset[str]


@dataclass(frozen=True)
class Link:
    """Where a source record belongs: `golden` None = found a new one; `origin` None = the link stays as it is."""

    golden: str | None
    origin: "pb.SourceRecord.LinkOrigin.ValueType | None"


class Linker(Protocol):
    """Decides links. The scored matcher will be another one."""

    def decide(
        self,
        source: Sighting,
        keys: Collection[MatchKey],
        candidates: Sequence[Candidate],
        current: str | None,
    ) -> Link:
        """Return where the source record belongs."""
        ...


class ExactLinker:
    """Links by equal strong identifiers."""

    def __init__(self, record_type: RecordType) -> None:
        self._exclusive = frozenset(kind.kind for kind in record_type.identifiers if kind.exclusive)

    def decide(
        self,
        source: Sighting,
        keys: Collection[MatchKey],
        candidates: Sequence[Candidate],
        current: str | None,
    ) -> Link:
        """Return the current link, else the oldest golden record that shares a key and may be shared."""
        if current is not None:
            return Link(current, None)
        if source.delivered is not None:
            return Link(source.delivered, pb.SourceRecord.LINK_ORIGIN_DELIVERY)
        fitting = [candidate.golden for candidate in candidates if self._fits(source, frozenset(keys), candidate)]
        if not fitting:
            return Link(None, pb.SourceRecord.LINK_ORIGIN_FOUNDED)
        return Link(min(fitting), pb.SourceRecord.LINK_ORIGIN_IDENTIFIER)

    def _fits(self, source: Sighting, keys: frozenset[MatchKey], candidate: Candidate) -> bool:
        if not keys & candidate.keys or (source.free_of_duplicates and source.system in candidate.systems):
            return False
        return not any(self._contradict(kind, keys, candidate.keys) for kind in self._exclusive)

    @staticmethod
    def _contradict(kind: str, ours: frozenset[MatchKey], theirs: frozenset[MatchKey]) -> bool:
        mine = {key for key in ours if key.kind == kind}
        other = {key for key in theirs if key.kind == kind}
        return bool(mine) and bool(other) and not mine & other
