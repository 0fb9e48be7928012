"""Submitting: checks each submission on its own, hands batches to intake, acknowledges in order."""

import queue
import threading
from collections.abc import Iterator

from concord.mdm.v1 import ingest_pb2
from services.mdm.storage.intake import Answer, Intake, Quarantined
from services.mdm.storage.write_path import Applied
from services.mdm.transport.deciding import Deciding
from services.mdm.transport.submissions import SubmissionCheck
from services.mesh.records.leaf import Origin
from services.mesh.server import Call

LARGEST_BATCH = 100
"""Submissions that are taken in together: large enough to spread the costs of a commit, small enough to answer soon."""

Request = ingest_pb2.SubmitSourceRecordsRequest
Response = ingest_pb2.SubmitSourceRecordsResponse
_Waiting = queue.Queue[Request | BaseException | None]


class Submitting:
    """Takes in streams of submissions."""

    def __init__(self, intake: Intake, deciding: Deciding) -> None:
        self._intake = intake
        self._deciding = deciding

    def submit(self, requests: Iterator[Request], call: Call) -> Iterator[Response]:
        """Acknowledge every submission, in order; whatever waits is taken in together."""
        origin = Origin.of(call)
        for batch in _batches(requests, LARGEST_BATCH):
            check = SubmissionCheck(self._deciding.landscape(), call.caller)
            answers = self._intake.take([check.offer(request.source_record) for request in batch], origin)
            for request, answer in zip(batch, answers, strict=True):
                yield _acknowledgement(request.sequence, answer)


def _acknowledgement(sequence: int, answer: Answer) -> Response:
    match answer:
        case Quarantined(name, error):
            return Response(
                sequence=sequence,
                outcome=Response.OUTCOME_QUARANTINED,
                quarantined_record=name,
                error=error,
            )
        case Applied(outcome, source_record, revision, golden, golden_revision):
            return Response(
                sequence=sequence,
                outcome=outcome,
                source_record=source_record,
                revision=revision,
                golden_record=golden,
                golden_revision=golden_revision,
            )


def _batches(requests: Iterator[Request], largest: int) -> Iterator[list[Request]]:
    """Yield what has arrived so far, at least one and at most `largest` at a time.

    A thread reads ahead, by one batch at most, so that the caller's stream is held back when the hub is slower. An
    error of the stream (a message that is none, a caller that went away) comes after everything that came before it.
    """
    waiting: _Waiting = queue.Queue(maxsize=largest)
    done = threading.Event()

    def read_ahead() -> None:
        ending: BaseException | None = None
        try:
            for request in requests:
                if not _offered(waiting, request, done):
                    return
        except Exception as error:  # noqa: BLE001 - carried over to the thread that answers
            ending = error
        _offered(waiting, ending, done)

    threading.Thread(target=read_ahead, name="ingest-reader", daemon=True).start()
    try:
        yield from _drained(waiting, largest)
    finally:
        done.set()


def _offered(
    waiting: _Waiting,
    item: Request | BaseException | None,
    done: threading.Event,
) -> bool:
    """Put an item as soon as there is room; False once nobody will take it any more."""
    while not done.is_set():
        try:
            waiting.put(item, timeout=0.5)
        except queue.Full:
            continue
        return True
    return False


def _drained(waiting: _Waiting, largest: int) -> Iterator[list[Request]]:
    ending: BaseException | None = None
    more = True
    while more:
        batch: list[Request] = []
        item = waiting.get()
        while True:
            if item is None or isinstance(item, BaseException):
                more, ending = False, item
                break
            batch.append(item)
            if len(batch) == largest or waiting.empty():
                break
            item = waiting.get()
        if batch:
            yield batch
    if ending is not None:
        raise ending
