"""Pins as they are stored: the revisions of one, and the end of those that a write overtakes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from concord.audit.v1 import audit_pb2
from concord.mdm.v1 import pin_pb2, record_pb2, what_if_pb2
from services.mdm.domain import registry as record_types
from services.mdm.domain.indexing import IndexEntry
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.survivorship.explanation import assertion
from services.mdm.domain.survivorship.golden import Golden, decided_since
from services.mdm.domain.survivorship.pinning import Pin, fingerprint, word
from services.mdm.storage.tables.record_index import Indexed
from services.mesh.postgres.database import driver
from services.mesh.records.store import Head, RecordStore, Revision, RevisionDraft, State

RECORD_TYPE = "pin"
"""What pins are called in the feed and in the evidence."""

HUB_ITSELF = "concord/mdm/pins"
"""Who ends pins whose time is over or that were overtaken."""

PinState = pin_pb2.Pin.State

_OF_GOLDENS = """
SELECT record FROM record_index
WHERE record_type = 'pin' AND path = 'golden_record' AND value = ANY(%s::text[]) AND to_revision IS NULL
"""
_BY_THEMSELVES = (PinState.STATE_EXPIRED, PinState.STATE_OVERTAKEN)


@dataclass(frozen=True)
class Held:
    """A stored pin, as of its newest revision."""

    pin: Pin
    head: Head

    @property
    def name(self) -> str:
        """Its name."""
        return self.head.record


@dataclass(frozen=True)
class PinChange:
    """A pin's next revision, with what it is found by."""

    draft: RevisionDraft
    indexed: Indexed
    golden_record: str


def read_pin(store: RecordStore, revision: Revision) -> Held:
    """Return a stored pin with its value."""
    statement = store.content(revision, pin_pb2.Pin)
    record_type = type_of(statement)
    value = record_type.unpack(statement.content) if statement.HasField("content") else None
    statement.name, statement.revision = revision.record, revision.revision
    return Held(Pin(statement, value), revision.head)


def read_active(store: RecordStore, connection: Connection, names: Collection[str]) -> list[Held]:
    """Return those of the pins that are in force."""
    return [read_pin(store, each) for each in store.read(connection, names).values() if each.state is State.ACTIVE]


def in_force(store: RecordStore, connection: Connection, goldens: Collection[str]) -> dict[str, list[Held]]:
    """Return the pins in force by golden record, whatever golden records name: for who checks that they name them."""
    names = [name for (name,) in driver(connection).execute(_OF_GOLDENS, (list(goldens),), prepare=True)]
    found: dict[str, list[Held]] = {}
    for held in read_active(store, connection, names) if names else ():
        found.setdefault(held.pin.statement.golden_record, []).append(held)
    return found


def type_of(statement: pin_pb2.Pin) -> RecordType:
    """Return the type of the record whose value is pinned."""
    record_type = record_types.by_collection(statement.golden_record.partition("/")[0])
    if record_type is None:
        raise LookupError(f"{statement.golden_record} belongs to no known collection")
    return record_type


def revised(
    before: Held | None,
    name: str,
    statement: pin_pb2.Pin,
    entities: Sequence[str],
    operation: audit_pb2.Operation.ValueType,
) -> PinChange:
    """Return the change that makes a pin say `statement`; `before` None = its first revision."""
    content = _bare(statement)
    previous = before.pin.statement if before else None
    draft = RevisionDraft(
        record=name,
        record_type=RECORD_TYPE,
        operation=operation,
        content=content,
        head=before.head if before else None,
        previous=_bare(previous) if previous else None,
        state=State.ACTIVE if content.state == PinState.STATE_ACTIVE else State.DELETED,
        entities=tuple(entities),
    )
    there = _entries(previous) if previous else frozenset[IndexEntry]()
    return PinChange(draft, Indexed(RECORD_TYPE, name, draft.revision, there, _entries(content)), content.golden_record)


def ended(held: Held, state: PinState.ValueType, by: str, now: datetime) -> pin_pb2.Pin:
    """Return what a pin says once it has ended."""
    statement = pin_pb2.Pin()
    statement.CopyFrom(held.pin.statement)
    statement.state, statement.ended_by = state, by
    statement.end_time.FromDatetime(now.astimezone(UTC))
    return statement


def note_beaten(statement: pin_pb2.Pin, record_type: RecordType, bare: Golden | None) -> None:
    """Note in a new pin what it beats: what survivorship makes without pins."""
    path = statement.path
    statement.beaten.extend(winners(record_type, bare, path))
    statement.beaten_digest = fingerprint(statement.name, word(record_type, bare.content if bare else None, path))


def ends(held: Held, record_type: RecordType, bare: Golden) -> bool:
    """Tell whether a pin ends: what survivorship makes without pins is not what it beat, or a steward said it since."""
    statement = held.pin.statement
    moved = fingerprint(held.name, word(record_type, bare.content, statement.path)) != statement.beaten_digest
    return moved or decided_since(bare, statement.path, statement.pin_time.ToNanoseconds())


def overtaken(held: Held, record_type: RecordType, bare: Golden, now: datetime) -> PinChange | None:
    """Return the end of a pin whose beaten value has moved, or was said by a steward since; None = it holds."""
    if not ends(held, record_type, bare):
        return None
    said = ended(held, PinState.STATE_OVERTAKEN, HUB_ITSELF, now)
    said.overtaken_by.extend(winners(record_type, bare, held.pin.path))
    return revised(held, held.name, said, held.head.entities, audit_pb2.OPERATION_DELETE)


def ending_pin(held: Held) -> what_if_pb2.EndingPin:
    """Return a pin that would end, as comparisons tell it."""
    statement = held.pin.statement
    return what_if_pb2.EndingPin(pin=held.name, golden_record=statement.golden_record, path=statement.path)


def winners(record_type: RecordType, golden: Golden | None, path: str) -> list[record_pb2.Assertion]:
    """Return who won a value, and what with: one for each period of an effective-dated one."""
    contests = golden.contests if golden else ()
    return [
        assertion(record_type, path, contest.winner)
        for contest in contests
        if contest.path == path and contest.winner.value is not None
    ]


def _bare(statement: pin_pb2.Pin) -> pin_pb2.Pin:
    """Return what is stored of a pin: its name and revision are the record's."""
    content = pin_pb2.Pin()
    content.CopyFrom(statement)
    for field in ("name", "etag", "revision", "update_time"):
        content.ClearField(field)
    return content


def _entries(statement: pin_pb2.Pin) -> frozenset[IndexEntry]:
    pairs = [("golden_record", statement.golden_record), ("state", PinState.Name(statement.state))]
    if statement.state == PinState.STATE_ACTIVE:
        pairs.append(("expire_time", sortable(statement.expire_time.ToDatetime(tzinfo=UTC))))
    elif statement.state in _BY_THEMSELVES and not statement.acknowledged_by:
        pairs.append(("notice", "open"))
    return frozenset(IndexEntry(path, value, restricted=False) for path, value in pairs)


def sortable(moment: datetime) -> str:
    """Return a time as it lies in the index: texts that sort as the times do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")
