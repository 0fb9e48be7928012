"""Importing: streams of batches, each checked row by row, taken in whole, and answered before the next is read."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import import_pb2, ingest_pb2
from services.mdm.storage.writing import importing
from services.mdm.storage.writing.import_batches import Batch
from services.mdm.transport.calls.deciding import Deciding
from services.mdm.transport.writing.submissions import SubmissionCheck
from services.mesh.errors import ConcordError
from services.mesh.records.leaf import Origin
from services.mesh.server import Call, RequestStream

IMPORTS = "/sourceImports/"
"""What parts an import's name after its system."""

Request = ingest_pb2.ImportSourceRecordsRequest
Response = import_pb2.ImportSourceRecordsResponse

_LAGGING = {
    reasons.ERROR_REASON_SPOOL_FULL,
    reasons.ERROR_REASON_AUDIT_BEHIND,
    reasons.ERROR_REASON_AUDIT_RECEIPT_PENDING,
}
_PATIENCE_S = 60.0
_PAUSE = timedelta(seconds=1)


class Importing:
    """Takes in imports."""

    def __init__(self, storage: importing.Importing, deciding: Deciding) -> None:
        self._storage = storage
        self._deciding = deciding

    def take(self, requests: RequestStream[Request], call: Call) -> Iterator[Response]:
        """Answer every batch, in order. While the audit lags nothing is read on: the client feels it, nobody fails."""
        origin, over = Origin.of(call), threading.Event()
        call.on_stop(over.set)
        call.on_end(over.set)
        for request in requests:
            yield patiently(lambda batch=request: self._taken(_copy(batch), call, origin), over)  # type: ignore[misc]

    def _taken(self, request: Request, call: Call, origin: Origin) -> Response:
        """Take a batch in; the request is changed on the way."""
        system = request.source_import.partition(IMPORTS)[0]
        check = SubmissionCheck(self._deciding.landscape(), call.caller)
        check.require_system(system)
        rehearsal = request.validate_only
        request.ClearField("validate_only")
        # As it came but for that, since these bytes say whether a batch is the same: a rehearsal is one of its batch.
        batch = Batch(request.source_import, system, request.batch, request.SerializeToString(deterministic=True))
        for row in request.rows:
            row.source_record.system = row.source_record.system or system
        offers = [check.offer(row.source_record, system) for row in request.rows]
        numbers = [row.row for row in request.rows]
        return self._storage.take(batch, numbers, offers, origin, rehearsal=rehearsal)


def _copy(request: Request) -> Request:
    copied = Request()
    copied.CopyFrom(request)
    return copied


def patiently(take: Callable[[], Response], over: threading.Event) -> Response:
    """Try again while the audit lags, a minute long and as long as the stream is wanted."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return take()
        except ConcordError as error:
            if error.reason not in _LAGGING or time.monotonic() > until:
                raise
            if over.wait((error.retry_after or _PAUSE).total_seconds()):
                raise
