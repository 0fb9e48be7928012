"""The index table: which records have which value at which path, now and in every earlier revision."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from services.mdm.domain.indexing import IndexEntry
from services.mesh.postgres.arrays import number_array, text_array
from services.mesh.postgres.database import driver
from services.mesh.records.sealing import Sealer

_CLOSE = """
UPDATE record_index i SET to_revision = gone.revision
FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[]) AS gone(record, path, value, revision)
WHERE i.record = gone.record AND i.path = gone.path AND i.value = gone.value AND i.to_revision IS NULL
"""
_ADD = """
INSERT INTO record_index (record_type, record, path, value, from_revision)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[]) AS new(record_type, record, path)
ORDER BY record_type, path
"""
_CLOSE_AND_ADD = f"WITH closed AS ({_CLOSE}) {_ADD}"


@dataclass(frozen=True)
class Indexed:
    """A record's new revision, with what is found by it and what was found by the one before (nothing = it is new)."""

    record_type: str
    record: str
    revision: int
    before: frozenset[IndexEntry]
    after: frozenset[IndexEntry]


def purpose(record_type: str, path: str) -> str:
    """Return what tokens of a RESTRICTED value at this path are made for."""
    return f"index/{record_type}/{path}"


def put(connection: Connection, sealer: Sealer, changed: Iterable[Indexed]) -> None:
    """Bring the index up to date: what a record has no longer ends with its revision, what is new begins."""
    gone, new = [], []
    for one in changed:
        gone += [
            (one.record, entry.path, value, one.revision)
            for entry in one.before - one.after
            for value in _spelt(sealer, one.record_type, entry)
        ]
        new += [
            (one.record_type, one.record, entry.path, _stored(sealer, one.record_type, entry), one.revision)
            for entry in one.after - one.before
        ]
    statement = _CLOSE_AND_ADD if gone and new else _ADD if new else _CLOSE
    columns = (*_columns(gone), *_columns(new))
    if columns:
        driver(connection).execute(statement, columns, prepare=True)


def _columns(rows: Sequence[tuple[Any, ...]]) -> tuple[str, ...]:
    """Return the columns of rows as arrays; the last is the revision."""
    if not rows:
        return ()
    *texts, revisions = zip(*rows, strict=True)
    return (*map(text_array, texts), number_array(revisions))


def _stored(sealer: Sealer, record_type: str, entry: IndexEntry) -> str:
    """Return the value as it is stored: RESTRICTED values as keyed tokens."""
    return sealer.token(entry.value, purpose(record_type, entry.path)) if entry.restricted else entry.value


def _spelt(sealer: Sealer, record_type: str, entry: IndexEntry) -> tuple[str, ...]:
    """Return every way in which the value may be stored: tokens were made under the key version of their time."""
    return sealer.tokens(entry.value, purpose(record_type, entry.path)) if entry.restricted else (entry.value,)
