"""Golden records with all that they are made from now, to be made anew by other rules or code maps without writing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.mdm.v1 import ingest_pb2, record_pb2
from services.mdm.domain.codes.code_map import CodeMaps
from services.mdm.domain.codes.coding import coded
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.survivorship.derivation import Derivation, derive
from services.mdm.domain.survivorship.golden import Trust
from services.mdm.domain.survivorship.ranking import Rules
from services.mdm.storage.records.golden_reader import GoldenReader
from services.mdm.storage.records.pin_records import Held, ends, in_force
from services.mdm.storage.records.working_set import read_statement
from services.mdm.storage.registration.registry import Landscape
from services.mdm.storage.tables import crosswalk
from services.mesh.records.store import RecordStore, Revision


@dataclass(frozen=True)
class Ways:
    """What decides between systems' words: trust, rules, code maps."""

    trust: Mapping[str, Trust]
    rules: Rules
    code_maps: Mapping[str, CodeMaps]

    @classmethod
    def of(cls, landscape: Landscape, record_type: RecordType) -> "Ways":
        """Return those in force for a record type."""
        return cls(landscape.trust(), landscape.rules_of(record_type.name), landscape.code_maps)


@dataclass(frozen=True)
class Family:
    """A golden record as it is stored, with its newest sources and the pins in force."""

    record_type: RecordType
    revision: Revision
    content: Message
    stated: record_pb2.Explanation
    said: tuple[ingest_pb2.SourceRecord, ...]
    pins: tuple[Held, ...]

    def make(self, ways: Ways) -> Derivation:
        """Return what the sources and pins make."""
        return self._made(ways, self.pins)

    def make_by_others(self, ways: Ways) -> tuple[Derivation, list[Held]]:
        """Return what the sources would make by other ways than those in force, and the pins that would end by them."""
        bare = self._made(ways, ()).golden if self.pins else None
        ending = [held for held in self.pins if bare is not None and ends(held, self.record_type, bare)]
        return self._made(ways, [held for held in self.pins if held not in ending]), ending

    def _made(self, ways: Ways, pins: Sequence[Held]) -> Derivation:
        coding = coded(self.record_type, self.said, ways.code_maps)
        return derive(self.record_type, coding, ways.trust, ways.rules, [held.pin for held in pins])


class Families:
    """Reads families inside the caller's transaction."""

    def __init__(self, store: RecordStore, reader: GoldenReader) -> None:
        self._store = store
        self._reader = reader

    def read(self, connection: Connection, record_type: RecordType, names: Sequence[str]) -> list[Family]:
        """Return golden records of a type, in the order of their names as given."""
        crossings = crosswalk.of_goldens(connection, names) if names else {}
        sources = [each.source_record for family in crossings.values() for each in family]
        read = self._store.read(connection, [*names, *sources])
        held = in_force(self._store, connection, names)

        def said(name: str) -> tuple[ingest_pb2.SourceRecord, ...]:
            revisions = (read.get(crossing.source_record) for crossing in crossings.get(name, ()))
            return tuple(
                read_statement(self._store, each, record_type, self._store.content(each, record_type.message))
                for each in revisions
                if each is not None
            )

        return [
            Family(
                record_type,
                read[name],
                self._store.content(read[name], record_type.message),
                self._reader.stated(read[name]),
                said(name),
                tuple(held.get(name, ())),
            )
            for name in names
        ]
