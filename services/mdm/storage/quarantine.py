"""The hub's quarantine: submissions that could not be taken in, sealed, until they are."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from google.rpc import status_pb2
from sqlalchemy import Connection

from concord.audit.v1 import audit_pb2
from concord.mdm.v1 import ingest_pb2
from services.mdm.domain.indexing import IndexEntry
from services.mdm.storage import record_index
from services.mesh.database import driver
from services.mesh.records.leaf import Origin
from services.mesh.records.store import RecordStore, Revision, RevisionDraft

RECORD_TYPE = "quarantined_record"
UNKNOWN = "systems/unknown"
"""Under whose name lies what came for a system that is not registered."""

_OPEN = """
SELECT k.record FROM record_index k JOIN record_index s USING (record_type, record)
WHERE k.record_type = %s AND k.path = 'key' AND k.value = ANY(%s) AND k.to_revision IS NULL
AND s.path = 'state' AND s.value = 'STATE_OPEN' AND s.to_revision IS NULL
ORDER BY k.record
"""
State = ingest_pb2.QuarantinedRecord.State


@dataclass(frozen=True)
class Refused:
    """A submission that is not taken in: what it said it is, its exact bytes, and why not."""

    system: str
    key: str
    original: bytes
    error: status_pb2.Status
    entities: tuple[str, ...]


class Quarantine:
    """Keeps refused submissions, one open record for each (system, key), inside the caller's transaction.

    The caller holds the pairs (`match_keys.hold_keys`), so that two do not keep the same one at once.
    """

    def __init__(self, store: RecordStore, new_id: Callable[[], str]) -> None:
        self._store = store
        self._new_id = new_id

    def keep(self, connection: Connection, refused: Refused, origin: Origin) -> str:
        """Keep a refused submission; return its name. The same bytes refused for the same reason change nothing."""
        content = ingest_pb2.QuarantinedRecord(
            key=refused.key, error=refused.error, original=refused.original, state=State.STATE_OPEN
        )
        name = next(iter(self._open(connection, self._sought(refused.system, refused.original))), None)
        if name is None:
            name = f"{refused.system}/quarantinedRecords/{self._new_id()}"
            self._append(connection, name, content, None, refused.entities, origin)
            return name
        revision = self._store.read(connection, [name])[name]
        before = self._store.content(revision, ingest_pb2.QuarantinedRecord)
        if (before.original, before.error) != (content.original, content.error):
            self._append(connection, name, content, revision, revision.entities, origin)
        return name

    def settle(self, connection: Connection, taken: Collection[tuple[str, str]], origin: Origin) -> None:
        """Settle what waits under these (system, key) pairs: they were taken in."""
        names = self._open(connection, [_value(system, system, key) for system, key in taken]) if taken else ()
        for revision in self._store.read(connection, names).values():
            self.mark(connection, revision, State.STATE_SETTLED, None, origin)

    def mark(
        self,
        connection: Connection,
        revision: Revision,
        state: State.ValueType,
        error: status_pb2.Status | None,
        origin: Origin,
    ) -> None:
        """Append a revision with another state, and another error where one is given."""
        content = self._store.content(revision, ingest_pb2.QuarantinedRecord)
        content.state = state
        if error is not None:
            content.error.CopyFrom(error)
        self._append(connection, revision.record, content, revision, revision.entities, origin)

    def present(self, revision: Revision, *, clear: bool) -> ingest_pb2.QuarantinedRecord:
        """Return a quarantined record as its message; with `clear` its original bytes too."""
        content = self._store.content(revision, ingest_pb2.QuarantinedRecord, clear=clear)
        content.name = revision.record
        content.revision = revision.revision
        content.update_time.FromDatetime(revision.created_at)
        return content

    def _open(self, connection: Connection, values: Sequence[str]) -> list[str]:
        """Return the open records with these index values, by name."""
        return [name for (name,) in driver(connection).execute(_OPEN, (RECORD_TYPE, list(values)), prepare=True)]

    def _sought(self, system: str, original: bytes) -> Sequence[str]:
        """Return the index values under which a submission's record lies, the newest first.

        They tell submissions apart by all of what they say they are, those without a key by all of their bytes.
        """
        said = ingest_pb2.SourceRecord.FromString(original)
        if said.key:
            return (_value(system, said.system, said.key),)
        return self._store.sealer.tokens(original, RECORD_TYPE)

    def _append(  # noqa: PLR0913 - a revision has many parts
        self,
        connection: Connection,
        name: str,
        content: ingest_pb2.QuarantinedRecord,
        before: Revision | None,
        entities: Sequence[str],
        origin: Origin,
    ) -> None:
        head = self._store.lock(connection, [name])[name] if before else None
        previous = self._store.content(before, ingest_pb2.QuarantinedRecord) if before else None
        draft = RevisionDraft(
            record=name,
            record_type=RECORD_TYPE,
            operation=audit_pb2.OPERATION_UPDATE if before else audit_pb2.OPERATION_CREATE,
            content=content,
            head=head,
            previous=previous,
            entities=tuple(entities),
        )
        self._store.append(connection, [draft], origin)
        there = self._entries(name, previous, before.entities) if before and previous else frozenset[IndexEntry]()
        now = self._entries(name, content, entities)
        changed = record_index.Indexed(RECORD_TYPE, name, draft.revision, there, now)
        record_index.put(connection, self._store.sealer, [changed])

    def _entries(
        self, name: str, content: ingest_pb2.QuarantinedRecord, entities: Sequence[str]
    ) -> frozenset[IndexEntry]:
        system = name.partition("/quarantinedRecords/")[0]
        pairs = [
            ("key", self._sought(system, content.original)[0]),
            ("state", State.Name(content.state)),
            ("system", system),
            *(("entities", entity) for entity in entities),
        ]
        return frozenset(IndexEntry(path, value, restricted=False) for path, value in pairs)


def _value(place: str, system: str, key: str) -> str:
    """Return the index value: short, however long what a submission says it is."""
    parts = (part.encode() for part in (place, system, key))
    return hashlib.blake2b(b"".join(len(part).to_bytes(8, "big") + part for part in parts), digest_size=32).hexdigest()
