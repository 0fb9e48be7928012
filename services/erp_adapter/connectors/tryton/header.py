"""What the headers of Tryton's answers tell."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx


def date(headers: httpx.Headers) -> datetime | None:
    """Return the server's time, cut to the second; None = it tells none."""
    try:
        return parsedate_to_datetime(headers.get("Date", "")).astimezone(UTC)
    except ValueError:
        return None


def seconds_to_stay_away(headers: httpx.Headers) -> float | None:
    """Return how long the server asked us not to call."""
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None
