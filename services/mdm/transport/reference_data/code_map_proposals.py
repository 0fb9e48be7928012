"""The code map proposal service: what one person writes and a second one puts in force."""

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.mdm.v1 import code_map_proposal_pb2 as pb
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.reference_data.code_map_proposals import CodeMapProposals
from services.mdm.transport.calls.deciding import Deciding
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.server import Call, GrpcService

SERVICE = "concord.mdm.v1.CodeMapProposalService"


class CodeMapProposalMethods:
    """The code map proposal service's RPCs."""

    def __init__(self, transactions: Transactions, proposals: CodeMapProposals, deciding: Deciding) -> None:
        self._transactions = transactions
        self._proposals = proposals
        self._deciding = deciding

    def service(self) -> GrpcService:
        """Return the code map proposal service."""
        return GrpcService(
            SERVICE,
            {
                "CreateCodeMapProposal": self.create,
                "GetCodeMapProposal": self.get,
                "ListCodeMapProposals": self.list,
                "CompareCodeMapProposal": self.compare,
                "PromoteCodeMapProposal": self.promote,
                "WithdrawCodeMapProposal": self.withdraw,
            },
        )

    def create(self, request: pb.CreateCodeMapProposalRequest, call: Call) -> Message:
        """Keep a proposal."""
        made = self._proposals.create(request.code_map_proposal, self._deciding.decision(request, call))
        return pb.CreateCodeMapProposalResponse(code_map_proposal=made.proposal, effect=made.effect)

    def get(self, request: pb.GetCodeMapProposalRequest, call: Call) -> Message:
        """Return a proposal."""

        def read(connection: Connection) -> Message:
            kept, scope = self._proposals.kept, self._deciding.entities_within(connection, call)
            found = kept.present(kept.find(connection, request.name, scope))
            return pb.GetCodeMapProposalResponse(code_map_proposal=found)

        return self._transactions.read(read)

    def list(self, request: pb.ListCodeMapProposalsRequest, call: Call) -> Message:
        """List proposals, newest first."""
        size, after = page_size(request.page_size), PageToken.decode(request.page_token, request)
        state = pb.CodeMapProposal.State.Name(request.state) if request.state else ""

        def read(connection: Connection) -> Message:
            kept, scope = self._proposals.kept, self._deciding.entities_within(connection, call)
            found = kept.page(connection, state, scope, after[0] if after else None, size + 1)
            shown = [kept.present(revision) for revision in found[:size]]
            return pb.ListCodeMapProposalsResponse(
                code_map_proposals=shown,
                next_page_token=PageToken.encode((shown[-1].name,), request) if len(found) > size else "",
                total_count=kept.count(connection, state, scope),
            )

        return self._transactions.read(read)

    def compare(self, request: pb.CompareCodeMapProposalRequest, call: Call) -> Message:
        """Say what a proposal would touch."""

        def work(connection: Connection) -> Message:
            scope = self._deciding.entities_within(connection, call)
            effect = self._proposals.effect(connection, request.name, scope)
            return pb.CompareCodeMapProposalResponse(effect=effect)

        return self._transactions.read(work)

    def promote(self, request: pb.PromoteCodeMapProposalRequest, call: Call) -> Message:
        """Put a map in force, or retire it."""
        promoted = self._proposals.promote(request.name, request.etag, self._deciding.decision(request, call))
        return pb.PromoteCodeMapProposalResponse(code_map_proposal=promoted)

    def withdraw(self, request: pb.WithdrawCodeMapProposalRequest, call: Call) -> Message:
        """Give a proposal up."""
        withdrawn = self._proposals.kept.withdraw(request.name, request.etag, self._deciding.decision(request, call))
        return pb.WithdrawCodeMapProposalResponse(code_map_proposal=withdrawn)
