"""Leaves: the frozen evidence of a change, with salted commitments in place of values.

A leaf is written in protobuf's wire format field by field, in the order of their numbers, as its message would be: half
of a record's fields are commitments of the same form, and making a message of each costs more than all the hashing.
"""

import functools
import hashlib
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

from concord.audit.v1.audit_pb2 import Leaf, Operation
from concord.governance.v1.options_pb2 import AuditCategory
from services.mesh.records.keys import KeyedHash, RecordKey, derive

if TYPE_CHECKING:
    from services.mesh.call import Call

_LONGEST_PATH = 1024
_KEPT_OF_A_LONG_PATH = 900

# Tags of Leaf and FieldCommitment on the wire: number and kind of a field (all hold bytes of a stated length).
_FIELDS, _CONTENT_DIGEST = b"\x92\x01", b"\x9a\x01"
_PATH, _OLD, _NEW = b"\x0a", b"\x12\x20", b"\x1a\x20"  # old and new with the length of a commitment
_VARINT_BITS = 7
_VARINT_MORE = 0x80


@dataclass(frozen=True)
class Origin:
    """Who made a change, from where and why: what every leaf of a transaction says alike."""

    actor: str
    client: str = ""
    on_behalf_of: tuple[str, ...] = ()
    client_address: str = ""
    peer_identity: str = ""
    request_id: str = ""
    purpose: str = ""
    reason: str = ""
    traceparent: str = ""
    approval: str = ""
    method: str = ""
    category: AuditCategory.ValueType = AuditCategory.AUDIT_CATEGORY_UNSPECIFIED

    @classmethod
    def of(cls, call: "Call", request_id: str = "") -> Self:
        """Return the origin that a call has."""
        return cls(
            actor=call.caller.subject,
            client=call.caller.client,
            on_behalf_of=call.caller.on_behalf_of,
            client_address=call.client_address,
            peer_identity=call.peer_identity,
            request_id=request_id,
            purpose=call.purpose,
            reason=call.reason,
            traceparent=call.traceparent,
            method=call.policy.full_name,
            category=call.policy.audit,
        )

    @classmethod
    def system(cls, name: str, *, reason: str = "", traceparent: str = "") -> Self:
        """Return the origin of what a service does by itself, such as `concord/mdm/expiry`."""
        return cls(actor=name, reason=reason, traceparent=traceparent)


@dataclass(frozen=True)
class Change:
    """What a leaf says about the change itself. `values` and `previous` are canonical values by path."""

    record: str
    revision: int
    record_type: str
    operation: Operation.ValueType
    entities: tuple[str, ...]
    occurred_at: datetime
    values: Mapping[str, bytes]
    previous: Mapping[str, bytes]


class Commitments:
    """Commitments to the values of one revision: SHA-256(salt + value).

    The salt of a path is HKDF-Expand (RFC 5869) of the record's commitment key over revision and path: whoever holds
    the record's key can open every commitment, and nobody can guess at one once that key is destroyed.
    """

    def __init__(self, key: RecordKey) -> None:
        self._salts = KeyedHash(derive(key.secret, "commitments"))

    def commit(self, revision: int, path: str, value: bytes) -> bytes:
        """Return the 32-byte commitment to the value that `path` has in `revision`."""
        return self.commit_all(revision, {path: value})[path]

    def commit_all(self, revision: int, values: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return the commitments to all values of a revision, by path."""
        salts = self._salts.beginning_with(b"%d " % revision)
        sha256 = hashlib.sha256
        return {path: sha256(salts(path.encode() + b"\x01") + value).digest() for path, value in values.items()}


def content_digest(record: str, revision: int, commitments: Iterable[bytes]) -> bytes:
    """Return SHA-256 over the record's name, the revision and the sorted commitments to all its values."""
    name = record.encode()
    digest = hashlib.sha256(struct.pack(">I", len(name)) + name + struct.pack(">Q", revision))
    digest.update(b"".join(sorted(commitments)))
    return digest.digest()


def build_leaf(source_service: str, change: Change, origin: Origin, key: RecordKey) -> bytes:
    """Return the serialised `concord.audit.v1.Leaf`, to be stored and never serialised again.

    The commitment to an old value is the one that the previous revision's content digest covers.
    """
    commitments = Commitments(key)
    new = commitments.commit_all(change.revision, change.values)
    subject = Leaf(
        source_service=source_service,
        record=change.record,
        revision=change.revision,
        record_type=change.record_type,
        operation=change.operation,
    )
    parts = (
        subject.SerializeToString(deterministic=True),
        _circumstances(origin, change.occurred_at),
        _entities(change.entities),
        _changed_fields(change, commitments, new),
        _CONTENT_DIGEST,
        _sized(content_digest(change.record, change.revision, new.values())),
        _called(origin),
    )
    return b"".join(parts)


@functools.lru_cache(maxsize=64)
def _circumstances(origin: Origin, occurred_at: datetime) -> bytes:
    """Return what the leaves of a transaction say alike."""
    leaf = Leaf(
        actor=origin.actor,
        client=origin.client,
        on_behalf_of=origin.on_behalf_of,
        approval=origin.approval,
        client_address=origin.client_address,
        peer_identity=origin.peer_identity,
        request_id=origin.request_id,
        purpose=origin.purpose,
        reason=origin.reason,
        traceparent=origin.traceparent,
    )
    leaf.occurred_at.FromDatetime(occurred_at)
    return leaf.SerializeToString(deterministic=True)


@functools.lru_cache(maxsize=64)
def _called(origin: Origin) -> bytes:
    """Return what a leaf says of the RPC, which comes behind what it says of the record."""
    return Leaf(method=origin.method, category=origin.category).SerializeToString(deterministic=True)


@functools.lru_cache(maxsize=1024)
def _entities(entities: tuple[str, ...]) -> bytes:
    return Leaf(entities=entities).SerializeToString(deterministic=True)


def _changed_fields(change: Change, commitments: Commitments, new: Mapping[str, bytes]) -> bytes:
    """Return the leaf's `fields`, in the order of their paths."""
    values, previous = change.values, change.previous
    if not previous:
        return b"".join([_only_new(path) + new[path] for path in sorted(new)])
    changed = [path for path, value in values.items() if previous.get(path) != value]
    changed += [path for path in previous if path not in values]
    replaced = {path: previous[path] for path in changed if path in previous}
    old = commitments.commit_all(change.revision - 1, replaced)
    return b"".join([_field(path, old.get(path, b""), new.get(path, b"")) for path in sorted(changed)])


def _field(path: str, old: bytes, new: bytes) -> bytes:
    """Return one FieldCommitment within its leaf."""
    return _FIELDS + _sized(_path(path) + (_OLD + old if old else b"") + (_NEW + new if new else b""))


@functools.lru_cache(maxsize=4096)
def _only_new(path: str) -> bytes:
    """Return all of a FieldCommitment but the new value's commitment, which ends it."""
    return _field(path, b"", bytes(32))[:-32]


def _path(path: str) -> bytes:
    return _PATH + _sized(_bounded(path).encode())


def _sized(content: bytes) -> bytes:
    """Return bytes behind their length (a varint)."""
    length, size = b"", len(content)
    while size >= _VARINT_MORE:
        length += bytes((size % _VARINT_MORE | _VARINT_MORE,))
        size >>= _VARINT_BITS
    return length + bytes((size,)) + content


def _bounded(path: str) -> str:
    """Keep the contract's bound on a path's length; a path beyond it ends in its own hash."""
    if len(path) <= _LONGEST_PATH:
        return path
    return f"{path[:_KEPT_OF_A_LONG_PATH]}…{hashlib.sha256(path.encode()).hexdigest()}"
