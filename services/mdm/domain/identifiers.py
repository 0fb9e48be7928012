"""The identifiers that say by themselves that two records are the same thing."""

import unicodedata
from dataclasses import dataclass

from google.protobuf.message import Message

from services.mdm.domain.record_type import RecordType


@dataclass(frozen=True, order=True)
class MatchKey:
    """One valid strong identifier of a content: kind such as `lei`, and its normalised value."""

    kind: str
    value: str


def match_keys(record_type: RecordType, content: Message) -> tuple[MatchKey, ...]:
    """Return the content's valid strong identifiers in order, each once.

    What fails its check digit is no key, and nothing is said about it here (`validity` does). A tax
    id is never one: it has no check digit and people share it.
    """
    return tuple(
        sorted({MatchKey(kind.kind, value) for kind in record_type.identifiers for value in kind.values(content)})
    )


def normalise(identifier: str) -> str:
    """Return an identifier as Search compares it: without separators, case and leading zeros.

    Leading zeros go only where nothing but digits is left, so that a GTIN-13 finds its GTIN-14.
    """
    # Text in ASCII is its own NFKC.
    folded = identifier.lower() if identifier.isascii() else unicodedata.normalize("NFKC", identifier).casefold()
    bare = folded if folded.isalnum() else "".join(character for character in folded if character.isalnum())
    return (bare.lstrip("0") or "0") if bare.isdecimal() and bare else bare
