"""Periods of days: Tryton's end with their last day, the hub's with the first day after it."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, TypeVar

from google.type.date_pb2 import Date

from concord.mdm.v1.record_pb2 import EffectivePeriod
from services.adapter.domain.effective import day
from services.adapter.systems.connector import Value

_ONE_DAY = timedelta(days=1)

_SliceT = TypeVar("_SliceT", bound=Any)


def of(first: date | None, last: date | None) -> EffectivePeriod | None:
    """Return the period from the first to the last day; None = without bounds. The last day of all bounds nothing."""
    end = last + _ONE_DAY if last is not None and last < date.max else None
    if first is None and end is None:
        return None
    return EffectivePeriod(start_date=_date(first), end_date=_date(end))


def days(period: EffectivePeriod) -> Value:
    """Return first and last day as texts."""
    first = day(period.start_date) if period.HasField("start_date") else None
    last = day(period.end_date) - _ONE_DAY if period.HasField("end_date") else None
    return {"first_day": first.isoformat() if first else None, "last_day": last.isoformat() if last else None}


def telling(slices: Iterable[_SliceT], today: date) -> _SliceT | None:
    """Return the slice in effect, else the last that ended, else the first to come."""
    ordered = sorted(slices, key=lambda piece: _start(piece.effective_period))
    begun = [piece for piece in ordered if _start(piece.effective_period) <= today]
    return begun[-1] if begun else ordered[0] if ordered else None


def _start(period: EffectivePeriod) -> date:
    return day(period.start_date) if period.HasField("start_date") else date.min


def _date(value: date | None) -> Date | None:
    return Date(year=value.year, month=value.month, day=value.day) if value else None
