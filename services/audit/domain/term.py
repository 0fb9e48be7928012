"""Terms: what a leaf is found by beside its record, its actor and its time, each as a number of 64 bits.

A number is the beginning of SHA-256 over the kind of term and its text. It keeps the index narrow, and free of texts
that retention would have to delete.
"""

import functools
import hashlib
import re
from collections.abc import Iterator
from enum import StrEnum

from concord.audit.v1.audit_pb2 import Leaf
from concord.governance.v1.options_pb2 import Classification

_BYTES = 8
_ELEMENT_KEY = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|[^\]"]*)\]')


class TermKind(StrEnum):
    """What a term is about."""

    FIELD = "field"
    PURPOSE = "purpose"
    REQUEST = "request"
    ON_BEHALF_OF = "on behalf of"
    CATEGORY = "category"
    METHOD = "method"
    DISCLOSED = "disclosed"


@functools.lru_cache(maxsize=4096)
def term(kind: TermKind, text: str) -> int:
    """Return the term of a text, between -2^63 and 2^63 - 1."""
    digest = hashlib.sha256(f"{kind}\x00{text}".encode()).digest()
    return int.from_bytes(digest[:_BYTES], "big", signed=True)


def disclosed(record: str, classification: Classification.ValueType) -> str:
    """Return the text of the term DISCLOSED: fields of a class, of a record; of any where one of the two is empty."""
    return f"{classification} {record}"


def terms_of(leaf: Leaf) -> tuple[int, ...]:
    """Return every term of a leaf, each once, in order."""
    found = {term(kind, text) for kind, text in _texts(leaf) if text}
    return tuple(sorted(found | _terms_of_fields(tuple([field.path for field in leaf.fields]))))


def _texts(leaf: Leaf) -> Iterator[tuple[TermKind, str]]:
    yield TermKind.PURPOSE, leaf.purpose
    yield TermKind.REQUEST, leaf.request_id
    for subject in leaf.on_behalf_of:
        yield TermKind.ON_BEHALF_OF, subject
    if leaf.category:
        yield TermKind.CATEGORY, str(leaf.category)
    if leaf.HasField("denial"):
        yield TermKind.METHOD, leaf.method
    if not leaf.HasField("disclosure"):
        return
    for record in leaf.disclosure.records:
        yield TermKind.DISCLOSED, disclosed(record.record, Classification.CLASSIFICATION_UNSPECIFIED)
        for classification in record.classifications:
            yield TermKind.DISCLOSED, disclosed("", classification)
            yield TermKind.DISCLOSED, disclosed(record.record, classification)


@functools.lru_cache(maxsize=1024)
def _terms_of_fields(paths: tuple[str, ...]) -> frozenset[int]:
    """Return what the paths are asked for by; many changes are of the same fields."""
    return frozenset(term for path in paths for term in _terms_of_field(path))


@functools.lru_cache(maxsize=16_384)
def _terms_of_field(path: str) -> tuple[int, ...]:
    """Return what a path is asked for by: without keys of elements, and each path above it. Most of a leaf's terms."""
    steps = _ELEMENT_KEY.sub("", path).split(".")
    above = (".".join(steps[:length]) for length in range(1, len(steps) + 1))
    return tuple(term(TermKind.FIELD, asked) for asked in above if asked)
