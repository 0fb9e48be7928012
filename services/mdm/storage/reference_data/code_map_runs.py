"""Runs: how far golden records have come behind each changed code map."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from concord.mdm.v1 import reference_data_pb2 as pb
from services.mesh.postgres.database import driver

# What an unfinished run had to look at is looked at again, together with what is new.
_REQUEST = """
INSERT INTO code_map_runs AS run (code_map, target_revision, codes) VALUES (%s, %s, %s::text[])
ON CONFLICT (code_map) DO UPDATE
SET target_revision = excluded.target_revision,
    codes = CASE WHEN run.finished_at IS NOT NULL THEN excluded.codes
        WHEN run.codes IS NOT NULL AND excluded.codes IS NOT NULL THEN run.codes || excluded.codes END,
    begun = false, last_code = '', last = '', total = 0, visited = 0, changed = 0,
    started_at = clock_timestamp(), updated_at = clock_timestamp(), finished_at = NULL
"""
_COLUMNS = """
code_map, target_revision, codes, begun, last_code, last, total, visited, changed, started_at, updated_at, finished_at
"""
_SELECT = f"SELECT {_COLUMNS} FROM code_map_runs"  # noqa: S608 - constants only
_UNFINISHED = f"{_SELECT} WHERE finished_at IS NULL ORDER BY started_at, code_map"
_HOLD = f"{_SELECT} WHERE code_map = %s AND finished_at IS NULL FOR UPDATE"
_LIST = f"""
{_SELECT} WHERE code_map = ANY(%s::text[]) AND (finished_at IS NULL OR NOT %s)
ORDER BY code_map
"""
_BEGIN = "UPDATE code_map_runs SET begun = true, total = %s, updated_at = clock_timestamp() WHERE code_map = %s"
_ADVANCE = """
UPDATE code_map_runs SET last_code = %s, last = %s, visited = visited + %s, changed = changed + %s,
    updated_at = clock_timestamp(), finished_at = CASE WHEN %s THEN clock_timestamp() END
WHERE code_map = %s
"""
_FIRST_RUN = "SELECT finished_at IS NULL AND codes IS NULL FROM code_map_runs WHERE code_map = %s"


@dataclass(frozen=True)
class Run:
    """One run. Of a new or a retired map (`codes` None) it looks at every source record of the system, else by code."""

    code_map: str
    target_revision: int
    codes: Sequence[str] | None
    begun: bool
    last_code: str
    last: str
    total: int
    visited: int
    changed: int
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @property
    def identity(self) -> tuple[str, int, datetime]:
        """What tells it from earlier runs of the same map."""
        return self.code_map, self.target_revision, self.started_at


def changed_codes(before: pb.CodeMap | None, after: pb.CodeMap | None) -> list[str] | None:
    """Return the source codes that lead elsewhere; None = there was no map, or there is none: all codes do."""
    if before is None or after is None:
        return None
    was, becomes = ({entry.source_code: entry.canonical_code for entry in one.entries} for one in (before, after))
    return sorted(code for code in was.keys() | becomes.keys() if was.get(code) != becomes.get(code))


def request(connection: Connection, code_map: str, revision: int, codes: Sequence[str] | None) -> None:
    """Let a run bring golden records to a new revision of a map, in the transaction that makes it.

    `codes` are those that lead elsewhere, None = all that the system says.
    """
    driver(connection).execute(_REQUEST, (code_map, revision, None if codes is None else list(codes)))


def unfinished(connection: Connection) -> list[Run]:
    """Return the runs that are not through, the oldest first."""
    return [Run(*row) for row in driver(connection).execute(_UNFINISHED, prepare=True)]


def hold(connection: Connection, code_map: str) -> Run | None:
    """Return a map's run and keep it until the transaction ends; None = it is through."""
    row = driver(connection).execute(_HOLD, (code_map,), prepare=True).fetchone()
    return Run(*row) if row else None


def of_maps(connection: Connection, code_maps: Sequence[str], *, unfinished_only: bool) -> list[Run]:
    """Return the runs of these maps, by map."""
    return [Run(*row) for row in driver(connection).execute(_LIST, (list(code_maps), unfinished_only))]


def begin(connection: Connection, run: Run, total: int) -> None:
    """Note that a run begins, and how many records it has to look at."""
    driver(connection).execute(_BEGIN, (total, run.code_map))


def advance(  # noqa: PLR0913 - how far a run is has many parts
    connection: Connection, run: Run, *, last: tuple[str, str], visited: int, changed: int, finished: bool
) -> None:
    """Note how far a run has come."""
    driver(connection).execute(_ADVANCE, (*last, visited, changed, finished, run.code_map), prepare=True)


def is_first_under_way(connection: Connection, code_map: str) -> bool:
    """Tell whether a map's first run, after which all codes in use are known, is not through."""
    row = driver(connection).execute(_FIRST_RUN, (code_map,)).fetchone()
    return row is None or bool(row[0])
