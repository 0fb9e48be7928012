"""The adapter's revisioned records: deliveries, quarantined documents, discrepancies, and what people decided.

The message of a record says everything; `Entry` adds what finds it. Every revision leaves evidence.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeAlias

import uuid_utils
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import Connection

from concord.adapter.v1.adapter_pb2 import Delivery, Discrepancy, QuarantinedDocument, SystemState
from concord.audit.v1.audit_pb2 import OPERATION_CREATE, OPERATION_UPDATE
from services.mesh.postgres.database import driver
from services.mesh.records.leaf import Origin
from services.mesh.records.store import Head, RecordStore, Revision, RevisionDraft

Content: TypeAlias = QuarantinedDocument | Delivery | Discrepancy | SystemState

_TYPES: Final[Mapping[type[Content], tuple[str, str]]] = {
    QuarantinedDocument: ("quarantined_document", "quarantinedDocuments"),
    Delivery: ("delivery", "deliveries"),
    Discrepancy: ("discrepancy", "discrepancies"),
    SystemState: ("system_state", "states"),
}
_LIST = """
INSERT INTO listing (record, id, record_type, system, key, golden_record, kind, open)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (record) DO UPDATE SET key = excluded.key, open = excluded.open
"""
_OPEN = """
SELECT record FROM listing WHERE open AND system = %s AND record_type = %s AND (%s::text[] IS NULL OR key = ANY(%s))
ORDER BY id
"""
_PAGE = """
SELECT record FROM listing
WHERE record_type = %s AND (%s::text[] IS NULL OR system = ANY(%s)) AND (open OR %s) AND (%s = '' OR id < %s)
ORDER BY id DESC LIMIT %s
"""
_OPEN_OF_GOLDEN = """
SELECT record FROM listing WHERE open AND system = %s AND record_type = %s AND golden_record = %s ORDER BY id
"""
_COUNT = "SELECT count(*) FROM listing WHERE open AND system = %s AND record_type = %s"


@dataclass(frozen=True)
class Entry:
    """A record of the ledger: `content` as it is to be or was stored; `open` while somebody has to look at it.

    `inputs` is stored encrypted beside it.
    """

    system: str
    content: Content
    key: str = ""
    golden_record: str = ""
    kind: int = 0
    open: bool = True
    inputs: bytes = field(default=b"", repr=False)
    source_time: datetime | None = None


def record_type(kind: type[Content]) -> str:
    """Return the record type of a kind of content."""
    return _TYPES[kind][0]


def new_name(system: str, kind: type[Content]) -> str:
    """Return a fresh name, `systems/{system}/deliveries/{id}`; ids rise with time."""
    return f"{system}/{_TYPES[kind][1]}/{uuid_utils.uuid7()}"


def name_of(content: Content) -> str:
    """Return the record's name."""
    return f"{content.system}/states/synchronization" if isinstance(content, SystemState) else content.name


class Ledger:
    """Appends and finds the records; every method works inside the caller's transaction."""

    def __init__(self, store: RecordStore, entities: Callable[[str], tuple[str, ...]]) -> None:
        """Take the store, and what tells the entities that a system belongs to."""
        self.store = store
        self._entities = entities

    def put(self, connection: Connection, entries: Sequence[Entry], origin: Origin) -> dict[str, Head]:
        """Append a revision of every entry, its first one when it is new; return the heads by name."""
        if not entries:
            return {}
        heads = self.store.lock(connection, [name_of(entry.content) for entry in entries])
        known = self.store.read(connection, [name for name, head in heads.items() if head])
        drafts = [self._draft(entry, heads[name_of(entry.content)], known) for entry in entries]
        appended = self.store.append(connection, drafts, origin)
        with driver(connection).cursor() as cursor:
            cursor.executemany(_LIST, [_listing(entry) for entry in entries])
        return {name: revision.head for name, revision in appended.items()}

    def read(self, connection: Connection, names: Collection[str], *, clear: bool = False) -> dict[str, Content]:
        """Return records by name, as they are now; with `clear` their RESTRICTED values too."""
        revisions = self.store.read(connection, names)
        return {name: self.content(revision, clear=clear) for name, revision in revisions.items()}

    def read_revision(self, connection: Connection, name: str, revision: int) -> Content:
        """Return a record as of one revision. Raises LookupError."""
        found = self.store.read_revisions(connection, [(name, revision)])
        if (name, revision) not in found:
            raise LookupError(f"{name} has no revision {revision}")
        return self.content(found[name, revision], clear=False)

    def inputs(self, connection: Connection, name: str) -> tuple[bytes, datetime | None]:
        """Return an entry's `inputs` and source time. Raises LookupError."""
        found = self.store.read(connection, [name])
        if name not in found:
            raise LookupError(f"there is no {name}")
        return self.store.inputs(found[name]), found[name].source_time

    def open_names(
        self, connection: Connection, system: str, kind: type[Content], keys: Collection[str] | None = None
    ) -> list[str]:
        """Name what is open of a kind in a system, oldest first; of these keys where given."""
        wanted = None if keys is None else list(keys)
        rows = driver(connection).execute(_OPEN, (system, record_type(kind), wanted, wanted))
        return [row[0] for row in rows]

    def open_of_golden(self, connection: Connection, system: str, kind: type[Content], golden_record: str) -> list[str]:
        """Name what is open of a kind in a system about one golden record, oldest first."""
        rows = driver(connection).execute(_OPEN_OF_GOLDEN, (system, record_type(kind), golden_record))
        return [row[0] for row in rows]

    def count_open(self, connection: Connection, system: str, kind: type[Content]) -> int:
        """Count what is open of a kind in a system."""
        row = driver(connection).execute(_COUNT, (system, record_type(kind))).fetchone()
        return int(row[0]) if row else 0

    def page(  # noqa: PLR0913 - the parts of a listing
        self,
        connection: Connection,
        kind: type[Content],
        *,
        systems: Collection[str] | None,
        settled: bool,
        before: str,
        limit: int,
    ) -> list[str]:
        """Name a page of records, newest first: those of `systems` (None = all) with ids below `before` ("" = all)."""
        wanted = None if systems is None else list(systems)
        arguments = (record_type(kind), wanted, wanted, settled, before, before, limit)
        return [row[0] for row in driver(connection).execute(_PAGE, arguments)]

    def content(self, revision: Revision, *, clear: bool) -> Content:
        """Return what a stored revision says."""
        kind = next(kind for kind, (name, _) in _TYPES.items() if name == revision.record_type)
        content = self.store.content(revision, kind, clear=clear)
        if not isinstance(content, SystemState):
            content.revision = revision.revision
        if isinstance(content, QuarantinedDocument | Delivery):
            content.update_time.CopyFrom(_timestamp(revision.created_at))
        return content

    def _draft(self, entry: Entry, head: Head | None, known: Mapping[str, Revision]) -> RevisionDraft:
        previous = known.get(name_of(entry.content))
        content = type(entry.content)()
        content.CopyFrom(entry.content)  # type: ignore[arg-type]
        if not isinstance(content, SystemState) and not content.HasField("create_time"):
            content.create_time.CopyFrom(_timestamp(datetime.now(UTC)))
        return RevisionDraft(
            record=name_of(content),
            record_type=record_type(type(content)),
            operation=OPERATION_UPDATE if head else OPERATION_CREATE,
            content=content,
            head=head,
            previous=self.content(previous, clear=True) if previous else None,
            entities=self._entities(entry.system),
            inputs=entry.inputs,
            source_time=entry.source_time,
        )


def _listing(entry: Entry) -> tuple[object, ...]:
    name = name_of(entry.content)
    kind = record_type(type(entry.content))
    identity = (name, name.rpartition("/")[2], kind, entry.system)
    return (*identity, entry.key, entry.golden_record, entry.kind, entry.open)


def _timestamp(time: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(time.astimezone(UTC).replace(tzinfo=None))
    return stamp
