"""Rebuilding golden records: what their inputs make against what is stored, and what other rules would make of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.mdm.v1 import rebuild_pb2, record_pb2, survivorship_pb2
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.slot import slots_of
from services.mdm.domain.survivorship.claim import Contest
from services.mdm.domain.survivorship.derivation import Derivation
from services.mdm.domain.survivorship.golden import canonical_digest
from services.mdm.domain.survivorship.ranking import DEFAULT, rules_of
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.records.appending import append
from services.mdm.storage.records.families import Families, Family, Ways
from services.mdm.storage.records.golden_reader import GoldenReader, MissingInputError
from services.mdm.storage.records.pin_records import Held, in_force
from services.mdm.storage.records.working_set import WorkingSet
from services.mdm.storage.registration.registry import Landscape, Registry
from services.mesh.postgres.database import driver
from services.mesh.records.leaf import Origin
from services.mesh.records.store import RecordStore

Kind = rebuild_pb2.GoldenDifference.Kind

# What was erased is made from nothing any more.
_PRESENT = "FROM records JOIN record_keys USING (record) WHERE record_type = %s"
_CHUNK = f"SELECT record {_PRESENT} AND record > %s ORDER BY record LIMIT %s"
_COUNT = f"SELECT count(*) {_PRESENT}"


@dataclass(frozen=True)
class Chunk:
    """Some golden records of a type, and whether there are more behind them."""

    families: tuple[Family, ...]
    landscape: Landscape
    more: bool


@dataclass(frozen=True)
class WouldBe:
    """A value that rules would decide otherwise: as it is now and as it would be; None = nobody says anything."""

    golden: str
    now: Contest | None
    then: Contest | None


@dataclass(frozen=True)
class Comparison:
    """What rules would decide otherwise among some golden records, and the pins that would end by that."""

    values: tuple[WouldBe, ...]
    ending_pins: tuple[Held, ...]
    seen: tuple[str, ...]
    more: bool


class Rebuilding:
    """Recomputes golden records chunk by chunk; each chunk shows one moment."""

    def __init__(
        self,
        transactions: Transactions,
        store: RecordStore,
        registry: Registry,
        reader: GoldenReader,
        families: Families,
    ) -> None:
        self._transactions = transactions
        self._store = store
        self._registry = registry
        self._reader = reader
        self._families = families

    def count(self, record_type: RecordType) -> int:
        """Count the golden records of a type, deleted ones included."""

        def read(connection: Connection) -> int:
            row = driver(connection).execute(_COUNT, (record_type.name,)).fetchone()
            return row[0] if row else 0

        return self._transactions.read(read)

    def differences(
        self, record_type: RecordType, after: str, limit: int
    ) -> tuple[list[rebuild_pb2.GoldenDifference], Sequence[str], bool]:
        """Return what differs among the golden records behind `after`, those looked at, whether there are more."""

        def read(connection: Connection) -> tuple[list[rebuild_pb2.GoldenDifference], Sequence[str], bool]:
            chunk = self._chunk(connection, record_type, after, limit)
            ways = Ways.of(chunk.landscape, record_type)
            checked = (self._difference(connection, family, ways) for family in chunk.families)
            return [each for each in checked if each], [f.revision.record for f in chunk.families], chunk.more

        return self._transactions.snapshot(read)

    def mend(self, record_type: RecordType, names: Sequence[str], origin: Origin) -> dict[str, int]:
        """Give golden records revisions made from their newest inputs; return these. Raises CONCURRENT_CHANGE."""

        def write(connection: Connection) -> dict[str, int]:
            records = WorkingSet(connection, self._store)
            records.load(dict.fromkeys(names, record_type), [], {})
            for name, held in in_force(self._store, connection, names).items():
                records.goldens[name].pins = held
            for golden in records.goldens.values():
                golden.touched = golden.rewritten = True
            append(connection, self._store, records, self._registry.read(connection), origin)
            return {name: golden.made.revision for name, golden in records.goldens.items() if golden.made}

        return self._transactions.answer(write) if names else {}

    def compare(
        self, record_type: RecordType, rules: Sequence[survivorship_pb2.GroupRule], after: str, limit: int
    ) -> Comparison:
        """Return what rules would decide otherwise among the golden records behind `after`."""

        def read(connection: Connection) -> Comparison:
            chunk = self._chunk(connection, record_type, after, limit)
            now = Ways.of(chunk.landscape, record_type)
            then = replace(now, rules=rules_of(rules, "proposed") if rules else DEFAULT)
            values: list[WouldBe] = []
            ending: list[Held] = []
            for family in chunk.families:
                made, ends = family.make_by_others(then)
                values += (WouldBe(family.revision.record, *pair) for pair in _changed(family.make(now), made))
                ending += ends
            seen = tuple(family.revision.record for family in chunk.families)
            return Comparison(tuple(values), tuple(ending), seen, chunk.more)

        return self._transactions.snapshot(read)

    def _difference(self, connection: Connection, family: Family, ways: Ways) -> rebuild_pb2.GoldenDifference | None:
        try:
            named = self._named(connection, family, family.make(ways))
        except MissingInputError as error:
            found = rebuild_pb2.GoldenDifference(kind=Kind.KIND_INPUT_MISSING, missing_input=str(error))
            return _about(family, found)
        return next(_differences(family, *named), None)

    def _named(self, connection: Connection, family: Family, newest: Derivation) -> tuple[Derivation, Derivation]:
        """Return what the named inputs make, and what the newest ones make: the same where the newest are named."""
        if newest.golden is not None and _named(newest.inputs) == _named(family.stated):
            return newest, newest
        return self._reader.remade(connection, family.record_type, family.stated), newest

    def _chunk(self, connection: Connection, record_type: RecordType, after: str, limit: int) -> Chunk:
        rows = driver(connection).execute(_CHUNK, (record_type.name, after, limit + 1))
        found = [name for (name,) in rows]
        families = self._families.read(connection, record_type, found[:limit])
        return Chunk(tuple(families), self._registry.read(connection), len(found) > limit)


def _named(inputs: record_pb2.Explanation) -> list[str]:
    """Return the revisions that inputs name."""
    return [
        *inputs.source_revisions,
        *inputs.rule_revisions,
        *inputs.code_map_revisions,
        *inputs.pin_revisions,
    ]


def _differences(family: Family, named: Derivation, newest: Derivation) -> Iterator[rebuild_pb2.GoldenDifference]:
    """Give how a golden record differs, the worst first."""
    kind, stated = family.record_type, family.stated.digest
    stored, rebuilt = canonical_digest(kind, family.content), _digest(kind, named)
    if stored != rebuilt:
        yield _about(family, _compared(Kind.KIND_CONTENT, kind, family.content, named))
    elif named.inputs.digest != stated:
        yield _about(family, _compared(Kind.KIND_EXPLANATION, kind, family.content, named))
    elif newest.golden is not None and newest.inputs.digest != stated:
        yield _about(family, _compared(Kind.KIND_STALE, kind, family.content, newest))


def _compared(
    kind: Kind.ValueType, record_type: RecordType, content: Message, made: Derivation
) -> rebuild_pb2.GoldenDifference:
    return rebuild_pb2.GoldenDifference(
        kind=kind,
        paths=_differing(record_type, content, made),
        stored_digest=canonical_digest(record_type, content),
        rebuilt_digest=_digest(record_type, made),
    )


def _about(family: Family, difference: rebuild_pb2.GoldenDifference) -> rebuild_pb2.GoldenDifference:
    difference.golden_record, difference.revision = family.revision.record, family.revision.revision
    return difference


def _digest(record_type: RecordType, made: Derivation) -> bytes:
    return canonical_digest(record_type, record_type.message() if made.content is None else made.content)


def _differing(record_type: RecordType, content: Message, made: Derivation) -> list[str]:
    """Return the paths of the values that differ."""
    there = slots_of(record_type, content)
    other = slots_of(record_type, made.content) if made.content is not None else {}
    return sorted(path for path in there.keys() | other.keys() if there.get(path) != other.get(path))


def _changed(now: Derivation, then: Derivation) -> Iterator[tuple[Contest | None, Contest | None]]:
    """Give the values that differ: of the same slot and period, as far as both have it."""
    before = {(each.path, each.start, each.end): each for each in now.golden.contests} if now.golden else {}
    after = {(each.path, each.start, each.end): each for each in then.golden.contests} if then.golden else {}
    for place in sorted(before.keys() | after.keys(), key=str):
        was, becomes = before.get(place), after.get(place)
        if (was and was.winner.value) != (becomes and becomes.winner.value):
            yield was, becomes
