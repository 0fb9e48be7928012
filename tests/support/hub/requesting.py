"""Change requests as people make and settle them, over a channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.any_pb2 import Any as PackedMessage
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from concord.mdm.v1 import change_request_pb2 as pb
from concord.mdm.v1 import supplier_pb2
from tests.support.hub.masters import rid
from tests.support.hub.served import EVERYTHING, Client, ServedHub

NORTH, GROUP = "entities/north", "entities/group"


def packed(content: Message) -> PackedMessage:
    """Return a content packed."""
    found = PackedMessage()
    found.Pack(content)
    return found


@dataclass(frozen=True)
class Requester:
    """One person at the change request service."""

    client: Client

    def ask(self, golden: Any, content: Message, mask: Sequence[str] = (), **more: Any) -> pb.ChangeRequest:
        """Ask for a change of a golden record as it was read; a name with an empty etag for a new one."""
        request = pb.CreateChangeRequestRequest(
            golden_record=golden.name,
            etag=golden.etag,
            content=packed(content),
            update_mask=FieldMask(paths=mask),
            reason="told by phone, T-17",
            request_id=rid(),
        )
        request.MergeFrom(pb.CreateChangeRequestRequest(**more))
        return self.client.change_requests.CreateChangeRequest(request).change_request

    def read(self, request: pb.ChangeRequest) -> pb.ChangeRequest:
        """Return a request as it is now."""
        return self.client.change_requests.GetChangeRequest(
            pb.GetChangeRequestRequest(name=request.name)
        ).change_request

    def listed(self, **asked: Any) -> pb.ListChangeRequestsResponse:
        """List requests."""
        return self.client.change_requests.ListChangeRequests(pb.ListChangeRequestsRequest(**asked))

    def compare(self, request: pb.ChangeRequest) -> pb.CompareChangeRequestResponse:
        """Compare a request with its record."""
        return self.client.change_requests.CompareChangeRequest(pb.CompareChangeRequestRequest(name=request.name))

    def rebase(self, request: pb.ChangeRequest, **sides: pb.ConflictChoice.Side.ValueType) -> pb.ChangeRequest:
        """Rebase a request, choosing sides by path."""
        choices = [pb.ConflictChoice(path=path, side=side) for path, side in sides.items()]
        return self.client.change_requests.RebaseChangeRequest(
            pb.RebaseChangeRequestRequest(name=request.name, etag=request.etag, choices=choices, request_id=rid())
        ).change_request

    def approve(self, request: pb.ChangeRequest, **more: Any) -> pb.ChangeRequest:
        """Approve a request."""
        asked = pb.ApproveChangeRequestRequest(name=request.name, etag=request.etag, request_id=rid())
        asked.MergeFrom(pb.ApproveChangeRequestRequest(**more))
        return self.client.change_requests.ApproveChangeRequest(asked).change_request

    def reject(self, request: pb.ChangeRequest, reason: str = "not so") -> pb.ChangeRequest:
        """Reject a request."""
        return self.client.change_requests.RejectChangeRequest(
            pb.RejectChangeRequestRequest(
                name=request.name, etag=request.etag, rejection_reason=reason, request_id=rid()
            )
        ).change_request

    def withdraw(self, request: pb.ChangeRequest) -> pb.ChangeRequest:
        """Give a request up."""
        return self.client.change_requests.WithdrawChangeRequest(
            pb.WithdrawChangeRequestRequest(name=request.name, etag=request.etag, request_id=rid())
        ).change_request

    def create(self, **said: Any) -> supplier_pb2.Supplier:
        """Create a supplier as a steward."""
        content = supplier_pb2.Supplier(entities=[NORTH])
        content.MergeFrom(supplier_pb2.Supplier(**said))
        request = supplier_pb2.CreateSupplierRequest(supplier=content, request_id=rid())
        return self.client.suppliers.CreateSupplier(request).supplier

    def supplier(self, name: str) -> supplier_pb2.Supplier:
        """Return a golden supplier."""
        return self.client.suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=name)).supplier

    def update(self, name: str, **said: Any) -> supplier_pb2.Supplier:
        """Change a supplier as a steward, whatever its revision is."""
        content = supplier_pb2.Supplier(name=name, **said)
        request = supplier_pb2.UpdateSupplierRequest(supplier=content, etag=self.supplier(name).etag, request_id=rid())
        return self.client.suppliers.UpdateSupplier(request).supplier


def person(
    mesh: ServedHub, subject: str, permissions: Sequence[str] = EVERYTHING, entities: Sequence[str] = ("*",)
) -> Requester:
    """Return somebody at the change request service."""
    return Requester(mesh.client(permissions, entities, subject))
