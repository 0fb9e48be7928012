"""From a call to what storage needs to know about it: who decides, what they may see, when it is about."""

from datetime import UTC, date, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import Connection

from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.registration.registry import Landscape, Registry
from services.mesh.contract.validation import constraint_violated
from services.mesh.errors import FieldViolation
from services.mesh.identity.caller import EVERY_ENTITY
from services.mesh.records import positions
from services.mesh.records.idempotency import RequestKey
from services.mesh.records.leaf import Origin
from services.mesh.server import Call

RESTRICTED = "mdm.restricted.read"
"""The permission to see RESTRICTED fields."""


class Deciding:
    """Reads calls; shared by the hub's services."""

    def __init__(self, transactions: Transactions, registry: Registry) -> None:
        self._transactions = transactions
        self._registry = registry

    def decision(self, request: Message, call: Call) -> Decision:
        """Return the decision that a mutation is."""
        request_id: str = request.request_id  # type: ignore[attr-defined] # the contract check: every mutation has it
        return Decision(
            # Through whatever portal somebody calls: a second person is another person.
            key=RequestKey(call.caller.person, call.policy.full_name, request_id),
            request=request,
            origin=Origin.of(call, request_id),
            rehearsal=request.validate_only,  # type: ignore[attr-defined] # the same
            clear=may_see_restricted(call),
            entities=self.entities(call),
        )

    def entities(self, call: Call) -> frozenset[str] | None:
        """Return the entities within the caller's scope; None = all."""
        if EVERY_ENTITY in call.caller.entities:
            return None
        return self.landscape().within(call.caller.entities)

    def entities_within(self, connection: Connection, call: Call) -> frozenset[str] | None:
        """Return the same inside a transaction, on its own connection: a second one might never come."""
        if EVERY_ENTITY in call.caller.entities:
            return None
        return self._registry.read(connection).within(call.caller.entities)

    def landscape_within(self, connection: Connection) -> Landscape:
        """Return the registered systems and entities inside a transaction."""
        return self._registry.read(connection)

    def landscape(self) -> Landscape:
        """Return the registered systems and entities."""
        return self._transactions.read(self._registry.read)


def may_see_restricted(call: Call) -> bool:
    """Tell whether the caller may see RESTRICTED fields."""
    return RESTRICTED in call.caller.permissions


def position_at(connection: Connection, request: Message) -> int | None:
    """Return the position that the request's read_time stands for; None = as of now.

    Raises INVALID_READ_TIME, CONSTRAINT_VIOLATED for a time that is none.
    """
    if not request.HasField("read_time"):
        return None
    return positions.resolve(connection, _moment(request, "read_time"))


def day_of(request: Message) -> date | None:
    """Return the UTC day of the request's effective_time; None = it names none, or its type knows none.

    Raises CONSTRAINT_VIOLATED for a time that is none.
    """
    if "effective_time" not in request.DESCRIPTOR.fields_by_name or not request.HasField("effective_time"):
        return None
    return _moment(request, "effective_time").date()


def _moment(request: Message, field: str) -> datetime:
    moment: Timestamp = getattr(request, field)
    try:
        return moment.ToDatetime(tzinfo=UTC)
    except ValueError as error:
        raise constraint_violated([FieldViolation(field, "is no time between the years 1 and 9999")]) from error
