"""Importing: one batch of rows in one transaction, with the report of what became of every row."""

from collections.abc import Callable, Collection, Sequence

from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import import_pb2, ingest_pb2
from services.mdm.storage.deciding import payment_changes
from services.mdm.storage.deciding.transactions import Committed, Transactions
from services.mdm.storage.matching import match_candidates
from services.mdm.storage.writing import intake
from services.mdm.storage.writing.import_batches import Batch, ImportBatches
from services.mdm.storage.writing.intake import Intake, Offer, Quarantined, Taken
from services.mdm.storage.writing.write_path import Applied
from services.mesh.errors import ConcordError
from services.mesh.records.idempotency import Answer
from services.mesh.records.leaf import Origin

Row = import_pb2.ImportedRow
_Submitted = ingest_pb2.SubmitSourceRecordsResponse
_FOUNDED = ingest_pb2.SourceRecord.LINK_ORIGIN_FOUNDED


class Importing:
    """Takes in batches by the one intake that there is; every row gets an answer, every batch one for good."""

    def __init__(self, transactions: Transactions, intake: Intake, batches: ImportBatches) -> None:
        self._transactions = transactions
        self._intake = intake
        self._batches = batches

    def take(
        self, batch: Batch, rows: Sequence[int], offers: Sequence[Offer], origin: Origin, *, rehearsal: bool
    ) -> import_pb2.ImportSourceRecordsResponse:
        """Take in what can be taken in and quarantine the rest; a batch that was taken in before answers as it did.

        `rows` are the numbers of the offers. Raises ConcordError REQUEST_ID_REUSED, SPOOL_FULL, AUDIT_BEHIND,
        CONCURRENT_CHANGE, DEPENDENCY_UNAVAILABLE: then nothing of the batch is stored. AUDIT_RECEIPT_PENDING: then it
        is, and its repeat waits again. TOO_MANY_CHANGES: of a rehearsal that would take several transactions.
        """

        def at_once(connection: Connection) -> Sequence[Taken]:
            return self._intake.take_all(connection, offers, origin)

        try:
            return self._take(batch, rows, at_once, rehearsal=rehearsal)
        except ConcordError as error:
            if error.reason != reasons.ERROR_REASON_TOO_MANY_CHANGES or rehearsal:
                raise
        # Matching moves more than one transaction may. What is taken in is not lost if the report of it is: a repeat of
        # the batch finds it said already.
        taken = _none_postponed(self._intake.take(offers, origin))
        return self._take(batch, rows, lambda _: taken, rehearsal=False)

    def _take(
        self, batch: Batch, rows: Sequence[int], take: Callable[[Connection], Sequence[Taken]], *, rehearsal: bool
    ) -> import_pb2.ImportSourceRecordsResponse:
        payment = self._transactions.payment

        def work(connection: Connection) -> Committed[import_pb2.ImportSourceRecordsResponse]:
            known = self._batches.claim(connection, batch)
            if known is not None:
                made = [Answer(row.source_record, row.revision) for row in known.rows]
                return Committed(known, payment.unreceipted(connection, made))
            answers = take(connection)
            waiting = match_candidates.waiting(connection, [a.source_record for a in answers if isinstance(a, Applied)])
            told = import_pb2.ImportSourceRecordsResponse(batch=batch.number)
            told.rows.extend(_row(*one, waiting, rehearsal=rehearsal) for one in zip(rows, answers, strict=True))
            self._batches.keep(connection, batch, told)
            awaited = (answer.awaited for answer in answers if isinstance(answer, Applied))
            return Committed(told, payment_changes.noted(connection).union(*awaited))

        committed = self._transactions.write(work, rehearsal=rehearsal)
        return committed.result if rehearsal else self._transactions.receipted(committed)


def _none_postponed(answers: Sequence[intake.Answer]) -> list[Taken]:
    """Return what was taken in or refused; raises the error of the first that has to wait: the batch has to, too."""
    taken = []
    for answer in answers:
        if isinstance(answer, intake.Postponed):
            raise answer.error
        taken.append(answer)
    return taken


def _row(number: int, answer: Taken, waiting: Collection[str], *, rehearsal: bool) -> Row:
    match answer:
        case Quarantined(name, error):
            return Row(
                row=number, outcome=Row.OUTCOME_REFUSED, quarantined_record="" if rehearsal else name, error=error
            )
        case Applied():
            made = rehearsal and answer.outcome == _Submitted.OUTCOME_CREATED
            # A golden record whose first revision is a rehearsal's is not there.
            new = rehearsal and answer.golden_revision == 1 and answer.made is not None
            return Row(
                row=number,
                outcome=_outcome(answer, waiting),
                source_record="" if made else answer.source_record,
                revision=answer.revision,
                golden_record="" if new else answer.golden,
            )


def _outcome(applied: Applied, waiting: Collection[str]) -> Row.Outcome.ValueType:
    if applied.outcome == _Submitted.OUTCOME_UPDATED:
        return Row.OUTCOME_UPDATED
    if applied.outcome != _Submitted.OUTCOME_CREATED:
        return Row.OUTCOME_UNCHANGED
    if applied.link_origin != _FOUNDED:
        return Row.OUTCOME_LINKED
    return Row.OUTCOME_QUEUED if applied.source_record in waiting else Row.OUTCOME_CREATED
