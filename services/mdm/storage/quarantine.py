"""The hub's quarantine: submissions that could not be taken in, sealed, until they are."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from google.rpc import status_pb2
from sqlalchemy import Connection

from concord.audit.v1 import audit_pb2
from concord.mdm.v1 import ingest_pb2
from services.mdm.storage import record_index
from services.mesh.database import driver
from services.mesh.records.leaf import Origin
from services.mesh.records.store import RecordStore, Revision, RevisionDraft

RECORD_TYPE = "quarantined_record"
UNKNOWN = "systems/unknown"
"""Under whose name lies what came for a system that is not registered."""

_OPEN = """
SELECT k.value, k.record FROM record_index k JOIN record_index s USING (record_type, record)
WHERE k.record_type = %s AND k.path = 'key' AND k.value = ANY(%s) AND k.to_revision IS NULL
AND s.path = 'state' AND s.value = 'STATE_OPEN' AND s.to_revision IS NULL
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
    """Keeps refused submissions, one open record for each (system, key), inside the caller's transaction."""

    def __init__(self, store: RecordStore, new_id: Callable[[], str]) -> None:
        self._store = store
        self._new_id = new_id

    def keep(self, connection: Connection, refused: Refused, origin: Origin) -> str:
        """Keep a refused submission; return its name. The same bytes refused for the same reason change nothing."""
        content = ingest_pb2.QuarantinedRecord(
            key=refused.key, error=refused.error, original=refused.original, state=State.STATE_OPEN
        )
        open_ones = self._open(connection, [(refused.system, refused.key)])
        name = open_ones.get((refused.system, refused.key))
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
        names = self._open(connection, taken).values() if taken else ()
        for revision in self._store.read(connection, list(names)).values():
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

    def _open(self, connection: Connection, pairs: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
        by_value = {_value(system, key): (system, key) for system, key in pairs}
        rows = driver(connection).execute(_OPEN, (RECORD_TYPE, list(by_value)), prepare=True)
        return {by_value[value]: record for value, record in rows}

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
        system = name.partition("/quarantinedRecords/")[0]
        pairs = {
            ("key", _value(system, content.key)),
            ("state", State.Name(content.state)),
            ("system", system),
            *(("entities", entity) for entity in entities),
        }
        record_index.put(
            connection, {name: (RECORD_TYPE, draft.revision, frozenset(pairs))}, set() if before else {name}
        )


def _value(system: str, key: str) -> str:
    return f"{system}|{key}"
