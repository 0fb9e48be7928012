"""The crosswalk: which source record a system's key has, and which golden record that belongs to."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from services.mesh.postgres.arrays import text_array
from services.mesh.postgres.database import driver

_BY_KEY = """
SELECT c.system, c.key, c.source_record, c.golden, c.live, c.founded, c.origin FROM crosswalk c
JOIN unnest(%s::text[], %s::text[]) AS wanted(system, key) USING (system, key)
"""
_BY_SOURCE = """
SELECT system, key, source_record, golden, live, founded, origin FROM crosswalk WHERE source_record = ANY(%s)
"""
_BY_GOLDEN = """
SELECT system, key, source_record, golden, live, founded, origin FROM crosswalk
WHERE golden = ANY(%s) ORDER BY golden, source_record
"""
_REVISIONS_BY_GOLDEN = """
SELECT c.system, c.key, c.source_record, c.golden, c.live, c.founded, c.origin, r.revision, clock_timestamp()
FROM crosswalk c JOIN records r ON r.record = c.source_record
WHERE c.golden = ANY(%s::text[]) ORDER BY c.golden, c.source_record
"""
_UPSERT = """
INSERT INTO crosswalk (system, key, source_record, golden, live, founded, origin)
SELECT * FROM unnest(
    %s::text[], %s::text[], %s::text[], %s::text[], %s::boolean[], %s::text[], %s::smallint[])
ON CONFLICT (system, key) DO UPDATE
SET golden = excluded.golden, live = excluded.live, founded = excluded.founded, origin = excluded.origin
WHERE (crosswalk.golden, crosswalk.live, crosswalk.founded, crosswalk.origin)
    IS DISTINCT FROM (excluded.golden, excluded.live, excluded.founded, excluded.origin)
"""


@dataclass(frozen=True)
class Crossing:
    """One link: a system's key, its source record, the golden record; `live` unless the system deleted it.

    `founded` is the golden record that was founded for the source record, `origin` who linked it (`LinkOrigin`).
    What was stored before these were kept here has the origin 0: its source revision tells.
    """

    system: str
    key: str
    source_record: str
    golden: str
    live: bool
    founded: str = ""
    origin: int = 0


def by_key(connection: Connection, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Crossing]:
    """Return the crossings of these (system, key) pairs; unknown ones are left out."""
    if not keys:
        return {}
    systems, names = [system for system, _ in keys], [key for _, key in keys]
    rows = driver(connection).execute(_BY_KEY, (text_array(systems), text_array(names)), prepare=True)
    return {(row[0], row[1]): Crossing(*row) for row in rows}


def of_sources(connection: Connection, sources: Collection[str]) -> dict[str, Crossing]:
    """Return the crossings of source records by their names; unknown ones are left out."""
    rows = driver(connection).execute(_BY_SOURCE, (list(sources),), prepare=True)
    return {row[2]: Crossing(*row) for row in rows}


def of_goldens(connection: Connection, goldens: Collection[str]) -> dict[str, list[Crossing]]:
    """Return the crossings of golden records, by golden record, the oldest source record first."""
    found: defaultdict[str, list[Crossing]] = defaultdict(list)
    for row in driver(connection).execute(_BY_GOLDEN, (list(goldens),), prepare=True):
        found[row[3]].append(Crossing(*row))
    return found


def revisions_of_goldens(
    connection: Connection, goldens: Collection[str]
) -> tuple[list[tuple[Crossing, int]], datetime | None]:
    """Return the crossings of golden records with the newest revisions of their source records, in the same order.

    Also what time it is by the database's clock, None when there are none.
    """
    cursor = driver(connection).execute(_REVISIONS_BY_GOLDEN, (text_array(list(goldens)),), prepare=True)
    rows = cursor.fetchall()
    return [(Crossing(*row[:7]), row[7]) for row in rows], rows[-1][8] if rows else None


def put(connection: Connection, crossings: Iterable[Crossing]) -> None:
    """Store crossings, replacing what their keys had."""
    rows = [(c.system, c.key, c.source_record, c.golden, str(c.live), c.founded, str(c.origin)) for c in crossings]
    if rows:
        driver(connection).execute(_UPSERT, tuple(map(text_array, zip(*rows, strict=True))), prepare=True)
