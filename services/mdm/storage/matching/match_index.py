"""What matching works on, as tables: profiles under their block keys, and scored pairs of source records."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Connection

from services.mdm.domain.matching.grouping.clustering import Edge
from services.mdm.domain.matching.learning.training import MOST_HOLDERS
from services.mdm.domain.matching.standardising.code_token import token_of_all
from services.mdm.domain.matching.standardising.profile import Profile
from services.mesh.postgres.arrays import number_array, text_array
from services.mesh.postgres.database import driver
from services.mesh.postgres.look_up import LookUp
from services.mesh.records.sealing import token_version

MOST_SHOWN = 60
"""So many records at most are compared with what somebody looks for: those that share the most keys."""

_READ = """
SELECT source_record, profile, model_revision, token_version FROM match_nodes WHERE source_record = ANY(%s::text[])
"""
# A key is read no further than it takes to see that too many hold it. Types may share a key, and seldom do.
_HOLDERS = """
SELECT node FROM match_blocks b JOIN match_nodes n USING (node)
WHERE b.key = asked.key AND n.record_type = {record_type} LIMIT {limit}
"""
_LOOK_CANDIDATES_UP = LookUp(
    "candidates",
    f"""
SELECT n.source_record, n.profile, found.place FROM (
    SELECT DISTINCT place, unnest(nodes) AS node FROM unnest($1::bigint[], $2::bigint[]) AS asked(place, key)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN count(*) < $4::bigint THEN array_agg(node) ELSE (
            SELECT array_agg(node) FROM ({_HOLDERS.format(record_type="$3", limit="$4::bigint")}) AS holder
            HAVING count(*) < $4::bigint
        ) END AS nodes
        FROM (SELECT node FROM match_blocks WHERE key = asked.key LIMIT $4::bigint) AS of_any_type
    ) AS held
) AS found JOIN match_nodes n USING (node) WHERE n.record_type = $3
""",  # noqa: S608 - constants only
)
_COUNT_HOLDERS = f"""
SELECT key, holders FROM unnest(%(keys)s::bigint[]) AS asked(key)
CROSS JOIN LATERAL (
    SELECT count(*) AS holders FROM ({_HOLDERS.format(record_type="%(type)s", limit="%(limit)s")}) AS holder
) AS counted
"""  # noqa: S608 - constants only
_HOLDING = """
SELECT n.source_record FROM match_blocks b JOIN match_nodes n USING (node)
WHERE b.key = ANY(%s::bigint[]) AND n.record_type = %s
"""
_KEYS = "SELECT source_record, keys FROM match_nodes WHERE source_record = ANY(%s::text[])"
_LOOK_CLOSEST_UP = LookUp(
    "closest",
    f"""
SELECT n.source_record, n.profile FROM (
    SELECT node, count(*) AS shared FROM match_blocks WHERE key = ANY($1::bigint[]) GROUP BY node
) AS a JOIN match_nodes n USING (node)
WHERE n.record_type = $2 ORDER BY a.shared DESC, n.profile, n.source_record LIMIT {MOST_SHOWN}
""",  # noqa: S608 - constants only
)
# Most records come for the first time: their keys go in at once, in the index's order.
_PUT_NEW = """
WITH node AS (
    INSERT INTO match_nodes (source_record, record_type, model_revision, profile, token_version, keys)
    SELECT source_record, %s, %s, profile, token_version, keys::bigint[]
    FROM unnest(%s::text[], %b::bytea[], %s::bigint[], %s::text[]) AS new(source_record, profile, token_version, keys)
    ON CONFLICT (source_record) DO NOTHING RETURNING node, source_record, keys
), block AS (
    INSERT INTO match_blocks (key, node) SELECT key, node FROM node CROSS JOIN unnest(keys) AS key ORDER BY key
)
SELECT source_record FROM node
"""
_PUT_NODES = """
INSERT INTO match_nodes (source_record, record_type, model_revision, profile, token_version, keys)
SELECT source_record, %s, %s, profile, token_version, '{}'
FROM unnest(%s::text[], %s::bytea[], %s::bigint[]) AS new(source_record, profile, token_version)
ON CONFLICT (source_record) DO UPDATE SET profile = excluded.profile, model_revision = excluded.model_revision,
    token_version = excluded.token_version
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
# Without a version it was indexed before versions were kept; with 0 it holds no token.
_BEHIND_ALL = """
FROM crosswalk c LEFT JOIN match_nodes n USING (source_record) JOIN records r ON r.record = c.golden
WHERE r.record_type = %s AND c.live
AND (coalesce(n.model_revision, 0) < %s OR coalesce(n.token_version, -1) NOT IN (0, %s))
"""
_COUNT_BEHIND = f"SELECT count(*) {_BEHIND_ALL}"
_BEHIND = f"SELECT c.source_record {_BEHIND_ALL} AND c.source_record <> ALL(%s) ORDER BY c.source_record LIMIT %s"

Profiles = Mapping[str, tuple[Profile | None, Collection[int]]]
"""By source record its profile, None = it has no voice, and its keys, each once."""


class Stored(NamedTuple):
    """A profile as it is kept, None for a source record without a voice; and the model revision it is indexed by.

    `token_version` is that of the key which its RESTRICTED values are tokens under, 0 = it has none, None = not known.
    """

    profile: Profile | None
    model_revision: int
    token_version: int | None


class Candidate(NamedTuple):
    """A source record that shares keys with another one."""

    source_record: str
    stored: bytes
    """Its profile, as it is kept."""
    place: int = 0
    """The place of the set of keys that it was asked for by."""

    @property
    def profile(self) -> Profile:
        """What of it counts for matching."""
        return Profile.from_bytes(self.stored)


def read(connection: Connection, sources: Collection[str]) -> dict[str, Stored]:
    """Return what is kept of source records; those that were never indexed are left out."""
    rows = driver(connection).execute(_READ, (text_array(list(sources)),), prepare=True)
    return {row[0]: Stored(Profile.from_bytes(bytes(row[1])) if row[1] else None, *row[2:]) for row in rows}


def candidates(connection: Connection, record_type: str, keys: Sequence[Collection[int]]) -> list[list[Candidate]]:
    """Return for each set of keys the source records of a type that share one which at most `MOST_HOLDERS` hold.

    Who is indexed decides it and nothing else: neither what came first nor who is asked for.
    """
    found: list[list[Candidate]] = [[] for _ in keys]
    asked = [(place, key) for place, each in enumerate(keys) for key in each]
    if asked:
        places, wanted = zip(*asked, strict=True)
        columns = (number_array(places), number_array(wanted))
        rows = _LOOK_CANDIDATES_UP.rows(connection, *columns, record_type, str(MOST_HOLDERS + 1))
        for candidate in map(Candidate._make, rows):
            found[candidate.place].append(candidate)
    return found


def closest(connection: Connection, record_type: str, keys: Collection[int]) -> list[Candidate]:
    """Return the source records of a type that share the most keys, `MOST_SHOWN` at most, those that share most first.

    Of those that share as many what they say decides, not what came first.
    """
    rows = _LOOK_CLOSEST_UP.rows(connection, number_array(list(keys)), record_type)
    return [Candidate(*row) for row in rows]


def count_holders(connection: Connection, record_type: str, keys: Collection[int], most: int) -> dict[int, int]:
    """Return how many source records of a type hold each key, counted up to `most`."""
    if not keys:
        return {}
    parameters = {"keys": number_array(list(keys)), "type": record_type, "limit": most}
    return dict(driver(connection).execute(_COUNT_HOLDERS, parameters, prepare=True).fetchall())


def holding(connection: Connection, record_type: str, keys: Collection[int]) -> set[str]:
    """Return the source records of a type that hold any of the keys."""
    rows = driver(connection).execute(_HOLDING, (number_array(list(keys)), record_type), prepare=True)
    return {name for (name,) in rows}


def keys_of(connection: Connection, sources: Collection[str]) -> dict[str, frozenset[int]]:
    """Return the keys that source records are indexed under; those that were never indexed are left out."""
    rows = driver(connection).execute(_KEYS, (text_array(list(sources)),), prepare=True, binary=True)
    return {name: frozenset(keys) for name, keys in rows}


def put(connection: Connection, record_type: str, model_revision: int, profiles: Profiles) -> None:
    """Keep profiles under their keys, each in place of what was kept of its source record."""
    if not profiles:
        return
    raw = driver(connection)
    keys = text_array([number_array(list(keys)) for _, keys in profiles.values()])
    new = raw.execute(_PUT_NEW, (record_type, model_revision, *_columns(profiles), keys), prepare=True)
    known = profiles.keys() - {name for (name,) in new}
    if known:
        _replace(raw, record_type, model_revision, {name: profiles[name] for name in sorted(known)})


def _columns(profiles: Profiles) -> tuple[str, list[bytes], str]:
    """Return names, profiles and the versions of their tokens, as arrays."""
    stored = [profile.to_bytes() if profile else b"" for profile, _ in profiles.values()]
    versions = [_token_version(profile) if profile else 0 for profile, _ in profiles.values()]
    return text_array(list(profiles)), stored, number_array(versions)


def _replace(
    raw: psycopg.Connection[tuple[Any, ...]], record_type: str, model_revision: int, profiles: Profiles
) -> None:
    names, stored, versions = _columns(profiles)
    raw.execute(_PUT_NODES, (record_type, model_revision, names, stored, versions), prepare=True)
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


def behind(  # noqa: PLR0913 - what they are behind of, and how many are asked for
    connection: Connection,
    record_type: str,
    model_revision: int,
    key_version: int,
    limit: int,
    without: Collection[str] = (),
) -> list[str]:
    """Return living source records of a type that are not indexed by a revision of its model, by name.

    Nor are those whose RESTRICTED values are tokens under another version of the key: they equal nothing any more.
    """
    asked = (record_type, model_revision, key_version, list(without), limit)
    return [name for (name,) in driver(connection).execute(_BEHIND.encode(), asked, prepare=True)]


def count_behind(connection: Connection, record_type: str, model_revision: int, key_version: int) -> int:
    """Count what `behind` returns without a limit, whoever is left out."""
    row = driver(connection).execute(_COUNT_BEHIND.encode(), (record_type, model_revision, key_version)).fetchone()
    return row[0] if row else 0


def _token_version(profile: Profile) -> int:
    return max((token_version(token_of_all(value)) for values in profile.values for value in values), default=0)
