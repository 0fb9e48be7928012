"""What a revision does to its record, as the evidence calls it."""

from concord.audit.v1 import audit_pb2
from services.mesh.records.store import Head, State

Operation = audit_pb2.Operation


def operation(head: Head | None, state: State) -> Operation.ValueType:
    """Return what leads from a head to a state; None = there is no record yet."""
    if head is None:
        return Operation.OPERATION_CREATE
    if head.state == state:
        return Operation.OPERATION_UPDATE
    return Operation.OPERATION_DELETE if state is State.DELETED else Operation.OPERATION_UNDELETE
