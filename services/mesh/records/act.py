"""Leaves of acts: the evidence of what changes no record, such as a refused call or a question to the audit."""

from datetime import datetime
from typing import NamedTuple

from concord.audit.v1.act_pb2 import Denial, Disclosure, Pruning, Question
from concord.audit.v1.audit_pb2 import (
    OPERATION_ASK,
    OPERATION_DENY,
    OPERATION_DISCLOSE,
    OPERATION_PRUNE,
    Leaf,
    Operation,
)
from services.mesh.records.leaf import Origin

Act = Disclosure | Denial | Question | Pruning


class _Kind(NamedTuple):
    """How the leaf of one kind of act says which it is."""

    name: str
    operation: Operation.ValueType


_KINDS: dict[type[Act], _Kind] = {
    Disclosure: _Kind("disclosure", OPERATION_DISCLOSE),
    Denial: _Kind("denial", OPERATION_DENY),
    Question: _Kind("question", OPERATION_ASK),
    Pruning: _Kind("pruning", OPERATION_PRUNE),
}


class Place(NamedTuple):
    """Where an act stands: the service that writes it, the series (`{id}` of `denials/{id}`), its number from 1."""

    source_service: str
    series: str
    number: int


def act_leaf(place: Place, act: Act, origin: Origin, entities: tuple[str, ...], occurred_at: datetime) -> bytes:
    """Return the serialised `concord.audit.v1.Leaf` of an act, to be kept and never serialised again.

    `entities` are those whose auditors may see it; with none it is seen by who sees every entity.
    """
    kind = _KINDS[type(act)]
    leaf = Leaf(
        source_service=place.source_service,
        record=f"{kind.name}s/{place.series}",
        revision=place.number,
        record_type=kind.name,
        operation=kind.operation,
        actor=origin.actor,
        client=origin.client,
        on_behalf_of=origin.on_behalf_of,
        client_address=origin.client_address,
        peer_identity=origin.peer_identity,
        request_id=origin.request_id,
        purpose=origin.purpose,
        reason=origin.reason,
        traceparent=origin.traceparent,
        entities=entities,
        method=origin.method,
        category=origin.category,
    )
    leaf.occurred_at.FromDatetime(occurred_at)
    getattr(leaf, kind.name).CopyFrom(act)
    return leaf.SerializeToString(deterministic=True)
