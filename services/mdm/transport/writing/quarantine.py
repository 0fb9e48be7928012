"""The hub's quarantine as people see it: list, look, try again."""

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ingest_pb2
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.tables.match_keys import hold_keys
from services.mdm.storage.writing.intake import Intake, Quarantined, Refusal
from services.mdm.storage.writing.quarantine import Quarantine
from services.mdm.storage.writing.quarantine_reader import QuarantineReader
from services.mdm.storage.writing.write_path import Applied
from services.mdm.transport.calls.deciding import Deciding, may_see_restricted
from services.mdm.transport.writing.submissions import SubmissionCheck
from services.mesh.contract import validation
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.errors import ConcordError, FieldViolation, to_status
from services.mesh.records.idempotency import Answer
from services.mesh.records.store import Revision
from services.mesh.server import Call


class QuarantineMethods:
    """The quarantine's RPCs."""

    def __init__(
        self,
        transactions: Transactions,
        quarantine: Quarantine,
        reader: QuarantineReader,
        intake: Intake,
        deciding: Deciding,
    ) -> None:
        self._transactions = transactions
        self._quarantine = quarantine
        self._reader = reader
        self._intake = intake
        self._deciding = deciding

    def list_page(self, request: ingest_pb2.ListQuarantinedRecordsRequest, call: Call) -> Message:
        """List what waits, newest first, without the original bytes."""
        size = page_size(request.page_size)
        after = PageToken.decode(request.page_token, request)
        scope = self._deciding.entities(call)

        def read(connection: Connection) -> Message:
            found = self._reader.page(
                connection,
                request.system,
                scope,
                show_settled=request.show_settled,
                before=after[0] if after else None,
                limit=size + 1,
            )
            shown = [self._quarantine.present(revision, clear=False) for revision in found[:size]]
            token = PageToken.encode((shown[-1].name,), request) if len(found) > size else ""
            return ingest_pb2.ListQuarantinedRecordsResponse(quarantined_records=shown, next_page_token=token)

        return self._transactions.read(read)

    def get(self, request: ingest_pb2.GetQuarantinedRecordRequest, call: Call) -> Message:
        """Return one quarantined record."""
        scope = self._deciding.entities(call)

        def read(connection: Connection) -> Message:
            revision = self._reader.find(connection, request.name, scope)
            shown = self._quarantine.present(revision, clear=may_see_restricted(call))
            return ingest_pb2.GetQuarantinedRecordResponse(quarantined_record=shown)

        return self._transactions.read(read)

    def replay(self, request: ingest_pb2.ReplayQuarantinedRecordRequest, call: Call) -> Message:
        """Submit the original, or a corrected record, once more; what is refused again stays, with the new error."""
        decision = self._deciding.decision(request, call)
        check = SubmissionCheck(self._deciding.landscape(), call.caller)

        def apply(connection: Connection) -> Answer:
            revision = self._held(connection, request.name, decision)
            kept = self._quarantine.present(revision, clear=True)
            if kept.state != ingest_pb2.QuarantinedRecord.STATE_OPEN:
                raise ConcordError(
                    reasons.ERROR_REASON_QUARANTINED_RECORD_SETTLED,
                    f"{request.name} is settled",
                    metadata={"name": request.name},
                )
            said = _decoded(kept.original)
            if request.HasField("corrected"):
                _require_same(said, request.corrected)
                said = request.corrected
            offer = check.offer(said)
            if isinstance(offer, Refusal):
                self._quarantine.mark(connection, revision, kept.state, to_status(offer.error), decision.origin)
                return Answer("", 0)
            (taken,) = self._intake.take_in(connection, [offer], decision.origin)
            if isinstance(taken, Quarantined):
                self._quarantine.mark(connection, revision, kept.state, taken.error, decision.origin)
                return Answer("", 0)
            assert isinstance(taken, Applied)  # noqa: S101 - the other kind of answer
            still = self._reader.find(connection, request.name, decision.entities)
            settled = ingest_pb2.QuarantinedRecord.STATE_SETTLED
            if self._quarantine.present(still, clear=False).state != settled:
                self._quarantine.mark(connection, still, settled, None, decision.origin)
            return Answer(taken.source_record, taken.revision)

        def present(connection: Connection, answer: Answer) -> Message:
            revision = self._reader.find(connection, request.name, decision.entities)
            shown = self._quarantine.present(revision, clear=decision.clear)
            return ingest_pb2.ReplayQuarantinedRecordResponse(quarantined_record=shown, source_record=answer.record)

        return self._transactions.once(decision.key, decision.request, apply, present, rehearsal=decision.rehearsal)

    def _held(self, connection: Connection, name: str, decision: Decision) -> Revision:
        """Return a quarantined record that nobody settles until the transaction ends."""
        found = self._quarantine.present(self._reader.find(connection, name, decision.entities), clear=True)
        said = _decoded(found.original)
        hold_keys(connection, [(said.system, said.key)])
        return self._reader.find(connection, name, decision.entities)


def _decoded(original: bytes) -> ingest_pb2.SourceRecord:
    said = ingest_pb2.SourceRecord()
    said.ParseFromString(original)
    return said


def _require_same(original: ingest_pb2.SourceRecord, corrected: ingest_pb2.SourceRecord) -> None:
    """Refuse a correction that is of another source record, unless what names the original is itself what is wrong."""
    broken = {violation.field for violation in validation.violations(original)}
    wrong = [
        FieldViolation(f"corrected.{field}", "is another record's")
        for field in ("system", "key")
        if field not in broken and getattr(corrected, field) != getattr(original, field)
    ]
    if wrong:
        raise validation.constraint_violated(wrong)
