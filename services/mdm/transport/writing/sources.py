"""Reading source records: one, those of a system or golden record, the revisions of one."""

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.mdm.v1 import ingest_pb2
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.records.source_reader import SourceReader
from services.mdm.transport.calls.deciding import Deciding, may_see_restricted, position_at
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.server import Call


class SourceMethods:
    """Reads source records."""

    def __init__(self, transactions: Transactions, reader: SourceReader, deciding: Deciding) -> None:
        self._transactions = transactions
        self._reader = reader
        self._deciding = deciding

    def get(self, request: ingest_pb2.GetSourceRecordRequest, call: Call) -> Message:
        """Return one source record."""
        scope = self._deciding.entities(call)

        def read(connection: Connection) -> Message:
            position = position_at(connection, request)
            revision = self._reader.find(connection, request.name, scope, position)
            shown = self._reader.present(revision, clear=may_see_restricted(call))
            return ingest_pb2.GetSourceRecordResponse(source_record=shown, read_position=position or 0)

        return self._transactions.read(read)

    def list_page(self, request: ingest_pb2.ListSourceRecordsRequest, call: Call) -> Message:
        """List source records by system or golden record."""
        size = page_size(request.page_size)
        after = PageToken.decode(request.page_token, request)
        scope = self._deciding.entities(call)

        def read(connection: Connection) -> Message:
            found = self._reader.page(
                connection, request.system, request.golden_record, scope, after[0] if after else "", size + 1
            )
            shown = [self._reader.present(revision, clear=may_see_restricted(call)) for revision in found[:size]]
            token = PageToken.encode((shown[-1].name,), request) if len(found) > size else ""
            return ingest_pb2.ListSourceRecordsResponse(source_records=shown, next_page_token=token)

        return self._transactions.read(read)

    def list_revisions(self, request: ingest_pb2.ListSourceRecordRevisionsRequest, call: Call) -> Message:
        """List one source record's revisions, newest first."""
        size = page_size(request.page_size)
        before = PageToken.decode_number(request.page_token, request)
        scope = self._deciding.entities(call)

        def read(connection: Connection) -> Message:
            self._reader.find(connection, request.name, scope, None)
            found = self._reader.history(connection, request.name, before, size + 1)
            shown = [self._reader.present(revision, clear=may_see_restricted(call)) for revision in found[:size]]
            token = PageToken.encode((str(shown[-1].revision),), request) if len(found) > size else ""
            return ingest_pb2.ListSourceRecordRevisionsResponse(source_records=shown, next_page_token=token)

        return self._transactions.read(read)
