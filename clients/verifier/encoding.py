"""The few ways in which bytes and numbers are written in what is checked; each has exactly one spelling."""

import base64
import binascii
import re
from datetime import datetime

from clients.verifier.errors import UnreadableError
from clients.verifier.merkle import HASH_BYTES

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_LARGEST = 2**63 - 1


def from_base64(text: str, what: str) -> bytes:
    """Read standard Base64 with its padding. Raises UnreadableError, also for a second spelling of the same bytes."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnreadableError(f"{what} is not Base64") from error
    if base64.b64encode(data).decode() != text:
        raise UnreadableError(f"{what} is not the one Base64 of its bytes")
    return data


def hash_of(text: str, what: str) -> bytes:
    """Read a hash in Base64. Raises UnreadableError."""
    data = from_base64(text, what)
    if len(data) != HASH_BYTES:
        raise UnreadableError(f"{what} has {len(data)} bytes, not {HASH_BYTES}")
    return data


def number_of(text: str, what: str) -> int:
    """Read a decimal number from 0 to 2^63 - 1, without leading zeroes. Raises UnreadableError."""
    if not _DECIMAL.fullmatch(text) or int(text) > _LARGEST:
        raise UnreadableError(f"{what} is not a decimal number: {text[:32]!r}")
    return int(text)


def moment_of(text: object, what: str) -> datetime:
    """Read a time as RFC 3339 writes it, with its zone. Raises UnreadableError."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError as error:
        raise UnreadableError(f"{what} is no time") from error
    if moment is None or moment.tzinfo is None:
        raise UnreadableError(f"{what} is no time with a zone")
    return moment
