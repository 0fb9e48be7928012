"""Claims on one value of a golden record, and the contest that they decide."""

from datetime import date
from typing import NamedTuple

from google.protobuf.message import Message

from concord.mdm.v1 import record_pb2
from services.mdm.domain.effective import Period

Rule = record_pb2.ValueExplanation.Rule


class Claim(NamedTuple):
    """One source's word on one value, or a pin's.

    `value` is a content, or for effective-dated values a slice, that says nothing else; None = withdrawn.
    A pin's `source_record` is its own name; it has no system.
    """

    source_record: str
    source_revision: int
    system: str
    key: str
    source_time_ns: int
    rank: int
    value: Message | None
    echoed: bool

    @property
    def order(self) -> tuple[int, int, str, str, str]:
        """What claims are sorted by, the winner first."""
        return (self.rank, -self.source_time_ns, self.system, self.key, self.source_record)


class Contest(NamedTuple):
    """Who won one value (in one period, for slices), who lost (best first), and by which rule."""

    path: str
    start: date | None
    end: date | None
    winner: Claim
    losers: tuple[Claim, ...]
    rule: "Rule.ValueType"

    @property
    def period(self) -> Period:
        """When it holds."""
        return Period(self.start, self.end)
