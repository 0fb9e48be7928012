"""The reference data service: code lists, code maps, what is not mapped, how far changed maps have come."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.mdm.v1 import reference_data_pb2 as pb
from services.mdm.storage.deciding.scope import in_scope
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.reference_data import code_map_runs
from services.mdm.storage.reference_data.code_map_runs import Run
from services.mdm.storage.reference_data.code_records import ReferenceData
from services.mdm.storage.tables import coded_values
from services.mdm.storage.tables.coded_values import Unmapped
from services.mdm.transport.calls.deciding import Deciding
from services.mdm.transport.registration.registered import merging, page
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.server import Call, GrpcService

SERVICE = "concord.mdm.v1.ReferenceDataService"

_UNMAPPED_SORT_KEYS = 4


class ReferenceDataMethods:
    """The reference data service's RPCs."""

    def __init__(self, transactions: Transactions, reference_data: ReferenceData, deciding: Deciding) -> None:
        self._transactions = transactions
        self._reference_data = reference_data
        self._deciding = deciding

    def service(self) -> GrpcService:
        """Return the reference data service."""
        return GrpcService(
            SERVICE,
            {
                "CreateCodeList": self.create_list,
                "GetCodeList": self.get_list,
                "ListCodeLists": self.list_lists,
                "UpdateCodeList": self.update_list,
                "DeleteCodeList": self.delete_list,
                "ListCodeListRevisions": self.list_list_revisions,
                "GetCodeMap": self.get_map,
                "ListCodeMaps": self.list_maps,
                "ListCodeMapRevisions": self.list_map_revisions,
                "ListUnmappedCodes": self.list_unmapped,
                "ListCodeMapRuns": self.list_runs,
            },
        )

    def create_list(self, request: pb.CreateCodeListRequest, call: Call) -> Message:
        """Keep a new list."""
        kept = self._reference_data.create_list(request.code_list, self._deciding.decision(request, call))
        return pb.CreateCodeListResponse(code_list=kept)

    def get_list(self, request: pb.GetCodeListRequest, _call: Call) -> Message:
        """Return a list."""
        found = self._transactions.read(lambda c: self._reference_data.find(c, pb.CodeList, request.name, None))
        return pb.GetCodeListResponse(code_list=found)

    def list_lists(self, request: pb.ListCodeListsRequest, _call: Call) -> Message:
        """List the lists."""
        found = self._transactions.read(lambda c: self._reference_data.every(c, pb.CodeList, None))
        shown, token = page(found, request)
        return pb.ListCodeListsResponse(code_lists=shown, next_page_token=token, total_count=len(found))

    def update_list(self, request: pb.UpdateCodeListRequest, call: Call) -> Message:
        """Change a list."""
        merge = merging("code_list", request.code_list, request.update_mask)
        decision = self._deciding.decision(request, call)
        kept = self._reference_data.update_list(request.code_list.name, request.etag, merge, decision)
        return pb.UpdateCodeListResponse(code_list=kept)

    def delete_list(self, request: pb.DeleteCodeListRequest, call: Call) -> Message:
        """Retire a list."""
        retired = self._reference_data.delete_list(request.name, request.etag, self._deciding.decision(request, call))
        return pb.DeleteCodeListResponse(code_list=retired)

    def list_list_revisions(self, request: pb.ListCodeListRevisionsRequest, _call: Call) -> Message:
        """List the revisions of a list."""
        shown, token = self._revisions(pb.CodeList, request, None)
        return pb.ListCodeListRevisionsResponse(code_lists=shown, next_page_token=token)

    def get_map(self, request: pb.GetCodeMapRequest, call: Call) -> Message:
        """Return a map."""

        def read(connection: Connection) -> pb.CodeMap:
            scope = self._deciding.entities_within(connection, call)
            return self._reference_data.find(connection, pb.CodeMap, request.name, scope)

        return pb.GetCodeMapResponse(code_map=self._transactions.read(read))

    def list_maps(self, request: pb.ListCodeMapsRequest, call: Call) -> Message:
        """List the maps."""

        def read(connection: Connection) -> list[pb.CodeMap]:
            scope = self._deciding.entities_within(connection, call)
            return self._reference_data.every(connection, pb.CodeMap, scope)

        found = [
            each
            for each in self._transactions.read(read)
            if request.system in {"", each.system} and request.code_list in {"", each.code_list}
        ]
        shown, token = page(found, request)
        return pb.ListCodeMapsResponse(code_maps=shown, next_page_token=token, total_count=len(found))

    def list_map_revisions(self, request: pb.ListCodeMapRevisionsRequest, call: Call) -> Message:
        """List the revisions of a map."""
        shown, token = self._revisions(pb.CodeMap, request, call)
        return pb.ListCodeMapRevisionsResponse(code_maps=shown, next_page_token=token)

    def list_unmapped(self, request: pb.ListUnmappedCodesRequest, call: Call) -> Message:
        """List the codes that maps lead nowhere."""
        size = page_size(request.page_size)
        after = PageToken.decode(request.page_token, request, keys=_UNMAPPED_SORT_KEYS, numbers=(0,))
        code_list = request.code_list.removeprefix("codeLists/")

        def read(connection: Connection) -> Message:
            systems = [name for name in self._systems(connection, call) if request.system in {"", name}]
            found = coded_values.unmapped(connection, systems, code_list, after, size + 1)
            more = len(found) > size
            return pb.ListUnmappedCodesResponse(
                unmapped_codes=[_unmapped(each) for each in found[:size]],
                next_page_token=PageToken.encode(found[size - 1].sort_key, request) if more else "",
                total_count=coded_values.count_unmapped(connection, systems, code_list),
            )

        return self._transactions.read(read)

    def list_runs(self, request: pb.ListCodeMapRunsRequest, call: Call) -> Message:
        """List how far golden records have come behind code maps."""
        size, after = page_size(request.page_size), PageToken.decode(request.page_token, request)

        def read(connection: Connection) -> Message:
            scope = self._deciding.entities_within(connection, call)
            every = self._reference_data.every(connection, pb.CodeMap, scope, retired=True)
            maps = [each.name for each in every]
            found = code_map_runs.of_maps(connection, maps, unfinished_only=request.unfinished_only)
            behind = [run for run in found if after is None or run.code_map > after[0]]
            token = PageToken.encode((behind[size - 1].code_map,), request) if len(behind) > size else ""
            shown = [_run(run) for run in behind[:size]]
            return pb.ListCodeMapRunsResponse(code_map_runs=shown, next_page_token=token, total_count=len(found))

        return self._transactions.read(read)

    def _systems(self, connection: Connection, call: Call) -> list[str]:
        scope = self._deciding.entities_within(connection, call)
        systems = self._deciding.landscape_within(connection).systems
        return [name for name, system in systems.items() if in_scope((system.entity,), scope)]

    def _revisions(
        self,
        kind: Any,
        request: pb.ListCodeListRevisionsRequest | pb.ListCodeMapRevisionsRequest,
        call: Call | None,
    ) -> tuple[Sequence[Any], str]:
        """Return a page of revisions; with a call only of what lies in its scope."""
        size, before = page_size(request.page_size), PageToken.decode_number(request.page_token, request)

        def read(connection: Connection) -> list[Any]:
            scope = self._deciding.entities_within(connection, call) if call is not None else None
            self._reference_data.find(connection, kind, request.name, scope)
            return self._reference_data.history(connection, kind, request.name, before, size + 1)

        found = self._transactions.read(read)
        token = PageToken.encode((str(found[size - 1].revision),), request) if len(found) > size else ""
        return found[:size], token


def _unmapped(found: Unmapped) -> pb.UnmappedCode:
    unmapped = pb.UnmappedCode(
        system=found.system,
        code_list=f"codeLists/{found.code_list}",
        source_code=found.code,
        source_records=found.source_records,
        example=found.golden,
        example_source_record=found.source_record,
        canonical_code=found.canonical,
    )
    unmapped.since.FromDatetime(found.since)
    return unmapped


def _run(run: Run) -> pb.CodeMapRun:
    unfinished = pb.CodeMapRun.STATE_RUNNING if run.begun else pb.CodeMapRun.STATE_WAITING
    shown = pb.CodeMapRun(
        code_map=run.code_map,
        target_revision=run.target_revision,
        state=pb.CodeMapRun.STATE_FINISHED if run.finished_at else unfinished,
        records_total=run.total,
        records_visited=run.visited,
        records_changed=run.changed,
    )
    shown.start_time.FromDatetime(run.started_at)
    shown.update_time.FromDatetime(run.updated_at)
    return shown
