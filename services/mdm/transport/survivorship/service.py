"""The survivorship service: the rules of every record type, and proposals of other ones."""

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.mdm.v1 import record_pb2, survivorship_pb2, what_if_pb2
from services.mdm.domain import registry as record_types
from services.mdm.domain.effective import ALWAYS, period_message
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.survivorship.claim import Contest
from services.mdm.domain.survivorship.explanation import assertion
from services.mdm.storage.deciding.scope import missing
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.matching import match_candidates
from services.mdm.storage.matching.match_candidates import Question
from services.mdm.storage.records.pin_records import ending_pin
from services.mdm.storage.registration.registry import RULES
from services.mdm.storage.survivorship.rebuilding import Rebuilding, WouldBe
from services.mdm.storage.survivorship.rules import SurvivorshipRules, name_of
from services.mdm.transport.calls.deciding import Deciding
from services.mdm.transport.registration.registered import page
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.server import Call, GrpcService

SERVICE = "concord.mdm.v1.SurvivorshipService"

_Subject = what_if_pb2.Unaffected.Subject
_UNAFFECTED = (
    what_if_pb2.Unaffected(
        subject=_Subject.SUBJECT_LINKS,
        why="records are linked, and wait for stewards, by what systems say, not by whose word survives",
    ),
    what_if_pb2.Unaffected(
        subject=_Subject.SUBJECT_MATCH_DECISIONS, why="they are about source records, which rules do not change"
    ),
)


class SurvivorshipMethods:
    """The survivorship service's RPCs."""

    def __init__(
        self, transactions: Transactions, rules: SurvivorshipRules, rebuilding: Rebuilding, deciding: Deciding
    ) -> None:
        self._transactions = transactions
        self._rules = rules
        self._rebuilding = rebuilding
        self._deciding = deciding

    def service(self) -> GrpcService:
        """Return the survivorship service."""
        return GrpcService(
            SERVICE,
            {
                "GetSurvivorshipRules": self.get_rules,
                "ListSurvivorshipRules": self.list_rules,
                "CreateSurvivorshipProposal": self.create_proposal,
                "GetSurvivorshipProposal": self.get_proposal,
                "ListSurvivorshipProposals": self.list_proposals,
                "CompareSurvivorshipProposal": self.compare_proposal,
                "PromoteSurvivorshipProposal": self.promote_proposal,
                "WithdrawSurvivorshipProposal": self.withdraw_proposal,
            },
        )

    def get_rules(self, request: survivorship_pb2.GetSurvivorshipRulesRequest, _call: Call) -> Message:
        """Return a type's rules."""
        record_type = record_types.by_name(request.name.partition("/")[2])
        if record_type is None:
            raise missing(RULES, request.name)
        found = self._transactions.read(lambda connection: self._rules.rules(connection, record_type))
        return survivorship_pb2.GetSurvivorshipRulesResponse(survivorship_rules=found)

    def list_rules(self, request: survivorship_pb2.ListSurvivorshipRulesRequest, _call: Call) -> Message:
        """List the rules of every type."""

        def read(connection: Connection) -> list[survivorship_pb2.SurvivorshipRules]:
            return [self._rules.rules(connection, each) for each in sorted(record_types.RECORD_TYPES, key=name_of)]

        shown, token = page(self._transactions.read(read), request)
        return survivorship_pb2.ListSurvivorshipRulesResponse(survivorship_rules=shown, next_page_token=token)

    def create_proposal(self, request: survivorship_pb2.CreateSurvivorshipProposalRequest, call: Call) -> Message:
        """Keep a proposal."""
        kept = self._rules.create(request.survivorship_proposal, self._deciding.decision(request, call))
        return survivorship_pb2.CreateSurvivorshipProposalResponse(survivorship_proposal=kept)

    def get_proposal(self, request: survivorship_pb2.GetSurvivorshipProposalRequest, _call: Call) -> Message:
        """Return a proposal."""
        kept = self._rules.kept
        shown = kept.present(self._transactions.read(lambda connection: kept.find(connection, request.name, None)))
        return survivorship_pb2.GetSurvivorshipProposalResponse(survivorship_proposal=shown)

    def list_proposals(self, request: survivorship_pb2.ListSurvivorshipProposalsRequest, _call: Call) -> Message:
        """List proposals, newest first."""
        size, after = page_size(request.page_size), PageToken.decode(request.page_token, request)
        state = survivorship_pb2.SurvivorshipProposal.State.Name(request.state) if request.state else ""

        def read(connection: Connection) -> Message:
            kept = self._rules.kept
            found = kept.page(connection, state, None, after[0] if after else None, size + 1)
            shown = [kept.present(revision) for revision in found[:size]]
            return survivorship_pb2.ListSurvivorshipProposalsResponse(
                survivorship_proposals=shown,
                next_page_token=PageToken.encode((shown[-1].name,), request) if len(found) > size else "",
                total_count=kept.count(connection, state, None),
            )

        return self._transactions.read(read)

    def compare_proposal(self, request: survivorship_pb2.CompareSurvivorshipProposalRequest, call: Call) -> Message:
        """Say which values would change, a chunk of records at a time."""
        size, after = page_size(request.page_size), PageToken.decode(request.page_token, request)
        waiting = self._transactions.read(lambda c: self._rules.kept.waiting(c, request.name, None)).proposal
        record_type = record_types.by_name(waiting.record_type)
        if record_type is None or self._deciding.entities(call) is not None:
            raise missing("survivorship_proposal", request.name)
        found = self._rebuilding.compare(record_type, waiting.groups, after[0] if after else "", size)
        reviews = Question(None, record_type.name)
        return survivorship_pb2.CompareSurvivorshipProposalResponse(
            differences=[_difference(record_type, each) for each in found.values],
            examined_count=len(found.seen),
            next_page_token=PageToken.encode((found.seen[-1],), request) if found.more else "",
            total_count=self._rebuilding.count(record_type),
            ending_pins=[ending_pin(held) for held in found.ending_pins],
            review_count=self._transactions.read(lambda connection: match_candidates.count(connection, reviews)),
            unaffected=_UNAFFECTED,
        )

    def promote_proposal(self, request: survivorship_pb2.PromoteSurvivorshipProposalRequest, call: Call) -> Message:
        """Put a proposal in force."""
        promoted = self._rules.promote(request.name, request.etag, self._deciding.decision(request, call))
        return survivorship_pb2.PromoteSurvivorshipProposalResponse(survivorship_proposal=promoted)

    def withdraw_proposal(self, request: survivorship_pb2.WithdrawSurvivorshipProposalRequest, call: Call) -> Message:
        """Give a proposal up."""
        withdrawn = self._rules.withdraw(request.name, request.etag, self._deciding.decision(request, call))
        return survivorship_pb2.WithdrawSurvivorshipProposalResponse(survivorship_proposal=withdrawn)


def _difference(record_type: RecordType, would_be: WouldBe) -> survivorship_pb2.SurvivorshipDifference:
    known = would_be.then or would_be.now
    assert known is not None  # noqa: S101 - one of both is there, or nothing would differ
    difference = survivorship_pb2.SurvivorshipDifference(
        golden_record=would_be.golden,
        path=known.path,
        before=_winner(record_type, would_be.now),
        after=_winner(record_type, would_be.then),
    )
    if would_be.then:
        difference.rule = would_be.then.rule
    if known.period != ALWAYS:
        difference.effective_period.CopyFrom(period_message(known.period))
    return difference


def _winner(record_type: RecordType, contest: Contest | None) -> record_pb2.Assertion | None:
    if contest is None or contest.winner.value is None:
        return None
    return assertion(record_type, contest.path, contest.winner)
