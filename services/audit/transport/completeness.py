"""CompletenessService: what the log holds of a service, range by range."""

from concord.audit.v1 import completeness_pb2 as pb
from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.storage.leaf_ranges import LeafRanges
from services.audit.transport.asking import LARGEST_PAGE
from services.audit.transport.identity import services_of
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.errors import ConcordError
from services.mesh.evidence.comparison import RecordRange
from services.mesh.identity.caller import require_every_entity
from services.mesh.server import Call, GrpcService

_READ_ALL = "audit.leaves.read"
"""With it a caller sees every leaf in full; what sums and hashes of them tell is less."""


class CompletenessMethods:
    """The handlers of `concord.audit.v1.CompletenessService`."""

    def __init__(self, ranges: LeafRanges) -> None:
        self._ranges = ranges

    def service(self) -> GrpcService:
        """Return the service."""
        return GrpcService(
            "concord.audit.v1.CompletenessService",
            {"SummarizeLeaves": self.summarize, "ListLeafDigests": self.list_digests},
        )

    def summarize(self, request: pb.SummarizeLeavesRequest, call: Call) -> pb.SummarizeLeavesResponse:
        """Sum up leaves in ranges."""
        _require_permitted(request.source_service, call)
        found = self._ranges.summaries(request.source_service, [_range(each) for each in request.ranges])
        summaries = (pb.RangeSummary(count=each.count, digest=each.digest) for each in found)
        return pb.SummarizeLeavesResponse(summaries=summaries)

    def list_digests(self, request: pb.ListLeafDigestsRequest, call: Call) -> pb.ListLeafDigestsResponse:
        """List the leaves in a range."""
        _require_permitted(request.source_service, call)
        size = page_size(request.page_size, default=LARGEST_PAGE, largest=LARGEST_PAGE)
        keys = PageToken.decode(request.page_token, request, keys=2, numbers=(1,))
        last = (keys[0], int(keys[1])) if keys else ("", 0)
        found = self._ranges.entries(request.source_service, _range(request.range), last=last, limit=size + 1)
        page = found[:size]
        leaves = (pb.LeafDigest(record=e.record, revision=e.revision, leaf_hash=e.leaf_hash) for e in page)
        token = PageToken.encode((page[-1].record, str(page[-1].revision)), request) if len(found) > size else ""
        return pb.ListLeafDigestsResponse(leaves=leaves, next_page_token=token)


def _require_permitted(source_service: str, call: Call) -> None:
    """Raise ConcordError PERMISSION_MISSING unless the caller is this service, or may read everybody's leaves."""
    require_every_entity(call.caller, call.policy.permission)
    if source_service not in services_of(call) and not call.caller.holds(_READ_ALL):
        metadata = {"permission": _READ_ALL, "source_service": source_service}
        message = f"{_READ_ALL} is needed for the leaves of another service than one's own"
        raise ConcordError(reasons.ERROR_REASON_PERMISSION_MISSING, message, metadata=metadata)


def _range(wanted: pb.RecordRange) -> RecordRange:
    return RecordRange(wanted.after, wanted.through)
