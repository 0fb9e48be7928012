"""The ledger service: registers and lists ledgers."""

from google.protobuf.message import Message

from concord.mdm.v1 import ledger_pb2
from services.mdm.storage.registration.registrations import Registrations
from services.mdm.transport.calls.deciding import Deciding
from services.mdm.transport.registration.registered import merging, named, page
from services.mesh.server import Call, GrpcService

SERVICE = "concord.mdm.v1.LedgerService"


def ledger_service(registrations: Registrations, deciding: Deciding) -> GrpcService:
    """Return the ledger service."""
    methods = _Methods(registrations, deciding)
    return GrpcService(
        SERVICE,
        {
            "CreateLedger": methods.create_ledger,
            "GetLedger": methods.get_ledger,
            "ListLedgers": methods.list_ledgers,
            "UpdateLedger": methods.update_ledger,
        },
    )


class _Methods:
    def __init__(self, registrations: Registrations, deciding: Deciding) -> None:
        self._registrations = registrations
        self._deciding = deciding

    def create_ledger(self, request: ledger_pb2.CreateLedgerRequest, call: Call) -> Message:
        created = self._registrations.create_ledger(request.ledger, self._deciding.decision(request, call))
        return ledger_pb2.CreateLedgerResponse(ledger=created)

    def get_ledger(self, request: ledger_pb2.GetLedgerRequest, call: Call) -> Message:
        ledgers = self._registrations.ledgers(call.caller.entities)
        return ledger_pb2.GetLedgerResponse(ledger=named(ledgers, "ledger", request.name))

    def list_ledgers(self, request: ledger_pb2.ListLedgersRequest, call: Call) -> Message:
        shown, token = page(self._registrations.ledgers(call.caller.entities), request)
        return ledger_pb2.ListLedgersResponse(ledgers=shown, next_page_token=token)

    def update_ledger(self, request: ledger_pb2.UpdateLedgerRequest, call: Call) -> Message:
        merge = merging("ledger", request.ledger, request.update_mask)
        decision = self._deciding.decision(request, call)
        updated = self._registrations.update_ledger(request.ledger.name, request.etag, merge, decision)
        return ledger_pb2.UpdateLedgerResponse(ledger=updated)
