"""The stewards' queue: listing, claiming and deciding what matching will not decide alone."""

from typing import cast

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.mdm.v1 import match_queue_pb2 as pb
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.matching import match_candidates
from services.mdm.storage.matching.match_candidates import BEFORE_ALL, Question
from services.mdm.storage.stewardship.match_queue import MatchQueue
from services.mdm.transport.calls.deciding import Deciding
from services.mdm.transport.stewardship.matches import require_type
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.server import Call

_SORT_KEYS = 3


class ReviewMethods:
    """The methods of the queue; every method is the handler of an RPC."""

    def __init__(self, transactions: Transactions, queue: MatchQueue, deciding: Deciding) -> None:
        self._transactions = transactions
        self._queue = queue
        self._deciding = deciding

    def list_candidates(self, request: pb.ListMatchCandidatesRequest, call: Call) -> Message:
        """List what waits, a page at a time."""
        size = page_size(request.page_size)
        after = PageToken.decode(request.page_token, request, keys=_SORT_KEYS, numbers=(0, 1)) or BEFORE_ALL
        require_type(request.record_type)

        def read(connection: Connection) -> Message:
            scope = self._deciding.entities_within(connection, call)
            question = Question(scope, request.record_type, request.claimant, request.unclaimed)
            found = match_candidates.page(connection, question, cast("tuple[str, str, str]", after), size + 1)
            more = len(found) > size
            return pb.ListMatchCandidatesResponse(
                match_candidates=[self._queue.present(connection, each) for each in found[:size]],
                next_page_token=PageToken.encode(found[size - 1].sort_key, request) if more else "",
                total_count=match_candidates.count(connection, question),
            )

        return self._transactions.read(read)

    def get_candidate(self, request: pb.GetMatchCandidateRequest, call: Call) -> Message:
        """Return one candidate."""

        def read(connection: Connection) -> Message:
            found = self._queue.find(connection, request.name, self._deciding.entities_within(connection, call))
            return pb.GetMatchCandidateResponse(match_candidate=self._queue.present(connection, found))

        return self._transactions.read(read)

    def claim(self, request: pb.ClaimMatchCandidateRequest, call: Call) -> Message:
        """Keep a candidate for the caller."""
        claimed = self._queue.claim(request.name, request.seconds, self._deciding.decision(request, call))
        return pb.ClaimMatchCandidateResponse(match_candidate=claimed)

    def release(self, request: pb.ReleaseMatchCandidateRequest, call: Call) -> Message:
        """Give a candidate back."""
        released = self._queue.release(request.name, self._deciding.decision(request, call))
        return pb.ReleaseMatchCandidateResponse(match_candidate=released)

    def decide(self, request: pb.DecideMatchCandidateRequest, call: Call) -> Message:
        """Decide on a candidate for good."""
        decided, goldens = self._queue.decide(
            request.name,
            request.kind,
            request.reason,
            self._deciding.decision(request, call),
            withdraw=request.withdraw_decisions,
        )
        return pb.DecideMatchCandidateResponse(match_decision=decided, golden_records=goldens)
