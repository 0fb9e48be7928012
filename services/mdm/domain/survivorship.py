"""Which source's word becomes the golden record's, value by value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from concord.mdm.v1 import ingest_pb2 as pb
from concord.mdm.v1 import record_pb2
from google.protobuf.message import Message

from services.mdm.domain.record_type import RecordType


@dataclass(frozen=True)
class Trust:
    """How far a system is believed: its rank (1 = most) and the revision of its registration, `systems/erp@2`."""

    rank: int
    revision: str


@dataclass(frozen=True)
class Claim:
    """One source's word on one value. `value` is a content that says nothing else; None = withdrawn."""

    source_record: str
    source_revision: int
    system: str
    key: str
    source_time_ns: int
    rank: int
    value: Message | None
    echoed: bool


@dataclass(frozen=True)
class Contest:
    """Who won one value (in one period, for slices), who lost (best first), and by which rule."""

    path: str
    start: date | None
    end: date | None
    winner: Claim
    losers: tuple[Claim, ...]
    rule: "record_pb2.ValueExplanation.Rule.ValueType"


@dataclass(frozen=True)
class Golden:
    """The golden record that sources make. `content` carries no metadata.

    `digest` covers every value, winner, loser and source time, so that an equal digest means that
    there is nothing to write; it does not cover what is an echo.
    """

    content: Message
    contests: tuple[Contest, ...]
    digest: bytes
    source_revisions: tuple[str, ...]
    rule_revisions: tuple[str, ...]


def survive(record_type: RecordType, sources: Sequence[pb.SourceRecord], trust: Mapping[str, Trust]) -> Golden | None:
    """Return what the sources make together; None = none of them lives."""
    raise NotImplementedError


def canonical_digest(record_type: RecordType, content: Message) -> bytes:
    """Return the digest of a golden content without its metadata."""
    raise NotImplementedError
