"""The working set of one write: the records that it may touch, locked, read once, changed in memory."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.mdm.v1 import ingest_pb2, record_pb2
from services.mdm.domain.assertions import Restated, Standing
from services.mdm.domain.grouping import founded_record
from services.mdm.domain.identifiers import MatchKey, match_keys
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.records.pin_records import Held, PinChange, read_active
from services.mdm.storage.tables import crosswalk
from services.mdm.storage.tables.crosswalk import Crossing
from services.mesh.records.leaf import Origin
from services.mesh.records.store import Head, RecordStore, Revision


@dataclass
class Source:
    """A source record as this write sees it; `touched` when the write makes a new revision of it."""

    record_type: RecordType
    statement: ingest_pb2.SourceRecord
    content: Message
    """What is packed in the statement; not to be changed."""
    entities: tuple[str, ...]
    head: Head | None = None
    previous: Message | None = None
    crossed: Crossing | None = None
    """Its crossing as it is stored."""
    touched: bool = False
    by: Origin | None = None
    """Who says it now; None = who makes the write."""
    standing: Mapping[str, Standing] | None = None
    """What the statement asserts, where this write has worked it out."""

    @property
    def crossing(self) -> Crossing:
        """Its crossing as this write sees it."""
        said = self.statement
        return Crossing(
            said.system,
            said.key,
            said.name,
            said.golden_record,
            not self.deleted,
            founded_record(said),
            said.link_origin,
        )

    @property
    def deleted(self) -> bool:
        """Whether the system deleted it."""
        return self.statement.deleted

    def identifiers(self) -> tuple[MatchKey, ...]:
        """Return the strong identifiers that it carries; none once it is deleted."""
        if self.deleted:
            return ()
        return match_keys(self.record_type, self.content)

    @property
    def identified(self) -> tuple[MatchKey, ...]:
        """The strong identifiers that its stored revision carries."""
        if self.previous is None or self.crossed is None or not self.crossed.live:
            return ()
        return match_keys(self.record_type, self.previous)

    def restate(self, restated: Restated, content: Message, by: Origin | None) -> None:
        """Take a new statement; name and link stay."""
        said = restated.statement
        said.name = self.statement.name
        said.golden_record = self.statement.golden_record
        said.link_origin = self.statement.link_origin
        said.founded_record = self.statement.founded_record
        said.link_model = self.statement.link_model
        self.statement, self.content, self.standing = said, content, restated.standing
        self.touched, self.by = True, by

    @property
    def relinked(self) -> bool:
        """Whether this write moves it to another golden record."""
        return self.crossed is not None and self.crossed.golden != self.statement.golden_record

    def relink(
        self, golden: str, founded: str, origin: ingest_pb2.SourceRecord.LinkOrigin.ValueType, model: str = ""
    ) -> None:
        """Let it belong to a golden record from now on; what it says, and since when, stays."""
        moved = ingest_pb2.SourceRecord()
        moved.CopyFrom(self.statement)
        moved.golden_record, moved.founded_record, moved.link_origin = golden, founded, origin
        moved.link_model = model
        self.statement = moved
        self.touched = True


class Read(NamedTuple):
    """A revision that was read and opened; nothing of it is to be changed.

    `inputs` are a golden record's; `said` is what a source record says, with its content; each is empty for the other.
    """

    revision: Revision
    content: Message
    inputs: bytes = b""
    said: ingest_pb2.SourceRecord = ingest_pb2.SourceRecord()

    @property
    def number(self) -> int:
        """The revision's number."""
        return self.revision.revision


@dataclass
class Golden:
    """A golden record as this write sees it, with the inputs of its newest stored revision."""

    record_type: RecordType
    name: str
    head: Head | None = None
    content: Message | None = None
    inputs: bytes = b""
    sources: list[str] = field(default_factory=list)
    pins: list[Held] = field(default_factory=list)
    """Those in force."""
    made: Revision | None = None
    """The revision that this write made of it."""
    merged_into: str = ""
    """The golden record that it goes on in when this write leaves it without sources."""
    touched: bool = False
    """Whether this write looks at it again although none of its sources gets a new revision."""
    rewritten: bool = False
    """Whether it gets a revision even where it was made from the same."""

    @cached_property
    def stated(self) -> record_pb2.Explanation:
        """What its stored revision was made from; empty before the first."""
        return record_pb2.Explanation.FromString(self.inputs)


class WorkingSet:
    """What one write has locked and read, and what it adds."""

    def __init__(self, connection: Connection, store: RecordStore) -> None:
        self._connection = connection
        self._store = store
        self.sources: dict[str, Source] = {}
        self.goldens: dict[str, Golden] = {}
        self.crossings: dict[tuple[str, str], Crossing] = {}
        self.pin_changes: list[PinChange] = []
        self.locked_at: datetime | None = None
        """A time since everything is locked, by the database's clock; None = nothing was there to be locked."""

    def load(self, types: dict[str, RecordType], sources: Collection[str], known: Mapping[str, Read]) -> None:
        """Lock the golden records (by name, with their types) and `sources`; read them and all their sources.

        What belongs to a golden record is looked up only after its lock is held: nobody can add to it any more. What is
        `known` is not read again while it is still the newest.
        """
        if not types:
            return
        heads = self._store.lock(self._connection, [*types, *sources])
        crossings, self.locked_at = crosswalk.revisions_of_goldens(self._connection, list(types))
        newest = {name: head.revision for name in types if (head := heads[name])}
        newest |= {crossing.source_record: revision for crossing, revision in crossings}
        current = {name: known[name] for name in newest if name in known and known[name].number == newest[name]}
        fresh = self._store.read(self._connection, newest.keys() - current.keys())
        for name, record_type in types.items():
            if name in newest:
                read = current.get(name) or read_golden(self._store, record_type, fresh[name])
                self.goldens[name] = self._golden(record_type, heads[name], read)
        for crossing, _ in crossings:
            if crossing.golden in self.goldens:
                name, record_type = crossing.source_record, types[crossing.golden]
                self._add(crossing, current.get(name) or read_source(self._store, record_type, fresh[name]))
        self._load_pins()

    def regroup(self) -> None:
        """Let every golden record have the source records that say so; who has none goes on where its founder is."""
        for golden in self.goldens.values():
            golden.sources = []
        for name, source in sorted(self.sources.items()):
            self.goldens[source.statement.golden_record].sources.append(name)
        founders = {founded_record(source.statement): source.statement for source in self.sources.values()}
        for name, golden in self.goldens.items():
            if name in founders:
                golden.merged_into = "" if golden.sources else founders[name].golden_record

    def touched_sources(self) -> list[Source]:
        """Return the source records that get a new revision, by name."""
        return [self.sources[name] for name in sorted(self.sources) if self.sources[name].touched]

    def touched_goldens(self) -> list[Golden]:
        """Return what is touched itself, or what a touched source record belongs to or is taken from, by name.

        And those that were founded for one that moves: they follow it, or come back.
        """
        touched = self.touched_sources()
        names = {source.statement.golden_record for source in touched}
        for source in (source for source in touched if source.relinked):
            assert source.crossed is not None  # noqa: S101 - what is relinked was linked
            names |= {source.crossed.golden, founded_record(source.statement)}
        names |= {name for name, golden in self.goldens.items() if golden.touched}
        return [self.goldens[name] for name in sorted(names - {""})]

    def _load_pins(self) -> None:
        """Read the pins in force: a golden record names them, and they change under its lock only."""
        named = {
            pin.partition("@")[0]: golden for golden in self.goldens.values() for pin in golden.stated.pin_revisions
        }
        for held in read_active(self._store, self._connection, named) if named else ():
            named[held.name].pins.append(held)

    def _golden(self, record_type: RecordType, head: Head | None, read: Read) -> Golden:
        return Golden(record_type, read.revision.record, head, read.content, read.inputs)

    def _add(self, crossing: Crossing, read: Read) -> None:
        golden, revision = self.goldens[crossing.golden], read.revision
        self.crossings[crossing.system, crossing.key] = crossing
        golden.sources.append(crossing.source_record)
        self.sources[crossing.source_record] = Source(
            golden.record_type,
            read.said,
            read.content,
            revision.entities,
            revision.head,
            read.content,
            crossing,
        )


def read_golden(store: RecordStore, record_type: RecordType, revision: Revision) -> Read:
    """Open a golden record's revision."""
    return Read(revision, *store.opened(revision, record_type.message))


def read_source(store: RecordStore, record_type: RecordType, revision: Revision) -> Read:
    """Open a source record's revision."""
    content, inputs = store.opened(revision, record_type.message)
    return Read(revision, content, said=_statement(revision, record_type, content, inputs))


def read_statement(
    store: RecordStore, revision: Revision, record_type: RecordType, content: Message
) -> ingest_pb2.SourceRecord:
    """Return a stored source revision as the message it came as, with its link and standing assertions."""
    return _statement(revision, record_type, content, store.inputs(revision))


def _statement(revision: Revision, record_type: RecordType, content: Message, inputs: bytes) -> ingest_pb2.SourceRecord:
    statement = ingest_pb2.SourceRecord.FromString(inputs)
    statement.content.CopyFrom(record_type.pack(content))
    statement.name = revision.record
    statement.revision = revision.revision
    return statement


def write_statement(statement: ingest_pb2.SourceRecord) -> bytes:
    """Return what is stored beside the content of a source revision: everything else that was said."""
    beside = ingest_pb2.SourceRecord()
    beside.CopyFrom(statement)
    beside.ClearField("content")
    return beside.SerializeToString(deterministic=True)
