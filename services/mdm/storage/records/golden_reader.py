"""Reading golden records: by name, by key, by identifier, as of a position, with their history and explanation."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.mdm.v1 import ingest_pb2, record_pb2, survivorship_pb2, system_pb2
from concord.mdm.v1.reference_data_pb2 import CodeMap
from services.mdm.domain.codes.code_map import by_system
from services.mdm.domain.codes.coding import annotate, coded
from services.mdm.domain.identifiers import normalise
from services.mdm.domain.indexing import identifier_paths
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.survivorship.derivation import Derivation, derive
from services.mdm.domain.survivorship.explanation import explain
from services.mdm.domain.survivorship.golden import Trust
from services.mdm.domain.survivorship.ranking import DEFAULT, Rules, rules_of
from services.mdm.storage.deciding.etag import etag_of
from services.mdm.storage.records.pin_records import read_pin
from services.mdm.storage.records.working_set import read_statement
from services.mdm.storage.registration.registry import RULES, Registry, present_registered
from services.mdm.storage.tables import crosswalk, record_index
from services.mesh.postgres.database import driver
from services.mesh.records.store import RecordStore, Revision, State

_FOUND_NOW = """
SELECT record, array_agg(path) FROM record_index
WHERE record_type = %s AND path = ANY(%s) AND value = ANY(%s) AND to_revision IS NULL AND record > %s
GROUP BY record ORDER BY record LIMIT %s
"""
_FOUND_THEN = """
SELECT i.record, array_agg(i.path) FROM record_index i
JOIN LATERAL (
    SELECT max(c.revision) AS revision FROM changes c JOIN positions p USING (seq)
    WHERE c.record = i.record AND p.position <= %(position)s
) AS shown ON i.from_revision <= shown.revision AND (i.to_revision IS NULL OR i.to_revision > shown.revision)
WHERE i.record_type = %(type)s AND i.path = ANY(%(paths)s) AND i.value = ANY(%(values)s) AND i.record > %(after)s
GROUP BY i.record ORDER BY i.record LIMIT %(limit)s
"""


class MissingInputError(Exception):
    """A golden revision names a revision that is not there; the message is its name."""


@dataclass(frozen=True)
class Hit:
    """A golden record that a search found, with the paths that matched."""

    record: str
    paths: tuple[str, ...]


class GoldenReader:
    """Reads golden records of every type inside the caller's transaction."""

    def __init__(self, store: RecordStore, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    def read(self, connection: Connection, names: Collection[str], position: int | None) -> dict[str, Revision]:
        """Return the newest revisions, or those published by `position`; unknown names are left out."""
        return self._store.read(connection, names, position=position)

    def surviving(self, connection: Connection, names: Collection[str], position: int | None) -> dict[str, Revision]:
        """Return the same by the names asked for, but of what was merged away the record that it goes on in."""
        found = self._store.read(connection, names, position=position)
        merged = {name: merged_into(self._store, one) for name, one in found.items() if one.state is State.MERGED}
        if merged:
            further = self._store.read(connection, set(merged.values()), position=position)
            found |= {name: further[goes_on_in] for name, goes_on_in in merged.items()}
        return found

    def present(self, record_type: RecordType, revision: Revision, *, clear: bool) -> Message:
        """Return a golden revision as its message with metadata; with `clear` RESTRICTED values too.

        Raises RECORD_ERASED.
        """
        return self._described(self._store.content(revision, record_type.message, clear=clear), revision)

    def remains(self, record_type: RecordType, revision: Revision) -> Message:
        """Return what is left of a golden revision when its record was erased: that it was there, and is deleted."""
        message = self._described(record_type.message(), revision)
        message.state = int(State.DELETED)  # type: ignore[attr-defined] # every master has the metadata fields
        return message

    def _described(self, message: Message, revision: Revision) -> Message:
        message.name = revision.record  # type: ignore[attr-defined] # every master has the metadata fields
        message.etag = etag_of(revision.record, revision.revision)  # type: ignore[attr-defined]
        message.revision = revision.revision  # type: ignore[attr-defined]
        message.state = int(revision.state)  # type: ignore[attr-defined]
        message.entities[:] = revision.entities  # type: ignore[attr-defined]
        message.create_time.FromMilliseconds(_founded_ms(revision.record))  # type: ignore[attr-defined]
        message.update_time.FromDatetime(revision.created_at)  # type: ignore[attr-defined]
        return message

    def golden_of(self, connection: Connection, system: str, key: str, position: int | None) -> str | None:
        """Return the golden record that a system's key belongs to, or belonged to at `position`."""
        crossing = crosswalk.by_key(connection, [(system, key)]).get((system, key))
        if crossing is None or position is None:
            return crossing.golden if crossing else None
        revisions = self._store.read(connection, [crossing.source_record], position=position)
        if crossing.source_record not in revisions:
            return None
        return self._statement_link(revisions[crossing.source_record])

    def _statement_link(self, revision: Revision) -> str:
        return ingest_pb2.SourceRecord.FromString(self._store.inputs(revision)).golden_record

    def search(  # noqa: PLR0913 - a question has many parts
        self,
        connection: Connection,
        record_type: RecordType,
        identifier: str,
        *,
        clear: bool,
        position: int | None,
        after: str,
        limit: int,
    ) -> list[Hit]:
        """Return the records that carry the identifier at any searchable path, by name, those behind `after`.

        RESTRICTED paths are searched only with `clear`.
        """
        wanted = [path for path in identifier_paths(record_type) if clear or not path.restricted]
        spelt = normalise(identifier)
        values = {spelt}
        for path in wanted:
            if path.restricted:
                purpose = record_index.purpose(record_type.name, path.index_path)
                values.update(self._store.sealer.tokens(spelt, purpose))
        fields = {path.index_path: path.path for path in wanted}
        rows = self._found(connection, record_type, list(fields), list(values), position, after, limit)
        return [Hit(record, tuple(sorted({fields[path] for path in matched}))) for record, matched in rows]

    def _found(  # noqa: PLR0913 - the parts of one statement
        self,
        connection: Connection,
        record_type: RecordType,
        paths: list[str],
        values: list[str],
        position: int | None,
        after: str,
        limit: int,
    ) -> Sequence[tuple[str, list[str]]]:
        if position is None:
            arguments = (record_type.name, paths, values, after, limit)
            return driver(connection).execute(_FOUND_NOW, arguments, prepare=True).fetchall()
        return (
            driver(connection)
            .execute(
                _FOUND_THEN,
                {
                    "position": position,
                    "type": record_type.name,
                    "paths": paths,
                    "values": values,
                    "after": after,
                    "limit": limit,
                },
            )
            .fetchall()
        )

    def explain(self, connection: Connection, record_type: RecordType, revision: Revision) -> record_pb2.Explanation:
        """Recompute why a golden revision is what it is, from the inputs that it names."""
        remade = self.remade(connection, record_type, self.stated(revision))
        if remade.golden is None:
            return record_pb2.Explanation(name=revision.record, revision=revision.revision)
        explanation = explain(record_type, remade.golden, revision.record, revision.revision)
        annotate(explanation, remade.coding)
        return explanation

    def stated(self, revision: Revision) -> record_pb2.Explanation:
        """Return what a golden revision was made from."""
        return record_pb2.Explanation.FromString(self._store.inputs(revision))

    def remade(self, connection: Connection, record_type: RecordType, inputs: record_pb2.Explanation) -> Derivation:
        """Return what the named revisions of sources, rules, code maps and pins make. Raises MissingInputError."""
        statements = [
            read_statement(self._store, each, record_type, self._store.content(each, record_type.message))
            for each in self._named(connection, inputs.source_revisions)
        ]
        maps = self._named(connection, inputs.code_map_revisions)
        code_maps = by_system(present_registered(self._store, each, CodeMap) for each in maps)
        trust, rules = self._rules_then(self._named(connection, inputs.rule_revisions))
        pins = [read_pin(self._store, each).pin for each in self._named(connection, inputs.pin_revisions)]
        return derive(record_type, coded(record_type, statements, code_maps), trust, rules, pins)

    def _named(self, connection: Connection, named: Sequence[str]) -> list[Revision]:
        """Return the revisions that are named, in their order."""
        pairs = [_pair(each) for each in named]
        read = self._store.read_revisions(connection, pairs) if pairs else {}
        missing = [each for each, pair in zip(named, pairs, strict=True) if pair not in read]
        if missing:
            raise MissingInputError(missing[0])
        return [read[pair] for pair in pairs]

    def _rules_then(self, revisions: Sequence[Revision]) -> tuple[dict[str, Trust], Rules]:
        """Return the systems' trust ranks and the type's survivorship rules as these revisions say."""
        trust, rules = {}, DEFAULT
        for each in revisions:
            named = f"{each.record}@{each.revision}"
            if each.record_type == RULES:
                rules = rules_of(self._store.content(each, survivorship_pb2.SurvivorshipRules).groups, named)
            else:
                trust[each.record] = Trust(self._store.content(each, system_pb2.System).trust_rank, named)
        return trust, rules


def merged_into(store: RecordStore, revision: Revision) -> str:
    """Return the golden record that a merged one goes on in; empty for one that was not merged."""
    return record_pb2.Explanation.FromString(store.inputs(revision)).merged_into


def _founded_ms(name: str) -> int:
    """Return when a golden record was founded, ms since 1970: its id is a time-ordered UUID (RFC 9562, version 7)."""
    return UUID(name.rpartition("/")[2]).int >> 80


def _pair(named: str) -> tuple[str, int]:
    record, _, revision = named.rpartition("@")
    return record, int(revision)
