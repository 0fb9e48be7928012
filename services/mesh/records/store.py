"""The store of revisioned records: lock heads, append revisions with their change rows, read them back."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, NamedTuple, TypeVar

import psycopg
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from psycopg import errors
from sqlalchemy import Connection

from concord.audit.v1.audit_pb2 import Operation
from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.contract.validation import constraint_violated
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.postgres.arrays import number_array, text_array
from services.mesh.postgres.database import clock, driver
from services.mesh.records import statements
from services.mesh.records.keys import RecordKey, WrappedKey
from services.mesh.records.leaf import Change, Origin, build_leaf
from services.mesh.records.sealing import CutContent, SealedContent, Sealer
from services.mesh.records.values import flatten

M = TypeVar("M", bound=Message)

MOST_CHANGES_A_TRANSACTION = 1000
MOST_ENTITIES = 1000
"""Of a record, as many as its leaf may name."""


_TOO_MANY_CHANGES = "CN001"
_INPUTS = "inputs"
_CHANGED = "a record has changed since it was read"


class State(IntEnum):
    """Whether a record is there, was deleted, or goes on in another record."""

    ACTIVE = 1
    DELETED = 2
    MERGED = 3


@dataclass(frozen=True)
class Head:
    """A record as of its newest revision; from `lock`, it stays the newest until the transaction ends."""

    record: str
    record_type: str
    revision: int
    state: State
    entities: tuple[str, ...]
    key: WrappedKey | None


@dataclass(frozen=True)
class RevisionDraft:
    """A revision to be appended: the one after `head`, the record's first if `head` is None.

    `content` holds RESTRICTED values in the clear (the store seals them); `previous` is the content that the changed
    paths of the leaf are told against, None for none. `inputs` is opaque to the store and stored encrypted.
    """

    record: str
    record_type: str
    operation: Operation.ValueType
    content: Message
    head: Head | None = None
    previous: Message | None = None
    state: State = State.ACTIVE
    entities: tuple[str, ...] = ()
    inputs: bytes = b""
    source_time: datetime | None = None

    @property
    def revision(self) -> int:
        """The revision's number; 1 is a record's first."""
        return self.head.revision + 1 if self.head else 1


@dataclass(frozen=True)
class Revision:
    """One stored revision. `content(kind)` and `inputs()` open it."""

    record: str
    revision: int
    record_type: str
    operation: Operation.ValueType
    state: State
    entities: tuple[str, ...]
    source_time: datetime | None
    created_at: datetime
    position: int | None  # None until it is published
    body: bytes = field(repr=False)
    sealed: bytes | None = field(repr=False)
    sealed_inputs: bytes | None = field(repr=False)
    key: WrappedKey | None = field(repr=False)
    read_at: datetime = field(compare=False, repr=False)
    """When it was read, by the database's clock."""

    @property
    def erased(self) -> bool:
        """Whether its record was erased, now or since: its key is destroyed, and nothing of it is to be opened."""
        return self.key is None

    @property
    def head(self) -> Head:
        """The record as of this revision."""
        return Head(self.record, self.record_type, self.revision, self.state, self.entities, self.key)


class RecordStore:
    """The revisioned records of one service; every method works inside the caller's transaction."""

    def __init__(self, source_service: str, sealer: Sealer) -> None:
        self.source_service = source_service
        self.sealer = sealer

    def lock(self, connection: Connection, names: Collection[str]) -> dict[str, Head | None]:
        """Lock the records for update, in name order, until the transaction ends; None for one that does not exist."""
        heads: dict[str, Head | None] = dict.fromkeys(names)
        for record, record_type, revision, state, entities, wrapped, version in driver(connection).execute(
            statements.LOCK, (sorted(set(names)),), prepare=True
        ):
            key = WrappedKey(record, wrapped, version) if wrapped is not None else None
            heads[record] = Head(record, record_type, revision, State(state), tuple(entities), key)
        return heads

    def append(
        self,
        connection: Connection,
        drafts: Sequence[RevisionDraft],
        origin: Origin | Sequence[Origin],
        now: datetime | None = None,
    ) -> dict[str, Revision]:
        """Append one revision each with its change row and leaf, in the order given; return them.

        `origin` is that of all drafts, or one for each. `now` is the database's clock since the records were locked,
        None = ask it.

        A record may come once per call; a later call of the same transaction continues from the returned one's.
        Raises ConcordError RECORD_EXISTS (a first revision of a record that is there), CONCURRENT_CHANGE (a head that
        is not the newest revision any more), TOO_MANY_CHANGES; ValueError (a record twice, or under another type).
        """
        if not drafts:
            return {}
        _check(drafts)
        now = now or clock(connection)
        origins = [origin] * len(drafts) if isinstance(origin, Origin) else origin
        keys = [self._key_for(draft) for draft in drafts]
        contents = _contents(drafts)
        made = [self._made(*each, now) for each in zip(drafts, keys, contents, strict=True)]
        leaves = [self._leaf(*each, now) for each in zip(drafts, keys, contents, origins, strict=True)]
        columns = _columns(made) | {"leaf": leaves}
        columns["traceparent"] = text_array([one.traceparent for one in origins])
        constants = {"now": now, "count": len(drafts)}
        _write(driver(connection), columns | constants, len(drafts))
        return {revision.record: revision for revision in made}

    def read(
        self, connection: Connection, names: Collection[str], *, position: int | None = None
    ) -> dict[str, Revision]:
        """Read each record's newest revision, or its newest one published at or below `position`.

        Records that do not exist (or did not by then) are left out; deleted ones are included.
        """
        wanted = list(set(names))
        if not wanted:
            return {}
        if position is not None:
            found = _revisions(connection, statements.READ_AS_OF, {"names": wanted, "position": position})
        elif len(wanted) == 1:
            found = _newest(connection, wanted[0])
        else:
            found = _revisions(connection, statements.READ_NEWEST, {"names": wanted})
        return {each.record: each for each in found}

    def read_by(self, connection: Connection, statement: str, parameters: dict[str, Any]) -> dict[str, Revision]:
        """Read the newest revisions that a statement of `statements.read_newest` finds."""
        return {each.record: each for each in _revisions(connection, statement, parameters)}

    def read_revisions(
        self, connection: Connection, revisions: Collection[tuple[str, int]]
    ) -> dict[tuple[str, int], Revision]:
        """Read exactly these (record, revision) pairs; those that do not exist are left out."""
        pairs = list(set(revisions))
        if len(pairs) == 1:
            parameters: dict[str, Any] = {"name": pairs[0][0], "revision": pairs[0][1]}
            found = _revisions(connection, statements.READ_REVISION, parameters)
        else:
            parameters = {"names": [name for name, _ in pairs], "revisions": [number for _, number in pairs]}
            found = _revisions(connection, statements.READ_REVISIONS, parameters)
        return {(each.record, each.revision): each for each in found}

    def read_left(
        self, connection: Connection, names: Collection[str], record: str, revision: int
    ) -> dict[str, Revision]:
        """Read records as the transaction left them that made a revision of one it locked them with, by name."""
        parameters = {"names": list(names), "record": record, "revision": revision}
        return {each.record: each for each in _revisions(connection, statements.READ_LEFT, parameters)}

    def history(
        self,
        connection: Connection,
        record: str,
        *,
        before: int | None = None,
        position: int | None = None,
        limit: int = 100,
    ) -> list[Revision]:
        """Read a record's revisions, newest first: those below revision `before`, published by `position`."""
        parameters = {"record": record, "before": before, "position": position, "limit": limit}
        return _revisions(connection, statements.HISTORY, parameters)

    def erase(self, connection: Connection, heads: Collection[Head], origin: Origin) -> dict[str, Revision]:
        """End records that are locked in a revision that says that they were erased; destroy keys and contents.

        Return these revisions. The database refuses records under a legal hold. Raises as `append`.
        """
        drafts = [
            RevisionDraft(
                record=head.record,
                record_type=head.record_type,
                operation=Operation.OPERATION_ERASE,
                content=Empty(),
                head=head,
                state=State.DELETED,
                entities=head.entities,
            )
            for head in heads
        ]
        made = self.append(connection, drafts, origin)
        driver(connection).execute(statements.ERASE, (text_array(list(made)),))
        return made

    def content(self, revision: Revision, kind: type[M], *, clear: bool = True) -> M:
        """Return the revision's content; with `clear` its RESTRICTED values too.

        Raises ConcordError RECORD_ERASED, SealBroken.
        """
        stored = require_unerased(revision)
        key = self.sealer.ring.unwrap(stored) if clear and revision.sealed else None
        return self.sealer.unseal(key, revision.revision, SealedContent(revision.body, revision.sealed), kind)

    def inputs(self, revision: Revision) -> bytes:
        """Return the draft's `inputs`; empty when there were none. Raises as `content`."""
        return self._opened_inputs(revision, self._key_of(revision))

    def opened(self, revision: Revision, kind: type[M]) -> tuple[M, bytes]:
        """Return the revision's content, RESTRICTED values included, and its inputs: both with one opening of its key.

        Raises as `content`.
        """
        key = self._key_of(revision)
        content = self.sealer.unseal(key, revision.revision, SealedContent(revision.body, revision.sealed), kind)
        return content, self._opened_inputs(revision, key)

    def _key_of(self, revision: Revision) -> RecordKey:
        return self.sealer.ring.unwrap(require_unerased(revision))

    def _opened_inputs(self, revision: Revision, key: RecordKey) -> bytes:
        if revision.sealed_inputs is None:
            return b""
        return self.sealer.unseal_bytes(key, f"{_INPUTS} {revision.revision}", revision.sealed_inputs)

    def _key_for(self, draft: RevisionDraft) -> RecordKey:
        if draft.head is None:
            return self.sealer.ring.new_record_key(draft.record)
        return self.sealer.ring.unwrap(require_unerased(draft.head))

    def _made(self, draft: RevisionDraft, key: RecordKey, content: "_Content", now: datetime) -> Revision:
        """Return the revision that a draft becomes."""
        sealed = self.sealer.seal_cut(key, draft.revision, content.cut)
        return Revision(
            record=draft.record,
            revision=draft.revision,
            record_type=draft.record_type,
            operation=draft.operation,
            state=draft.state,
            entities=draft.entities,
            source_time=draft.source_time,
            created_at=now,
            position=None,
            body=sealed.body,
            sealed=sealed.sealed,
            sealed_inputs=self._sealed_inputs(draft, key),
            key=key.stored,
            read_at=now,
        )

    def _sealed_inputs(self, draft: RevisionDraft, key: RecordKey) -> bytes | None:
        if not draft.inputs:
            return None
        return self.sealer.seal_bytes(key, f"{_INPUTS} {draft.revision}", draft.inputs)

    def _leaf(self, draft: RevisionDraft, key: RecordKey, content: "_Content", origin: Origin, now: datetime) -> bytes:
        change = Change(
            record=draft.record,
            revision=draft.revision,
            record_type=draft.record_type,
            operation=draft.operation,
            entities=draft.entities,
            occurred_at=now,
            values=content.values,
            previous=flatten(draft.previous) if draft.previous is not None else {},
        )
        return build_leaf(self.source_service, change, origin, key)


def require_unerased(known: Revision | Head) -> WrappedKey:
    """Return the key of a record. Raises ConcordError RECORD_ERASED when it was destroyed."""
    if known.key is None:
        raise ConcordError(
            reasons.ERROR_REASON_RECORD_ERASED,
            f"{known.record} was erased",
            metadata={"name": known.record},
            resource=(known.record_type, known.record),
        )
    return known.key


class _Content(NamedTuple):
    """What is made of a content for its body and for its leaf."""

    cut: CutContent
    values: dict[str, bytes]


def _contents(drafts: Sequence[RevisionDraft]) -> list[_Content]:
    """Return what is made of drafts' contents, of equal ones once: a golden record often says what one source says."""
    known: dict[tuple[str, bytes], _Content] = {}
    found = []
    for draft in drafts:
        key = (draft.content.DESCRIPTOR.full_name, draft.content.SerializeToString(deterministic=True))
        if key not in known:
            known[key] = _Content(CutContent.of(draft.content), flatten(draft.content))
        found.append(known[key])
    return found


def _columns(made: Sequence[Revision]) -> dict[str, Any]:
    """Return what is stored of revisions, column by column."""
    stored = [one.key for one in made if one.key is not None]
    return {
        "record": text_array([one.record for one in made]),
        "record_type": text_array([one.record_type for one in made]),
        "revision": number_array([one.revision for one in made]),
        "state": number_array([int(one.state) for one in made]),
        "entities": text_array(["\n".join(one.entities) for one in made]),
        "operation": number_array([int(one.operation) for one in made]),
        "source_time": [one.source_time for one in made],
        "body": [one.body for one in made],
        "sealed": [one.sealed for one in made],
        "inputs": [one.sealed_inputs for one in made],
        "wrapped": [key.wrapped for key in stored],
        "key_version": number_array([key.version for key in stored]),
    }


def too_many_changes() -> ConcordError:
    """Return the error for a transaction of more than MOST_CHANGES_A_TRANSACTION: its job is to be done in pieces."""
    return ConcordError(
        reasons.ERROR_REASON_TOO_MANY_CHANGES,
        "it changes more records than one transaction may",
        metadata={"most": str(MOST_CHANGES_A_TRANSACTION)},
    )


def _check(drafts: Sequence[RevisionDraft]) -> None:
    if len(drafts) > MOST_CHANGES_A_TRANSACTION:
        raise too_many_changes()
    if len({draft.record for draft in drafts}) < len(drafts):
        raise ValueError("a record comes twice in one call")
    for draft in drafts:
        if draft.head is not None and (draft.head.record, draft.head.record_type) != (draft.record, draft.record_type):
            raise ValueError(f"{draft.record}: the head is of {draft.head.record}, {draft.head.record_type}")
        if len(draft.entities) > MOST_ENTITIES:
            told = f"are {len(draft.entities)}, more than {MOST_ENTITIES}"
            raise constraint_violated([FieldViolation("entities", told)])
        if any(not entity or "\n" in entity for entity in draft.entities):
            raise ValueError(f"{draft.record}: an entity's name is empty or has a line break")


def _write(raw: psycopg.Connection[tuple[Any, ...]], parameters: dict[str, Any], count: int) -> None:
    try:
        written = raw.execute(statements.APPEND, parameters, prepare=True).fetchone()
    except errors.UniqueViolation as error:
        if error.diag.constraint_name == "records_pkey":
            raise ConcordError(reasons.ERROR_REASON_RECORD_EXISTS, "a record with this name exists") from error
        raise ConcordError(reasons.ERROR_REASON_CONCURRENT_CHANGE, _CHANGED) from error
    except psycopg.DatabaseError as error:
        if error.sqlstate == _TOO_MANY_CHANGES:
            raise too_many_changes() from error
        raise
    if written != (count,):
        raise ConcordError(reasons.ERROR_REASON_CONCURRENT_CHANGE, _CHANGED)


def _newest(connection: Connection, name: str) -> list[Revision]:
    if driver(connection).autocommit:
        return [_revision(row) for row in statements.LOOK_NEWEST_UP.rows(connection, name)]
    return _revisions(connection, statements.READ_NEWEST_ONE, {"name": name})


def _revisions(connection: Connection, statement: str, parameters: dict[str, Any]) -> list[Revision]:
    rows = driver(connection).execute(statement.encode(), parameters, prepare=True, binary=True)
    return [_revision(row) for row in rows]


def _revision(row: tuple[Any, ...]) -> Revision:
    return Revision(
        record=row[0],
        revision=row[1],
        record_type=row[2],
        operation=row[3],
        state=State(row[4]),
        entities=tuple(row[5]),
        source_time=row[6],
        created_at=row[7],
        position=row[8],
        body=row[9],
        sealed=row[10],
        sealed_inputs=row[11],
        key=WrappedKey(row[0], row[12], row[13]) if row[12] is not None else None,
        read_at=row[14],
    )
