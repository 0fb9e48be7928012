"""The lists of AdapterService: quarantined documents, deliveries, discrepancies; newest first."""

from typing import Protocol, TypeVar, cast

from google.protobuf.message import Message

from concord.adapter.v1 import adapter_pb2 as pb
from services.adapter.storage.ledger import Ledger
from services.adapter.transport.scope import Scope
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.postgres.database import Database
from services.mesh.server import Call

C = TypeVar("C", pb.QuarantinedDocument, pb.Delivery, pb.Discrepancy)


class _ListRequest(Protocol):
    system: str
    page_size: int
    page_token: str


class ListMethods:
    """Pages through the ledger, within the caller's systems."""

    def __init__(self, database: Database, ledger: Ledger, scope: Scope) -> None:
        self._database = database
        self._ledger = ledger
        self._scope = scope

    def quarantined_documents(
        self, request: pb.ListQuarantinedDocumentsRequest, call: Call
    ) -> pb.ListQuarantinedDocumentsResponse:
        """List what could not be translated."""
        found, token = self._page(pb.QuarantinedDocument, request, call, settled=request.show_settled)
        return pb.ListQuarantinedDocumentsResponse(quarantined_documents=found, next_page_token=token)

    def deliveries(self, request: pb.ListDeliveriesRequest, call: Call) -> pb.ListDeliveriesResponse:
        """List what was written."""
        found, token = self._page(pb.Delivery, request, call, settled=True)
        return pb.ListDeliveriesResponse(deliveries=found, next_page_token=token)

    def discrepancies(self, request: pb.ListDiscrepanciesRequest, call: Call) -> pb.ListDiscrepanciesResponse:
        """List what differs."""
        found, token = self._page(pb.Discrepancy, request, call, settled=request.show_settled)
        return pb.ListDiscrepanciesResponse(discrepancies=found, next_page_token=token)

    def _page(self, kind: type[C], request: _ListRequest, call: Call, *, settled: bool) -> tuple[list[C], str]:
        asked = cast("Message", request)
        size = page_size(request.page_size)
        last = PageToken.decode(request.page_token, asked)
        systems = self._scope.systems(call.caller, request.system)
        with self._database.reading() as connection:
            names = self._ledger.page(
                connection, kind, systems=systems, settled=settled, before=last[0] if last else "", limit=size + 1
            )
            found = self._ledger.read(connection, names[:size])
        shown = [cast("C", found[name]) for name in names[:size]]
        has_more = len(names) > size
        return shown, PageToken.encode([names[size - 1].rpartition("/")[2]], asked) if has_more else ""
