"""What the bytes of a leaf say of themselves, read from protobuf's wire format without the contract's code.

Of `concord.audit.v1.Leaf` little is needed: the key (source_service = 1, record = 2, revision = 3), and what a pruning
(25) says it pruned. What a whole leaf ends with tells it from the beginning of one: the leaf of a change has a
content_digest = 19, that of an act what was done, in one of the fields from 22 on.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

_SOURCE_SERVICE, _RECORD, _REVISION, _CONTENT_DIGEST, _FIRST_ACT = 1, 2, 3, 19, 22
_VARINT, _EIGHT_BYTES, _COUNTED, _FOUR_BYTES = 0, 1, 2, 5
_FIXED = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
_LONGEST_VARINT = 10
_PRUNING, _FIRST_PRUNED, _LAST_PRUNED = 25, 2, 3
_ACTS = ("denials/", "disclosures/", "prunings/", "questions/")


class LeafKey(NamedTuple):
    """What a leaf is the evidence of."""

    source_service: str
    record: str
    revision: int

    def __str__(self) -> str:
        """Return it for people: whoever made the bundle chose these texts, and a terminal obeys some characters."""
        return f"{_harmless(self.record)} revision {self.revision} of {_harmless(self.source_service)}"

    @property
    def is_act(self) -> bool:
        """Whether it is of an act that changed no record, such as a refused call: of these no receipt is kept."""
        return self.record.startswith(_ACTS)


class Stated(NamedTuple):
    """What bytes say: their key, None for what is no leaf; whether they are the beginning of one; what was pruned."""

    key: LeafKey | None
    is_cut_short: bool = False
    pruned: tuple[int, int] | None = None
    """Places of the first and last leaf whose bodies it says were deleted because their time was over."""


class _CutShortError(Exception):
    """The bytes end before the leaf does."""


class _NotALeafError(Exception):
    """The bytes are not a leaf."""


def stated_by(data: bytes) -> Stated:
    """Return what a leaf's bytes state."""
    try:
        found = dict(_fields(data))
        return Stated(_key(found), pruned=_pruning(found.get(_PRUNING)))
    except _CutShortError:
        return Stated(None, is_cut_short=True)
    except (_NotALeafError, UnicodeDecodeError):
        return Stated(None)


def _key(found: Mapping[int, int | bytes]) -> LeafKey:
    if _CONTENT_DIGEST not in found and max(found, default=0) < _FIRST_ACT:
        raise _CutShortError
    service, record, revision = (found.get(number) for number in (_SOURCE_SERVICE, _RECORD, _REVISION))
    if not isinstance(service, bytes) or not isinstance(record, bytes) or not isinstance(revision, int):
        raise _NotALeafError
    return LeafKey(service.decode(), record.decode(), revision)


def _pruning(told: int | bytes | None) -> tuple[int, int] | None:
    if not isinstance(told, bytes):
        return None
    found = dict(_fields(told))
    first, last = (found.get(number, 0) for number in (_FIRST_PRUNED, _LAST_PRUNED))
    return (first, last) if isinstance(first, int) and isinstance(last, int) else None


def _harmless(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
        elif kind == _COUNTED or kind in _FIXED:
            size, at = _varint(data, at) if kind == _COUNTED else (_FIXED[kind], at)
            if at + size > len(data):
                raise _CutShortError
            yield number, data[at : at + size]
            at += size
        else:
            raise _NotALeafError


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_LONGEST_VARINT):
        if at + place >= len(data):
            raise _CutShortError
        byte = data[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a varint has no top bit
            return value, at + place + 1
    raise _NotALeafError
