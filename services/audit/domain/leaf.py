"""Leaves as they arrive: decoded, checked for what the log needs of them, hashed."""

import hashlib
from datetime import UTC, datetime
from typing import NamedTuple, Self

from google.protobuf.message import DecodeError

from concord.audit.v1.audit_pb2 import OPERATION_ASK, OPERATION_DENY, OPERATION_DISCLOSE, OPERATION_PRUNE, Leaf
from services.audit.domain.term import terms_of

LONGEST_RECORD_BYTES = 1024
"""A record's name in UTF-8, so that it fits an index entry of the log."""

ACTS = {
    OPERATION_DISCLOSE: "disclosure",
    OPERATION_DENY: "denial",
    OPERATION_ASK: "question",
    OPERATION_PRUNE: "pruning",
}
"""The record types of leaves that are the evidence of no change, by their operations."""

_LEAF_PREFIX = b"\x00"  # RFC 9162, 2.1.1: a leaf's hash can never be an inner node's


class LeafKey(NamedTuple):
    """What a leaf is the evidence of; unique in the log."""

    source_service: str
    record: str
    revision: int


class Flaw(NamedTuple):
    """Why bytes are not a leaf that the log can hold: the field (empty for the whole leaf) and the reason."""

    field: str
    description: str


class FlawedLeafError(Exception):
    """The bytes are not a leaf that the log can hold."""

    def __init__(self, *flaws: Flaw) -> None:
        super().__init__("; ".join(f"{flaw.field or 'leaf'}: {flaw.description}" for flaw in flaws))
        self.flaws = flaws


class IncomingLeaf(NamedTuple):
    """A leaf to be appended. `data` is what was sent, byte for byte; the rest is read from it to find it again."""

    key: LeafKey
    record_type: str
    actor: str
    entities: tuple[str, ...]
    occurred_at: datetime
    traceparent: str
    terms: tuple[int, ...]
    data: bytes
    leaf_hash: bytes

    @classmethod
    def of(cls, leaf: Leaf, data: bytes) -> Self:
        """Return the leaf that `data` decodes to, with its hash. Raises FlawedLeafError."""
        flaws = [*_unstorable_texts(leaf), *_long_names(leaf), *_contradictions(leaf)]
        if flaws:
            raise FlawedLeafError(*flaws)
        return cls(
            key=LeafKey(leaf.source_service, leaf.record, leaf.revision),
            record_type=leaf.record_type,
            actor=leaf.actor,
            entities=tuple(leaf.entities),
            occurred_at=_occurred_at(leaf),
            traceparent=leaf.traceparent,
            terms=terms_of(leaf),
            data=data,
            leaf_hash=leaf_hash(data),
        )


def leaf_hash(data: bytes) -> bytes:
    """Return SHA-256 of a zero byte and the leaf's bytes (RFC 9162, 2.1.1)."""
    return hashlib.sha256(_LEAF_PREFIX + data).digest()


def decode(data: bytes) -> Leaf:
    """Return the leaf that the bytes are. Raises FlawedLeafError when they are none."""
    try:
        return Leaf.FromString(data)
    except DecodeError as error:
        raise FlawedLeafError(Flaw("", "the bytes are not a concord.audit.v1.Leaf")) from error


def _unstorable_texts(leaf: Leaf) -> list[Flaw]:
    """PostgreSQL's text cannot hold the character U+0000."""
    if "\x00" not in "".join((leaf.source_service, leaf.record, leaf.record_type, leaf.actor, *leaf.entities)):
        return []
    texts = {
        "source_service": leaf.source_service,
        "record": leaf.record,
        "record_type": leaf.record_type,
        "actor": leaf.actor,
    }
    texts |= {f"entities[{index}]": entity for index, entity in enumerate(leaf.entities)}
    return [Flaw(field, "must not contain the character U+0000") for field, text in texts.items() if "\x00" in text]


def _long_names(leaf: Leaf) -> list[Flaw]:
    if len(leaf.record.encode()) <= LONGEST_RECORD_BYTES:
        return []
    return [Flaw("record", f"must be at most {LONGEST_RECORD_BYTES} bytes in UTF-8")]


def _contradictions(leaf: Leaf) -> list[Flaw]:
    """Find what an act must say (what was done, its own record type) and what a change must (the record's digest)."""
    act = ACTS.get(leaf.operation)
    if leaf.WhichOneof("act") != act:
        return [Flaw("act", f"must be {act}" if act else "must be empty where a record was changed")]
    if act is not None:
        return [] if leaf.record_type == act else [Flaw("record_type", f"must be {act}")]
    if leaf.record_type in ACTS.values():
        return [Flaw("record_type", "must be that of a record")]
    return [] if leaf.content_digest else [Flaw("content_digest", "must be told where a record was changed")]


def _occurred_at(leaf: Leaf) -> datetime:
    try:
        return leaf.occurred_at.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise FlawedLeafError(Flaw("occurred_at", "must lie in the years 1 to 9999")) from error
