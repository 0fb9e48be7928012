"""Quarantined documents: look at one, replay one."""

from typing import cast

from sqlalchemy import Connection

from concord.adapter.v1 import adapter_pb2 as pb
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1.ingest_pb2 import SubmitSourceRecordsResponse
from services.adapter.incoming.quarantine import Quarantine, mapping_failed
from services.adapter.synchronising.worker import Worker
from services.adapter.systems.connector import Document, UntranslatableError
from services.adapter.transport.scope import Scope, not_found
from services.mesh.errors import ConcordError
from services.mesh.records.idempotency import Answer, RequestKey, claim, settle
from services.mesh.records.leaf import Origin
from services.mesh.server import Call


class QuarantineMethods:
    """What AdapterService does with quarantined documents."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def get(self, request: pb.GetQuarantinedDocumentRequest, call: Call) -> pb.GetQuarantinedDocumentResponse:
        """Return one with its original bytes; the contract stage removes them for those who may not see them."""
        worker = self._scope.owner(call.caller, request.name)
        with worker.outpost.database.reading() as connection:
            found = _read(connection, worker, request.name)
        return pb.GetQuarantinedDocumentResponse(quarantined_document=found)

    def replay(self, request: pb.ReplayQuarantinedDocumentRequest, call: Call) -> pb.ReplayQuarantinedDocumentResponse:
        """Translate and submit one again; it stays, with the hub's error, when the hub refuses it.

        A rehearsal (`validate_only`) translates only.
        """
        worker = self._scope.owner(call.caller, request.name)
        outpost = worker.outpost
        key = RequestKey(call.caller.subject, call.policy.full_name, request.request_id)
        with worker.exclusively(call.time_remaining()), outpost.database.transaction() as connection:
            answered = None if request.validate_only else claim(connection, outpost.sealer, key, request)
            if answered is not None:
                return self._repeated(connection, worker, answered)
            waiting = _read(connection, worker, request.name)
            document = self._document(connection, worker, waiting, request.corrected)
            if request.validate_only:
                return pb.ReplayQuarantinedDocumentResponse(quarantined_document=waiting)
            answer = _take(worker, document, waiting.original)
            origin = Origin.of(call, request.request_id)
            replayed = Quarantine(outpost).conclude(connection, waiting, answer, origin)
            settle(connection, key, Answer(request.name, replayed.revision))
            found = _read(connection, worker, request.name)
        return pb.ReplayQuarantinedDocumentResponse(quarantined_document=found, source_record=answer.source_record)

    def _document(
        self, connection: Connection, worker: Worker, waiting: pb.QuarantinedDocument, corrected: bytes
    ) -> Document:
        if waiting.state != pb.QuarantinedDocument.STATE_OPEN:
            message = "the document is translated already"
            raise ConcordError(
                reasons.ERROR_REASON_QUARANTINED_RECORD_SETTLED,
                message,
                resource=("quarantined_document", waiting.name),
            )
        document = Quarantine(worker.outpost).document(connection, waiting, corrected)
        try:
            worker.outpost.translate(document)
        except UntranslatableError as error:
            raise mapping_failed(error) from error
        return document

    def _repeated(
        self, connection: Connection, worker: Worker, answered: Answer
    ) -> pb.ReplayQuarantinedDocumentResponse:
        found = worker.outpost.ledger.read_revision(connection, answered.record, answered.revision)
        return pb.ReplayQuarantinedDocumentResponse(quarantined_document=cast("pb.QuarantinedDocument", found))


def _read(connection: Connection, worker: Worker, name: str) -> pb.QuarantinedDocument:
    found = worker.outpost.ledger.read(connection, [name], clear=True).get(name)
    if not isinstance(found, pb.QuarantinedDocument):
        raise not_found(name)
    return found


def _take(worker: Worker, document: Document, replaced: bytes) -> SubmitSourceRecordsResponse:
    try:
        return worker.intake.take_one(document, replaced)
    except UntranslatableError as error:
        raise mapping_failed(error) from error
