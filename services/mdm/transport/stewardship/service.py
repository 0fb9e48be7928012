"""The stewardship service: what the hub can't decide or put right alone, and what stewards decide about links."""

from services.mdm.transport.stewardship.exceptions import ExceptionMethods
from services.mdm.transport.stewardship.matches import MatchMethods
from services.mdm.transport.stewardship.reviews import ReviewMethods
from services.mesh.server import GrpcService

SERVICE = "concord.mdm.v1.StewardshipService"


def stewardship_service(exceptions: ExceptionMethods, matches: MatchMethods, reviews: ReviewMethods) -> GrpcService:
    """Return the stewardship service."""
    return GrpcService(
        SERVICE,
        {
            "ListReferenceExceptions": exceptions.list_reference_exceptions,
            "UnmergeSourceRecord": matches.unmerge,
            "CreateMatchDecision": matches.create_decision,
            "GetMatchDecision": matches.get_decision,
            "ListMatchDecisions": matches.list_decisions,
            "WithdrawMatchDecision": matches.withdraw_decision,
            "ListMatchCandidates": reviews.list_candidates,
            "GetMatchCandidate": reviews.get_candidate,
            "ClaimMatchCandidate": reviews.claim,
            "ReleaseMatchCandidate": reviews.release,
            "DecideMatchCandidate": reviews.decide,
        },
    )
