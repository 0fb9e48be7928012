"""A hub in memory: standing assertions, survivorship by trust, links by number, a feed. Suppliers and cost centers.

Small enough to be read: what it does with an echo is what the contract says. `LocalHub` is an adapter's view without a
network.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2, ingest_pb2, system_pb2
from concord.mdm.v1.cost_center_pb2 import CostCenter
from concord.mdm.v1.reference_data_pb2 import CodeMap
from concord.mdm.v1.supplier_pb2 import Supplier
from services.adapter.hub.client import Hub, Translated
from services.adapter.hub.golden import identity, open_golden
from services.mesh.errors import ConcordError, to_status

Outcome = ingest_pb2.SubmitSourceRecordsResponse
STEWARD, ERP = "systems/hub", "systems/erp"
TRUST = {STEWARD: 1, "systems/other": 10, ERP: 20}

Table: TypeAlias = tuple[tuple[str, tuple[tuple[int, str, str, object], ...]], ...]
"""By path, what is said: trust rank, system, key and value, the winner first."""

_OWN = {"name", "revision", "state"}


@dataclass
class Source:
    """What the hub keeps of a key: its last submission and the system's standing word by path."""

    kind: type[Message]
    golden: str
    submitted: bytes = b""
    standing: dict[str, object] = field(default_factory=dict)
    revision: int = 0
    origin: str = "founded"


@dataclass
class Golden:
    """A golden record: its revision and the assertion table that made it."""

    kind: type[Message]
    revision: int = 0
    table: Table = ()


@dataclass
class FakeHub:
    """The hub's state and what it does."""

    sources: dict[tuple[str, str], Source] = field(default_factory=dict)
    goldens: dict[str, Golden] = field(default_factory=dict)
    feed: list[change_pb2.Change] = field(default_factory=list)
    submissions: list[ingest_pb2.SourceRecord] = field(default_factory=list)
    systems: list[system_pb2.System] = field(default_factory=list)
    quarantines: set[str] = field(default_factory=set)
    """Keys that are refused."""
    postponed: set[str] = field(default_factory=set)
    """Keys that are not taken in now, since the audit is behind."""
    unreceipted: set[str] = field(default_factory=set)
    """Keys that are taken in, but the audit does not know yet."""
    in_codes: Callable[[Message], tuple[Message, tuple[str, ...]]] = lambda golden: (golden, ())
    """How the ERP says a golden record in its own codes, and which values it can't."""
    floor: int = 0
    """Cursors below have expired."""
    news: threading.Condition = field(default_factory=threading.Condition)

    def submit(self, record: ingest_pb2.SourceRecord, sequence: int) -> Outcome:
        """Take a source record in."""
        with self.news:
            self.submissions.append(record)
            if record.key in self.quarantines:
                error = ConcordError(reasons.ERROR_REASON_INVALID_CONTENT, "refused")
                return Outcome(sequence=sequence, outcome=Outcome.OUTCOME_QUARANTINED, error=to_status(error))
            if record.key in self.postponed:
                error = ConcordError(reasons.ERROR_REASON_AUDIT_BEHIND, "later")
                return Outcome(sequence=sequence, outcome=Outcome.OUTCOME_POSTPONED, error=to_status(error))
            place = (record.system, record.key)
            is_new = place not in self.sources
            if is_new:
                self.sources[place] = self._founded(record)
            source = self.sources[place]
            told = _told(record)
            outcome = Outcome.OUTCOME_CREATED if is_new else Outcome.OUTCOME_UPDATED
            if told == source.submitted:
                outcome = Outcome.OUTCOME_UNCHANGED
            else:
                source.submitted, source.revision = told, source.revision + 1
                source.standing = _standing(source, record)
            self._survive(source.golden)
            golden = self.goldens[source.golden]
            pending = ConcordError(reasons.ERROR_REASON_AUDIT_RECEIPT_PENDING, "it stands")
            return Outcome(
                sequence=sequence,
                outcome=outcome,
                source_record=f"{record.system}/sourceRecords/{record.key}",
                revision=source.revision,
                golden_record=source.golden,
                golden_revision=golden.revision,
                error=to_status(pending) if record.key in self.unreceipted else None,
            )

    def correct(self, golden: str, **values: object) -> None:
        """State values as a steward does; None withdraws the steward's word on a path."""
        with self.news:
            kind = self.goldens[golden].kind
            source = self.sources.setdefault((STEWARD, golden), Source(kind, golden))
            said = {path: value for path, value in values.items() if value is not None}
            kept = {path: value for path, value in source.standing.items() if path not in values}
            source.standing = kept | said
            self._survive(golden)

    def change_map(self, system: str) -> None:
        """Publish that a system's code map changed."""
        with self.news:
            content = Any()
            content.Pack(CodeMap(system=system))
            change = change_pb2.Change(position=len(self.feed) + 1, record_type="code_map", content=content)
            self.feed.append(change)
            self.news.notify_all()

    def relink(self, system: str, key: str, golden: str) -> None:
        """Link a key to another golden record, as a steward does."""
        with self.news:
            source = self.sources[system, key]
            before, source.golden, source.origin = source.golden, golden, "steward"
            self._survive(before)
            self._survive(golden)

    def content(self, golden: str) -> Message:
        """Return a golden record as it is."""
        record = self.goldens[golden]
        content = record.kind(**{path: entries[0][-1] for path, entries in record.table})
        state = record.kind.DESCRIPTOR.enum_types_by_name["State"].values_by_name
        alive = any(source.golden == golden for source in self.sources.values())
        content.name, content.revision = golden, record.revision  # type: ignore[attr-defined]
        content.state = state["STATE_ACTIVE" if alive else "STATE_DELETED"].number  # type: ignore[attr-defined]
        return content

    def crosswalk(self, golden: str) -> list[change_pb2.CrosswalkEntry]:
        """Return the keys that belong to a golden record, the first one first."""
        return [
            change_pb2.CrosswalkEntry(system=system, key=key)
            for (system, key), source in self.sources.items()
            if source.golden == golden and system != STEWARD
        ]

    def standing(self, system: str, key: str) -> dict[str, object]:
        """Return a system's standing word on a key, by path."""
        return dict(self.sources[system, key].standing)

    def read(self, cursor: bytes) -> list[change_pb2.WatchChangesResponse]:
        """Return what was published behind a cursor."""
        after = int(cursor or b"0")
        if after < self.floor:
            raise ConcordError(reasons.ERROR_REASON_CURSOR_EXPIRED, "expired")
        return [
            change_pb2.WatchChangesResponse(
                transaction=change_pb2.ChangeTransaction(changes=[change]), cursor=str(change.position).encode()
            )
            for change in self.feed[after:]
        ]

    def _founded(self, record: ingest_pb2.SourceRecord) -> Source:
        kind = Supplier if record.content.Is(Supplier.DESCRIPTOR) else CostCenter
        content = kind()
        record.content.Unpack(content)
        strong = content.duns if isinstance(content, Supplier) else content.code
        if record.HasField("echo"):
            return Source(kind, record.echo.golden_record, origin="delivery")
        golden = f"{'suppliers' if kind is Supplier else 'costCenters'}/{strong or record.key.replace('/', '-')}"
        origin = "identifier" if golden in self.goldens else "founded"
        self.goldens.setdefault(golden, Golden(kind))
        return Source(kind, golden, origin=origin)

    def _survive(self, golden: str) -> None:
        record = self.goldens[golden]
        said: dict[str, list[tuple[int, str, str, object]]] = {}
        for (system, key), source in self.sources.items():
            if source.golden == golden:
                for path, value in source.standing.items():
                    said.setdefault(path, []).append((TRUST[system], system, key, value))
        table: Table = tuple(
            (path, tuple(sorted(entries, key=lambda entry: entry[:3]))) for path, entries in sorted(said.items())
        )
        linked = tuple(sorted(place for place, source in self.sources.items() if source.golden == golden))
        if record.table == table and self._links.get(golden) == linked:
            return
        record.table = table
        self._links[golden] = linked
        record.revision += 1
        self._publish(golden, record)

    def _publish(self, golden: str, record: Golden) -> None:
        content = Any()
        content.Pack(self.content(golden))
        self.feed.append(
            change_pb2.Change(
                position=len(self.feed) + 1,
                record=golden,
                record_type="supplier" if record.kind is Supplier else "cost_center",
                revision=record.revision,
                operation=change_pb2.Change.OPERATION_UPDATE,
                content=content,
                crosswalk=self.crosswalk(golden),
            )
        )
        self.news.notify_all()

    _links: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)


class LocalHub(Hub):
    """An adapter's view of a FakeHub in the same process."""

    def __init__(self, hub: FakeHub) -> None:  # no channel: every call is answered here
        self.hub = hub

    def submit(self, records: Sequence[ingest_pb2.SourceRecord]) -> list[Outcome]:
        return [self.hub.submit(record, sequence) for sequence, record in enumerate(records, 1)]

    def watch(self, cursor: bytes, record_types: Sequence[str]) -> Iterator[change_pb2.WatchChangesResponse]:
        return iter([each for each in self.hub.read(cursor) if each.transaction.changes[0].record_type in record_types])

    def feed_state(self) -> change_pb2.GetFeedStateResponse:
        newest = len(self.hub.feed)
        return change_pb2.GetFeedStateResponse(newest_cursor=str(newest).encode(), newest_position=newest)

    def systems(self) -> list[system_pb2.System]:
        return list(self.hub.systems)

    def entities(self) -> list[system_pb2.Entity]:
        return [system_pb2.Entity(name=name) for name in sorted({system.entity for system in self.hub.systems})]

    def source_records(self, system: str) -> Iterator[ingest_pb2.SourceRecord]:
        for (owner, key), source in self.hub.sources.items():
            if owner == system:
                yield ingest_pb2.SourceRecord(system=system, key=key, golden_record=source.golden)

    def keys(self, system: str, golden_record: str) -> tuple[str, ...]:
        return tuple(each.key for each in self.hub.crosswalk(golden_record) if each.system == system)

    def translated(self, system: str, golden: Any) -> Translated | None:
        assert system == ERP
        content, left_out = self.hub.in_codes(open_golden(golden))
        packed = Any()
        packed.Pack(content)
        return Translated(packed, left_out)

    def golden_record(self, record_type: str, name: str) -> Any | None:
        return next((each for each in self.golden_records(record_type) if self._name(each) == name), None)

    def _name(self, packed: Any) -> str:
        return identity(open_golden(packed))[0]

    def golden_records(self, record_type: str) -> Iterator[Any]:
        kind = Supplier if record_type == "supplier" else CostCenter
        for name, golden in self.hub.goldens.items():
            if golden.kind is kind:
                packed = Any()
                packed.Pack(self.hub.content(name))
                yield packed


def _told(record: ingest_pb2.SourceRecord) -> bytes:
    said = ingest_pb2.SourceRecord(content=record.content, deleted=record.deleted)
    said.echo.paths.extend(record.echo.paths)
    return said.SerializeToString(deterministic=True)


def _standing(source: Source, record: ingest_pb2.SourceRecord) -> dict[str, object]:
    """Return the standing word after a submission: for echoed paths the earlier one, for all others the new one."""
    if record.deleted:
        return {}
    content = source.kind()
    record.content.Unpack(content)
    said: dict[str, object] = {descriptor.name: value for descriptor, value in content.ListFields()}
    echoed = {path.partition("[")[0].partition(".")[0] for path in record.echo.paths}
    earlier = {path: value for path, value in source.standing.items() if path in echoed}
    return {path: value for path, value in said.items() if path not in echoed | _OWN} | earlier
