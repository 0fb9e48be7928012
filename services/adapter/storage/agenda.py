"""The agenda: golden revisions that still have to be delivered to a system, or again on a later day.

One entry a golden record, always its newest revision: what the feed brings meanwhile replaces it. An entry outlives any
failure; it goes when the system is known to say what the revision says and no later day will change that.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection

from services.adapter.hub.masters import contracts
from services.mesh.postgres.database import driver
from services.mesh.records.keys import WrappedKey
from services.mesh.records.sealing import Sealer

_PUT = """
INSERT INTO agenda (system, golden_record, record_type, revision, position, keys, wrapped, key_version, content)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (system, golden_record) DO UPDATE SET revision = excluded.revision, position = excluded.position,
    keys = excluded.keys, wrapped = excluded.wrapped, key_version = excluded.key_version, content = excluded.content,
    due = NULL, blocked = false, since = CASE WHEN agenda.due IS NULL THEN agenda.since ELSE excluded.since END
WHERE excluded.revision > agenda.revision OR agenda.content IS NULL
"""
_RECHECK = """
INSERT INTO agenda (system, golden_record, record_type, revision, position, keys)
SELECT system, %(golden_record)s, %(record_type)s, %(revision)s, feed_position, '{}' FROM synchronizations
WHERE system = %(system)s
ON CONFLICT (system, golden_record) DO UPDATE
SET due = NULL, since = CASE WHEN agenda.due IS NULL THEN agenda.since ELSE excluded.since END
"""
# Every golden record that has a document, or whose document waits for a code.
_RECHECK_ALL = """
INSERT INTO agenda (system, golden_record, record_type, revision, position, keys)
SELECT s.system, known.golden_record, kind.record_type, known.revision, s.feed_position, '{}'
FROM synchronizations s
JOIN LATERAL (
    SELECT golden_record, max(revision) AS revision FROM (
        SELECT golden_record, golden_revision AS revision FROM documents WHERE system = s.system
        UNION ALL
        SELECT golden_record, 0 FROM listing WHERE system = s.system AND record_type = 'discrepancy' AND open
    ) AS every GROUP BY golden_record
) AS known ON true
JOIN unnest(%(collections)s::text[], %(types)s::text[]) AS kind(collection, record_type)
    ON split_part(known.golden_record, '/', 1) = kind.collection
WHERE s.system = %(system)s
ON CONFLICT (system, golden_record) DO UPDATE
SET due = NULL, since = CASE WHEN agenda.due IS NULL THEN agenda.since ELSE excluded.since END
"""
_READY = """
SELECT golden_record, record_type, revision, position, keys, wrapped, key_version, content FROM agenda
WHERE system = %s AND (due IS NULL OR due <= %s) AND NOT blocked AND revision >= awaited
    AND (position, golden_record) > (%s, %s)
ORDER BY position, golden_record LIMIT %s
"""
_DROP = "DELETE FROM agenda WHERE system = %s AND golden_record = %s AND revision <= %s"
_DEFER = "UPDATE agenda SET due = %s WHERE system = %s AND golden_record = %s AND revision = %s"
_AWAIT = "UPDATE agenda SET awaited = greatest(awaited, %s) WHERE system = %s AND golden_record = %s"
_BLOCK = "UPDATE agenda SET blocked = true WHERE system = %s AND golden_record = %s AND revision = %s"
_UNBLOCK = "UPDATE agenda SET blocked = false WHERE system = %s AND blocked AND keys && %s::text[]"
_FIRST_OPEN = "SELECT min(position) FROM agenda WHERE system = %s AND due IS NULL"
# What waits for a day waits from its beginning.
_DEPTH = """
SELECT count(*) FILTER (WHERE NOT blocked), count(*) FILTER (WHERE blocked), coalesce(
    extract(epoch FROM clock_timestamp() - min(greatest(since, due AT TIME ZONE 'UTC')) FILTER (WHERE NOT blocked)), 0
)::float8
FROM agenda WHERE system = %s AND (due IS NULL OR due <= %s)
"""
_PURPOSE = "agenda"


@dataclass(frozen=True)
class AgendaEntry:
    """A golden revision to be delivered. `keys` are the system's keys that belong to it, the primary one first."""

    golden_record: str
    record_type: str
    revision: int
    position: int
    keys: tuple[str, ...]
    content: bytes = field(repr=False)
    """The serialised `google.protobuf.Any` of the golden record, sealed in the database; empty = ask the hub."""


class Depth(NamedTuple):
    """How many deliveries wait, for how many seconds the oldest has, how many wait for the hub's consent besides."""

    changes: int
    blocked: int
    age_s: float


class Agenda:
    """The agenda of one system; every method works inside the caller's transaction."""

    def __init__(self, system: str, sealer: Sealer) -> None:
        self.system = system
        self._sealer = sealer

    def put(self, connection: Connection, entries: Iterable[AgendaEntry]) -> None:
        """Add entries; each replaces an older revision of its record and is due at once."""
        with driver(connection).cursor() as cursor:
            cursor.executemany(_PUT, [self._row(entry) for entry in entries])

    def recheck(self, connection: Connection, golden_record: str, record_type: str, revision: int) -> None:
        """Look at a golden record again although it did not change; its content is asked for when it is due."""
        arguments = {"golden_record": golden_record, "record_type": record_type, "revision": revision}
        driver(connection).execute(_RECHECK, {**arguments, "system": self.system})

    def recheck_all(self, connection: Connection, record_types: Sequence[str]) -> None:
        """Look at all golden records of these types again that have, or are to have, a document in the system."""
        collections = [contracts()[each].collection for each in record_types]
        arguments = {"collections": collections, "types": list(record_types), "system": self.system}
        driver(connection).execute(_RECHECK_ALL, arguments)

    def ready(self, connection: Connection, today: date, after: AgendaEntry | None, limit: int) -> list[AgendaEntry]:
        """Return the next entries that can be worked off, by position; those behind `after` where given."""
        behind = (after.position, after.golden_record) if after else (-1, "")
        rows = driver(connection).execute(_READY, (self.system, today, *behind, limit)).fetchall()
        return [self._entry(*row) for row in rows]

    def drop(self, connection: Connection, entry: AgendaEntry) -> None:
        """Take off what is done, unless a newer revision came meanwhile."""
        driver(connection).execute(_DROP, (self.system, entry.golden_record, entry.revision))

    def defer(self, connection: Connection, entry: AgendaEntry, due: date) -> None:
        """Look at the entry again on that day, because something in it comes into effect then."""
        driver(connection).execute(_DEFER, (due, self.system, entry.golden_record, entry.revision))

    def wait_for(self, connection: Connection, entry: AgendaEntry, revision: int) -> None:
        """Leave the record until the feed brings that revision: the hub has made it already."""
        driver(connection).execute(_AWAIT, (revision, self.system, entry.golden_record))

    def block(self, connection: Connection, entry: AgendaEntry) -> None:
        """Leave the entry until the hub accepts the document as it stands in the system."""
        driver(connection).execute(_BLOCK, (self.system, entry.golden_record, entry.revision))

    def unblock(self, connection: Connection, keys: Collection[str]) -> None:
        """Go on with entries that waited for these keys' documents."""
        driver(connection).execute(_UNBLOCK, (self.system, list(keys)))

    def first_open(self, connection: Connection) -> int | None:
        """Return the lowest position that is neither delivered nor found unnecessary; None when all are."""
        row = driver(connection).execute(_FIRST_OPEN, (self.system,)).fetchone()
        return row[0] if row else None

    def depth(self, connection: Connection, today: date) -> Depth:
        """Return how much waits to be delivered today."""
        row = driver(connection).execute(_DEPTH, (self.system, today)).fetchone()
        return Depth(*row) if row else Depth(0, 0, 0.0)

    def _row(self, entry: AgendaEntry) -> tuple[object, ...]:
        key = self._sealer.ring.new_record_key(self._name(entry.golden_record))
        sealed = self._sealer.seal_bytes(key, _PURPOSE, entry.content)
        stated = (entry.golden_record, entry.record_type, entry.revision, entry.position, list(entry.keys))
        return (self.system, *stated, key.stored.wrapped, key.stored.version, sealed)

    def _entry(  # noqa: PLR0913 - the columns of a row
        self,
        golden_record: str,
        record_type: str,
        revision: int,
        position: int,
        keys: list[str],
        wrapped: bytes,
        version: int,
        sealed: bytes | None,
    ) -> AgendaEntry:
        content = b"" if sealed is None else self._open(golden_record, wrapped, version, sealed)
        return AgendaEntry(golden_record, record_type, revision, position, tuple(keys), content)

    def _open(self, golden_record: str, wrapped: bytes, version: int, sealed: bytes) -> bytes:
        key = self._sealer.ring.unwrap(WrappedKey(self._name(golden_record), wrapped, version))
        return self._sealer.unseal_bytes(key, _PURPOSE, sealed)

    def _name(self, golden_record: str) -> str:
        return f"{self.system}/agenda/{golden_record}"
