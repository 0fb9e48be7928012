"""The stewards' queue: pairs of source records that matching will not decide alone."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from services.mdm.domain.decided_pair import Pair
from services.mesh.postgres.arrays import number_array, text_array
from services.mesh.postgres.database import driver

_FORGET = """
DELETE FROM match_candidates WHERE (low = ANY(%s::text[]) OR high = ANY(%s::text[])) AND id <> ALL(%s::text[])
"""
_PUT = """
INSERT INTO match_candidates (low, high, id, record_type, millibits, doubt, priority)
SELECT low, high, id, %s, millibits, doubt, priority
FROM unnest(%s::text[], %s::text[], %s::text[], %s::integer[], %s::text[], %s::smallint[])
    AS new(low, high, id, millibits, doubt, priority)
ON CONFLICT (low, high) DO UPDATE
SET millibits = excluded.millibits, doubt = excluded.doubt, priority = excluded.priority
"""
_SETTLE = """
DELETE FROM match_candidates m USING crosswalk a, crosswalk b
WHERE (m.low = ANY(%s::text[]) OR m.high = ANY(%s::text[]))
AND a.source_record = m.low AND b.source_record = m.high AND a.golden = b.golden
"""
# What was merged, deleted or taken away meanwhile waits for nobody: a candidate is as good as its two golden records.
_OPEN = """
FROM match_candidates m
JOIN crosswalk a ON a.source_record = m.low AND a.live JOIN crosswalk b ON b.source_record = m.high AND b.live
JOIN records g ON g.record = a.golden AND g.state = 1 JOIN records h ON h.record = b.golden AND h.state = 1
WHERE a.golden <> b.golden
AND (%(scope)s::text[] IS NULL OR (g.entities && %(scope)s AND h.entities && %(scope)s))
AND (%(type)s = '' OR m.record_type = %(type)s)
AND (%(claimant)s = '' OR (m.claimant = %(claimant)s AND m.claimed_until > clock_timestamp()))
AND (NOT %(unclaimed)s OR m.claimed_until IS NULL OR m.claimed_until <= clock_timestamp())
AND (%(id)s = '' OR m.id = %(id)s)
"""
_COLUMNS = """
m.id, m.low, m.high, a.golden, b.golden, m.record_type, m.millibits, m.doubt, m.priority, m.since,
CASE WHEN m.claimed_until > clock_timestamp() THEN m.claimant ELSE '' END,
CASE WHEN m.claimed_until > clock_timestamp() THEN m.claimed_until END
"""
_PAGE = f"""
SELECT {_COLUMNS} {_OPEN}
AND (m.priority, -m.millibits, m.id) > (%(priority)s, %(millibits)s, %(after)s)
ORDER BY m.priority, m.millibits DESC, m.id LIMIT %(limit)s
"""
_COUNT = f"SELECT count(*) {_OPEN}"
_DEPTHS = f"""
SELECT m.record_type, count(*), extract(epoch FROM clock_timestamp() - min(m.since))::float8 {_OPEN} GROUP BY 1
"""  # noqa: S608 - constants of ours
_ONE = f"SELECT {_COLUMNS} {_OPEN}"
_CLAIM = """
UPDATE match_candidates SET claimant = %s, claimed_until = clock_timestamp() + make_interval(secs => %s)
WHERE id = %s AND (claimant = %s OR claimed_until IS NULL OR claimed_until <= clock_timestamp())
"""
_RELEASE = "UPDATE match_candidates SET claimant = '', claimed_until = NULL WHERE id = %s"
_WAITING = """
SELECT low FROM match_candidates WHERE low = ANY(%s::text[])
UNION SELECT high FROM match_candidates WHERE high = ANY(%s::text[])
"""
_DROP = "DELETE FROM match_candidates WHERE low = %s AND high = %s"

BEFORE_ALL = ("0", "0", "")
"""Where the first page begins."""


class Waiting(NamedTuple):
    """A pair that waits for a steward; priority 1 comes first."""

    pair: Pair
    millibits: int
    doubt: str
    priority: int


class Candidate(NamedTuple):
    """A waiting pair as stewards see it: with the golden records it belongs to now, and who is at work on it."""

    id: str
    low: str
    high: str
    golden: str
    other_golden: str
    record_type: str
    millibits: int
    doubt: str
    priority: int
    since: datetime
    claimant: str
    claimed_until: datetime | None

    @property
    def sort_key(self) -> tuple[str, str, str]:
        """What a page continues behind."""
        return (str(self.priority), str(-self.millibits), self.id)


@dataclass(frozen=True)
class Question:
    """Which candidates are asked for; `scope` are the caller's entities, None = all; empty texts ask for all."""

    scope: frozenset[str] | None
    record_type: str = ""
    claimant: str = ""
    unclaimed: bool = False
    id: str = ""

    @property
    def parameters(self) -> dict[str, Any]:
        """The statement's parameters."""
        return {
            "scope": None if self.scope is None else sorted(self.scope),
            "type": self.record_type,
            "claimant": self.claimant,
            "unclaimed": self.unclaimed,
            "id": self.id,
        }


def id_of(pair: Pair) -> str:
    """Return the id of a pair's place in the queue: that of a decision on it."""
    return pair.decision.rpartition("/")[2]


def replace(connection: Connection, record_type: str, sources: Collection[str], waiting: Sequence[Waiting]) -> None:
    """Let nothing wait of these source records but `waiting`; what waited already keeps its age and who claimed it."""
    names, ids = text_array(list(sources)), [id_of(one.pair) for one in waiting]
    raw = driver(connection)
    raw.execute(_FORGET, (names, names, text_array(ids)), prepare=True)
    add(connection, record_type, waiting)


def add(connection: Connection, record_type: str, waiting: Sequence[Waiting]) -> None:
    """Let pairs wait."""
    if not waiting:
        return
    lows, highs = ([one.pair.low for one in waiting], [one.pair.high for one in waiting])
    columns = (
        text_array(lows),
        text_array(highs),
        text_array([id_of(one.pair) for one in waiting]),
        number_array([one.millibits for one in waiting]),
        text_array([one.doubt for one in waiting]),
        number_array([one.priority for one in waiting]),
    )
    driver(connection).execute(_PUT, (record_type, *columns), prepare=True)


def waiting(connection: Connection, sources: Collection[str]) -> frozenset[str]:
    """Return those of source records that wait in a pair."""
    if not sources:
        return frozenset()
    names = text_array(list(sources))
    return frozenset(name for (name,) in driver(connection).execute(_WAITING, (names, names), prepare=True))


def settle(connection: Connection, sources: Collection[str]) -> None:
    """Forget what waits between source records of one golden record."""
    names = text_array(list(sources))
    driver(connection).execute(_SETTLE, (names, names), prepare=True)


def drop(connection: Connection, pair: Pair) -> None:
    """Forget a pair: it was decided."""
    driver(connection).execute(_DROP, tuple(pair), prepare=True)


def page(connection: Connection, question: Question, after: tuple[str, str, str], limit: int) -> list[Candidate]:
    """Return what waits behind `after`, the most urgent first."""
    priority, millibits, last = after
    behind = {"priority": int(priority), "millibits": int(millibits), "after": last, "limit": limit}
    if after == BEFORE_ALL:
        behind["millibits"] = -(2**31)
    return [Candidate(*row) for row in driver(connection).execute(_PAGE, question.parameters | behind)]


def count(connection: Connection, question: Question) -> int:
    """Count what waits."""
    row = driver(connection).execute(_COUNT, question.parameters).fetchone()
    return row[0] if row else 0


def depths(connection: Connection) -> dict[str, tuple[int, float]]:
    """Return how many pairs wait, and for how many seconds the oldest has, by record type; none where none waits."""
    rows = driver(connection).execute(_DEPTHS, Question(None).parameters)
    return {record_type: (count, age_s) for record_type, count, age_s in rows}


def find(connection: Connection, question: Question) -> Candidate | None:
    """Return the one candidate that is asked for; None when it waits no more, or is out of scope."""
    row = driver(connection).execute(_ONE, question.parameters).fetchone()
    return Candidate(*row) if row else None


def claim(connection: Connection, candidate: str, claimant: str, seconds: int) -> bool:
    """Give a candidate to somebody for a time; False when somebody else has it."""
    return driver(connection).execute(_CLAIM, (claimant, seconds, candidate, claimant)).rowcount == 1


def release(connection: Connection, candidate: str) -> None:
    """Give a candidate back to everybody."""
    driver(connection).execute(_RELEASE, (candidate,))
