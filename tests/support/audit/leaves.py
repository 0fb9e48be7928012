"""Leaves for tests of the audit: well formed, different in what the test names."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from concord.audit.v1.audit_pb2 import OPERATION_CREATE, OPERATION_UPDATE, Leaf
from services.audit.domain.leaf import IncomingLeaf, decode

BEGINNING = datetime(2026, 11, 24, 8, tzinfo=UTC)


def leaf_message(record: str = "suppliers/one", revision: int = 1, **fields: object) -> Leaf:
    """Build the leaf of a change; `at` is when it occurred, other fields as in the contract."""
    occurred_at = Timestamp()
    at = fields.pop("at", BEGINNING + timedelta(seconds=revision))
    assert isinstance(at, datetime)
    occurred_at.FromDatetime(at)
    told: dict[str, object] = {
        "source_service": "mdm",
        "record": record,
        "revision": revision,
        "record_type": "supplier",
        "operation": OPERATION_CREATE if revision == 1 else OPERATION_UPDATE,
        "occurred_at": occurred_at,
        "actor": "steward",
        "client": "console",
        "entities": ["entities/general"],
        "content_digest": hashlib.sha256(f"{record} {revision}".encode()).digest(),
    }
    return Leaf(**(told | fields))  # type: ignore[arg-type]


def leaf_bytes(record: str = "suppliers/one", revision: int = 1, **fields: object) -> bytes:
    """Build the leaf of a change as a relay sends it."""
    return leaf_message(record, revision, **fields).SerializeToString()


def incoming(data: bytes) -> IncomingLeaf:
    """Read bytes as the audit does."""
    return IncomingLeaf.of(decode(data), data)


def history(record: str, revisions: Iterable[int], **fields: object) -> list[bytes]:
    """Build the leaves of several revisions of a record."""
    return [leaf_bytes(record, revision, **fields) for revision in revisions]
