"""Change requests as they are stored: revisions of one, the values that it holds, and lists of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from google.protobuf.any_pb2 import Any as PackedMessage
from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_request_pb2 as pb
from services.mdm.domain import registry as record_types
from services.mdm.domain.indexing import IndexEntry
from services.mdm.domain.rebasing import SlotChange
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.deciding.etag import require_etag
from services.mdm.storage.deciding.scope import known
from services.mdm.storage.records.golden_reader import GoldenReader
from services.mdm.storage.tables import record_index
from services.mesh.errors import ConcordError
from services.mesh.postgres.database import driver
from services.mesh.records.idempotency import Answer
from services.mesh.records.leaf import Origin
from services.mesh.records.store import RecordStore, Revision, RevisionDraft

RECORD_TYPE = "change_request"
"""What change requests are called in the feed and in the evidence."""

State = pb.ChangeRequest.State

_FOUND_BY = ("record_type", "golden_record", "state", "author")
"""The fields that lists ask for, each an index path of its own."""

_ASKED = (
    "FROM records r JOIN record_keys USING (record) WHERE r.record_type = 'change_request'"
    " AND (%(scope)s::text[] IS NULL OR r.entities && %(scope)s)"
)
_ASKED += "".join(
    f"""
AND (%({path})s::text[] IS NULL OR EXISTS (
    SELECT FROM record_index i WHERE i.record_type = 'change_request' AND i.record = r.record AND i.path = '{path}'
    AND i.value = ANY(%({path})s) AND i.to_revision IS NULL
))"""
    for path in _FOUND_BY
)
_PAGE = f"SELECT r.record {_ASKED} AND r.record < %(before)s ORDER BY r.record DESC LIMIT %(limit)s"
_COUNT = f"SELECT count(*) {_ASKED}"
_BEHIND_ALL = "changeRequests/~"
_ON_MERGED = """
SELECT DISTINCT i.value FROM record_index i JOIN records g ON g.record = i.value AND g.state = 3
WHERE i.record_type = 'change_request' AND i.path = 'golden_record' AND i.to_revision IS NULL
AND starts_with(i.value, %s)
"""


@dataclass(frozen=True)
class ChangeRequestQuestion:
    """Which change requests are asked for; `scope` are the caller's entities, None = all.

    `record_types` are the names of those that the caller may read; empty texts ask for everything.
    """

    scope: frozenset[str] | None
    record_types: frozenset[str]
    golden: str = ""
    state: str = ""
    author: str = ""


@dataclass(frozen=True)
class HeldRequest:
    """A change request that waits for a decision, locked until the transaction ends."""

    revision: Revision
    said: pb.ChangeRequest

    @property
    def record_type(self) -> RecordType:
        """The type of its golden record."""
        return type_of(self.said)

    @property
    def changes(self) -> tuple[SlotChange, ...]:
        """What it wants changed."""
        return changes_of(self.said)


class ChangeRequestRecords:
    """Reads and appends change requests inside the caller's transaction."""

    def __init__(self, store: RecordStore, reader: GoldenReader) -> None:
        self._store = store
        self._reader = reader

    def find(self, connection: Connection, name: str, entities: frozenset[str] | None) -> Revision:
        """Return a request's newest revision. Raises RECORD_NOT_FOUND."""
        return known(self._store.read(connection, [name]).get(name), RECORD_TYPE, name, entities)

    def open(self, connection: Connection, name: str, entities: frozenset[str] | None) -> HeldRequest:
        """Return a request that waits for a decision. Raises RECORD_NOT_FOUND, PROPOSAL_SETTLED."""
        revision = self.find(connection, name, entities)
        said = self._store.content(revision, pb.ChangeRequest)
        if said.state != State.STATE_OPEN:
            state = State.Name(said.state).removeprefix("STATE_")
            raise ConcordError(
                reasons.ERROR_REASON_PROPOSAL_SETTLED,
                f"{name} was {state.lower()} already",
                metadata={"name": name, "state": state},
            )
        return HeldRequest(revision, said)

    def hold(self, connection: Connection, name: str, etag: str, entities: frozenset[str] | None) -> HeldRequest:
        """Lock a request for a decision on it. Raises RECORD_NOT_FOUND, PROPOSAL_SETTLED, ETAG_MISMATCH."""
        self._store.lock(connection, [name])
        held = self.open(connection, name, entities)
        require_etag(name, held.revision.revision, etag)
        return held

    def append(  # noqa: PLR0913 - a revision has many parts
        self,
        connection: Connection,
        name: str,
        said: pb.ChangeRequest,
        before: HeldRequest | None,
        entities: Sequence[str],
        origin: Origin,
    ) -> Answer:
        """Append a request's next revision; `before` None = its first."""
        draft = RevisionDraft(
            record=name,
            record_type=RECORD_TYPE,
            operation=audit_pb2.OPERATION_UPDATE if before else audit_pb2.OPERATION_CREATE,
            content=said,
            head=before.revision.head if before else None,
            previous=before.said if before else None,
            entities=tuple(entities),
        )
        self._store.append(connection, [draft], origin)
        there = _entries(before.said) if before else frozenset[IndexEntry]()
        changed = record_index.Indexed(RECORD_TYPE, name, draft.revision, there, _entries(said))
        record_index.put(connection, self._store.sealer, [changed])
        return Answer(name, draft.revision)

    def page(
        self, connection: Connection, question: ChangeRequestQuestion, before: str | None, limit: int
    ) -> list[Revision]:
        """Return requests, newest first (their ids are time-ordered), those behind `before`."""
        parameters = self._parameters(connection, question) | {"before": before or _BEHIND_ALL, "limit": limit}
        names = [name for (name,) in driver(connection).execute(_PAGE.encode(), parameters)]
        revisions = self._store.read(connection, names)
        return [revisions[name] for name in names]

    def count(self, connection: Connection, question: ChangeRequestQuestion) -> int:
        """Count the requests that are asked for."""
        row = driver(connection).execute(_COUNT.encode(), self._parameters(connection, question)).fetchone()
        return row[0] if row else 0

    def _parameters(self, connection: Connection, question: ChangeRequestQuestion) -> dict[str, object]:
        return {
            "scope": None if question.scope is None else sorted(question.scope),
            "record_type": sorted(question.record_types),
            "golden_record": self._called(connection, question.golden) if question.golden else None,
            "state": [question.state] if question.state else None,
            "author": [question.author] if question.author else None,
        }

    def _called(self, connection: Connection, golden: str) -> list[str]:
        """Return the names under which requests are about a golden record: its own, and of those merged into it."""
        collection, _, _ = golden.partition("/")
        merged = [name for (name,) in driver(connection).execute(_ON_MERGED, (f"{collection}/",), prepare=True)]
        surviving = self._reader.surviving(connection, merged, None)
        return [golden, *(name for name, revision in surviving.items() if revision.record == golden)]


def type_of(said: pb.ChangeRequest) -> RecordType:
    """Return the type of a request's golden record."""
    record_type = record_types.by_name(said.record_type)
    if record_type is None:
        raise LookupError(f"{said.record_type} is no record type")
    return record_type


def changes_of(said: pb.ChangeRequest) -> tuple[SlotChange, ...]:
    """Return what a request wants changed."""
    kind = type_of(said)

    def value(holder: pb.RequestedChange, side: str) -> Message | None:
        return kind.unpack(getattr(holder, side)) if holder.HasField(side) else None  # type: ignore[arg-type]

    return tuple(SlotChange(each.path, value(each, "base"), value(each, "wanted")) for each in said.changes)


def set_changes(said: pb.ChangeRequest, changes: Iterable[SlotChange]) -> None:
    """Let a request want these changes."""
    kind = type_of(said)
    said.ClearField("changes")
    for change in changes:
        said.changes.add(path=change.path, base=packed(kind, change.base), wanted=packed(kind, change.wanted))


def packed(record_type: RecordType, value: Message | None) -> PackedMessage | None:
    """Return a slot's value packed; None = it says nothing."""
    return record_type.pack(value) if value is not None else None


def _entries(said: pb.ChangeRequest) -> frozenset[IndexEntry]:
    pairs = {
        "record_type": said.record_type,
        "golden_record": said.golden_record,
        "state": State.Name(said.state),
        "author": said.author,
    }
    return frozenset(IndexEntry(path, value, restricted=False) for path, value in pairs.items() if value)
