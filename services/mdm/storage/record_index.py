"""The index table: which records have which value at which path, now and in every earlier revision."""

from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import Connection

from services.mdm.domain.indexing import IndexEntry
from services.mesh.database import driver
from services.mesh.records.sealing import Sealer

_OPEN = "SELECT record, path, value FROM record_index WHERE record = ANY(%s) AND to_revision IS NULL"
_CLOSE = """
UPDATE record_index i SET to_revision = gone.revision
FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[]) AS gone(record, path, value, revision)
WHERE i.record = gone.record AND i.path = gone.path AND i.value = gone.value AND i.to_revision IS NULL
"""
_ADD = """
INSERT INTO record_index (record_type, record, path, value, from_revision)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[])
"""
Indexed = Mapping[str, tuple[str, int, frozenset[tuple[str, str]]]]
"""By record: its type, the revision that is indexed, the (path, stored value) pairs that it has."""


def purpose(record_type: str, path: str) -> str:
    """Return what tokens of a RESTRICTED value at this path are made for."""
    return f"index/{record_type}/{path}"


def stored(sealer: Sealer, record_type: str, entries: Iterable[IndexEntry]) -> frozenset[tuple[str, str]]:
    """Return (path, value) pairs as they are stored: RESTRICTED values as keyed tokens."""
    return frozenset(
        (e.path, sealer.token(e.value, purpose(record_type, e.path)) if e.restricted else e.value) for e in entries
    )


def put(connection: Connection, indexed: Indexed, founded: Collection[str]) -> None:
    """Bring the index up to date: what a record has no longer ends with its revision, what is new begins.

    `founded` names the records that were not there before, which nothing needs to be read for.
    """
    known = [record for record in indexed if record not in founded]
    before: dict[str, set[tuple[str, str]]] = {record: set() for record in indexed}
    if known:
        for record, path, value in driver(connection).execute(_OPEN, (known,), prepare=True):
            before[record].add((path, value))
    gone = [
        (record, path, value, revision)
        for record, (_, revision, pairs) in indexed.items()
        for path, value in before[record] - pairs
    ]
    new = [
        (record_type, record, path, value, revision)
        for record, (record_type, revision, pairs) in indexed.items()
        for path, value in pairs - before[record]
    ]
    for statement, rows in ((_CLOSE, gone), (_ADD, new)):
        if rows:
            columns = tuple(list(column) for column in zip(*rows, strict=True))
            driver(connection).execute(statement, columns, prepare=True)
