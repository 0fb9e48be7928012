"""The audit's side of the comparison, asked over a channel."""

from collections.abc import Iterator, Sequence

import grpc

from concord.audit.v1 import completeness_pb2 as pb
from concord.audit.v1 import completeness_pb2_grpc
from services.mesh.errors import from_rpc_error
from services.mesh.evidence.comparison import Entry, RecordRange, Summary

_RANGES_A_CALL = 64


class AuditedEvidence:
    """What the audit behind a channel holds of a service; every method raises ConcordError."""

    def __init__(self, channel: grpc.Channel, source_service: str) -> None:
        self._audit = completeness_pb2_grpc.CompletenessServiceStub(channel)
        self._source_service = source_service

    def summaries(self, ranges: Sequence[RecordRange]) -> list[Summary]:
        """Return the audit's sums over ranges."""
        found: list[Summary] = []
        for start in range(0, len(ranges), _RANGES_A_CALL):
            asked = map(_message, ranges[start : start + _RANGES_A_CALL])
            request = pb.SummarizeLeavesRequest(source_service=self._source_service, ranges=asked)
            try:
                answer = self._audit.SummarizeLeaves(request)
            except grpc.RpcError as error:
                raise from_rpc_error(error) from error
            found += (Summary(each.count, each.digest) for each in answer.summaries)
        return found

    def entries(self, wanted: RecordRange) -> Iterator[Entry]:
        """Return the leaves in a range, page by page."""
        request = pb.ListLeafDigestsRequest(source_service=self._source_service, range=_message(wanted))
        while True:
            try:
                page = self._audit.ListLeafDigests(request)
            except grpc.RpcError as error:
                raise from_rpc_error(error) from error
            yield from (Entry(leaf.record, leaf.revision, leaf.leaf_hash) for leaf in page.leaves)
            request.page_token = page.next_page_token
            if not request.page_token:
                return


def _message(wanted: RecordRange) -> pb.RecordRange:
    return pb.RecordRange(after=wanted.after, through=wanted.through)
