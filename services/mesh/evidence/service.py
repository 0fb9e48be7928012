"""EvidenceService: compares a service's own evidence with the audit's, on demand."""

from concord.evidence.v1 import evidence_pb2 as pb
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.evidence.comparison import Finding, OwnSide, Side, compare
from services.mesh.identity.caller import require_every_entity
from services.mesh.server import Call, GrpcService

_RANGES = 16
_MOST_RANGES = 64


class EvidenceMethods:
    """The handlers of `concord.evidence.v1.EvidenceService`."""

    def __init__(self, source_service: str, own: OwnSide, audit: Side) -> None:
        self._source_service = source_service
        self._own = own
        self._audit = audit

    def service(self) -> GrpcService:
        """Return the service."""
        return GrpcService("concord.evidence.v1.EvidenceService", {"ReconcileEvidence": self.reconcile})

    def reconcile(self, request: pb.ReconcileEvidenceRequest, call: Call) -> pb.ReconcileEvidenceResponse:
        """Compare the next ranges."""
        require_every_entity(call.caller, call.policy.permission)
        ranges = page_size(request.page_size, default=_RANGES, largest=_MOST_RANGES)
        after = PageToken.decode(request.page_token, request)
        page = compare(self._own, self._audit, after[0] if after else "", ranges=ranges)
        return pb.ReconcileEvidenceResponse(
            differences=map(self._difference, page.differences),
            compared_count=page.compared,
            waiting_count=page.waiting,
            next_page_token="" if page.behind is None else PageToken.encode((page.behind,), request),
            source_service=self._source_service,
        )

    def _difference(self, found: Finding) -> pb.EvidenceDifference:
        return pb.EvidenceDifference(
            source_service=self._source_service,
            record=found.record,
            revision=found.revision,
            kind=pb.EvidenceDifference.Kind.ValueType(found.kind.value),
            own_hash=found.own_hash,
            audited_hash=found.audited_hash,
        )
