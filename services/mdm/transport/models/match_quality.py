"""Live quality of automatic links, and the audits that it is told from."""

import time
from collections.abc import Callable, Iterator

from google.protobuf.message import Message
from opentelemetry.metrics import Meter
from sqlalchemy import Connection

from concord.mdm.v1 import match_quality_pb2 as pb
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.models.audits import MatchAudits
from services.mdm.storage.models.match_models import require_all_entities
from services.mdm.storage.models.quality import MatchQuality
from services.mdm.storage.models.stored_models import matched_type
from services.mdm.transport.calls.deciding import Deciding
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.metrics.gauge import Gauge, Point, observe
from services.mesh.server import Call

QUALITY = Gauge("concord.match.quality", "1", "Ends of confidence intervals of automatic links.")
BROKEN = Gauge("concord.match.promise_broken", "{flag}", "1 where decisions show that a promise is not kept.")
_SHOWN_FOR_S = 180.0


class MatchQualityMethods:
    """The methods on live quality; every method is the handler of an RPC."""

    def __init__(
        self, transactions: Transactions, quality: MatchQuality, audits: MatchAudits, deciding: Deciding
    ) -> None:
        self._transactions = transactions
        self._quality = quality
        self._audits = audits
        self._deciding = deciding

    def measure(self, request: pb.GetMatchQualityRequest, call: Call) -> Message:
        """Say how good automatic links are."""
        record_type = matched_type(request.record_type)
        require_all_entities(f"matchModels/{record_type.name}", self._deciding.entities(call))
        return pb.GetMatchQualityResponse(match_quality=self._quality.measure(record_type))

    def draw(self, request: pb.DrawMatchAuditRequest, call: Call) -> Message:
        """Draw automatic links for stewards to look at."""
        drawn = self._audits.draw(request.record_type, request.size, self._deciding.decision(request, call))
        return pb.DrawMatchAuditResponse(match_audit=drawn)

    def get_audit(self, request: pb.GetMatchAuditRequest, call: Call) -> Message:
        """Return one audit."""

        def read(connection: Connection) -> Message:
            require_all_entities(request.name, self._deciding.entities_within(connection, call))
            (shown,) = self._audits.shown(connection, [self._audits.find(connection, request.name)])
            return pb.GetMatchAuditResponse(match_audit=shown)

        return self._transactions.read(read)

    def list_audits(self, request: pb.ListMatchAuditsRequest, call: Call) -> Message:
        """List audits, a page at a time; who is scoped to some entities has none."""
        size, last = page_size(request.page_size), PageToken.decode(request.page_token, request)

        def read(connection: Connection) -> Message:
            if self._deciding.entities_within(connection, call) is not None:
                return pb.ListMatchAuditsResponse()
            found = self._audits.page(connection, request.record_type, last[0] if last else None, size + 1)
            more = len(found) > size
            return pb.ListMatchAuditsResponse(
                match_audits=self._audits.shown(connection, found[:size]),
                next_page_token=PageToken.encode((found[size - 1].record,), request) if more else "",
                total_count=self._audits.count(connection, request.record_type),
            )

        return self._transactions.read(read)


def quality_gauges(meter: Meter, clock: Callable[[], float] = time.monotonic) -> Callable[[pb.MatchQuality], None]:
    """Return what shows live quality as metrics: the ends of its intervals, and whether a promise is broken.

    What is not measured again is shown no longer: another replica measures now, or no model is in force.
    """
    newest: dict[str, tuple[float, tuple[Point, ...]]] = {}

    def show(found: pb.MatchQuality) -> None:
        newest[found.record_type] = (clock(), tuple(_points(found)))

    def points() -> Iterator[Point]:
        for shown_at, shown in tuple(newest.values()):
            if clock() < shown_at + _SHOWN_FOR_S:
                yield from shown

    observe(meter, (QUALITY, BROKEN), points)
    return show


def _points(found: pb.MatchQuality) -> Iterator[Point]:
    for what, interval, is_broken in (
        ("precision", found.precision, found.precision_broken),
        ("recall", found.recall, found.recall_broken),
    ):
        of = {"record_type": found.record_type, "what": what}
        yield Point(QUALITY, interval.low, {**of, "end": "low"})
        yield Point(QUALITY, interval.high, {**of, "end": "high"})
        yield Point(BROKEN, int(is_broken), of)
