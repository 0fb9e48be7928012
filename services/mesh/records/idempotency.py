"""Idempotency: a repeated request finds the answer of the first, in the transaction that applies it."""

from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.database import driver
from services.mesh.errors import ConcordError
from services.mesh.records.sealing import Sealer

RETENTION = timedelta(days=7)

_PURPOSE = "idempotency"
_CLAIM = """
INSERT INTO idempotency (principal, rpc, request_id, digest) VALUES (%s, %s, %s, %s)
ON CONFLICT (principal, rpc, request_id) DO NOTHING RETURNING 1
"""
_RECALL = "SELECT digest, record, revision FROM idempotency WHERE (principal, rpc, request_id) = (%s, %s, %s)"
_SETTLE = """
UPDATE idempotency SET record = %s, revision = %s WHERE (principal, rpc, request_id) = (%s, %s, %s) RETURNING 1
"""


@dataclass(frozen=True)
class RequestKey:
    """What makes a request the same request: who asked (`Caller.subject`), which RPC (full name), which request id."""

    principal: str
    rpc: str
    request_id: str


@dataclass(frozen=True)
class Answer:
    """What the first request did: the record and the revision that it made ("" and 0 when it made none)."""

    record: str
    revision: int


def claim(connection: Connection, sealer: Sealer, key: RequestKey, request: Message) -> Answer | None:
    """Claim the request for this transaction: None when it is new, else the answer of the first.

    Call it first in the transaction and `settle` last. A concurrent duplicate waits here until the first has committed
    or rolled back. Raises ConcordError REQUEST_ID_REUSED when the id came with another request before.
    """
    raw = driver(connection)
    content = request.SerializeToString(deterministic=True)
    identity = (key.principal, key.rpc, key.request_id)
    if raw.execute(_CLAIM, (*identity, sealer.token(content, _PURPOSE)), prepare=True).fetchone():
        return None
    row = raw.execute(_RECALL, identity).fetchone()
    if row is None:
        # It was purged between the two statements.
        raise ConcordError(reasons.ERROR_REASON_CONCURRENT_CHANGE, "the request id is being forgotten right now")
    digest, record, revision = row
    if not sealer.matches(digest, content, _PURPOSE):
        metadata = {"request_id": key.request_id}
        message = "the request id came with another request before"
        raise ConcordError(reasons.ERROR_REASON_REQUEST_ID_REUSED, message, metadata=metadata)
    return Answer(record, revision)


def settle(connection: Connection, key: RequestKey, answer: Answer) -> None:
    """Note what the claimed request did. Raises LookupError when the request was not claimed."""
    identity = (key.principal, key.rpc, key.request_id)
    if not driver(connection).execute(_SETTLE, (answer.record, answer.revision, *identity), prepare=True).fetchone():
        raise LookupError(f"{key.rpc}: the request was not claimed in this transaction")


def purge(connection: Connection, retention: timedelta = RETENTION) -> int:
    """Forget requests older than `retention`; return how many."""
    statement = "DELETE FROM idempotency WHERE created_at < clock_timestamp() - %s::interval"
    return driver(connection).execute(statement, (retention,)).rowcount
