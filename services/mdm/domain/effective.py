"""Day arithmetic of effective-dated records: half-open periods of whole days, and timelines of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from google.protobuf.message import Message
from google.type.date_pb2 import Date

from concord.mdm.v1.record_pb2 import EffectivePeriod
from services.mdm.domain.record_type import RecordType


@dataclass(frozen=True)
class Period:
    """The days from `start` to the day before `end`; None = unbounded."""

    start: date | None = None
    end: date | None = None

    @property
    def empty(self) -> bool:
        """Whether no day lies within."""
        return self.start is not None and self.end is not None and self.start >= self.end

    def contains(self, day: date) -> bool:
        """Tell whether a day lies within."""
        return (self.start is None or self.start <= day) and (self.end is None or day < self.end)

    def covers(self, other: "Period") -> bool:
        """Tell whether every day of the other lies within."""
        early = self.start is None or (other.start is not None and self.start <= other.start)
        return early and (self.end is None or (other.end is not None and other.end <= self.end))

    def reaches(self, other: "Period") -> bool:
        """Tell whether it ends after the other begins."""
        return self.end is None or other.start is None or self.end > other.start

    def clip(self, other: "Period") -> "Period":
        """Return the days that lie within both; maybe an empty period."""
        starts = [start for start in (self.start, other.start) if start is not None]
        ends = [end for end in (self.end, other.end) if end is not None]
        return Period(max(starts, default=None), min(ends, default=None))

    @property
    def order(self) -> tuple[date, date]:
        """What periods are sorted by."""
        return (self.start or date.min, self.end or date.max)


ALWAYS = Period()

Piece = tuple[Period, Message]
"""What is true during a period."""

Timeline = tuple[Piece, ...]
"""Pieces in order that don't overlap, equal neighbours joined."""


def canonical_bytes(value: Message) -> bytes:
    """Return the bytes that equal messages have in common."""
    return value.SerializeToString(deterministic=True)


def to_date(message: Any) -> date:
    """Return a google.type.Date's day. Raises ValueError when it is not a full date."""
    return date(message.year, message.month, message.day)


def period_of(holder: Message, field: str = "effective_period") -> Period:
    """Return a message's effective period; unset = always. Raises ValueError for dates that are none."""
    if not holder.HasField(field):
        return ALWAYS
    message = getattr(holder, field)
    start = to_date(message.start_date) if message.HasField("start_date") else None
    return Period(start, to_date(message.end_date) if message.HasField("end_date") else None)


def period_message(period: Period) -> EffectivePeriod:
    """Return a period as the contract's message."""
    message = EffectivePeriod()
    for bound, target in ((period.start, message.start_date), (period.end, message.end_date)):
        if bound is not None:
            target.CopyFrom(Date(year=bound.year, month=bound.month, day=bound.day))
    return message


def set_period(holder: Message, period: Period, field: str = "effective_period") -> None:
    """Write a message's effective period; always = unset."""
    holder.ClearField(field)
    if period != ALWAYS:
        getattr(holder, field).CopyFrom(period_message(period))


def elementary(periods: Iterable[Period]) -> list[Period]:
    """Return the periods between all bounds, in order, from since ever to for ever."""
    bounds = sorted({bound for period in periods for bound in (period.start, period.end) if bound is not None})
    return [Period(start, end) for start, end in pairwise([None, *bounds, None])]


def values_during(timeline: Timeline, periods: Iterable[Period]) -> Iterator[Message | None]:
    """Give what holds during each of the elementary periods, which are in order."""
    pieces = iter(timeline)
    piece = next(pieces, None)
    for period in periods:
        while piece is not None and not piece[0].reaches(period):
            piece = next(pieces, None)
        yield piece[1] if piece is not None and piece[0].covers(period) else None


def in_time(pieces: Iterable[Piece]) -> Timeline:
    """Return pieces as a timeline; where two overlap (`validity` refuses them) the one that begins earlier holds."""
    result: list[Piece] = []
    for period, value in sorted(pieces, key=lambda piece: (*piece[0].order, canonical_bytes(piece[1]))):
        rest = Period(result[-1][0].end, None).clip(period) if result else period
        if not rest.empty and not (result and result[-1][0].end is None):
            result.append((rest, value))
    return joined(result)


def joined(pieces: Iterable[tuple[Period, Message | None]]) -> Timeline:
    """Return pieces that are in order as a timeline: without absent ones, equal neighbours joined."""
    result: list[Piece] = []
    for period, value in pieces:
        if value is None:
            continue
        if result and result[-1][0].end == period.start and result[-1][1] == value:
            result[-1] = (Period(result[-1][0].start, period.end), value)
        else:
            result.append((period, value))
    return tuple(result)


def combined(
    timelines: Sequence[Timeline], combine: Callable[[Period, Sequence[Message | None]], Message | None]
) -> Timeline:
    """Return the timeline that `combine` makes of what each timeline says in every elementary period."""
    periods = elementary(period for timeline in timelines for period, _ in timeline)
    columns = zip(*(values_during(timeline, periods) for timeline in timelines), strict=True)
    return joined((period, combine(period, values)) for period, values in zip(periods, columns, strict=bool(timelines)))


def clipped(timeline: Timeline, within: Period) -> Timeline:
    """Return what of a timeline lies within a period."""
    pieces = ((period.clip(within), value) for period, value in timeline)
    return tuple((period, value) for period, value in pieces if not period.empty)


def at(record_type: RecordType, content: Message, day: date) -> Message | None:
    """Return the content as it is true on a day, with only the slice in effect; None = nothing is.

    Contents of types without slices, and contents that have none, are returned as they are (the
    latter only within their effective period). Raises ValueError for dates that are none.
    """
    result = record_type.message()
    result.CopyFrom(content)
    if record_type.period_field and not period_of(content, record_type.period_field).contains(day):
        return None
    if record_type.slice_field is None or not getattr(content, record_type.slice_field):
        return result
    slices = [piece for piece in getattr(content, record_type.slice_field) if period_of(piece).contains(day)]
    result.ClearField(record_type.slice_field)
    getattr(result, record_type.slice_field).extend(slices)
    return result if slices else None
