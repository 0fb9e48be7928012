"""Who belongs to whom: unmerging, and decisions on pairs of source records."""

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import match_pb2
from services.mdm.domain import registry as record_types
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.matching.decisions import MatchDecisions, Question
from services.mdm.storage.stewardship.merging import Merging
from services.mdm.transport.calls.deciding import Deciding
from services.mdm.transport.calls.hub_fields import not_writable
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.server import Call

_SET_BY_THE_HUB = ("name", "etag", "revision", "update_time", "record_type", "state", "author")


class MatchMethods:
    """The stewards' methods on links; every method is the handler of an RPC."""

    def __init__(
        self, transactions: Transactions, merging: Merging, decisions: MatchDecisions, deciding: Deciding
    ) -> None:
        self._transactions = transactions
        self._merging = merging
        self._decisions = decisions
        self._deciding = deciding

    def unmerge(self, request: match_pb2.UnmergeSourceRecordRequest, call: Call) -> Message:
        """Part a source record from the others of its golden record."""
        decision = self._deciding.decision(request, call)
        unmerged = self._merging.unmerge(request.name, request.etag, request.along_with, request.reason, decision)
        return match_pb2.UnmergeSourceRecordResponse(
            golden_record=unmerged.golden, other_golden_record=unmerged.other_golden, decisions=unmerged.decisions
        )

    def create_decision(self, request: match_pb2.CreateMatchDecisionRequest, call: Call) -> Message:
        """Decide on a pair."""
        for field, _ in request.match_decision.ListFields():
            if field.name in _SET_BY_THE_HUB:
                raise not_writable(field.name, f"match_decision.{field.name}")
        decided = self._merging.decide(
            request.match_decision, self._deciding.decision(request, call), withdraw=request.withdraw_decisions
        )
        return match_pb2.CreateMatchDecisionResponse(match_decision=decided)

    def get_decision(self, request: match_pb2.GetMatchDecisionRequest, call: Call) -> Message:
        """Return one decision."""

        def read(connection: Connection) -> Message:
            scope = self._deciding.entities_within(connection, call)
            shown = self._decisions.present(self._decisions.find(connection, request.name, scope))
            return match_pb2.GetMatchDecisionResponse(match_decision=shown)

        return self._transactions.read(read)

    def list_decisions(self, request: match_pb2.ListMatchDecisionsRequest, call: Call) -> Message:
        """List decisions, a page at a time."""
        size, after = page_size(request.page_size), PageToken.decode(request.page_token, request)
        require_type(request.record_type)

        def read(connection: Connection) -> Message:
            scope = self._deciding.entities_within(connection, call)
            question = Question(request.source_record, request.record_type, request.show_withdrawn, scope)
            found = self._decisions.page(connection, question, after[0] if after else "", size + 1)
            more = len(found) > size
            return match_pb2.ListMatchDecisionsResponse(
                match_decisions=found[:size],
                next_page_token=PageToken.encode((found[size - 1].name,), request) if more else "",
                total_count=self._decisions.count(connection, question),
            )

        return self._transactions.read(read)

    def withdraw_decision(self, request: match_pb2.WithdrawMatchDecisionRequest, call: Call) -> Message:
        """Let a decision hold no longer."""
        decision = self._deciding.decision(request, call)
        withdrawn = self._decisions.withdraw(request.name, request.etag, request.reason, decision)
        return match_pb2.WithdrawMatchDecisionResponse(match_decision=withdrawn)


def require_type(name: str) -> None:
    """Raise UNKNOWN_RECORD_TYPE for a name that is no master's; an empty one asks for all."""
    if name and record_types.by_name(name) is None:
        raise ConcordError(
            reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE,
            f"the hub has no master {name}",
            metadata={"record_type": name},
            violations=[FieldViolation("record_type", "is no record type")],
        )
