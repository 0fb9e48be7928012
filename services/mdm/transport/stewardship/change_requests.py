"""The change request service: who may not write a record asks for it, a second person approves."""

from collections.abc import Sequence
from dataclasses import replace

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_request_pb2 as pb
from services.mdm.domain import registry as record_types
from services.mdm.domain.rebasing import Side
from services.mdm.storage.deciding.scope import missing
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.stewardship.change_request_records import (
    ChangeRequestQuestion,
    ChangeRequestRecords,
    type_of,
)
from services.mdm.storage.stewardship.change_requests import ChangeRequests, Target
from services.mdm.transport.calls.deciding import Deciding, day_of, may_see_restricted
from services.mdm.transport.calls.type_permissions import readable, require_permission
from services.mdm.transport.records.decisions import (
    refuse_metadata,
    require_clearance,
    unpacked_content,
    writable_paths,
)
from services.mesh.contract import validation
from services.mesh.contract.field_masks import apply_mask
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.server import Call, GrpcService

SERVICE = "concord.mdm.v1.ChangeRequestService"

_SIDES = {pb.ConflictChoice.SIDE_PRESENT: Side.PRESENT, pb.ConflictChoice.SIDE_WANTED: Side.WANTED}


class ChangeRequestMethods:
    """The change request service's RPCs."""

    def __init__(
        self,
        transactions: Transactions,
        records: ChangeRequestRecords,
        requests: ChangeRequests,
        deciding: Deciding,
    ) -> None:
        self._transactions = transactions
        self._records = records
        self._requests = requests
        self._deciding = deciding

    def service(self) -> GrpcService:
        """Return the change request service."""
        return GrpcService(
            SERVICE,
            {
                "CreateChangeRequest": self.create_request,
                "GetChangeRequest": self.get_request,
                "ListChangeRequests": self.list_requests,
                "CompareChangeRequest": self.compare_request,
                "RebaseChangeRequest": self.rebase_request,
                "ApproveChangeRequest": self.approve_request,
                "RejectChangeRequest": self.reject_request,
                "WithdrawChangeRequest": self.withdraw_request,
            },
        )

    def create_request(self, request: pb.CreateChangeRequestRequest, call: Call) -> Message:
        """Ask for a change of a record, or for a new one."""
        made = self._ask_for_change(request, call) if request.golden_record else self._ask_for_record(request, call)
        return pb.CreateChangeRequestResponse(change_request=made)

    def get_request(self, request: pb.GetChangeRequestRequest, call: Call) -> Message:
        """Return a change request."""

        def read(connection: Connection) -> Message:
            found = self._records.find(connection, request.name, self._deciding.entities_within(connection, call))
            (shown,) = self._requests.present_all(connection, [found], clear=may_see_restricted(call))
            require_permission(type_of(shown), "Get", call)
            return pb.GetChangeRequestResponse(change_request=shown)

        return self._transactions.read(read)

    def list_requests(self, request: pb.ListChangeRequestsRequest, call: Call) -> Message:
        """List change requests, newest first."""
        size, after = page_size(request.page_size), PageToken.decode(request.page_token, request)
        asked = ChangeRequestQuestion(
            scope=None,
            record_types=frozenset(_readable(request.record_type, call)),
            golden=request.golden_record,
            state=pb.ChangeRequest.State.Name(request.state) if request.state else "",
            author=request.author,
        )

        def read(connection: Connection) -> Message:
            question = replace(asked, scope=self._deciding.entities_within(connection, call))
            found = self._records.page(connection, question, after[0] if after else None, size + 1)
            shown = self._requests.present_all(connection, found[:size], clear=may_see_restricted(call))
            token = PageToken.encode((shown[-1].name,), request) if len(found) > size else ""
            count = self._records.count(connection, question)
            return pb.ListChangeRequestsResponse(change_requests=shown, next_page_token=token, total_count=count)

        return self._transactions.read(read)

    def compare_request(self, request: pb.CompareChangeRequestRequest, call: Call) -> Message:
        """Compare a change request with the record as it stands."""
        self._read(request.name, call)

        def read(connection: Connection) -> Message:
            scope = self._deciding.entities_within(connection, call)
            found = self._requests.compare(connection, request.name, scope, clear=may_see_restricted(call))
            return pb.CompareChangeRequestResponse(
                golden_record=found.golden.record if found.golden else "",
                golden_revision=found.golden.revision if found.golden else 0,
                differences=found.differences,
            )

        return self._transactions.read(read)

    def rebase_request(self, request: pb.RebaseChangeRequestRequest, call: Call) -> Message:
        """Write a change request anew against the record as it stands."""
        record_type = type_of(self._read(request.name, call))
        sides = {choice.path: _SIDES[choice.side] for choice in request.choices}
        if len(sides) < len(request.choices):
            raise validation.constraint_violated([FieldViolation("choices", "name a path more than once")])
        for path in sides:
            require_clearance(record_type, path, call)
        decision = self._deciding.decision(request, call)
        return pb.RebaseChangeRequestResponse(
            change_request=self._requests.rebase(request.name, request.etag, sides, decision)
        )

    def approve_request(self, request: pb.ApproveChangeRequestRequest, call: Call) -> Message:
        """Approve a change request and apply it."""
        seen = self._read(request.name, call)
        require_permission(type_of(seen), "Update", call)
        for change in seen.changes:
            require_clearance(type_of(seen), change.path, call)
        approved = self._requests.approve(request.name, request.etag, self._deciding.decision(request, call))
        return pb.ApproveChangeRequestResponse(change_request=approved)

    def reject_request(self, request: pb.RejectChangeRequestRequest, call: Call) -> Message:
        """Reject a change request."""
        self._read(request.name, call)
        decision = self._deciding.decision(request, call)
        rejected = self._requests.reject(request.name, request.etag, request.rejection_reason, decision)
        return pb.RejectChangeRequestResponse(change_request=rejected)

    def withdraw_request(self, request: pb.WithdrawChangeRequestRequest, call: Call) -> Message:
        """Give a change request up."""
        self._read(request.name, call)
        withdrawn = self._requests.withdraw(request.name, request.etag, self._deciding.decision(request, call))
        return pb.WithdrawChangeRequestResponse(change_request=withdrawn)

    def _ask_for_change(self, request: pb.CreateChangeRequestRequest, call: Call) -> pb.ChangeRequest:
        record_type = record_types.by_collection(request.golden_record.partition("/")[0])
        if record_type is None:
            raise missing("golden record", request.golden_record)
        require_permission(record_type, "Get", call)
        said = unpacked_content(record_type, request.content)
        wrong = []
        if not request.etag:
            wrong.append(FieldViolation("etag", "is needed: of the revision that it is written against"))
        if said.name not in {"", request.golden_record}:  # type: ignore[attr-defined] # every master has it
            wrong.append(FieldViolation("content.name", "is another record's"))
        if request.HasField("effective_time") and record_type.slice_field is None:
            wrong.append(FieldViolation("effective_time", f"is not for {record_type.plural}"))
        if wrong:
            raise validation.constraint_violated(wrong)
        paths = writable_paths(record_type, said, request.update_mask, call)

        def merge(base: Message) -> tuple[Message, Sequence[str]]:
            desired = type(base)()
            desired.CopyFrom(base)
            apply_mask(said, desired, paths)
            return desired, sorted({path.partition(".")[0] for path in paths})

        target = Target(record_type, request.golden_record, request.etag)
        decision = self._deciding.decision(request, call)
        return self._requests.ask_for_change(target, merge, day_of(request), request.reason, decision)

    def _ask_for_record(self, request: pb.CreateChangeRequestRequest, call: Call) -> pb.ChangeRequest:
        record_type = record_types.by_type_url(request.content.type_url)
        if record_type is None:
            raise ConcordError(
                reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE,
                "the content is of no record type",
                metadata={"type_url": request.content.type_url},
                violations=[FieldViolation("content", "is of no record type")],
            )
        require_permission(record_type, "Get", call)
        said = unpacked_content(record_type, request.content)
        stray = {
            "etag": request.etag,
            "update_mask": request.update_mask.paths,
            "effective_time": request.HasField("effective_time"),
        }
        wrong = [FieldViolation(field, "does not go with a new record") for field, given in stray.items() if given]
        if wrong:
            raise validation.constraint_violated(wrong)
        refuse_metadata(said, "content")
        decision = self._deciding.decision(request, call)
        return self._requests.ask_for_record(record_type, said, request.reason, decision)

    def _read(self, name: str, call: Call) -> pb.ChangeRequest:
        """Return a request as the caller may know it. Raises RECORD_NOT_FOUND, PERMISSION_MISSING for its type."""

        def read(connection: Connection) -> pb.ChangeRequest:
            found = self._records.find(connection, name, self._deciding.entities_within(connection, call))
            return self._requests.present(found, clear=False)

        seen = self._transactions.read(read)
        require_permission(type_of(seen), "Get", call)
        return seen


def _readable(record_type: str, call: Call) -> Sequence[str]:
    """Return the names of the types that a list is about: those asked for, as far as the caller may read them."""
    return [each.name for each in readable(call) if record_type in {"", each.name}]
