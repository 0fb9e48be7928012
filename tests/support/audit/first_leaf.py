"""Whether evidence has arrived."""

import grpc

from concord.audit.v1 import audit_pb2
from concord.audit.v1.audit_pb2_grpc import AuditServiceStub
from services.mesh.errors import from_rpc_error


def has_first_leaf(audit: AuditServiceStub, record: str) -> bool:
    """Tell whether the audit has the leaf of the first revision of one of the hub's records."""
    request = audit_pb2.GetLeafRequest(source_service="mdm", record=record, revision=1)
    try:
        return bool(audit.GetLeaf(request).leaf.name)
    except grpc.RpcError as error:
        if from_rpc_error(error).code is not grpc.StatusCode.NOT_FOUND:
            raise
        return False
