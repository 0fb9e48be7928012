"""Leaves: the frozen evidence of a change, with salted commitments in place of values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

from concord.audit.v1.audit_pb2 import Operation
from services.mesh.records.keys import RecordKey

if TYPE_CHECKING:
    from services.mesh.server import Call


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

    @classmethod
    def of(cls, call: "Call", request_id: str = "") -> Self:
        """Return the origin that a call has."""
        raise NotImplementedError

    @classmethod
    def system(cls, name: str, *, reason: str = "", traceparent: str = "") -> Self:
        """Return the origin of what a service does by itself, such as `concord/mdm/expiry`."""
        raise NotImplementedError


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


def build_leaf(source_service: str, change: Change, origin: Origin, key: RecordKey) -> bytes:
    """Return the serialised `concord.audit.v1.Leaf`, to be stored and never serialised again."""
    raise NotImplementedError
