"""References that do not hold: what the hub took from systems and people have to put right."""

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import stewardship_pb2
from services.mdm.domain import registry as record_types
from services.mdm.domain.effective import period_message
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.tables import references
from services.mdm.storage.tables.references import BrokenReference, Question
from services.mdm.transport.calls.deciding import Deciding, day_of
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.server import Call

_SORT_KEYS = 5


class ExceptionMethods:
    """Lists what does not hold."""

    def __init__(self, transactions: Transactions, deciding: Deciding) -> None:
        self._transactions = transactions
        self._deciding = deciding

    def list_reference_exceptions(self, request: stewardship_pb2.ListReferenceExceptionsRequest, call: Call) -> Message:
        """List references that do not hold, a page at a time."""
        size, day = page_size(request.page_size), day_of(request)
        after = PageToken.decode(request.page_token, request, keys=_SORT_KEYS)
        _require_types(request)

        def read(connection: Connection) -> Message:
            scope = self._deciding.entities_within(connection, call)
            question = Question(request.record_type, request.target_type, scope, day)
            found = references.broken(connection, question, after=after, limit=size + 1)
            more = len(found) > size
            return stewardship_pb2.ListReferenceExceptionsResponse(
                exceptions=[_exception(each) for each in found[:size]],
                next_page_token=PageToken.encode(found[size - 1].sort_key, request) if more else "",
                total_count=references.count(connection, question),
            )

        return self._transactions.read(read)


def _require_types(request: stewardship_pb2.ListReferenceExceptionsRequest) -> None:
    for field in ("record_type", "target_type"):
        name = getattr(request, field)
        if name and record_types.by_name(name) is None:
            raise ConcordError(
                reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE,
                f"the hub has no master {name}",
                metadata={"record_type": name},
                violations=[FieldViolation(field, "is no record type")],
            )


def _exception(broken: BrokenReference) -> stewardship_pb2.ReferenceException:
    return stewardship_pb2.ReferenceException(
        record=broken.record,
        record_type=broken.record_type,
        path=broken.path,
        target_type=broken.target_type,
        target_key=broken.target_key,
        target=broken.target,
        effective_period=period_message(broken.missing),
    )
