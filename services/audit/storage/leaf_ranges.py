"""Sums over ranges of a service's records, and the leaves of changes in them.

Both are read in the order of the key's index, without any other.
"""

from collections.abc import Sequence
from typing import Any

from services.audit.domain.leaf import ACTS
from services.mesh.evidence.comparison import Entry, RecordRange, Summary
from services.mesh.postgres.database import Database, driver

_ACTS = list(ACTS.values())
# Acts are evidence of no change: the service keeps none of them.
_BEHIND = "source_service = %(service)s AND record > %(after)s AND record_type <> ALL(%(acts)s::text[])"
_UP_TO = f"{_BEHIND} AND record <= %(through)s"
_SUMMARY = """
SELECT count(*), sha256(coalesce(string_agg(
    leaf_hash || int8send(revision) || convert_to(record, 'UTF8') || '\\x00'::bytea, ''::bytea ORDER BY record, revision
), ''::bytea)) FROM public.leaves WHERE {where}
"""
_ENTRIES = """
SELECT record, revision, leaf_hash FROM public.leaves
WHERE {where} AND (record, revision) > (%(last)s, %(revision)s) ORDER BY record, revision LIMIT %(limit)s
"""


class LeafRanges:
    """Reads the log range by range, whoever's entities the leaves are of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def summaries(self, source_service: str, ranges: Sequence[RecordRange]) -> list[Summary]:
        """Sum up a service's leaves in each range."""
        return [Summary(*row) for each in ranges for row in self._rows(_SUMMARY, source_service, each)]

    def entries(
        self, source_service: str, wanted: RecordRange, *, last: tuple[str, int] = ("", 0), limit: int
    ) -> list[Entry]:
        """List a service's leaves in a range, behind the record and revision `last`."""
        behind: dict[str, str | int] = {"last": last[0], "revision": last[1], "limit": limit}
        return [Entry(*row) for row in self._rows(_ENTRIES, source_service, wanted, behind)]

    def _rows(
        self, statement: str, source_service: str, wanted: RecordRange, further: dict[str, str | int] | None = None
    ) -> list[tuple[Any, ...]]:
        asked = statement.format(where=_UP_TO if wanted.through else _BEHIND)
        parameters = {"service": source_service, "acts": _ACTS, **wanted._asdict(), **(further or {})}
        with self._database.reading() as connection:
            return driver(connection).execute(asked.encode(), parameters).fetchall()
