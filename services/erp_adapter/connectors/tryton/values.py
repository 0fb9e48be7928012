"""The values of Tryton's JSON-RPC: what JSON cannot hold travels as an object tagged with `__class__`.

Tryton's timestamps are UTC without saying so; here they are aware datetimes in UTC.
"""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any


def encode(value: object) -> bytes:
    """Encode a request; raises ValueError for a naive datetime and TypeError for a type without an encoding."""
    return json.dumps(value, default=_tagged, separators=(",", ":"), allow_nan=False).encode()


def decode(body: bytes) -> Any:
    """Decode an answer; raises ValueError when it is not JSON or a tagged value is malformed."""
    try:
        return json.loads(body, object_hook=_untagged)
    except (KeyError, TypeError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"malformed tagged value: {type(error).__name__}") from error


def _tagged(value: object) -> dict[str, object]:
    match value:
        case datetime():
            return _tagged_datetime(value)
        case date():
            return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
        case time():
            return {"__class__": "time", **_clock(value)}
        case timedelta():
            return {"__class__": "timedelta", "seconds": value.total_seconds()}
        case Decimal():
            return {"__class__": "Decimal", "decimal": str(value)}
        case bytes():
            return {"__class__": "bytes", "base64": base64.b64encode(value).decode()}
        case _:
            raise TypeError(f"JSON-RPC has no encoding for {type(value).__name__}")


def _tagged_datetime(value: datetime) -> dict[str, object]:
    if value.tzinfo is None:
        raise ValueError("a datetime without a time zone is ambiguous")
    moment = value.astimezone(UTC)
    day = {"year": moment.year, "month": moment.month, "day": moment.day}
    return {"__class__": "datetime", **day, **_clock(moment)}


def _clock(value: time | datetime) -> dict[str, object]:
    return {"hour": value.hour, "minute": value.minute, "second": value.second, "microsecond": value.microsecond}


def _date(tagged: dict[str, Any]) -> date:
    return date(tagged["year"], tagged["month"], tagged["day"])


def _time(tagged: dict[str, Any]) -> time:
    return time(tagged["hour"], tagged["minute"], tagged["second"], tagged["microsecond"])


_DECODERS: Mapping[str, Callable[[dict[str, Any]], object]] = {
    "Decimal": lambda tagged: Decimal(tagged["decimal"]),
    "bytes": lambda tagged: base64.b64decode(tagged["base64"]),
    "date": _date,
    "datetime": lambda tagged: datetime.combine(_date(tagged), _time(tagged), UTC),
    "time": _time,
    "timedelta": lambda tagged: timedelta(seconds=tagged["seconds"]),
}


def _untagged(value: dict[str, Any]) -> object:
    tag = value.get("__class__")
    decoder = _DECODERS.get(tag) if isinstance(tag, str) else None
    return decoder(value) if decoder else value
