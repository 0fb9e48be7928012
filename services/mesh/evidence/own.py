"""A service's own side of the comparison: the change rows of its database, summed up and listed by record."""

from collections.abc import Iterator, Sequence
from typing import Any

from services.mesh.evidence.comparison import Entry, RecordRange, Summary
from services.mesh.postgres.database import Database, driver

# By the frozen bytes themselves, not by what a receipt says of them.
_HASH = "sha256('\\x00'::bytea || leaf)"
_BEHIND = "record > %(after)s"
_UP_TO = f"{_BEHIND} AND record <= %(through)s"
# Nothing but the constants of this module is put into the statements.
_CUT = """
SELECT record FROM changes WHERE {where} ORDER BY record, revision OFFSET %(size)s - 1 LIMIT 1
"""
_SUMMARY = """
SELECT count(*), sha256(coalesce(string_agg(
    {hash} || int8send(revision) || convert_to(record, 'UTF8') || '\\x00'::bytea, ''::bytea ORDER BY record, revision
), ''::bytea)) FROM changes WHERE {where}
"""
_ENTRIES = """
SELECT record, revision, {hash}, NOT EXISTS (SELECT FROM spool WHERE spool.seq = changes.seq)
FROM changes WHERE {where} ORDER BY record, revision
"""


class OwnEvidence:
    """The changes of one database; each method asks by itself, so nothing is held while the audit is asked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def cut(self, wanted: RecordRange, size: int) -> Iterator[RecordRange]:
        """Cut a range into ranges of whole records with about `size` changes each, the last as it comes."""
        after = wanted.after
        while ends := self._rows(_CUT, RecordRange(after, wanted.through), size=size):
            ((end,),) = ends
            if end == wanted.through:
                break
            yield RecordRange(after, end)
            after = end
        yield RecordRange(after, wanted.through)

    def summaries(self, ranges: Sequence[RecordRange]) -> list[Summary]:
        """Sum up the changes in each range."""
        return [Summary(*row) for each in ranges for row in self._rows(_SUMMARY, each)]

    def entries(self, wanted: RecordRange) -> list[Entry]:
        """List the changes in a range."""
        return [Entry(*row) for row in self._rows(_ENTRIES, wanted)]

    def entry(self, record: str, revision: int) -> Entry | None:
        """Return one change; None when there is none."""
        statement = _ENTRIES.format(hash=_HASH, where="record = %(record)s AND revision = %(revision)s")
        with self._database.reading() as connection:
            row = driver(connection).execute(statement.encode(), {"record": record, "revision": revision}).fetchone()
        return Entry(*row) if row else None

    def _rows(self, statement: str, wanted: RecordRange, **further: int) -> list[tuple[Any, ...]]:
        # Without an end there is no condition on it: a name that sorts behind every other does not exist.
        asked = statement.format(hash=_HASH, where=_UP_TO if wanted.through else _BEHIND)
        with self._database.reading() as connection:
            return driver(connection).execute(asked.encode(), {**wanted._asdict(), **further}).fetchall()
