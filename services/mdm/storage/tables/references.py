"""References between golden records as of now: kept with every golden revision, and those that do not hold.

Writers of a record hold its key for themselves, writers of references to it hold the key together: a closing and an
assignment to what is closed never pass each other unseen.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mdm.domain.effective import Period
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.references import Span, identity_key, presence, reference_spans, uncovered
from services.mdm.storage.tables.match_keys import lock_number
from services.mesh.errors import ConcordError, FieldViolation, Precondition
from services.mesh.postgres.database import driver

T = TypeVar("T")

_LOCK = """
SELECT CASE WHEN alone THEN pg_advisory_xact_lock(lock) ELSE pg_advisory_xact_lock_shared(lock) END
FROM (SELECT lock, bool_or(alone) AS alone FROM unnest(%s::bigint[], %s::boolean[]) AS wanted(lock, alone)
      GROUP BY lock ORDER BY lock) AS locks
"""
_KEPT = "SELECT record FROM presences WHERE record = ANY(%s)"
_FORGET_SPANS = "DELETE FROM reference_spans WHERE record = ANY(%s)"
_FORGET_PRESENCES = "DELETE FROM presences WHERE record = ANY(%s)"
_ADD_SPANS = """
INSERT INTO reference_spans (record_type, record, path, target_type, target_key, start_date, end_date)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::date[], %s::date[])
"""
_ADD_PRESENCES = """
INSERT INTO presences (record_type, key, record, start_date, end_date)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::date[], %s::date[])
"""
_BROKEN = """
FROM (
    SELECT *, CASE WHEN start_date IS NOT NULL THEN greatest(start_date, %(day)s::date) END AS since
    FROM reference_spans WHERE %(day)s::date IS NULL OR end_date IS NULL OR end_date > %(day)s::date
) AS r
WHERE (%(record_type)s = '' OR r.record_type = %(record_type)s)
AND (%(target_type)s = '' OR r.target_type = %(target_type)s)
AND (%(scope)s::text[] IS NULL
    OR EXISTS (SELECT FROM records WHERE records.record = r.record AND records.entities && %(scope)s::text[]))
AND (%(records)s::text[] IS NULL OR r.record = ANY(%(records)s)
    OR (r.target_type = %(own_type)s AND r.target_key = ANY(%(own_keys)s)))
AND NOT EXISTS (
    SELECT FROM presences p WHERE p.record_type = r.target_type AND p.key = r.target_key
    AND (r.since IS NULL OR p.start_date IS NULL OR p.start_date <= r.since)
    AND (p.end_date IS NULL OR r.end_date <= p.end_date)
)
"""
_ORDER = "(r.record, r.path, r.target_type, r.target_key, coalesce(r.start_date::text, '') COLLATE \"C\")"
_PAGE = f"""
SELECT r.record_type, r.record, r.path, r.target_type, r.target_key, r.start_date, r.end_date
{_BROKEN} AND {_ORDER} > (%(a)s, %(b)s, %(c)s, %(d)s, %(e)s) ORDER BY {_ORDER} LIMIT %(limit)s
"""
_COUNT = f"SELECT count(*) {_BROKEN}"
_PRESENCES = """
SELECT p.record_type, p.key, CASE WHEN t.seen THEN p.record ELSE '' END, p.start_date, p.end_date FROM presences p
JOIN unnest(%s::text[], %s::text[]) AS wanted(record_type, key) USING (record_type, key)
CROSS JOIN LATERAL (
    SELECT %s::text[] IS NULL OR EXISTS (SELECT FROM records r WHERE r.record = p.record AND r.entities && %s) AS seen
) AS t ORDER BY p.record
"""
_CYCLES = """
WITH RECURSIVE above(origin, record, route, since, until, closed) AS (
    SELECT name, name, ARRAY[name], %(day)s::date, NULL::date, false
    FROM (SELECT unnest(%(records)s::text[]) COLLATE "C" AS name) AS named
    UNION
    SELECT a.origin, p.record, a.route || p.record, greatest(a.since, s.start_date), least(a.until, s.end_date),
        p.record = a.origin
    FROM above a
    JOIN reference_spans s ON s.record = a.record AND s.path = %(path)s
    JOIN presences p ON p.record_type = s.target_type AND p.key = s.target_key
    WHERE NOT a.closed AND (p.record = a.origin OR p.record <> ALL(a.route))
    AND greatest(a.since, s.start_date) < coalesce(least(a.until, s.end_date), 'infinity')
)
SELECT DISTINCT route[:cardinality(route) - 1] FROM above WHERE closed ORDER BY 1
"""
_BEFORE_ALL = ("", "", "", "", "")
_MOST = 2**31 - 1


@dataclass(frozen=True)
class Referring:
    """A golden record as others refer to it and as it refers to others; `content` None = it is not there."""

    record_type: RecordType
    record: str
    content: Message | None

    @cached_property
    def key(self) -> str:
        """The key that others refer to it by; empty when it has none."""
        return identity_key(self.record_type, self.content) if self.content is not None else ""

    @cached_property
    def there(self) -> Period | None:
        """When it is there to be referred to; None = never."""
        return presence(self.record_type, self.content) if self.content is not None and self.key else None

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """What it refers to."""
        return reference_spans(self.record_type, self.content) if self.content is not None else ()

    def same(self, other: "Referring") -> bool:
        """Tell whether another state of it refers and is referred to alike."""
        return (self.key, self.there, self.spans) == (other.key, other.there, other.spans)


@dataclass(frozen=True)
class BrokenReference:
    """A reference that does not hold: who refers, where, to what, and when (`gaps`, in order) nothing is there.

    `target` is empty when there is no such record in the entities that were asked for.
    """

    record: str
    record_type: str
    path: str
    target_type: str
    target_key: str
    target: str
    said: Period
    gaps: tuple[Period, ...]

    @property
    def missing(self) -> Period:
        """When first nothing is there."""
        return self.gaps[0]

    @property
    def reference(self) -> tuple[str, str, str, str]:
        """What tells references apart, whenever they hold."""
        return (self.record, self.path, self.target_type, self.target_key)

    @property
    def sort_key(self) -> tuple[str, str, str, str, str]:
        """What a page continues behind."""
        start = self.said.start.isoformat() if self.said.start else ""
        return (self.record, self.path, self.target_type, self.target_key, start)


@dataclass(frozen=True)
class Question:
    """Which broken references are asked for; `scope` are the caller's entities, None = all; `day`: from then on."""

    record_type: str = ""
    target_type: str = ""
    scope: frozenset[str] | None = None
    day: date | None = None
    records: tuple[str, ...] | None = None
    """Only those from these records of type `own_type`, or to what has one of their `keys`; None = all."""
    own_type: str = ""
    keys: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, Any]:
        """The statement's parameters."""
        return {
            "record_type": self.record_type,
            "target_type": self.target_type,
            "scope": None if self.scope is None else sorted(self.scope),
            "day": self.day,
            "records": None if self.records is None else list(self.records),
            "own_type": self.own_type,
            "own_keys": list(self.keys),
        }


def put(connection: Connection, changed: Collection[tuple[Referring, Referring]]) -> None:
    """Bring references up to date with golden records that changed, given before and after; hold their keys first.

    What was stored before references were kept changes with its next revision, whatever that says.
    """
    unkept = _unkept(connection, [after for before, after in changed if before.same(after)])
    changed = [(before, after) for before, after in changed if after.record in unkept or not before.same(after)]
    if not changed:
        return
    _lock(connection, changed)
    after = [each for _, each in changed]
    records = [each.record for each in after]
    spans = [
        (each.record_type.name, each.record, s.path, s.target_type, s.target_key, s.period.start, s.period.end)
        for each in after
        for s in each.spans
    ]
    presences = [
        (each.record_type.name, each.key, each.record, each.there.start, each.there.end) for each in after if each.there
    ]
    _replace(connection, records, spans, _FORGET_SPANS, _ADD_SPANS)
    _replace(connection, records, presences, _FORGET_PRESENCES, _ADD_PRESENCES)


def broken(
    connection: Connection, question: Question, *, after: tuple[str, ...] | None = None, limit: int = _MOST
) -> list[BrokenReference]:
    """Return references that do not hold, by record, path, target and time, those behind `after`."""
    behind = dict(zip("abcde", after or _BEFORE_ALL, strict=True))
    rows = driver(connection).execute(_PAGE, question.parameters | behind | {"limit": limit}).fetchall()
    there = _presences(connection, [(row[3], row[4]) for row in rows], question.scope)
    found = []
    for record_type, record, path, target_type, target_key, start, end in rows:
        targets, said = there.get((target_type, target_key), []), Period(start, end)
        gaps = uncovered(said, [period for _, period in targets]) or (said,)
        name = next((record for record, _ in targets if record), "")
        found.append(BrokenReference(record, record_type, path, target_type, target_key, name, said, gaps))
    return found


def newly_broken(
    connection: Connection, question: Question, change: Callable[[], T]
) -> tuple[T, list[BrokenReference]]:
    """Make a change; return its result and the references that do not hold because of it.

    Those tell only when nothing is there any more: putting a reference right in part breaks nothing.
    """
    before = _gaps_by_reference(broken(connection, question))
    result = change()
    return result, [new for each in broken(connection, question) if (new := _further(each, before[each.reference]))]


def _gaps_by_reference(found: Iterable[BrokenReference]) -> defaultdict[tuple[str, ...], list[Period]]:
    gaps: defaultdict[tuple[str, ...], list[Period]] = defaultdict(list)
    for each in found:
        gaps[each.reference] += each.gaps
    return gaps


def _further(each: BrokenReference, before: Collection[Period]) -> BrokenReference | None:
    """Return a reference with the gaps that lie in none of those before; None when there is none."""
    gaps = tuple(gap for gap in each.gaps if not any(one.covers(gap) for one in before))
    return replace(each, gaps=gaps) if gaps else None


def count(connection: Connection, question: Question) -> int:
    """Count the references that do not hold."""
    row = driver(connection).execute(_COUNT, question.parameters).fetchone()
    return row[0] if row else 0


def cycles(connection: Connection, records: Collection[str], path: str, day: date) -> list[tuple[str, ...]]:
    """Return the routes along which, on a day or later, records refer to themselves by a path, each route once.

    A route begins at a record of `records` and names every record on it, whosever they are.
    """
    asked = {"records": sorted(records), "path": path, "day": day}
    found: dict[frozenset[str], tuple[str, ...]] = {}
    for (route,) in driver(connection).execute(_CYCLES, asked):
        found.setdefault(frozenset(route), tuple(route))
    return list(found.values())


def _unkept(connection: Connection, unchanged: Iterable[Referring]) -> set[str]:
    """Return those of the records that are there and that nothing is kept of."""
    there = {each.record for each in unchanged if each.there}
    if not there:
        return there
    return there - {record for (record,) in driver(connection).execute(_KEPT, (sorted(there),), prepare=True)}


def _lock(connection: Connection, changed: Iterable[tuple[Referring, Referring]]) -> None:
    alone: dict[str, bool] = {}
    for before, after in changed:
        for each in (before, after):
            for span in each.spans:
                alone.setdefault(f"reference/{span.target_type}/{span.target_key}", False)
            if each.key:
                alone[f"reference/{each.record_type.name}/{each.key}"] = True
    if alone:
        numbers = [lock_number(matter) for matter in alone]
        driver(connection).execute(_LOCK, (numbers, list(alone.values())), prepare=True)


def _replace(
    connection: Connection, records: list[str], rows: Sequence[tuple[Any, ...]], forget: str, add: str
) -> None:
    raw = driver(connection)
    raw.execute(forget.encode(), (records,), prepare=True)
    if rows:
        raw.execute(add.encode(), tuple(list(column) for column in zip(*rows, strict=True)), prepare=True)


def _presences(
    connection: Connection, keys: Collection[tuple[str, str]], scope: frozenset[str] | None
) -> Mapping[tuple[str, str], list[tuple[str, Period]]]:
    wanted = sorted(set(keys))
    found: dict[tuple[str, str], list[tuple[str, Period]]] = {}
    seen = None if scope is None else sorted(scope)
    columns = ([kind for kind, _ in wanted], [key for _, key in wanted], seen, seen)
    for kind, key, record, start, end in driver(connection).execute(_PRESENCES, columns):
        found.setdefault((kind, key), []).append((record, Period(start, end)))
    return found


def still_referenced(
    connection: Connection, name: str, lost: Sequence[BrokenReference], scope: frozenset[str] | None
) -> ConcordError:
    """Return why a decision that breaks references is refused: those of the record itself, else those to it.

    Referring records are listed as far as the caller may know of them; they are counted all.
    """
    own = [each for each in lost if each.record == name]
    if own:
        return ConcordError(
            reasons.ERROR_REASON_INVALID_CONTENT,
            "the record refers to what is not there",
            metadata={"name": name},
            violations=[FieldViolation(each.path, f"names no {each.target_type} that is there then") for each in own],
        )
    keys_lost = tuple({each.target_key for each in lost})
    asked = Question(records=(name,), own_type=lost[0].target_type, keys=keys_lost, scope=scope)
    shown = {each.record for each in broken(connection, asked)}
    return ConcordError(
        reasons.ERROR_REASON_RECORD_STILL_REFERENCED,
        f"{name} is still referred to {len(lost)} times",
        metadata={"name": name, "references": str(len(lost))},
        preconditions=[
            Precondition("REFERENCE", each.record, f"{each.path} refers to it {_during(each.missing)}")
            for each in lost
            if each.record in shown
        ],
    )


def _during(period: Period) -> str:
    since = f"from {period.start}" if period.start else ""
    until = f"until {period.end}" if period.end else "on"
    return f"{since} {until}".strip()
