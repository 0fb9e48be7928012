"""What a changed code map would touch, found out without changing anything."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from concord.mdm.v1 import ingest_pb2
from concord.mdm.v1 import reference_data_pb2 as pb
from services.mdm.domain import registry as record_types
from services.mdm.domain.code_map import CodeMap, list_id
from services.mdm.domain.coding import coded
from services.mdm.storage import code_map_runs, coded_values
from services.mdm.storage.coded_values import Use
from services.mdm.storage.working_set import read_statement
from services.mesh.database import driver
from services.mesh.records.store import RecordStore

MOST_LOOKED_AT = 5_000
"""Source records that are read for a map whose codes are not known yet."""

_MOST_CODES = 100
_READ_AT_ONCE = 500
_PAGE = """
SELECT key, source_record, golden FROM crosswalk WHERE system = %s AND key > %s AND live ORDER BY key LIMIT %s
"""


class CodeMapTrial:
    """Tries code maps out on the population."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store

    def effect(self, connection: Connection, before: pb.CodeMap | None, after: pb.CodeMap) -> pb.CodeMapEffect:
        """Return what a map would touch in place of the one before it (None = there is none)."""
        if before is not None and not code_map_runs.is_first_under_way(connection, after.name):
            return _known(connection, before, after)
        return self._looked_up(connection, before, after)

    def _looked_up(self, connection: Connection, before: pb.CodeMap | None, after: pb.CodeMap) -> pb.CodeMapEffect:
        was = CodeMap.of(before).codes if before is not None else None
        becomes = CodeMap.of(after).codes
        by_code: defaultdict[str, set[str]] = defaultdict(set)
        looked_at = 0
        for golden, codes in self._codes(connection, after):
            looked_at += 1
            for code in codes:
                by_code[code].add(golden)
        changed = {code for code in by_code if becomes.get(code) != (was.get(code) if was is not None else code)}
        uses = {code: Use(len(by_code[code]), min(by_code[code])) for code in changed}
        return pb.CodeMapEffect(
            records_changed=len(set[str]().union(*(by_code[code] for code in changed))),
            records_unmapped=len(set[str]().union(*(by_code[code] for code in by_code.keys() - becomes.keys()))),
            codes=_codes(uses, before, after),
            is_complete=looked_at < MOST_LOOKED_AT,
        )

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


def _known(connection: Connection, before: pb.CodeMap, after: pb.CodeMap) -> pb.CodeMapEffect:
    """Return the effect from the codes that are known to be in use."""
    asked = (after.system, list_id(after.code_list))
    changed = code_map_runs.changed_codes(before, after) or []
    return pb.CodeMapEffect(
        records_changed=coded_values.touched(connection, *asked, changed),
        records_unmapped=coded_values.lacking(connection, *asked, [entry.source_code for entry in after.entries]),
        codes=_codes(coded_values.used(connection, *asked, changed), before, after),
        is_complete=True,
    )


def _codes(uses: dict[str, Use], before: pb.CodeMap | None, after: pb.CodeMap) -> Sequence[pb.CodeEffect]:
    was = CodeMap.of(before).codes if before is not None else {}
    becomes = CodeMap.of(after).codes
    frequent = sorted(uses.items(), key=lambda item: (-item[1].records, item[0]))
    return [
        pb.CodeEffect(
            source_code=code,
            canonical_before=was.get(code, ""),
            canonical_after=becomes.get(code, ""),
            records=use.records,
            example=use.example,
        )
        for code, use in frequent[:_MOST_CODES]
    ]
