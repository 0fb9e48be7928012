"""Deciding golden records anew when what decides them changed: a type's survivorship rules, a system's trust rank.

What decided last is kept by record type. Where it differs from what is registered now, a pass over all golden records
of the type begins, in chunks of a transaction each; a chunk is done together with the note of how far the pass is, so
that it goes on behind it after whatever stopped it. A change in the middle of a pass begins it anew.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.records.appending import append
from services.mdm.storage.records.working_set import WorkingSet
from services.mdm.storage.registration.registry import Landscape, Registry
from services.mesh.errors import ConcordError
from services.mesh.postgres.database import driver
from services.mesh.records.leaf import Origin
from services.mesh.records.store import RecordStore

ITSELF = "concord/mdm/reevaluation"
"""Who decides records anew, in their evidence."""

_CHUNK = 200
_STANDING = """
SELECT decided_by, after, finished, examined, changed, started_at, updated_at FROM reevaluations WHERE record_type = %s
"""
_HOLD = f"{_STANDING} FOR UPDATE"
_BEGIN = """
INSERT INTO reevaluations (record_type, decided_by, after, finished, examined, changed, started_at, updated_at)
VALUES (%(type)s, %(decided_by)s, '', %(finished)s, 0, 0, clock_timestamp(), clock_timestamp())
ON CONFLICT (record_type) DO UPDATE SET decided_by = excluded.decided_by, after = '', finished = excluded.finished,
    examined = 0, changed = 0, started_at = excluded.started_at, updated_at = excluded.updated_at
"""
_KEEP = "UPDATE reevaluations SET decided_by = %(decided_by)s WHERE record_type = %(type)s"
_GO_ON = """
UPDATE reevaluations SET after = %(after)s, finished = %(finished)s, examined = examined + %(examined)s,
    changed = changed + %(changed)s, updated_at = clock_timestamp()
WHERE record_type = %(type)s
"""
_CHUNK_OF = """
SELECT record FROM records JOIN record_keys USING (record)
WHERE record_type = %s AND record > %s ORDER BY record LIMIT %s
"""
# A transaction that read what was registered before may still write by it; its record must be looked at afterwards.
_OLDER_AT_WORK = """
SELECT EXISTS (
    SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND usename = current_user AND state <> 'idle' AND xact_start < %s
)
"""


@dataclass(frozen=True)
class Standing:
    """How far a record type's pass is; counts are of golden records."""

    decided_by: str
    after: str
    finished: bool
    examined: int
    changed: int
    started_at: datetime
    updated_at: datetime


class Reevaluation:
    """Decides golden records anew; safe wherever and however often it runs."""

    def __init__(
        self, transactions: Transactions, store: RecordStore, registry: Registry, *, chunk: int = _CHUNK
    ) -> None:
        """Take how many golden records a transaction looks at."""
        self._largest = chunk
        self._transactions = transactions
        self._store = store
        self._registry = registry

    def step(self) -> bool:
        """Do the next chunk of every type that has one; tell whether there is more to do at once."""
        return any([self._step(record_type, self._largest) for record_type in RECORD_TYPES])  # noqa: C419 - all types have a turn

    def standing(self, connection: Connection, record_type: RecordType) -> Standing | None:
        """Return how far a type's pass is, seen with what is registered now; None = it was never looked at."""
        row = driver(connection).execute(_STANDING, (record_type.name,)).fetchone()
        if row is None:
            return None
        found = Standing(*row)
        now = _deciding(record_type, self._registry.read(connection))
        return found if not _differs(found.decided_by, now) else Standing(now, "", False, 0, 0, *row[5:])

    def _step(self, record_type: RecordType, limit: int) -> bool:
        if not self._transactions.read(lambda connection: self._is_due(connection, record_type)):
            return False
        try:
            return self._transactions.write(lambda connection: self._chunk(connection, record_type, limit))
        except ConcordError as error:
            if error.reason != reasons.ERROR_REASON_TOO_MANY_CHANGES or limit == 1:
                raise
            return self._step(record_type, limit // 2)

    def _is_due(self, connection: Connection, record_type: RecordType) -> bool:
        row = driver(connection).execute(_STANDING, (record_type.name,), prepare=True).fetchone()
        decided_by = _deciding(record_type, self._registry.read(connection))
        return row is None or not row[2] or row[0] != decided_by

    def _chunk(self, connection: Connection, record_type: RecordType, limit: int) -> bool:
        """Begin the pass, or do its next chunk; tell whether it is worth going on at once."""
        landscape = self._registry.read(connection)
        decided_by = _deciding(record_type, landscape)
        row = driver(connection).execute(_HOLD, (record_type.name,)).fetchone()
        standing = Standing(*row) if row else None
        told = {"type": record_type.name, "decided_by": decided_by}
        if standing is None or _differs(standing.decided_by, decided_by):
            driver(connection).execute(_BEGIN, told | {"finished": False})
            return True
        if standing.decided_by != decided_by:
            driver(connection).execute(_KEEP, told)
        if standing.finished or (not standing.after and self._older_at_work(connection, standing)):
            return False
        return self._go_on(connection, record_type, landscape, standing.after, limit)

    @staticmethod
    def _older_at_work(connection: Connection, standing: Standing) -> bool:
        row = driver(connection).execute(_OLDER_AT_WORK, (standing.started_at,)).fetchone()
        return bool(row and row[0])

    def _go_on(
        self, connection: Connection, record_type: RecordType, landscape: Landscape, after: str, limit: int
    ) -> bool:
        names = [name for (name,) in driver(connection).execute(_CHUNK_OF, (record_type.name, after, limit))]
        changed = self._decide(connection, record_type, names, landscape)
        finished = len(names) < limit
        driver(connection).execute(
            _GO_ON,
            {
                "type": record_type.name,
                "after": names[-1] if names else after,
                "finished": finished,
                "examined": len(names),
                "changed": changed,
            },
        )
        return not finished

    def _decide(self, connection: Connection, record_type: RecordType, names: list[str], landscape: Landscape) -> int:
        """Decide golden records anew; return how many changed."""
        records = WorkingSet(connection, self._store)
        records.load(dict.fromkeys(names, record_type), [], {})
        for golden in records.goldens.values():
            golden.touched = True
        append(connection, self._store, records, landscape, Origin.system(ITSELF, reason="what decides it changed"))
        return sum(golden.made is not None for golden in records.goldens.values())


def _deciding(record_type: RecordType, landscape: Landscape) -> str:
    """Return what decides a type's records now: the revision of its rules, and the systems' trust ranks.

    Each rank comes with the registration's revision: one that changed and changed back has decided records meanwhile.
    """
    ranks = {name: [system.trust_rank, system.revision] for name, system in landscape.systems.items()}
    rules = landscape.rules_of(record_type.name).revision
    return json.dumps({"rules": rules, "ranks": ranks}, sort_keys=True, separators=(",", ":"))


def _differs(then: str, now: str) -> bool:
    """Tell whether records that were decided then may be decided otherwise now: a new system has said nothing yet."""
    was, is_now = json.loads(then), json.loads(now)
    ranks: Mapping[str, list[int]] = is_now["ranks"]
    return bool(was["rules"] != is_now["rules"] or any(ranks.get(name) != rank for name, rank in was["ranks"].items()))
