"""Which values of golden records would be others if source records were grouped anew; nothing is written."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.mdm.v1 import ingest_pb2
from services.mdm.domain import grouping
from services.mdm.domain.codes.coding import coded
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.slot import slots_of
from services.mdm.domain.survivorship.derivation import derive
from services.mdm.domain.survivorship.golden import Golden
from services.mdm.storage.records.pin_records import in_force
from services.mdm.storage.records.working_set import read_statement
from services.mdm.storage.registration.registry import Registry
from services.mesh.records.store import RecordStore, Revision, State


class ChangedValue(NamedTuple):
    """A value of a golden record that would be another: whose word it would be, "" = nobody's."""

    golden: str
    path: str
    source_record: str


class ValueTrial:
    """Makes golden records of other groups of source records, inside the caller's transaction."""

    def __init__(self, store: RecordStore, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    def changed(
        self, connection: Connection, record_type: RecordType, groups: Sequence[Sequence[str]]
    ) -> list[ChangedValue]:
        """Return what would change in the golden records that groups would go by; new ones have no value to change."""
        sources = self._store.read(connection, [source for group in groups for source in group])
        statements = {name: self._statement(record_type, revision) for name, revision in sources.items()}
        there = [[statements[name] for name in group if name in statements] for group in groups]
        named = {name: group for group in there if (name := grouping.name_of(group))}
        goldens = self._store.read(connection, list(named))
        landscape, pins = self._registry.read(connection), in_force(self._store, connection, named)
        rules = landscape.rules_of(record_type.name)

        def made(name: str) -> Golden | None:
            coding = coded(record_type, named[name], landscape.code_maps)
            held = [each.pin for each in pins.get(name, ())]
            return derive(record_type, coding, landscape.trust(), rules, held).golden

        return [
            value
            for name, revision in sorted(goldens.items())
            if revision.state is State.ACTIVE
            for value in self._differing(record_type, revision, made(name))
        ]

    def _statement(self, record_type: RecordType, revision: Revision) -> ingest_pb2.SourceRecord:
        content = self._store.content(revision, record_type.message)
        return read_statement(self._store, revision, record_type, content)

    def _differing(
        self, record_type: RecordType, revision: Revision, survived: Golden | None
    ) -> Iterator[ChangedValue]:
        if survived is None:
            return
        now = slots_of(record_type, self._store.content(revision, record_type.message))
        then = slots_of(record_type, survived.content)
        winners = {contest.path: contest.winner.source_record for contest in survived.contests}
        for path in _differing_paths(now, then):
            yield ChangedValue(revision.record, path, winners[path] if path in then else "")


def _differing_paths(now: Mapping[str, Message], then: Mapping[str, Message]) -> list[str]:
    return sorted(path for path in now.keys() | then.keys() if now.get(path) != then.get(path))
