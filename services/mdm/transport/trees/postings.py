"""The validation service: whether postings may be made."""

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.mdm.v1 import ledger_pb2
from services.mdm.domain.effective import to_date
from services.mdm.domain.ledger import Posting
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.registration.ledgers import Asked, Ledgers
from services.mdm.transport.calls.deciding import Deciding, position_at
from services.mesh.contract.validation import constraint_violated
from services.mesh.errors import FieldViolation
from services.mesh.server import Call, GrpcService

SERVICE = "concord.mdm.v1.ValidationService"


class PostingMethods:
    """The validation service's RPCs."""

    def __init__(self, transactions: Transactions, ledgers: Ledgers, deciding: Deciding) -> None:
        self._transactions = transactions
        self._ledgers = ledgers
        self._deciding = deciding

    def service(self) -> GrpcService:
        """Return the validation service."""
        return GrpcService(SERVICE, {"ValidatePosting": self.validate_posting})

    def validate_posting(self, request: ledger_pb2.ValidatePostingRequest, call: Call) -> Message:
        """Say whether a posting may be made, and everything that stands in the way."""
        try:
            day = to_date(request.posting_date)
        except ValueError as error:
            violation = FieldViolation("posting_date", "is no full date of the calendar")
            raise constraint_violated([violation]) from error

        def read(connection: Connection) -> Message:
            position, scope = position_at(connection, request), self._deciding.entities_within(connection, call)
            ledger = self._ledgers.find(connection, request.ledger, scope, position)
            asked = Asked(
                request.ledger,
                request.account_number,
                Posting(day, request.currency_code or ledger.currency_code),
                request.cost_center_entity,
                request.cost_center_code,
            )
            found = self._ledgers.validate(connection, ledger, asked, scope, position)
            return ledger_pb2.ValidatePostingResponse(allowed=not found, violations=found, read_position=position or 0)

        return self._transactions.read(read)
