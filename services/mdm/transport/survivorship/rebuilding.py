"""The rebuild service: proves golden records against their inputs, and puts right what differs when told to."""

from google.protobuf.message import Message

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import rebuild_pb2
from services.mdm.domain import registry as record_types
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.deciding.scope import missing
from services.mdm.storage.survivorship.rebuilding import Rebuilding
from services.mdm.transport.calls.deciding import Deciding
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.records.leaf import Origin
from services.mesh.server import Call, GrpcService

SERVICE = "concord.mdm.v1.RebuildService"

_LARGEST_CHUNK = 400


class RebuildMethods:
    """The rebuild service's RPCs."""

    def __init__(self, rebuilding: Rebuilding, deciding: Deciding) -> None:
        self._rebuilding = rebuilding
        self._deciding = deciding

    def service(self) -> GrpcService:
        """Return the rebuild service."""
        return GrpcService(SERVICE, {"RebuildGoldenRecords": self.rebuild})

    def rebuild(self, request: rebuild_pb2.RebuildGoldenRecordsRequest, call: Call) -> Message:
        """Recompute a chunk of golden records."""
        size = page_size(request.page_size, largest=_LARGEST_CHUNK)
        after = PageToken.decode(request.page_token, request)
        record_type = _record_type(request.record_type)
        if self._deciding.entities(call) is not None:
            raise missing("record_type", request.record_type)
        found, seen, more = self._rebuilding.differences(record_type, after[0] if after else "", size)
        if request.write:
            names = [each.golden_record for each in found]
            made = self._rebuilding.mend(record_type, names, Origin.of(call))
            for each in found:
                each.rebuilt_revision = made.get(each.golden_record, 0)
        return rebuild_pb2.RebuildGoldenRecordsResponse(
            differences=found,
            examined_count=len(seen),
            next_page_token=PageToken.encode((seen[-1],), request) if more else "",
            total_count=self._rebuilding.count(record_type),
        )


def _record_type(name: str) -> RecordType:
    record_type = record_types.by_name(name)
    if record_type is None:
        raise ConcordError(
            reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE,
            f"the hub has no master {name}",
            metadata={"record_type": name},
            violations=[FieldViolation("record_type", "is no record type")],
        )
    return record_type
