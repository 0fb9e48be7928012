"""Pins at work: made and ended by stewards, ended by the hub when their time is over, listed with their notices."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import pin_pb2
from services.mdm.domain.identifiers import match_keys
from services.mdm.domain.record_type import METADATA, RecordType
from services.mdm.domain.references import identity_key
from services.mdm.domain.survivorship.pinning import Pin, pinned_violations
from services.mdm.domain.validity import violations
from services.mdm.domain.violation import Violation
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.etag import etag_of, require_etag
from services.mdm.storage.deciding.scope import in_scope, known
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.records.appending import append, derived
from services.mdm.storage.records.pin_records import (
    HUB_ITSELF,
    RECORD_TYPE,
    Held,
    PinState,
    ended,
    note_beaten,
    read_pin,
    revised,
    sortable,
    type_of,
)
from services.mdm.storage.records.working_set import Golden, WorkingSet
from services.mdm.storage.registration.registry import Landscape, Registry
from services.mdm.storage.stewardship.golden_decisions import Law, not_found, require_unmerged
from services.mdm.storage.tables import record_index
from services.mdm.storage.tables.references import Question, newly_broken, still_referenced
from services.mesh.contract.governance import clear_restricted
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.postgres.database import clock, driver
from services.mesh.records.idempotency import Answer
from services.mesh.records.leaf import Origin
from services.mesh.records.store import Head, RecordStore, Revision, State

_ASKED = """
FROM records r JOIN record_keys USING (record)
WHERE r.record_type = 'pin' AND (%(scope)s::text[] IS NULL OR r.entities && %(scope)s)
AND NOT EXISTS (
    SELECT FROM unnest(%(paths)s::text[], %(values)s::text[]) AS asked(path, value) WHERE NOT EXISTS (
        SELECT FROM record_index i WHERE i.record_type = 'pin' AND i.record = r.record AND i.path = asked.path
        AND i.value = asked.value AND i.to_revision IS NULL
    )
)
AND EXISTS (
    SELECT FROM record_index i WHERE i.record_type = 'pin' AND i.record = r.record AND i.path = 'golden_record'
    AND split_part(i.value, '/', 1) = ANY(%(collections)s) AND i.to_revision IS NULL
)
"""
_PAGE = f"SELECT r.record {_ASKED} AND r.record < %(before)s ORDER BY r.record DESC LIMIT %(limit)s"
_COUNT = f"SELECT count(*) {_ASKED}"
_DUE = """
SELECT record FROM record_index
WHERE record_type = 'pin' AND path = 'expire_time' AND value <= %s AND to_revision IS NULL ORDER BY value LIMIT 100
"""
_BEHIND_ALL = "pins/~"
_TIME_IS_OVER = "its time is over"


@dataclass(frozen=True)
class Asked:
    """What a steward wants pinned: which value of which golden record, as of which revision; None = pinned empty."""

    record_type: RecordType
    golden: str
    etag: str
    path: str
    value: Message | None
    reason: str
    until: datetime


@dataclass(frozen=True)
class PinQuestion:
    """Which pins are asked for; `scope` are the caller's entities, None = all.

    `collections` are those of the golden records that they may be about.
    """

    scope: frozenset[str] | None
    golden: str = ""
    state: str = ""
    with_notice: bool = False
    collections: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, object]:
        """The statement's parameters."""
        notice = "open" if self.with_notice else ""
        pairs = [("golden_record", self.golden), ("state", self.state), ("notice", notice)]
        return {
            "scope": None if self.scope is None else sorted(self.scope),
            "collections": list(self.collections),
            "paths": [path for path, value in pairs if value],
            "values": [value for _, value in pairs if value],
        }


class Pins:
    """Keeps pins; every change of one is made together with the golden record's."""

    def __init__(
        self,
        transactions: Transactions,
        store: RecordStore,
        registry: Registry,
        laws: Mapping[str, Law],
        new_id: Callable[[], str],
    ) -> None:
        self._transactions = transactions
        self._store = store
        self._registry = registry
        self._laws = laws
        self._new_id = new_id

    def pin(self, asked: Asked, decision: Decision) -> pin_pb2.Pin:
        """Pin a value. Raises RECORD_NOT_FOUND, ETAG_MISMATCH, RECORD_DELETED, RECORD_EXISTS, INVALID_CONTENT.

        Also RECORD_MERGED, and RECORD_STILL_REFERENCED where what others refer to would not be there any more.
        """

        def apply(connection: Connection) -> Answer:
            records, golden = self._held(connection, asked.record_type, asked.golden, decision.entities)
            self._require_active(connection, golden, asked.etag)
            _require_free(golden, asked.path)
            now, landscape = clock(connection), self._registry.read(connection)
            _require_sound(asked, now)
            made = self._pinned(asked, decision, now)
            note_beaten(made.statement, asked.record_type, derived(golden, records, landscape, ()).golden)
            self._require_lawful(connection, golden, records, landscape, made)
            held = _new(made, golden)
            change = revised(None, held.name, made.statement, held.head.entities, audit_pb2.OPERATION_CREATE)
            records.pin_changes.append(change)
            golden.pins.append(held)
            self._keeping_references(connection, golden, records, landscape, decision)
            return Answer(made.statement.name, 1)

        return self._decide(decision, apply)

    def unpin(self, name: str, etag: str, decision: Decision) -> pin_pb2.Pin:
        """End a pin. Raises RECORD_NOT_FOUND, ETAG_MISMATCH, RECORD_DELETED for one that ended already."""

        def apply(connection: Connection) -> Answer:
            held = read_pin(self._store, self.find(connection, name, decision.entities))
            return self._end(connection, held, etag, PinState.STATE_UNPINNED, decision.key.principal, decision.origin)

        return self._decide(decision, apply)

    def acknowledge(self, name: str, etag: str, decision: Decision) -> pin_pb2.Pin:
        """Take a notice off the list. Raises RECORD_NOT_FOUND, ETAG_MISMATCH, INVALID_CONTENT without one."""

        def apply(connection: Connection) -> Answer:
            self._store.lock(connection, [name])
            held = read_pin(self._store, self.find(connection, name, decision.entities))
            require_etag(name, held.head.revision, etag)
            said = pin_pb2.Pin()
            said.CopyFrom(held.pin.statement)
            if said.state not in {PinState.STATE_EXPIRED, PinState.STATE_OVERTAKEN} or said.acknowledged_by:
                raise _invalid("there is no open notice", [Violation("name", "has no open notice")])
            said.acknowledged_by = decision.key.principal
            change = revised(held, name, said, held.head.entities, audit_pb2.OPERATION_UPDATE)
            self._store.append(connection, [change.draft], decision.origin)
            record_index.put(connection, self._store.sealer, [change.indexed])
            return Answer(name, change.draft.revision)

        return self._decide(decision, apply)

    def retire_due(self) -> bool:
        """End the pins whose time is over, by the database's clock, each in a transaction; tell whether any was."""
        due = self._transactions.read(
            lambda connection: [
                name for (name,) in driver(connection).execute(_DUE, (sortable(clock(connection)),), prepare=True)
            ]
        )
        for name in due:
            self._transactions.write(partial(self._expire, name))
        return bool(due)

    def find(self, connection: Connection, name: str, entities: frozenset[str] | None) -> Revision:
        """Return a pin's newest revision. Raises RECORD_NOT_FOUND."""
        return known(self._store.read(connection, [name]).get(name), RECORD_TYPE, name, entities)

    def page(self, connection: Connection, question: PinQuestion, before: str | None, limit: int) -> list[Revision]:
        """Return pins, newest first (their ids are time-ordered), those behind `before`."""
        parameters = question.parameters | {"before": before or _BEHIND_ALL, "limit": limit}
        names = [name for (name,) in driver(connection).execute(_PAGE.encode(), parameters)]
        revisions = self._store.read(connection, names)
        return [revisions[name] for name in names]

    def count(self, connection: Connection, question: PinQuestion) -> int:
        """Count the pins that are asked for."""
        row = driver(connection).execute(_COUNT.encode(), question.parameters).fetchone()
        return row[0] if row else 0

    def present(self, revision: Revision, *, clear: bool) -> pin_pb2.Pin:
        """Return a pin's revision as its message; with `clear` RESTRICTED values too."""
        statement = self._store.content(revision, pin_pb2.Pin, clear=clear)
        statement.ClearField("beaten_digest")
        statement.name, statement.revision = revision.record, revision.revision
        statement.etag = etag_of(revision.record, revision.revision)
        statement.update_time.FromDatetime(revision.created_at.astimezone(UTC))
        if not clear:
            clear_restricted(statement)
        return statement

    def _held(
        self, connection: Connection, record_type: RecordType, name: str, entities: frozenset[str] | None
    ) -> tuple[WorkingSet, Golden]:
        """Lock a golden record and read what it is made from. Raises RECORD_NOT_FOUND."""
        records = WorkingSet(connection, self._store)
        records.load({name: record_type}, [], {})
        golden = records.goldens.get(name)
        if golden is None or golden.head is None or not in_scope(golden.head.entities, entities):
            raise not_found(record_type, name)
        golden.touched = True
        return records, golden

    def _require_active(self, connection: Connection, golden: Golden, etag: str) -> None:
        """Raise RECORD_MERGED, ETAG_MISMATCH, RECORD_DELETED."""
        revision = self._store.read(connection, [golden.name])[golden.name]
        require_unmerged(self._store, revision)
        require_etag(golden.name, revision.revision, etag)
        if revision.state is not State.ACTIVE:
            raise ConcordError(
                reasons.ERROR_REASON_RECORD_DELETED, f"{golden.name} is deleted", metadata={"name": golden.name}
            )

    def _pinned(self, asked: Asked, decision: Decision, now: datetime) -> Pin:
        statement = pin_pb2.Pin(
            name=f"pins/{self._new_id()}",
            revision=1,
            state=PinState.STATE_ACTIVE,
            golden_record=asked.golden,
            path=asked.path,
            reason=asked.reason,
            author=decision.key.principal,
        )
        if asked.value is not None:
            statement.content.CopyFrom(asked.record_type.pack(asked.value))
        statement.pin_time.FromDatetime(now.astimezone(UTC))
        statement.expire_time.FromDatetime(asked.until)
        return Pin(statement, asked.value)

    def _require_lawful(
        self, connection: Connection, golden: Golden, records: WorkingSet, landscape: Landscape, made: Pin
    ) -> None:
        """Refuse a pin that changes what links the record, or that others' rules forbid."""
        kind = golden.record_type
        after = derived(golden, records, landscape, [*golden.pins, _new(made, golden)]).content
        now, then = golden.content, after if after is not None else kind.message()
        if now is not None and set(match_keys(kind, now)) != set(match_keys(kind, then)):
            raise _invalid("what links records is not pinned", [Violation("path", "links records: update it instead")])
        law = self._laws.get(kind.name)
        if law and (found := list(law(connection, then))):
            raise _invalid("the record is not as others require it to be", found)

    def _keeping_references(
        self, connection: Connection, golden: Golden, records: WorkingSet, landscape: Landscape, decision: Decision
    ) -> None:
        """Write; raise what `still_referenced` returns when references break by it."""
        kind = golden.record_type
        key = identity_key(kind, golden.content) if golden.content is not None else ""
        about = Question(records=(golden.name,), own_type=kind.name, keys=(key,) if key else ())
        _, lost = newly_broken(
            connection, about, lambda: append(connection, self._store, records, landscape, decision.origin)
        )
        if lost:
            raise still_referenced(connection, golden.name, lost, decision.entities)

    def _end(  # noqa: PLR0913 - what ends how, and by whom
        self, connection: Connection, seen: Held, etag: str, state: PinState.ValueType, by: str, origin: Origin
    ) -> Answer:
        """End a pin under its golden record's lock; `etag` "" = whatever its revision is."""
        statement = seen.pin.statement
        records, golden = self._held(connection, type_of(statement), statement.golden_record, None)
        held = read_pin(self._store, self._store.read(connection, [seen.name])[seen.name])
        if etag:
            require_etag(held.name, held.head.revision, etag)
        if held.head.state is not State.ACTIVE:
            raise ConcordError(
                reasons.ERROR_REASON_RECORD_DELETED, f"{held.name} has ended", metadata={"name": held.name}
            )
        said = ended(held, state, by, clock(connection))
        change = revised(held, held.name, said, held.head.entities, audit_pb2.OPERATION_DELETE)
        records.pin_changes.append(change)
        golden.pins = [other for other in golden.pins if other.name != held.name]
        append(connection, self._store, records, self._registry.read(connection), origin)
        return Answer(held.name, change.draft.revision)

    def _expire(self, name: str, connection: Connection) -> None:
        seen = read_pin(self._store, self._store.read(connection, [name])[name])
        if seen.head.state is State.ACTIVE:
            origin = Origin.system(HUB_ITSELF, reason=_TIME_IS_OVER)
            self._end(connection, seen, "", PinState.STATE_EXPIRED, HUB_ITSELF, origin)

    def _decide(self, decision: Decision, apply: Callable[[Connection], Answer]) -> pin_pb2.Pin:
        def present(connection: Connection, answer: Answer) -> pin_pb2.Pin:
            self.find(connection, answer.record, decision.entities)
            pair = (answer.record, answer.revision)
            return self.present(self._store.read_revisions(connection, [pair])[pair], clear=decision.clear)

        return self._transactions.once(decision.key, decision.request, apply, present, rehearsal=decision.rehearsal)


def _require_free(golden: Golden, path: str) -> None:
    for held in golden.pins:
        if held.pin.path == path:
            raise ConcordError(
                reasons.ERROR_REASON_RECORD_EXISTS, f"{path} is pinned already", metadata={"name": held.name}
            )


def _new(made: Pin, golden: Golden) -> Held:
    """Return a pin as it will be stored."""
    entities = golden.head.entities if golden.head else ()
    return Held(made, Head(made.statement.name, RECORD_TYPE, 1, State.ACTIVE, entities, None))


def _require_sound(asked: Asked, now: datetime) -> None:
    found = [] if asked.value is None else _content_violations(asked.record_type, asked.value)
    if not found:
        found = list(pinned_violations(asked.record_type, asked.path, asked.value))
    if asked.until <= now:
        found.append(Violation("expire_time", "is not in the future"))
    if found:
        raise _invalid("the pin contradicts itself or the record's type", found)


def _content_violations(record_type: RecordType, value: Message) -> list[Violation]:
    own = [Violation(field.name, "is set by the hub") for field, _ in value.ListFields() if field.name in METADATA]
    found = [*own, *violations(record_type, value, strict=True)]
    return [Violation(f"content.{each.field}", each.description) for each in found]


def _invalid(message: str, found: list[Violation]) -> ConcordError:
    return ConcordError(
        reasons.ERROR_REASON_INVALID_CONTENT,
        message,
        metadata={"type": pin_pb2.Pin.DESCRIPTOR.full_name},
        violations=[FieldViolation(each.field, each.description) for each in found],
    )
