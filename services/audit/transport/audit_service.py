"""AuditService: each method converts, asks the log, converts back."""

import time

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.domain.question import HeldLeaf
from services.audit.domain.sequencing import LeafConflictError
from services.audit.storage.leaf_log import LeafLog
from services.audit.storage.leaf_reader import LeafReader
from services.audit.transport.answering import Answering
from services.audit.transport.asking import (
    filter_of,
    key_of,
    leaf_index_of,
    page_of,
    require_storable,
    scope_of,
    token_behind,
)
from services.audit.transport.conflict_log import ConflictLog
from services.audit.transport.identity import require_own
from services.audit.transport.observation import Observation
from services.audit.transport.question_log import QuestionLog
from services.audit.transport.rendering import count_message, entry_message, gap_message, receipt_message
from services.audit.transport.submission import conflict, read_leaves
from services.mesh.contract.validation import constraint_violated
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.server import Call, GrpcService


class AuditService:
    """The handlers of `concord.audit.v1.AuditService`; what they raise is in the contract."""

    def __init__(
        self, log: LeafLog, reader: LeafReader, questions: QuestionLog, answering: Answering, observation: Observation
    ) -> None:
        self._log = log
        self._conflicts = ConflictLog(log)
        self._reader = reader
        self._questions = questions
        self._answering = answering
        self._observation = observation

    def grpc_service(self) -> GrpcService:
        """Return the handlers by method name."""
        return GrpcService(
            "concord.audit.v1.AuditService",
            {
                "AppendLeaves": self.append_leaves,
                "GetLeaf": self.get_leaf,
                "ListLeaves": self.list_leaves,
                "ListGaps": self.list_gaps,
                "CountLeaves": self.count_leaves,
            },
        )

    def append_leaves(self, request: audit_pb2.AppendLeavesRequest, call: Call) -> audit_pb2.AppendLeavesResponse:
        """Append, and answer only after COMMIT."""
        began_ns = time.time_ns()
        leaves = read_leaves(request.leaves)
        require_own(leaves, call)
        try:
            outcome = self._log.append(leaves)
        except LeafConflictError as error:
            self._observation.conflicted(error)
            self._conflicts.keep(error, leaves[error.place].leaf_hash, call)
            raise conflict(error) from error
        except ConcordError as error:
            if error.reason == reasons.ERROR_REASON_LOG_QUEUE_FULL:
                self._observation.refused(error)
            raise
        self._observation.appended(outcome, began_ns)
        return audit_pb2.AppendLeavesResponse(receipts=map(receipt_message, outcome.receipts))

    def get_leaf(self, request: audit_pb2.GetLeafRequest, call: Call) -> audit_pb2.GetLeafResponse:
        """Find one leaf by its name, or by what it is the evidence of."""
        held = self._find(request, call)
        if held is None:
            name = request.name or f"{request.source_service} {request.record} revision {request.revision}"
            raise ConcordError(
                reasons.ERROR_REASON_RECORD_NOT_FOUND,
                "no such leaf",
                metadata={"name": name},
                resource=(audit_pb2.Leaf.DESCRIPTOR.full_name, name),
            )
        return audit_pb2.GetLeafResponse(leaf=entry_message(held))

    def list_leaves(self, request: audit_pb2.ListLeavesRequest, call: Call) -> audit_pb2.ListLeavesResponse:
        """List leaves, oldest first."""
        answer = self._answering.page(request, call, filter_of(request))
        return audit_pb2.ListLeavesResponse(leaves=answer.leaves, next_page_token=answer.next_page_token)

    def list_gaps(self, request: audit_pb2.ListGapsRequest, call: Call) -> audit_pb2.ListGapsResponse:
        """List what is missing."""
        require_storable(request, "source_service")
        after, limit = page_of(request)
        page = self._reader.gaps(request.source_service, scope_of(call), after=after, limit=limit)
        return audit_pb2.ListGapsResponse(
            gaps=map(gap_message, page.gaps), next_page_token=token_behind(page.next_after, request)
        )

    def count_leaves(self, request: audit_pb2.CountLeavesRequest, call: Call) -> audit_pb2.CountLeavesResponse:
        """Count what is held."""
        require_storable(request, "source_service")
        counts = self._reader.counts(request.source_service, scope_of(call))
        return audit_pb2.CountLeavesResponse(counts=map(count_message, counts))

    def _find(self, request: audit_pb2.GetLeafRequest, call: Call) -> HeldLeaf | None:
        if not request.name:
            key = key_of(request)
            self._questions.keep(request, call)
            return self._reader.leaf_of(key, scope_of(call))
        if request.source_service or request.record or request.revision:
            raise constraint_violated([FieldViolation("name", "must be empty where the change is told")])
        leaf_index = leaf_index_of(request.name)
        was_there = leaf_index < self._questions.keep(request, call)
        return self._reader.leaf_at(leaf_index, scope_of(call)) if was_there else None
