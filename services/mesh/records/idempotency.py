"""Idempotency: a repeated request finds the answer of the first, in the transaction that applies it."""

from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.message import Message
from sqlalchemy import Connection

from services.mesh.records.sealing import Sealer

RETENTION = timedelta(days=7)


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
    raise NotImplementedError


def settle(connection: Connection, key: RequestKey, answer: Answer) -> None:
    """Note what the claimed request did."""
    raise NotImplementedError


def purge(connection: Connection, retention: timedelta = RETENTION) -> int:
    """Forget requests older than `retention`; return how many."""
    raise NotImplementedError
