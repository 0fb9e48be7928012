"""A decision: what every decision of a person or a job on the hub's records comes with."""

from dataclasses import dataclass

from google.protobuf.message import Message

from services.mesh.records.idempotency import RequestKey
from services.mesh.records.leaf import Origin


@dataclass(frozen=True)
class Decision:
    """Who decides, by which request, whether it is only a rehearsal, and what they may see and reach.

    `entities` are those in the caller's scope, None = all.
    """

    key: RequestKey
    request: Message
    origin: Origin
    rehearsal: bool
    clear: bool
    entities: frozenset[str] | None
