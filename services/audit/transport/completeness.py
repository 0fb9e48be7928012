"""CompletenessService: what the log holds of a service, range by range."""

from concord.audit.v1 import completeness_pb2 as pb
from services.audit.storage.leaf_ranges import LeafRanges
from services.audit.transport.asking import LARGEST_PAGE
from services.mesh.caller import require_every_entity
from services.mesh.evidence.comparison import RecordRange
from services.mesh.pagination import PageToken, page_size
from services.mesh.server import Call, GrpcService


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
        require_every_entity(call.caller, call.policy.permission)
        found = self._ranges.summaries(request.source_service, [_range(each) for each in request.ranges])
        summaries = (pb.RangeSummary(count=each.count, digest=each.digest) for each in found)
        return pb.SummarizeLeavesResponse(summaries=summaries)

    def list_digests(self, request: pb.ListLeafDigestsRequest, call: Call) -> pb.ListLeafDigestsResponse:
        """List the leaves in a range."""
        require_every_entity(call.caller, call.policy.permission)
        size = page_size(request.page_size, default=LARGEST_PAGE, largest=LARGEST_PAGE)
        keys = PageToken.decode(request.page_token, request, keys=2, numbers=(1,))
        last = (keys[0], int(keys[1])) if keys else ("", 0)
        found = self._ranges.entries(request.source_service, _range(request.range), last=last, limit=size + 1)
        page = found[:size]
        leaves = (pb.LeafDigest(record=e.record, revision=e.revision, leaf_hash=e.leaf_hash) for e in page)
        token = PageToken.encode((page[-1].record, str(page[-1].revision)), request) if len(found) > size else ""
        return pb.ListLeafDigestsResponse(leaves=leaves, next_page_token=token)


def _range(wanted: pb.RecordRange) -> RecordRange:
    return RecordRange(wanted.after, wanted.through)
