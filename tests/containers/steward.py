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

    def exports(self, record: str, file: Path) -> None:
        """Write the bundle of a record's evidence to a file."""
        request = ExportBundleRequest(source_service="mdm", record=record)
        with file.open("wb") as bundle:
            for piece in BundleServiceStub(self.audit_channel).ExportBundle(request):
                bundle.write(piece.data)


def _request_id() -> str:
    return str(uuid.uuid4())
