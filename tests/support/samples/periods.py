"""Days and periods as the contracts' messages."""

from datetime import date

from google.type.date_pb2 import Date

from concord.mdm.v1.record_pb2 import EffectivePeriod


def date_message(day: date) -> Date:
    """Return a day as google.type.Date."""
    return Date(year=day.year, month=day.month, day=day.day)


def period_message(start: date | None, end: date | None) -> EffectivePeriod:
    """Return a period as the contract's message."""
    return EffectivePeriod(
        start_date=date_message(start) if start else None, end_date=date_message(end) if end else None
    )
