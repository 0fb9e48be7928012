"""What matching works on, as tables: profiles under their block keys, and scored pairs of source records."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from services.mdm.domain.matching.clustering import Edge
from services.mdm.domain.matching.profile import Profile
from services.mesh.arrays import number_array, text_array
from services.mesh.database import driver

MOST_CANDIDATES = 60
"""So many records at most are compared with one: those that share the most keys."""

_READ = """
SELECT source_record, profile, model_revision FROM match_nodes WHERE source_record = ANY(%s::text[])
"""
_CANDIDATES = """
SELECT a.place, n.source_record, n.profile FROM (
    SELECT place, node, row_number() OVER (PARTITION BY place ORDER BY count(*) DESC, node) AS rank
    FROM unnest(%s::bigint[], %s::bigint[]) AS asked(place, key) JOIN match_blocks USING (key)
    GROUP BY place, node
) AS a JOIN match_nodes n USING (node)
WHERE a.rank <= %s AND n.record_type = %s ORDER BY a.place, a.rank
"""
_CANDIDATES_OF_ONE = """
SELECT n.source_record, n.profile FROM (
    SELECT node, count(*) AS shared FROM match_blocks WHERE key = ANY(%s::bigint[])
    GROUP BY node ORDER BY shared DESC, node LIMIT %s
) AS a JOIN match_nodes n USING (node) WHERE n.record_type = %s ORDER BY a.shared DESC, node
"""
_PUT_NODES = """
INSERT INTO match_nodes (source_record, record_type, model_revision, profile, keys)
SELECT source_record, %s, %s, profile, '{}' FROM unnest(%s::text[], %s::bytea[]) AS new(source_record, profile)
ON CONFLICT (source_record) DO UPDATE SET profile = excluded.profile, model_revision = excluded.model_revision
"""
_PUT_BLOCKS = """
WITH new AS (
    SELECT n.node, array_agg(k.key ORDER BY k.key) AS keys
    FROM unnest(%s::text[], %s::bigint[]) AS k(source_record, key) JOIN match_nodes n USING (source_record)
    GROUP BY n.node
), gone AS (
    DELETE FROM match_blocks b USING match_nodes n
    WHERE n.source_record = ANY(%s::text[]) AND b.node = n.node AND b.key = ANY(n.keys)
        AND NOT EXISTS (SELECT FROM new WHERE new.node = n.node AND b.key = ANY(new.keys))
), kept AS (
    UPDATE match_nodes n SET keys = coalesce((SELECT new.keys FROM new WHERE new.node = n.node), '{}')
    WHERE n.source_record = ANY(%s::text[])
)
INSERT INTO match_blocks (key, node) SELECT unnest(keys), node FROM new ON CONFLICT DO NOTHING
"""
_EDGES = """
SELECT low, high, millibits, forbidden FROM match_edges WHERE low = ANY(%s::text[])
UNION SELECT low, high, millibits, forbidden FROM match_edges WHERE high = ANY(%s::text[])
"""
_FORGET_EDGES = "DELETE FROM match_edges WHERE low = ANY(%s::text[]) OR high = ANY(%s::text[])"
_PUT_EDGES = """
INSERT INTO match_edges (low, high, millibits, forbidden)
SELECT * FROM unnest(%s::text[], %s::text[], %s::integer[], %s::text[])
"""
_COUNT_BEHIND = """
SELECT count(*) FROM crosswalk c LEFT JOIN match_nodes n USING (source_record) JOIN records r ON r.record = c.golden
WHERE r.record_type = %s AND c.live AND coalesce(n.model_revision, 0) < %s
"""
_BEHIND = """
SELECT c.source_record FROM crosswalk c LEFT JOIN match_nodes n USING (source_record)
JOIN records r ON r.record = c.golden
WHERE r.record_type = %s AND c.live AND coalesce(n.model_revision, 0) < %s ORDER BY c.source_record LIMIT %s
"""


class Stored(NamedTuple):
    """A profile as it is kept, None for a source record without a voice; and the model revision it is indexed by."""

    profile: Profile | None
    model_revision: int


class Candidate(NamedTuple):
    """A source record that shares keys with another one."""

    source_record: str
    profile: Profile


def read(connection: Connection, sources: Collection[str]) -> dict[str, Stored]:
    """Return what is kept of source records; those that were never indexed are left out."""
    rows = driver(connection).execute(_READ, (text_array(list(sources)),), prepare=True)
    return {row[0]: Stored(Profile.from_bytes(bytes(row[1])) if row[1] else None, row[2]) for row in rows}


def candidates(connection: Connection, record_type: str, keys: Sequence[Collection[int]]) -> list[list[Candidate]]:
    """Return for each set of keys the source records that share some, those that share most first."""
    if len(keys) == 1:
        return [_candidates_of_one(connection, record_type, keys[0])]
    found: list[list[Candidate]] = [[] for _ in keys]
    asked = [(place, key) for place, each in enumerate(keys) for key in each]
    if asked:
        places, wanted = zip(*asked, strict=True)
        parameters = (number_array(places), number_array(wanted), MOST_CANDIDATES, record_type)
        for place, source, profile in driver(connection).execute(_CANDIDATES, parameters, prepare=True):
            found[place].append(Candidate(source, Profile.from_bytes(bytes(profile))))
    return found


def _candidates_of_one(connection: Connection, record_type: str, keys: Collection[int]) -> list[Candidate]:
    """Return the same for one set of keys: an index is read for the whole of it, which costs half."""
    parameters = (number_array(list(keys)), MOST_CANDIDATES, record_type)
    rows = driver(connection).execute(_CANDIDATES_OF_ONE, parameters, prepare=True, binary=True)
    return [Candidate(source, Profile.from_bytes(profile)) for source, profile in rows]


def put(
    connection: Connection,
    record_type: str,
    model_revision: int,
    profiles: Mapping[str, tuple[Profile | None, Collection[int]]],
) -> None:
    """Keep profiles under their keys, each in place of what was kept of its source record; None = without a voice."""
    if not profiles:
        return
    raw, names = driver(connection), text_array(list(profiles))
    stored = [profile.to_bytes() if profile else b"" for profile, _ in profiles.values()]
    raw.execute(_PUT_NODES, (record_type, model_revision, names, stored), prepare=True)
    pairs = [(name, key) for name, (_, keys) in profiles.items() for key in keys]
    columns = (text_array([name for name, _ in pairs]), number_array([key for _, key in pairs]))
    raw.execute(_PUT_BLOCKS, (*columns, names, names), prepare=True)


def edges(connection: Connection, sources: Collection[str]) -> set[Edge]:
    """Return the scored pairs that any of the source records is in."""
    names = text_array(list(sources))
    return {Edge(*row) for row in driver(connection).execute(_EDGES, (names, names), prepare=True)}


def replace_edges(connection: Connection, sources: Collection[str], new: Iterable[Edge]) -> None:
    """Forget every scored pair of the source records, then keep `new`."""
    names = text_array(list(sources))
    driver(connection).execute(_FORGET_EDGES, (names, names), prepare=True)
    rows = sorted(new)
    if rows:
        lows, highs, millibits, forbidden = zip(*rows, strict=True)
        columns = (text_array(lows), text_array(highs), number_array(millibits), text_array(forbidden))
        driver(connection).execute(_PUT_EDGES, columns, prepare=True)


def behind(connection: Connection, record_type: str, model_revision: int, limit: int) -> list[str]:
    """Return living source records of a type that are not indexed by a revision of its model, by name."""
    rows = driver(connection).execute(_BEHIND, (record_type, model_revision, limit), prepare=True)
    return [name for (name,) in rows]


def count_behind(connection: Connection, record_type: str, model_revision: int) -> int:
    """Count the living source records of a type that are not indexed by a revision of its model."""
    row = driver(connection).execute(_COUNT_BEHIND, (record_type, model_revision)).fetchone()
    return row[0] if row else 0
