"""The batches of imports that were taken in: each with what became of its rows, so that no batch is taken in twice."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import import_pb2
from services.mdm.storage.tables.match_keys import lock
from services.mesh.errors import ConcordError
from services.mesh.postgres.database import driver
from services.mesh.records.sealing import Sealer

Outcome = import_pb2.ImportedRow.Outcome
OUTCOMES = tuple(number for number in Outcome.values() if number)
"""Every outcome, in the order in which the table counts them."""

RETENTION = timedelta(days=90)
"""So long after its last batch an import can be gone on with, and its report be read."""

_PURPOSE = "import"
_CHUNK = 20

_SUMS = ", ".join(f"sum(counts[{place}])::bigint" for place, _ in enumerate(OUTCOMES, 1))
_FIND = "SELECT digest, answer FROM import_batches WHERE source_import = %s AND batch = %s"
_KEEP = """
INSERT INTO import_batches (source_import, batch, system, digest, counts, answer) VALUES (%s, %s, %s, %s, %s, %s)
"""
_IMPORTS = f"""
SELECT source_import, count(*), min(created_at), max(created_at), ARRAY[{_SUMS}], (
    SELECT min(next) FROM (
        SELECT 1 AS next UNION ALL SELECT batch + 1 FROM import_batches WHERE source_import = i.source_import
    ) AS nexts
    WHERE NOT EXISTS (SELECT FROM import_batches t WHERE t.source_import = i.source_import AND t.batch = next)
)
FROM import_batches i
WHERE system = ANY(%(systems)s) AND (%(name)s = '' OR source_import = %(name)s) AND source_import > %(after)s
GROUP BY source_import ORDER BY source_import LIMIT %(limit)s
"""  # noqa: S608 - constants only
_ANSWERS = """
SELECT batch, answer FROM import_batches
WHERE source_import = %(name)s AND batch >= %(first)s AND (%(place)s = 0 OR counts[%(place)s] > 0)
ORDER BY batch LIMIT %(limit)s
"""
_PURGE = """
DELETE FROM import_batches WHERE source_import IN (
    SELECT source_import FROM import_batches GROUP BY source_import
    HAVING max(created_at) < clock_timestamp() - %s::interval
)
"""


@dataclass(frozen=True)
class Batch:
    """One batch: its import, that import's system, its number, and all that was asked, as bytes."""

    source_import: str
    system: str
    number: int
    request: bytes


@dataclass(frozen=True)
class Place:
    """A row's place in the report: its batch, and how many rows of the batch come before it."""

    batch: int = 0
    index: int = 0


class ImportBatches:
    """Keeps and reads what became of batches, inside the caller's transaction."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def claim(self, connection: Connection, batch: Batch) -> import_pb2.ImportSourceRecordsResponse | None:
        """Hold a batch until the transaction ends; return its first answer, None when it was never taken in.

        Raises ConcordError REQUEST_ID_REUSED when it came with other rows before.
        """
        lock(connection, [f"import/{batch.source_import}/{batch.number}"])
        row = driver(connection).execute(_FIND, (batch.source_import, batch.number), prepare=True).fetchone()
        if row is None:
            return None
        digest, answer = row
        if not self._sealer.matches(digest, batch.request, _PURPOSE):
            raise ConcordError(
                reasons.ERROR_REASON_REQUEST_ID_REUSED,
                f"batch {batch.number} of the import came with other rows before",
                metadata={"source_import": batch.source_import, "batch": str(batch.number)},
            )
        known = import_pb2.ImportSourceRecordsResponse.FromString(answer)
        known.repeated_batch = True
        return known

    def keep(self, connection: Connection, batch: Batch, answer: import_pb2.ImportSourceRecordsResponse) -> None:
        """Keep what became of a claimed batch."""
        counted = Counter(row.outcome for row in answer.rows)
        values = (
            batch.source_import,
            batch.number,
            batch.system,
            self._sealer.token(batch.request, _PURPOSE),
            [counted[outcome] for outcome in OUTCOMES],
            answer.SerializeToString(),
        )
        driver(connection).execute(_KEEP, values, prepare=True)

    def imports(
        self, connection: Connection, systems: Collection[str], *, name: str = "", after: str = "", limit: int = 1
    ) -> list[import_pb2.SourceImport]:
        """Return the imports of these systems by name, those behind `after`; with a `name` only that one."""
        asked = {"systems": list(systems), "name": name, "after": after, "limit": limit}
        return [_import(row) for row in driver(connection).execute(_IMPORTS.encode(), asked)]

    def rows(
        self, connection: Connection, name: str, outcome: Outcome.ValueType, after: Place
    ) -> Iterator[tuple[Place, import_pb2.ImportedRow]]:
        """Yield an import's rows from a place on, each with the place behind it; unspecified = every outcome."""
        first, place = after.batch, OUTCOMES.index(outcome) + 1 if outcome else 0
        while True:
            asked = {"name": name, "first": first, "place": place, "limit": _CHUNK}
            found = driver(connection).execute(_ANSWERS, asked, prepare=True, binary=True).fetchall()
            for batch, answer in found:
                rows = import_pb2.ImportSourceRecordsResponse.FromString(answer).rows
                for index, row in enumerate(rows):
                    if outcome in {0, row.outcome} and (batch, index) >= (after.batch, after.index):
                        yield Place(batch, index + 1), row
            if len(found) < _CHUNK:
                return
            first = found[-1][0] + 1


def purge(connection: Connection, retention: timedelta = RETENTION) -> int:
    """Forget imports of which nothing came for `retention`, each as a whole; return how many batches those had."""
    return driver(connection).execute(_PURGE, (retention,)).rowcount


def _import(row: tuple[Any, ...]) -> import_pb2.SourceImport:
    name, batches, created_at, updated_at, counts, next_batch = row
    told = import_pb2.SourceImport(name=name, next_batch=next_batch, batch_count=batches, row_count=sum(counts))
    for outcome, count in zip(OUTCOMES, counts, strict=True):
        if count:
            told.outcome_counts.add(outcome=outcome, count=count)
    told.create_time.FromDatetime(created_at)
    told.update_time.FromDatetime(updated_at)
    return told
