"""Submitting: checks each submission on its own, hands batches to intake, acknowledges in order."""

from collections.abc import Iterator

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ingest_pb2
from services.mdm.storage.deciding.payment_changes import NONE, PaymentChanges
from services.mdm.storage.writing.intake import Answer, Intake, Postponed, Quarantined
from services.mdm.storage.writing.write_path import Applied
from services.mdm.transport.calls.deciding import Deciding
from services.mdm.transport.writing.submissions import SubmissionCheck
from services.mesh.errors import ConcordError, to_status
from services.mesh.records.leaf import Origin
from services.mesh.server import Call, RequestStream

LARGEST_BATCH = 100
"""Submissions that are taken in together: large enough to spread the costs of a commit, small enough to answer soon."""

Request = ingest_pb2.SubmitSourceRecordsRequest
Response = ingest_pb2.SubmitSourceRecordsResponse


class Submitting:
    """Takes in streams of submissions."""

    def __init__(self, intake: Intake, payment: PaymentChanges, deciding: Deciding) -> None:
        self._intake = intake
        self._payment = payment
        self._deciding = deciding

    def submit(self, requests: RequestStream[Request], call: Call) -> Iterator[Response]:
        """Acknowledge every submission, in order; whatever waits is taken in together."""
        origin = Origin.of(call)
        while batch := requests.batch(LARGEST_BATCH):
            check = SubmissionCheck(self._deciding.landscape(), call.caller)
            answers = self._intake.take([check.offer(request.source_record) for request in batch], origin)
            until = self._payment.patience_ends()
            for request, answer in zip(batch, answers, strict=True):
                acknowledgement = _acknowledgement(request.sequence, answer)
                self._await_receipt(answer, acknowledgement, until)
                yield acknowledgement

    def _await_receipt(self, answer: Answer, acknowledgement: Response, until: float) -> None:
        """Wait until the audit knows what is acknowledged; say in the acknowledgement when it does not."""
        try:
            self._payment.wait(answer.awaited if isinstance(answer, Applied) else NONE, until)
        except ConcordError as error:
            if error.reason != reasons.ERROR_REASON_AUDIT_RECEIPT_PENDING:
                raise
            acknowledgement.error.CopyFrom(to_status(error))


def _acknowledgement(sequence: int, answer: Answer) -> Response:
    match answer:
        case Postponed(postponed):
            return Response(sequence=sequence, outcome=Response.OUTCOME_POSTPONED, error=to_status(postponed))
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
