"""Leaves as the hub's relay sends them: of about a kilobyte, with commitments to eight fields, each of a new record."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from concord.audit.v1.audit_pb2 import OPERATION_CREATE, AppendLeavesRequest, FieldCommitment, Leaf

SOURCE = "mdm"
"""The service in whose name they are; whoever appends them has to be it."""

_SAID = datetime(2026, 1, 1, tzinfo=UTC)
_PATHS = tuple(f"sites[main].address.lines[{place}]" for place in range(8))


def leaf(number: int) -> bytes:
    """Return the serialised leaf of that number."""
    digest = hashlib.sha256(number.to_bytes(8, "big")).digest()
    occurred_at = Timestamp()
    occurred_at.FromDatetime(_SAID)
    return Leaf(
        source_service=SOURCE,
        record=f"suppliers/{digest[:16].hex()}",
        revision=1,
        record_type="supplier",
        operation=OPERATION_CREATE,
        occurred_at=occurred_at,
        actor="erp@concord.local",
        client="concord-local",
        client_address="127.0.0.1",
        request_id=digest[16:].hex(),
        purpose="synchronisation",
        entities=["entities/bench"],
        fields=[FieldCommitment(path=path, old=digest, new=digest) for path in _PATHS],
        content_digest=digest,
    ).SerializeToString()


def append_requests(first: int, count: int, size: int) -> Sequence[bytes]:
    """Return serialised requests that append `count` leaves from number `first` on, `size` of them in each."""
    return list(_append_requests(first, count, size))


def _append_requests(first: int, count: int, size: int) -> Iterator[bytes]:
    for start in range(first, first + count, size):
        leaves = [leaf(number) for number in range(start, min(start + size, first + count))]
        yield AppendLeavesRequest(leaves=leaves).SerializeToString()
