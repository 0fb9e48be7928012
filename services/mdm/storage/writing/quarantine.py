"""The hub's quarantine: submissions that could not be taken in, sealed, until they are."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from google.rpc import status_pb2
from sqlalchemy import Connection

from concord.audit.v1 import audit_pb2
from concord.mdm.v1 import ingest_pb2
from services.mdm.domain.indexing import IndexEntry
from services.mdm.storage.tables import record_index
from services.mesh.postgres.database import driver
from services.mesh.records.leaf import Origin
from services.mesh.records.store import RecordStore, Revision, RevisionDraft

RECORD_TYPE = "quarantined_record"
UNKNOWN = "systems/unknown"
"""Under whose name lies what came for a system that is not registered."""

_OPEN = """
SELECT k.value, k.record FROM record_index k JOIN record_index s USING (record_type, record)
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


@dataclass(frozen=True)
class _Change:
    """A quarantined record's next revision."""

    name: str
    content: ingest_pb2.QuarantinedRecord
    before: Revision | None
    entities: Sequence[str]

    def previous(self, store: RecordStore) -> ingest_pb2.QuarantinedRecord | None:
        """Return what the record says now."""
        return store.content(self.before, ingest_pb2.QuarantinedRecord) if self.before else None


class Quarantine:
    """Keeps refused submissions, one open record for each (system, key), inside the caller's transaction.

    The caller holds the pairs (`match_keys.hold_keys`), so that two do not keep the same one at once.
    """

    def __init__(self, store: RecordStore, new_id: Callable[[], str]) -> None:
        self._store = store
        self._new_id = new_id

    def keep(self, connection: Connection, refusals: Sequence[Refused], origin: Origin) -> list[str]:
        """Keep refused submissions of different (system, key) pairs; return their names.

        The same bytes refused for the same reason change nothing. However many there are, the statements are as many.
        """
        sought = [self._sought(refused.system, refused.original) for refused in refusals]
        found = self._open(connection, [value for values in sought for value in values]) if refusals else {}
        known = [min((found[value] for value in values if value in found), default="") for values in sought]
        revisions = self._store.read(connection, [name for name in known if name])
        kept = [self._kept(refused, revisions.get(name)) for refused, name in zip(refusals, known, strict=True)]
        self._append(connection, [each for each in kept if each.content != each.previous(self._store)], origin)
        return [each.name for each in kept]

    def _kept(self, refused: Refused, before: Revision | None) -> "_Change":
        content = ingest_pb2.QuarantinedRecord(
            key=refused.key, error=refused.error, original=refused.original, state=State.STATE_OPEN
        )
        if before is None:
            name = f"{refused.system}/quarantinedRecords/{self._new_id()}"
            return _Change(name, content, None, refused.entities)
        return _Change(before.record, content, before, before.entities)

    def settle(self, connection: Connection, taken: Collection[tuple[str, str]], origin: Origin) -> None:
        """Settle what waits under these (system, key) pairs: they were taken in."""
        found = self._open(connection, [_value(system, system, key) for system, key in taken]) if taken else {}
        for revision in self._store.read(connection, set(found.values())).values():
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
        self._append(connection, [_Change(revision.record, content, revision, revision.entities)], origin)

    def present(self, revision: Revision, *, clear: bool) -> ingest_pb2.QuarantinedRecord:
        """Return a quarantined record as its message; with `clear` its original bytes too."""
        content = self._store.content(revision, ingest_pb2.QuarantinedRecord, clear=clear)
        content.name = revision.record
        content.revision = revision.revision
        content.update_time.FromDatetime(revision.created_at)
        return content

    def _open(self, connection: Connection, values: Sequence[str]) -> dict[str, str]:
        """Return the open records with these index values, by value; of several the first by name."""
        rows = driver(connection).execute(_OPEN, (RECORD_TYPE, list(values)), prepare=True).fetchall()
        return dict(reversed(rows))

    def _sought(self, system: str, original: bytes) -> Sequence[str]:
        """Return the index values under which a submission's record lies, the newest first.

        They tell submissions apart by all of what they say they are, those without a key by all of their bytes.
        """
        said = ingest_pb2.SourceRecord.FromString(original)
        if said.key:
            return (_value(system, said.system, said.key),)
        return self._store.sealer.tokens(original, RECORD_TYPE)

    def _append(self, connection: Connection, changes: Sequence["_Change"], origin: Origin) -> None:
        heads = self._store.lock(connection, [each.name for each in changes if each.before])
        drafts = {
            each.name: RevisionDraft(
                record=each.name,
                record_type=RECORD_TYPE,
                operation=audit_pb2.OPERATION_UPDATE if each.before else audit_pb2.OPERATION_CREATE,
                content=each.content,
                head=heads.get(each.name),
                previous=each.previous(self._store),
                entities=tuple(each.entities),
            )
            for each in changes
        }
        self._store.append(connection, list(drafts.values()), origin)
        record_index.put(
            connection, self._store.sealer, [self._indexed(each, drafts[each.name].revision) for each in changes]
        )

    def _indexed(self, change: "_Change", revision: int) -> record_index.Indexed:
        previous = change.previous(self._store)
        there = self._entries(change.name, previous, change.before.entities) if change.before and previous else ()
        now = self._entries(change.name, change.content, change.entities)
        return record_index.Indexed(RECORD_TYPE, change.name, revision, frozenset(there), now)

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


def sought_under(system: str, key: str) -> tuple[str, str]:
    """Return the index values under which submissions of a (system, key) lie, also from before the registration."""
    return _value(system, system, key), _value(UNKNOWN, system, key)


def _value(place: str, system: str, key: str) -> str:
    """Return the index value: short, however long what a submission says it is."""
    parts = (part.encode() for part in (place, system, key))
    return hashlib.blake2b(b"".join(len(part).to_bytes(8, "big") + part for part in parts), digest_size=32).hexdigest()
