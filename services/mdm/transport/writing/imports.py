"""The import service: how far imports have come, and what became of every row."""

import itertools

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import import_pb2
from services.mdm.storage.deciding.scope import in_scope
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.writing.import_batches import ImportBatches, Place
from services.mdm.transport.calls.deciding import Deciding
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.errors import ConcordError
from services.mesh.server import Call, GrpcService

SERVICE = "concord.mdm.v1.ImportService"


class ImportMethods:
    """The service's RPCs. A caller sees the imports of systems within their entities."""

    def __init__(self, transactions: Transactions, batches: ImportBatches, deciding: Deciding) -> None:
        self._transactions = transactions
        self._batches = batches
        self._deciding = deciding

    def service(self) -> GrpcService:
        """Return the import service."""
        return GrpcService(
            SERVICE,
            {
                "GetSourceImport": self.get,
                "ListSourceImports": self.list_page,
                "ListImportedRows": self.list_rows,
            },
        )

    def get(self, request: import_pb2.GetSourceImportRequest, call: Call) -> Message:
        """Return one import."""
        systems = self._systems(call)

        def read(connection: Connection) -> Message:
            return import_pb2.GetSourceImportResponse(source_import=self._found(connection, request.name, systems))

        return self._transactions.read(read)

    def list_page(self, request: import_pb2.ListSourceImportsRequest, call: Call) -> Message:
        """List imports, by name."""
        size = page_size(request.page_size)
        after = PageToken.decode(request.page_token, request)
        systems = self._systems(call)
        asked = systems & {request.system} if request.system else systems

        def read(connection: Connection) -> Message:
            found = self._batches.imports(connection, asked, after=after[0] if after else "", limit=size + 1)
            token = PageToken.encode((found[size - 1].name,), request) if len(found) > size else ""
            return import_pb2.ListSourceImportsResponse(source_imports=found[:size], next_page_token=token)

        return self._transactions.read(read)

    def list_rows(self, request: import_pb2.ListImportedRowsRequest, call: Call) -> Message:
        """List what became of an import's rows."""
        size = page_size(request.page_size)
        number = PageToken.decode_number(request.page_token, request)
        after = Place(*divmod(number, _MOST_ROWS)) if number is not None else Place()
        systems = self._systems(call)

        def read(connection: Connection) -> Message:
            told = self._found(connection, request.name, systems)
            rows = self._batches.rows(connection, request.name, request.outcome, after)
            found = list(itertools.islice(rows, size + 1))
            answer = import_pb2.ListImportedRowsResponse(rows=[row for _, row in found[:size]])
            counted = told.outcome_counts
            answer.total_count = sum(each.count for each in counted if request.outcome in {0, each.outcome})
            if len(found) > size:
                behind = found[size - 1][0]
                answer.next_page_token = PageToken.encode((str(behind.batch * _MOST_ROWS + behind.index),), request)
            return answer

        return self._transactions.read(read)

    def _systems(self, call: Call) -> frozenset[str]:
        landscape = self._deciding.landscape()
        scope = landscape.within(call.caller.entities)
        return frozenset(name for name, system in landscape.systems.items() if in_scope((system.entity,), scope))

    def _found(self, connection: Connection, name: str, systems: frozenset[str]) -> import_pb2.SourceImport:
        found = self._batches.imports(connection, systems, name=name)
        if not found:
            raise ConcordError(
                reasons.ERROR_REASON_RECORD_NOT_FOUND,
                f"there is no {name}",
                metadata={"name": name},
                resource=("source_import", name),
            )
        return found[0]


_MOST_ROWS = 1000
"""More rows than a batch has: a place in the report is one number."""
