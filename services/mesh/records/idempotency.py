"""Idempotency: a repeated request finds the answer of the first, in the transaction that applies it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.postgres.arrays import number_array, text_array
from services.mesh.postgres.database import driver
from services.mesh.records.sealing import Sealer

RETENTION = timedelta(days=7)

_PURPOSE = "idempotency"
# In one order for everybody, so that two groups with the same requests wait for each other instead of both.
_CLAIM = """
INSERT INTO idempotency (principal, rpc, request_id, digest)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) ORDER BY 1, 2, 3
ON CONFLICT (principal, rpc, request_id) DO NOTHING RETURNING principal, rpc, request_id
"""
_RECALL = "SELECT digest, record, revision FROM idempotency WHERE (principal, rpc, request_id) = (%s, %s, %s)"
_SETTLE = """
UPDATE idempotency i SET record = made.record, revision = made.revision
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[])
    AS made(principal, rpc, request_id, record, revision)
WHERE i.principal = made.principal AND i.rpc = made.rpc AND i.request_id = made.request_id
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
    """Claim a request for this transaction as `claim_each` does."""
    return claim_each(connection, sealer, [(key, request)])[0]


def claim_each(
    connection: Connection, sealer: Sealer, asked: Sequence[tuple[RequestKey, Message]]
) -> list[Answer | None]:
    """Claim requests of different keys for this transaction: None for each that is new, else the answer of the first.

    Call it first in the transaction and `settle_each` last. A concurrent duplicate waits here until the first has
    committed or rolled back. Raises ConcordError REQUEST_ID_REUSED when an id came with another request before.
    """
    contents = [request.SerializeToString(deterministic=True) for _, request in asked]
    digests = [sealer.token(content, _PURPOSE) for content in contents]
    columns = (*_identities([key for key, _ in asked]), text_array(digests))
    claimed = {RequestKey(*row) for row in driver(connection).execute(_CLAIM, columns, prepare=True)}
    return [
        None if key in claimed else _recall(connection, sealer, key, content)
        for (key, _), content in zip(asked, contents, strict=True)
    ]


def settle(connection: Connection, key: RequestKey, answer: Answer) -> None:
    """Note what the claimed request did. Raises LookupError when the request was not claimed."""
    settle_each(connection, [(key, answer)])


def settle_each(connection: Connection, answered: Sequence[tuple[RequestKey, Answer]]) -> None:
    """Note what the claimed requests did. Raises LookupError when one was not claimed."""
    if not answered:
        return
    records = text_array([answer.record for _, answer in answered])
    revisions = number_array([answer.revision for _, answer in answered])
    columns = (*_identities([key for key, _ in answered]), records, revisions)
    if driver(connection).execute(_SETTLE, columns, prepare=True).rowcount != len(answered):
        raise LookupError(f"{answered[0][0].rpc}: a request was not claimed in this transaction")


def _identities(keys: Sequence[RequestKey]) -> tuple[str, str, str]:
    return (
        text_array([key.principal for key in keys]),
        text_array([key.rpc for key in keys]),
        text_array([key.request_id for key in keys]),
    )


def _recall(connection: Connection, sealer: Sealer, key: RequestKey, content: bytes) -> Answer:
    row = driver(connection).execute(_RECALL, (key.principal, key.rpc, key.request_id)).fetchone()
    if row is None:
        # It was purged between the two statements.
        raise ConcordError(reasons.ERROR_REASON_CONCURRENT_CHANGE, "the request id is being forgotten right now")
    digest, record, revision = row
    if not sealer.matches(digest, content, _PURPOSE):
        metadata = {"request_id": key.request_id}
        message = "the request id came with another request before"
        raise ConcordError(reasons.ERROR_REASON_REQUEST_ID_REUSED, message, metadata=metadata)
    return Answer(record, revision)


def purge(connection: Connection, retention: timedelta = RETENTION) -> int:
    """Forget requests older than `retention`; return how many."""
    statement = "DELETE FROM idempotency WHERE created_at < clock_timestamp() - %s::interval"
    return driver(connection).execute(statement, (retention,)).rowcount
