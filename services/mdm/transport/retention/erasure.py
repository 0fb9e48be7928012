"""The erasure service: erases golden records."""

from google.protobuf.message import Message

from concord.mdm.v1 import erasure_pb2
from services.mdm.storage.retention.erasure import Erasure
from services.mdm.transport.calls.deciding import Deciding
from services.mesh.server import Call, GrpcService

SERVICE = "concord.mdm.v1.ErasureService"


class ErasureMethods:
    """The erasure service's RPC."""

    def __init__(self, erasure: Erasure, deciding: Deciding) -> None:
        self._erasure = erasure
        self._deciding = deciding

    def service(self) -> GrpcService:
        """Return the erasure service."""
        return GrpcService(SERVICE, {"EraseRecord": self.erase_record})

    def erase_record(self, request: erasure_pb2.EraseRecordRequest, call: Call) -> Message:
        """Erase a golden record."""
        decision = self._deciding.decision(request, call)
        erased = self._erasure.erase(request.name, request.etag, request.reason, decision)
        answer = erasure_pb2.EraseRecordResponse(name=erased.name, revision=erased.revision, records=erased.records)
        answer.erase_time.FromDatetime(erased.at)
        return answer
