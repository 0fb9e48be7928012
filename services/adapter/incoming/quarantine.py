"""Quarantine: documents that could not be translated, kept as they came until they can be."""

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import cast

from sqlalchemy import Connection

from concord.adapter.v1.adapter_pb2 import QuarantinedDocument
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1.ingest_pb2 import SubmitSourceRecordsResponse
from services.adapter.outpost import Outpost
from services.adapter.storage.ledger import Entry, new_name
from services.adapter.systems.connector import Document, UntranslatableError
from services.mesh.errors import ConcordError, to_status
from services.mesh.records.leaf import Origin
from services.mesh.records.store import Head

_ACTIVITY = "quarantine"


def mapping_failed(error: UntranslatableError) -> ConcordError:
    """Return the failure of a translation, as the API says it."""
    return ConcordError(reasons.ERROR_REASON_MAPPING_FAILED, str(error), metadata={"field": error.field})


class Quarantine:
    """The quarantined documents of one system; every method works inside the caller's transaction."""

    def __init__(self, outpost: Outpost) -> None:
        self._outpost = outpost
        self._ledger = outpost.ledger

    def put(self, connection: Connection, failures: Sequence[tuple[Document, UntranslatableError]]) -> None:
        """Keep documents that can't be translated; one that is there already is replaced, unless it is the same."""
        waiting = self._waiting(connection, [document.key for document, _ in failures])
        fresh = [each for each in failures if not _is_kept(waiting.get(each[0].key), *each)]
        entries = [self._entry(document, waiting.get(document.key), error) for document, error in fresh]
        self._ledger.put(connection, entries, self._outpost.origin(_ACTIVITY))
        for document, _ in fresh:
            self._outpost.tally.untranslatable(document.kind)

    def settle(self, connection: Connection, keys: Collection[str]) -> None:
        """Settle what waits of these keys: their documents are translated now."""
        waiting = self._waiting(connection, keys)
        if waiting:
            origin = self._outpost.origin(_ACTIVITY)
            self._ledger.put(connection, [self._settled(connection, each) for each in waiting.values()], origin)

    def conclude(
        self,
        connection: Connection,
        quarantined: QuarantinedDocument,
        answer: SubmitSourceRecordsResponse,
        origin: Origin,
    ) -> Head:
        """Settle a document that was replayed on somebody's word, or keep it with the hub's error."""
        entry = self._settled(connection, quarantined)
        if answer.outcome == SubmitSourceRecordsResponse.OUTCOME_QUARANTINED:
            refused = QuarantinedDocument()
            refused.CopyFrom(quarantined)
            refused.error.CopyFrom(answer.error)
            entry = replace(entry, content=refused, open=True)
        return self._ledger.put(connection, [entry], origin)[quarantined.name]

    def document(self, connection: Connection, quarantined: QuarantinedDocument, corrected: bytes = b"") -> Document:
        """Return the document that was quarantined, or its corrected form."""
        inputs, source_time = self._ledger.inputs(connection, quarantined.name)
        if source_time is None:
            raise LookupError(f"{quarantined.name} has no source time")
        told = json.loads(inputs)
        original = corrected or quarantined.original
        return Document(quarantined.key, told["kind"], original, source_time, deleted=told["deleted"])

    def _waiting(self, connection: Connection, keys: Collection[str]) -> dict[str, QuarantinedDocument]:
        names = self._ledger.open_names(connection, self._outpost.name, QuarantinedDocument, keys)
        found = self._ledger.read(connection, names, clear=True).values() if names else ()
        return {each.key: each for each in (cast("QuarantinedDocument", content) for content in found)}

    def _entry(self, document: Document, waiting: QuarantinedDocument | None, error: UntranslatableError) -> Entry:
        content = QuarantinedDocument(
            name=waiting.name if waiting else new_name(self._outpost.name, QuarantinedDocument),
            key=document.key,
            error=to_status(mapping_failed(error)),
            original=document.original,
            state=QuarantinedDocument.STATE_OPEN,
            create_time=waiting.create_time if waiting else None,
        )
        told = json.dumps({"kind": document.kind, "deleted": document.deleted}).encode()
        return Entry(self._outpost.name, content, document.key, inputs=told, source_time=document.source_time)

    def _settled(self, connection: Connection, quarantined: QuarantinedDocument) -> Entry:
        content = QuarantinedDocument()
        content.CopyFrom(quarantined)
        content.state = QuarantinedDocument.STATE_SETTLED
        inputs, source_time = self._ledger.inputs(connection, quarantined.name)
        return Entry(self._outpost.name, content, quarantined.key, open=False, inputs=inputs, source_time=source_time)


def _is_kept(waiting: QuarantinedDocument | None, document: Document, error: UntranslatableError) -> bool:
    return (
        waiting is not None
        and waiting.original == document.original
        and waiting.error == to_status(mapping_failed(error))
    )
