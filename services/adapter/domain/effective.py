"""Effective dates: what of a record holds on a day, and when that changes next."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Protocol, TypeVar

from google.protobuf.message import Message
from google.type import date_pb2

from concord.mdm.v1.record_pb2 import EffectivePeriod


class _Slice(Protocol):
    @property
    def effective_period(self) -> EffectivePeriod: ...


S = TypeVar("S", bound=_Slice)


def day(value: date_pb2.Date) -> date:
    """Return the day; a date without month or day means the first."""
    return date(value.year, value.month or 1, value.day or 1)


def in_effect(period: EffectivePeriod, today: date) -> bool:
    """Tell whether `today` lies in the period; a period without dates has no end."""
    begun = not period.HasField("start_date") or day(period.start_date) <= today
    ended = period.HasField("end_date") and day(period.end_date) <= today
    return begun and not ended


def slice_in_effect(slices: Iterable[S], today: date) -> S | None:
    """Return the slice that holds on `today`, if one does; slices never overlap."""
    return next((each for each in slices if in_effect(each.effective_period, today)), None)


def next_turn(record: Message, today: date) -> date | None:
    """Return the first day after `today` on which any period within the record begins or ends."""
    return min((turn for period in _periods(record) for turn in _turns(period) if turn > today), default=None)


def _turns(period: EffectivePeriod) -> Iterator[date]:
    if period.HasField("start_date"):
        yield day(period.start_date)
    if period.HasField("end_date"):
        yield day(period.end_date)


def _periods(message: Message) -> Iterator[EffectivePeriod]:
    if isinstance(message, EffectivePeriod):
        yield message
        return
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        for each in value if descriptor.is_repeated else (value,):
            if isinstance(each, Message):  # a map yields its keys, and none here holds periods
                yield from _periods(each)
