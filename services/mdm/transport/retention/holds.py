"""The hold service: legal holds are placed, released and listed."""

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.mdm.v1 import hold_pb2
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.retention.holds import Holds
from services.mdm.transport.calls.deciding import Deciding
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.server import Call, GrpcService

SERVICE = "concord.mdm.v1.HoldService"


class HoldMethods:
    """The hold service's RPCs."""

    def __init__(self, transactions: Transactions, holds: Holds, deciding: Deciding) -> None:
        self._transactions = transactions
        self._holds = holds
        self._deciding = deciding

    def service(self) -> GrpcService:
        """Return the hold service."""
        return GrpcService(
            SERVICE,
            {
                "PlaceHold": self.place_hold,
                "ReleaseHold": self.release_hold,
                "ListHolds": self.list_holds,
            },
        )

    def place_hold(self, request: hold_pb2.PlaceHoldRequest, call: Call) -> Message:
        """Place a hold."""
        decision = self._deciding.decision(request, call)
        return hold_pb2.PlaceHoldResponse(hold=self._holds.place(request.subject, request.reason, decision))

    def release_hold(self, request: hold_pb2.ReleaseHoldRequest, call: Call) -> Message:
        """Release a hold."""
        decision = self._deciding.decision(request, call)
        released = self._holds.release(request.name, request.etag, request.reason, decision)
        return hold_pb2.ReleaseHoldResponse(hold=released)

    def list_holds(self, request: hold_pb2.ListHoldsRequest, call: Call) -> Message:
        """List holds, newest first."""
        size, after = page_size(request.page_size), PageToken.decode(request.page_token, request)

        def read(connection: Connection) -> Message:
            scope, before = self._deciding.entities_within(connection, call), after[0] if after else None
            found = self._holds.page(connection, scope, before, size + 1, released=request.show_released)
            token = PageToken.encode((found[size - 1].name,), request) if len(found) > size else ""
            return hold_pb2.ListHoldsResponse(holds=found[:size], next_page_token=token)

        return self._transactions.read(read)
