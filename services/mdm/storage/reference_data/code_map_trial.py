"""What a changed or retired code map would touch, found out without changing anything."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from sqlalchemy import Connection

from concord.mdm.v1 import ingest_pb2, what_if_pb2
from concord.mdm.v1 import reference_data_pb2 as pb
from services.mdm.domain import registry as record_types
from services.mdm.domain.codes.code_map import CodeMap, CodeMaps, list_id
from services.mdm.domain.codes.coding import coded
from services.mdm.storage.matching import match_candidates
from services.mdm.storage.matching.match_candidates import Question
from services.mdm.storage.records.families import Families, Ways
from services.mdm.storage.records.pin_records import Held, ending_pin, in_force
from services.mdm.storage.records.working_set import read_statement
from services.mdm.storage.reference_data import code_map_runs
from services.mdm.storage.registration.registry import Registry
from services.mdm.storage.tables import coded_values
from services.mdm.storage.tables.coded_values import Among, Use
from services.mesh.postgres.database import driver
from services.mesh.records.store import RecordStore

MOST_LOOKED_AT = 5_000
"""Source records that are read for a map whose codes are not known yet."""

_MOST_CODES = 100
_MOST_PINS = 100
_READ_AT_ONCE = 500
_PAGE = """
SELECT key, source_record, golden FROM crosswalk WHERE system = %s AND key > %s AND live ORDER BY key LIMIT %s
"""
_Subject = what_if_pb2.Unaffected.Subject
_UNAFFECTED = (
    what_if_pb2.Unaffected(
        subject=_Subject.SUBJECT_LINKS,
        why="records are linked, and wait for stewards, by what systems say in their own codes",
    ),
    what_if_pb2.Unaffected(
        subject=_Subject.SUBJECT_MATCH_DECISIONS, why="they are about source records, which keep their own codes"
    ),
    what_if_pb2.Unaffected(
        subject=_Subject.SUBJECT_STEWARDS_VALUES, why="stewards speak canonically: no map is theirs"
    ),
)


class CodeMapTrial:
    """Tries code maps out on the population."""

    def __init__(self, store: RecordStore, registry: Registry, families: Families) -> None:
        self._store = store
        self._registry = registry
        self._families = families

    def effect(
        self, connection: Connection, before: pb.CodeMap | None, after: pb.CodeMap, *, retires: bool
    ) -> pb.CodeMapEffect:
        """Return what a map would touch in place of the one before it (None = there is none), or its retirement."""
        change = _Change(before, after, retires=retires)
        if before is not None and not code_map_runs.is_first_under_way(connection, after.name):
            effect, pinned = _known(connection, change)
        else:
            effect, pinned = self._looked_up(connection, change)
        ending = self._ending_pins(connection, change, pinned)
        effect.ending_pins.extend(ending_pin(held) for held in ending[:_MOST_PINS])
        effect.ending_pin_count = len(ending)
        effect.review_count = match_candidates.count(connection, Question(None))
        effect.unaffected.extend(_UNAFFECTED)
        return effect

    def _looked_up(self, connection: Connection, change: "_Change") -> tuple[pb.CodeMapEffect, Collection[str]]:
        """Return the effect on the source records that are read, and the golden records that are touched."""
        by_code: defaultdict[str, set[str]] = defaultdict(set)
        looked_at = 0
        for golden, codes in self._codes(connection, change.after):
            looked_at += 1
            for code in codes:
                by_code[code].add(golden)
        changed = {code for code in by_code if change.moves(code)}
        touched = set[str]().union(*(by_code[code] for code in changed))
        effect = pb.CodeMapEffect(
            records_changed=len(touched),
            records_unmapped=len(set[str]().union(*(by_code[code] for code in by_code if change.lacks(code)))),
            codes=change.told({code: Use(len(by_code[code]), min(by_code[code])) for code in changed}),
            is_complete=looked_at < MOST_LOOKED_AT,
        )
        return effect, touched

    def _codes(self, connection: Connection, code_map: pb.CodeMap) -> Iterator[tuple[str, set[str]]]:
        """Give source records of the map's system, as golden record and codes of the map's list; at most the limit."""
        maps = {code_map.system: {list_id(code_map.code_list): CodeMap.of(code_map)}}
        last = ""
        for _ in range(MOST_LOOKED_AT // _READ_AT_ONCE):
            rows = driver(connection).execute(_PAGE, (code_map.system, last, _READ_AT_ONCE)).fetchall()
            golden_of = {source: golden for _, source, golden in rows}
            for source in self._statements(connection, golden_of):
                record_type = record_types.by_collection(golden_of[source.name].partition("/")[0])
                found = coded(record_type, [source], maps).translations if record_type is not None else ()
                yield golden_of[source.name], {each.code for each in found}
            if len(rows) < _READ_AT_ONCE:
                return
            last = rows[-1][0]

    def _statements(self, connection: Connection, golden_of: dict[str, str]) -> Iterator[ingest_pb2.SourceRecord]:
        for name, revision in self._store.read(connection, golden_of.keys()).items():
            record_type = record_types.by_collection(golden_of[name].partition("/")[0])
            if record_type is not None and record_type.coded:
                content = self._store.content(revision, record_type.message, clear=False)
                yield read_statement(self._store, revision, record_type, content)

    def _ending_pins(self, connection: Connection, change: "_Change", touched: Collection[str]) -> list[Held]:
        """Return the pins on golden records that would end, by golden record."""
        landscape = self._registry.read(connection)
        pinned = sorted(in_force(self._store, connection, touched)) if touched else []
        ending: list[Held] = []
        for collection, names in groupby(pinned, key=lambda name: name.partition("/")[0]):
            record_type = record_types.by_collection(collection)
            assert record_type is not None  # noqa: S101 - golden records are of a type
            now = Ways.of(landscape, record_type)
            then = replace(now, code_maps=change.applied(now.code_maps))
            for family in self._families.read(connection, record_type, list(names)):
                ending += family.make_by_others(then)[1]
        return ending


class _Change:
    """One map in place of another, or of none; or none in its place."""

    def __init__(self, before: pb.CodeMap | None, after: pb.CodeMap, *, retires: bool) -> None:
        self.after = after
        self.was = CodeMap.of(before).codes if before is not None else None
        self.becomes = None if retires else CodeMap.of(after).codes
        self._place = (after.system, list_id(after.code_list))

    def moves(self, code: str) -> bool:
        """Tell whether a code would be shown otherwise, or be unmapped where it was not."""
        return _leads(self.was, code) != _leads(self.becomes, code)

    def lacks(self, code: str) -> bool:
        """Tell whether the map would not have a code."""
        return _leads(self.becomes, code) == ""

    def moved(self) -> Among:
        """Return the codes that move: of a map that retires all but those that lead to themselves."""
        was = self.was or {}
        if self.becomes is None:
            staying = [code for code, canonical in was.items() if code == canonical]
            return Among(*self._place, staying, excluded=True)
        return Among(*self._place, [code for code in was.keys() | self.becomes.keys() if self.moves(code)])

    def lacking(self) -> Among:
        """Return the codes that the map would not have: none where it retires."""
        if self.becomes is None:
            return Among(*self._place, ())
        return Among(*self._place, self.becomes.keys(), excluded=True)

    def applied(self, code_maps: Mapping[str, CodeMaps]) -> dict[str, CodeMaps]:
        """Return code maps by system with the change."""
        own = dict(code_maps.get(self.after.system, {}))
        own.pop(list_id(self.after.code_list), None)
        if self.becomes is not None:
            own[list_id(self.after.code_list)] = CodeMap.of(self.after)
        others = {system: maps for system, maps in code_maps.items() if system != self.after.system}
        return others | ({self.after.system: own} if own else {})

    def told(self, uses: dict[str, Use]) -> Sequence[pb.CodeEffect]:
        """Return what becomes of codes in use, the most frequent first."""
        frequent = sorted(uses.items(), key=lambda item: (-item[1].records, item[0]))
        return [
            pb.CodeEffect(
                source_code=code,
                canonical_before=(self.was or {}).get(code, ""),
                canonical_after=(self.becomes or {}).get(code, ""),
                records=use.records,
                example=use.example,
            )
            for code, use in frequent[:_MOST_CODES]
        ]


def _known(connection: Connection, change: _Change) -> tuple[pb.CodeMapEffect, Collection[str]]:
    """Return the effect from the codes that are known to be in use, and the touched golden records with a pin."""
    moved = change.moved()
    effect = pb.CodeMapEffect(
        records_changed=coded_values.touched(connection, moved),
        records_unmapped=coded_values.touched(connection, change.lacking()),
        codes=change.told(coded_values.used(connection, moved)),
        is_complete=True,
    )
    return effect, coded_values.pinned(connection, moved)


def _leads(codes: Mapping[str, str] | None, code: str) -> str:
    """Return where a code leads; empty = nowhere. Without a map it leads to itself."""
    return code if codes is None else codes.get(code, "")
