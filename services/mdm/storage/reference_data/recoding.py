"""Re-emission: golden records follow changed code maps, a chunk a transaction, and go on where they stopped.

A run begins when every transaction has ended that may have read the maps before the change. From then on whoever
writes a record codes it by the new map, and the run looks at the records that were there: none is left behind.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from urllib.parse import unquote

from sqlalchemy import Connection

from services.mdm.domain import registry as record_types
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.records.appending import append
from services.mdm.storage.records.working_set import WorkingSet
from services.mdm.storage.reference_data import code_map_runs
from services.mdm.storage.reference_data.code_map_runs import Run
from services.mdm.storage.registration.registry import Registry
from services.mdm.storage.tables import coded_values
from services.mesh.postgres.database import clock, driver
from services.mesh.records.leaf import Origin
from services.mesh.records.spool import backlog
from services.mesh.records.store import RecordStore

ACTOR = "concord/mdm/code-maps"
"""Who makes the golden revisions, in the evidence; the reason names the map's revision."""

RECORDS_A_CHUNK = 200
"""Each makes a change at most, of which a transaction may make 1,000."""

MOST_WAITING = 2_000
"""Unpublished changes above which runs wait: the spool is for everybody, and people go first."""

# A session's state is told to its own role, which is that of all replicas of the hub.
_UNDER_WAY = """
SELECT EXISTS (SELECT FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < %s)
"""
_ALL = "SELECT count(*) FROM crosswalk WHERE system = %s"
_ALL_CODED = "SELECT count(*) FROM coded_values WHERE system = %s AND code_list = %s AND code = ANY(%s::text[])"
_NEXT = "SELECT '', key, golden FROM crosswalk WHERE system = %s AND key > %s ORDER BY key LIMIT %s"
_NEXT_CODED = """
SELECT code, golden || ' ' || source_record, golden FROM coded_values
WHERE system = %s AND code_list = %s AND code = ANY(%s::text[])
AND (code, golden, source_record) > (%s, %s, %s)
ORDER BY code, golden, source_record LIMIT %s
"""


class _Target(NamedTuple):
    system: str
    code_list: str


class Recoding:
    """Works runs off; for one thread of the elected replica, though two could not do harm."""

    def __init__(
        self,
        transactions: Transactions,
        store: RecordStore,
        registry: Registry,
        chunk: int = RECORDS_A_CHUNK,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._transactions = transactions
        self._store = store
        self._registry = registry
        self._chunk = chunk
        self._most_waiting = most_waiting
        self._seen: dict[tuple[str, int, datetime], datetime] = {}

    def step(self) -> bool:
        """Begin a run or do a chunk of one; False = nothing is to be done now.

        Raises ConcordError SPOOL_FULL, CONCURRENT_CHANGE, DEPENDENCY_UNAVAILABLE: the chunk is done another time.
        """
        runs: list[Run] = self._transactions.read(code_map_runs.unfinished)
        if runs and self._is_too_much_waiting():
            return False
        self._seen = {identity: at for identity, at in self._seen.items() if identity in {r.identity for r in runs}}
        return any(self._do(run) if run.begun else self._begin(run) for run in runs)

    def _is_too_much_waiting(self) -> bool:
        most = self._most_waiting
        return self._transactions.read(lambda connection: backlog(connection, most + 1)) > most

    def _begin(self, run: Run) -> bool:
        """Begin a run unless somebody may still write by an earlier revision of its map."""

        def work(connection: Connection) -> bool:
            changed_by = self._seen.setdefault(run.identity, clock(connection))
            row = driver(connection).execute(_UNDER_WAY, (changed_by,)).fetchone()
            held = code_map_runs.hold(connection, run.code_map)
            if row is None or row[0] or held is None or held.identity != run.identity:
                return False
            self._forget_retired(connection, _target(run))
            code_map_runs.begin(connection, run, self._total(connection, run))
            return True

        return self._transactions.write(work)

    def _forget_retired(self, connection: Connection, target: _Target) -> None:
        """Forget the codes of a map that is retired: from now on nobody writes by it."""
        if target.code_list not in self._registry.read(connection).code_maps.get(target.system, {}):
            coded_values.forget(connection, *target)

    def _do(self, run: Run) -> bool:
        def work(connection: Connection) -> bool:
            held = code_map_runs.hold(connection, run.code_map)
            if held is None or not held.begun:
                return False
            rows = self._next(connection, held)
            changed = self._look_at(connection, held, {golden for _, _, golden in rows})
            last = (rows[-1][0], rows[-1][1]) if rows else (held.last_code, held.last)
            finished = len(rows) < self._chunk
            code_map_runs.advance(connection, held, last=last, visited=len(rows), changed=changed, finished=finished)
            return True

        return self._transactions.write(work)

    def _look_at(self, connection: Connection, run: Run, names: set[str]) -> int:
        """Let golden records survive anew; return how many got a new revision."""
        landscape = self._registry.read(connection)
        types = {name: kind for name in names if (kind := _coded_type(name)) is not None}
        records = WorkingSet(connection, self._store)
        records.load(types, (), {})
        for golden in records.goldens.values():
            golden.touched = bool(golden.sources)
        origin = Origin.system(ACTOR, reason=f"{run.code_map}@{run.target_revision}")
        append(connection, self._store, records, landscape, origin)
        return sum(golden.made is not None for golden in records.goldens.values())

    def _total(self, connection: Connection, run: Run) -> int:
        target = _target(run)
        if run.codes is None:
            cursor = driver(connection).execute(_ALL, (target.system,))
        else:
            cursor = driver(connection).execute(_ALL_CODED, (*target, run.codes))
        row = cursor.fetchone()
        return int(row[0]) if row else 0

    def _next(self, connection: Connection, run: Run) -> Sequence[tuple[str, str, str]]:
        """Return the next source records to look at: (code, key within it, golden record)."""
        target = _target(run)
        if run.codes is None:
            return driver(connection).execute(_NEXT, (target.system, run.last, self._chunk), prepare=True).fetchall()
        golden, _, source = run.last.partition(" ")
        asked = (*target, run.codes, run.last_code, golden, source, self._chunk)
        return driver(connection).execute(_NEXT_CODED, asked, prepare=True).fetchall()


def _coded_type(golden: str) -> RecordType | None:
    record_type = record_types.by_collection(golden.partition("/")[0])
    return record_type if record_type is not None and record_type.coded else None


def _target(run: Run) -> _Target:
    """Return the system and the list of a run's map, which may be retired."""
    system, _, code_list = run.code_map.partition("/")[2].partition(":")
    return _Target(f"systems/{unquote(system)}", unquote(code_list))
