"""The way to the audit: what the relay hands its leaves to."""

from collections.abc import Sequence

import grpc

from concord.audit.v1 import audit_pb2, audit_pb2_grpc
from services.mesh.errors import from_rpc_error
from services.mesh.records.relay import AppendLeaves


def append_to_audit(channel: grpc.Channel) -> AppendLeaves:
    """Return what appends leaves at the audit service behind `channel`; it raises ConcordError."""
    audit = audit_pb2_grpc.AuditServiceStub(channel)

    def append(leaves: Sequence[bytes]) -> Sequence[audit_pb2.Receipt]:
        try:
            return audit.AppendLeaves(audit_pb2.AppendLeavesRequest(leaves=leaves)).receipts
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error

    return append
