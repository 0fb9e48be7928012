"""Which codes mapped systems say, source record by source record: the unmapped ones wait here for stewards."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from services.mdm.domain.codes.coding import Translation
from services.mesh.postgres.arrays import text_array
from services.mesh.postgres.database import driver

# NOT IN, for once: its answers are hashed, where joins of writing connections are nested loops.
_FORGET = """
DELETE FROM coded_values WHERE source_record = ANY(%s::text[])
AND (source_record, code_list, code) NOT IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))
"""
_PUT = """
INSERT INTO coded_values AS c (source_record, code_list, code, system, golden, canonical, applied, since)
SELECT *, clock_timestamp() FROM unnest(
    %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::boolean[])
ON CONFLICT (source_record, code_list, code) DO UPDATE
SET golden = excluded.golden, canonical = excluded.canonical, applied = excluded.applied,
    since = CASE WHEN c.applied = excluded.applied THEN c.since ELSE excluded.since END
WHERE (c.golden, c.canonical, c.applied) IS DISTINCT FROM (excluded.golden, excluded.canonical, excluded.applied)
"""
_AMONG = """
FROM coded_values
WHERE system = %(system)s AND code_list = %(list)s AND (code = ANY(%(codes)s::text[])) <> %(excluded)s
"""
_USED = f"SELECT code, count(DISTINCT golden), min(golden) {_AMONG} GROUP BY code"
_TOUCHED = f"SELECT count(DISTINCT golden) {_AMONG}"
_PINNED = f"""
SELECT DISTINCT golden {_AMONG} AND golden IN (
    SELECT value FROM record_index WHERE record_type = 'pin' AND path = 'golden_record' AND to_revision IS NULL)
ORDER BY golden
"""  # noqa: S608 - constants only
_FORGET_ALL = "DELETE FROM coded_values WHERE system = %s AND code_list = %s"
_UNMAPPED = """
SELECT system, code_list, code, count(*) AS said, min(since), min(golden),
    (array_agg(source_record ORDER BY golden, source_record))[1], max(canonical)
FROM coded_values WHERE NOT applied AND system = ANY(%(systems)s::text[])
AND (%(code_list)s = '' OR code_list = %(code_list)s)
GROUP BY system, code_list, code
"""
_PAGE = f"""
SELECT * FROM ({_UNMAPPED}) AS unmapped
WHERE %(said)s::bigint IS NULL OR (-said, system, code_list, code) > (-%(said)s::bigint, %(system)s, %(list)s, %(code)s)
ORDER BY said DESC, system, code_list, code LIMIT %(limit)s
"""  # noqa: S608 - constants only
_COUNT = f"SELECT count(*) FROM ({_UNMAPPED}) AS unmapped"  # noqa: S608 - constants only


@dataclass(frozen=True)
class Said:
    """The sources of a golden record, by their systems, with what became of their codes."""

    golden: str
    systems: Mapping[str, str]
    translations: Sequence[Translation]


@dataclass(frozen=True)
class Unmapped:
    """A code that a system says and whose map leads nowhere, or not there."""

    system: str
    code_list: str
    code: str
    source_records: int
    since: datetime
    golden: str
    source_record: str
    canonical: str

    @property
    def sort_key(self) -> tuple[str, str, str, str]:
        """Where it stands in the list."""
        return str(self.source_records), self.system, self.code_list, self.code


class Among(NamedTuple):
    """Some of a system's codes for a list: these, or with `excluded` all but these."""

    system: str
    code_list: str
    codes: Collection[str]
    excluded: bool = False

    @property
    def parameters(self) -> dict[str, object]:
        """The statements' parameters."""
        asked = {"system": self.system, "list": self.code_list, "codes": list(self.codes)}
        return {**asked, "excluded": self.excluded}


@dataclass(frozen=True)
class Use:
    """In how many golden records a code is used, and one of them."""

    records: int
    example: str


def put(connection: Connection, said: Iterable[Said]) -> None:
    """Bring up to date what sources of golden records say."""
    sources: list[str] = []
    rows: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for one in said:
        sources += one.systems
        for each in one.translations:
            key = (each.source_record, each.code_list, each.code)
            # Where a code is put in one place and not in another, somebody has to look.
            applied = each.applied and rows.get(key, (*key, "", "", "", "true"))[-1] == "true"
            rows[key] = (*key, one.systems[each.source_record], one.golden, each.canonical, str(applied).lower())
    columns = [text_array(column) for column in zip(*rows.values(), strict=True)] if rows else [text_array([])] * 7
    if sources:
        driver(connection).execute(_FORGET, (text_array(sources), *columns[:3]), prepare=True)
    if rows:
        driver(connection).execute(_PUT, columns, prepare=True)


def forget(connection: Connection, system: str, code_list: str) -> None:
    """Forget what a system says for a list that it has no map for any more."""
    driver(connection).execute(_FORGET_ALL, (system, code_list))


def used(connection: Connection, among: Among) -> dict[str, Use]:
    """Return the use of each of these codes."""
    rows = driver(connection).execute(_USED.encode(), among.parameters)
    return {code: Use(records, example) for code, records, example in rows}


def touched(connection: Connection, among: Among) -> int:
    """Count the golden records in which any of these codes is used."""
    row = driver(connection).execute(_TOUCHED.encode(), among.parameters).fetchone()
    return int(row[0]) if row else 0


def pinned(connection: Connection, among: Among) -> list[str]:
    """Return the golden records in which any of these codes is used and that have or had a pin."""
    return [golden for (golden,) in driver(connection).execute(_PINNED.encode(), among.parameters)]


def unmapped(
    connection: Connection, systems: Sequence[str], code_list: str, after: tuple[str, ...] | None, limit: int
) -> list[Unmapped]:
    """Return the unmapped codes of systems, the most frequent first, those behind `after`."""
    said, system, within, code = after or (None, "", "", "")
    arguments = {
        "systems": list(systems),
        "code_list": code_list,
        "said": said,
        "system": system,
        "list": within,
        "code": code,
        "limit": limit,
    }
    return [Unmapped(*row) for row in driver(connection).execute(_PAGE, arguments)]


def count_unmapped(connection: Connection, systems: Sequence[str], code_list: str) -> int:
    """Count the unmapped codes of systems."""
    row = driver(connection).execute(_COUNT, {"systems": list(systems), "code_list": code_list}).fetchone()
    return int(row[0]) if row else 0
