"""The profile of a source record: what of it counts for matching, in standard form."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from google.protobuf.message import Message

from services.mdm.domain.identifiers import match_keys
from services.mdm.domain.matching.declaration import Attribute, Matching
from services.mdm.domain.matching.standardising.code_token import Token, code_token
from services.mdm.domain.matching.standardising.values import texts
from services.mdm.domain.record_type import RecordType

_FIELD, SEPARATOR, _PART = "\x1d", "\x1e", "\x1f"
"""`SEPARATOR` parts the values of one attribute."""
_FIELD_BYTE = _FIELD.encode()
_HEAD = 3
"""So many fields of a stored profile come before what it says of its attributes."""


@dataclass(frozen=True)
class Profile:
    """One source record's standardised content.

    `values` holds for every attribute of the type's declaration, in its order, the distinct standard
    values, sorted. `identifiers` are the valid strong identifiers, as (kind, value), sorted.
    """

    record_type: str
    version: int
    identifiers: tuple[tuple[str, str], ...]
    values: tuple[tuple[str, ...], ...]

    def to_bytes(self) -> bytes:
        """Return the profile as bytes, the same for equal profiles."""
        identifiers = SEPARATOR.join(f"{kind}{_PART}{value}" for kind, value in self.identifiers)
        values = (SEPARATOR.join(values) for values in self.values)
        return _FIELD.join((self.record_type, str(self.version), identifiers, *values)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Profile":
        """Return the profile that `to_bytes` gave. Raises ValueError for other bytes."""
        try:
            name, version, identifiers, *values = data.decode().split(_FIELD)
            kinds = tuple(map(_kind_and_value, identifiers.split(SEPARATOR))) if identifiers else ()
            return cls(name, int(version), kinds, tuple(map(values_of, values)))
        except ValueError as error:
            raise ValueError("these bytes are no profile") from error


def said(stored: Sequence[bytes], places: Sequence[int]) -> list[list[str]]:
    """Return what stored profiles say of the attributes in these places, attribute by attribute.

    Each is one text, for `values_of`: "" = nothing. Raises ValueError for bytes that tell of fewer attributes.
    """
    ends = {each.count(_FIELD_BYTE) for each in stored}
    if ends and min(ends) < _HEAD + max(places, default=-1):
        raise ValueError("these bytes are no profile of the same attributes")
    if len(ends) > 1:
        rows = [each.decode().split(_FIELD) for each in stored]
        return [[row[_HEAD + place] for row in rows] for place in places]
    fields, width = _FIELD_BYTE.join(stored).decode().split(_FIELD), max(ends, default=0) + 1
    return [fields[_HEAD + place :: width] for place in places]


def values_of(text: str) -> tuple[str, ...]:
    """Return the values that such a text holds."""
    return tuple(text.split(SEPARATOR)) if text else ()


def _kind_and_value(text: str) -> tuple[str, str]:
    kind, separator, value = text.partition(_PART)
    if not separator:
        raise ValueError("an identifier without its kind")
    return kind, value


def matching_of(record_type: RecordType) -> Matching:
    """Return how a type's records are matched. Raises ValueError for types that are linked by identifiers alone."""
    if record_type.matching is None:
        raise ValueError(f"{record_type.name} declares no matching")
    return record_type.matching


def profile(record_type: RecordType, content: Message, token: Token) -> Profile:
    """Return the profile of a content; RESTRICTED values enter it as tokens only.

    Raises ValueError for types that declare no matching.
    """
    matching = matching_of(record_type)
    identifiers = tuple((key.kind, key.value) for key in match_keys(record_type, content))
    values = tuple(_standard_values(record_type, attribute, content, token) for attribute in matching.attributes)
    return Profile(record_type.name, matching.version, identifiers, values)


def called(asked: Profile, matching: Matching, text: str) -> Profile:
    """Return the profile with a text besides what it says already of what its thing is called."""
    values = list(asked.values)
    for name in matching.titles:
        place = matching.index(name)
        said = matching.attributes[place].standard(text)
        values[place] = tuple(sorted({*values[place], said} - {""}))
    return replace(asked, values=tuple(values))


def _standard_values(record_type: RecordType, attribute: Attribute, content: Message, token: Token) -> tuple[str, ...]:
    raw = _joined(record_type, attribute, content) if attribute.joined else _each(record_type, attribute, content)
    found = {(attribute.standard(text), restricted) for text, restricted in raw}
    return tuple(sorted({code_token(text, token) if restricted else text for text, restricted in found if text}))


def _each(record_type: RecordType, attribute: Attribute, content: Any) -> Iterator[tuple[str, bool]]:
    for path in attribute.paths:
        yield from texts(record_type, path, content)


def _joined(record_type: RecordType, attribute: Attribute, content: Any) -> Iterable[tuple[str, bool]]:
    found = list(_each(record_type, attribute, content))
    return [(" ".join(text for text, _ in found), any(restricted for _, restricted in found))] if found else []
