"""Somebody who writes suppliers, looks their leaves up and takes evidence away."""

import uuid
from dataclasses import dataclass
from pathlib import Path

import grpc

from concord.audit.v1.audit_pb2_grpc import AuditServiceStub
from concord.audit.v1.bundle_pb2 import ExportBundleRequest
from concord.audit.v1.bundle_pb2_grpc import BundleServiceStub
from concord.mdm.v1 import supplier_pb2
from concord.mdm.v1.supplier_pb2 import Supplier
from services.mesh.errors import from_rpc_error
from tests.support.audit.first_leaf import has_first_leaf
from tests.support.hub.served import Client
from tests.support.processes.write_load import ENTITY, register


@dataclass(frozen=True)
class Steward:
    """A caller of hub and audit, by channels that are balanced over replicas."""

    hub: Client
    audit: AuditServiceStub
    audit_channel: grpc.Channel

    def registers_systems(self) -> None:
        """Register an entity, and the system that stewards write as."""
        register(self.hub)

    def writes(self, legal_name: str) -> str:
        """Create a supplier; return its name."""
        content = Supplier(legal_name=legal_name, entities=[ENTITY])
        request = supplier_pb2.CreateSupplierRequest(supplier=content, request_id=_request_id())
        return self.hub.suppliers.CreateSupplier(request).supplier.name

    def reads(self, name: str) -> Supplier:
        """Return a supplier."""
        return self.hub.suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=name)).supplier

    def finds_leaf(self, record: str) -> bool:
        """Tell whether the audit has the leaf of a record's first revision."""
        return has_first_leaf(self.audit, record)

    def exports(self, record: str, file: Path) -> bool:
        """Write the bundle of a record's evidence to a file; tell whether a cosigned checkpoint covers any."""
        request = ExportBundleRequest(source_service="mdm", record=record)
        try:
            pieces = [piece.data for piece in BundleServiceStub(self.audit_channel).ExportBundle(request)]
        except grpc.RpcError as error:
            if from_rpc_error(error).code is not grpc.StatusCode.NOT_FOUND:
                raise
            return False
        file.write_bytes(b"".join(pieces))
        return True


def _request_id() -> str:
    return str(uuid.uuid4())
