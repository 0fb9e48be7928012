"""Reads the log: single leaves, pages of leaves and gaps, counts."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, Select, Table, any_, func, select, tuple_

from services.audit.domain.gap import Gap
from services.audit.domain.leaf import ACTS, LeafKey
from services.audit.domain.question import (
    GapPage,
    HeldLeaf,
    LeafCount,
    LeafFilter,
    LeafPage,
    Outline,
    Scope,
    Stretch,
    fitting,
)
from services.audit.domain.sequencing import Receipt
from services.audit.domain.term import TermKind, term
from services.audit.storage.table import CHECKPOINTS, LEAF_TERMS, LEAVES
from services.mesh.postgres.database import Database, driver

_KEY = (LEAVES.c.source_service, LEAVES.c.record, LEAVES.c.revision)
_HAVING = """
SELECT leaf_index FROM public.leaf_terms
WHERE terms @> %s::bigint[] AND leaf_index > %s AND leaf_index < %s LIMIT %s
"""
# The key's index begins with the service. Only a few services send leaves: each is found by a look at the index.
_OF_ANY_SERVICE: ColumnElement[bool] = sqlalchemy.literal_column("""
leaves.source_service = ANY (ARRAY(
    WITH RECURSIVE service (name) AS (
        SELECT min(source_service) FROM public.leaves
        UNION ALL
        SELECT (SELECT min(source_service) FROM public.leaves WHERE source_service > service.name)
        FROM service WHERE service.name IS NOT NULL
    )
    SELECT name FROM service WHERE name IS NOT NULL
))
""")
_FEW = 5_000
"""Leaves that may have the terms asked for and be named one by one."""
_COVERED_BY = (
    select(CHECKPOINTS.c.note)
    .where(CHECKPOINTS.c.tree_size > LEAVES.c.leaf_index)
    .order_by(CHECKPOINTS.c.tree_size)
    .limit(1)
    .scalar_subquery()
)
_HELD_COLUMNS = (
    *(LEAVES.c.leaf, LEAVES.c.leaf_index, LEAVES.c.leaf_hash, LEAVES.c.received_at),
    func.coalesce(_COVERED_BY, ""),
    *(*_KEY, LEAVES.c.record_type, LEAVES.c.actor, LEAVES.c.entities, LEAVES.c.occurred_at),
)


class LeafReader:
    """Answers questions about the log, each within a scope of entities."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def leaf_at(self, leaf_index: int, scope: Scope) -> HeldLeaf | None:
        """Read the leaf at a place of the log; None when there is none in scope."""
        return self._one(LEAVES.c.leaf_index == leaf_index, scope)

    def leaf_of(self, key: LeafKey, scope: Scope) -> HeldLeaf | None:
        """Read the leaf of a change; None when there is none in scope."""
        return self._one(tuple_(*_KEY) == tuple_(*key), scope)

    def leaves(self, wanted: LeafFilter, scope: Scope, within: Stretch, *, limit: int) -> LeafPage:
        """Read the first leaves of a stretch: at most `limit`, fewer where they are large."""
        with self._database.reading() as connection:
            found = _firsts(connection, wanted, scope, within, limit + 1)
            count = fitting([size for _, size in found], limit)
            places = [leaf_index for leaf_index, _ in found[:count]]
            held = _held(connection, select(*_HELD_COLUMNS).where(LEAVES.c.leaf_index.in_(places)))
        return LeafPage(held, places[-1] if count < len(found) else None)

    def gaps(self, source_service: str, scope: Scope, *, after: int | None, limit: int) -> GapPage:
        """Read the next gaps behind the one that the leaf at place `after` ends.

        A gap is in scope when the leaf that ends it is.
        """
        with self._database.reading() as connection:
            behind = None if after is None else _key_at(connection, after)
            found = [Gap(*row) for row in connection.execute(_gaps(source_service, scope, behind).limit(limit + 1))]
            page = found[:limit]
            return GapPage(page, _end(connection, page[-1]) if len(found) > limit else None)

    def counts(self, source_service: str, scope: Scope) -> list[LeafCount]:
        """Count the leaves in scope by service and record type."""
        kind = (LEAVES.c.source_service, LEAVES.c.record_type)
        wanted = LeafFilter(source_service=source_service)
        question = (
            select(*kind, func.count()).where(*conditions(wanted), *in_scope(scope)).group_by(*kind).order_by(*kind)
        )
        with self._database.reading() as connection:
            return [LeafCount(*row) for row in connection.execute(question)]

    def _one(self, condition: ColumnElement[bool], scope: Scope) -> HeldLeaf | None:
        with self._database.reading() as connection:
            held = _held(connection, select(*_HELD_COLUMNS).where(condition, *in_scope(scope)))
        return held[0] if held else None


def _held(connection: Connection, question: Select[Any]) -> list[HeldLeaf]:
    rows = connection.execute(question.order_by(LEAVES.c.leaf_index))
    return [
        HeldLeaf(Outline(*outline), None if data is None else bytes(data), Receipt(index, bytes(digest), at, note))
        for data, index, digest, at, note, *outline in rows
    ]


def _firsts(
    connection: Connection, wanted: LeafFilter, scope: Scope, within: Stretch, limit: int
) -> Sequence[tuple[int, int]]:
    """Read the places of the first leaves, in order, with their sizes."""
    found = [*conditions(wanted), *in_scope(scope), *_in_stretch(LEAVES, within)]
    if wanted.terms:
        found.append(_has_terms(connection, wanted.terms, within))
    if not wanted.involved:
        return _sizes(connection, found, limit)
    # One question after the other, each in the order of its own index: with OR neither would be used.
    for_it = _has_terms(connection, (term(TermKind.ON_BEHALF_OF, wanted.involved),), within)
    involved = (LEAVES.c.actor == wanted.involved, for_it)
    return sorted({row for either in involved for row in _sizes(connection, [*found, either], limit)})[:limit]


def _sizes(connection: Connection, conditions: Sequence[ColumnElement[bool]], limit: int) -> Sequence[tuple[int, int]]:
    question = select(LEAVES.c.leaf_index, func.coalesce(func.octet_length(LEAVES.c.leaf), 0)).where(*conditions)
    rows = connection.execute(question.order_by(LEAVES.c.leaf_index).limit(limit))
    return [(leaf_index, size) for leaf_index, size in rows]


def _has_terms(connection: Connection, terms: Sequence[int], within: Stretch) -> ColumnElement[bool]:
    """Say that a leaf has all of the terms: by its place where few leaves have, by a look at each where many do.

    The database keeps no figures on terms that few leaves have, and would look at every leaf for them.
    """
    # Planned anew each time: a plan for any stretch of the log would not use the index of terms.
    asked = (list(terms), within.after, within.before, _FEW + 1)
    places = [row[0] for row in driver(connection).execute(_HAVING, asked, prepare=False)]
    if len(places) <= _FEW:
        return LEAVES.c.leaf_index == any_(sqlalchemy.cast(places, LEAF_TERMS.c.terms.type))
    all_of = LEAF_TERMS.c.terms.op("@>")(sqlalchemy.cast(list(terms), LEAF_TERMS.c.terms.type))
    return LEAVES.c.leaf_index.in_(select(LEAF_TERMS.c.leaf_index).where(all_of, *_in_stretch(LEAF_TERMS, within)))


def _in_stretch(table: Table, within: Stretch) -> list[ColumnElement[bool]]:
    return [table.c.leaf_index > within.after, table.c.leaf_index < within.before]


def conditions(wanted: LeafFilter) -> list[ColumnElement[bool]]:
    """Return what leaves have to fulfil to answer, their terms excepted."""
    exact = (
        (LEAVES.c.source_service, wanted.source_service),
        (LEAVES.c.record, wanted.record),
        (LEAVES.c.record_type, wanted.record_type),
        (LEAVES.c.actor, wanted.actor),
    )
    conditions: list[ColumnElement[bool]] = [column == value for column, value in exact if value]
    if wanted.record and not wanted.source_service:
        conditions.append(_OF_ANY_SERVICE)
    if wanted.start is not None:
        conditions.append(LEAVES.c.occurred_at >= wanted.start)
    if wanted.end is not None:
        conditions.append(LEAVES.c.occurred_at < wanted.end)
    if wanted.changes:
        conditions.append(LEAVES.c.record_type.not_in(ACTS.values()))
    return conditions


def in_scope(scope: Scope, entities: ColumnElement[Sequence[str]] = LEAVES.c.entities) -> list[ColumnElement[bool]]:
    """Return what leaves have to fulfil to be seen."""
    return [] if scope is None else [entities.op("&&")(sqlalchemy.cast(list(scope), LEAVES.c.entities.type))]


def _key_at(connection: Connection, leaf_index: int) -> LeafKey | None:
    row = connection.execute(select(*_KEY).where(LEAVES.c.leaf_index == leaf_index)).one_or_none()
    return LeafKey(*row) if row else None


def _end(connection: Connection, gap: Gap) -> int:
    """Read the place of the leaf that ends a gap."""
    ended_by = tuple_(gap.source_service, gap.record, gap.last_revision + 1)
    place: int = connection.execute(select(LEAVES.c.leaf_index).where(tuple_(*_KEY) == ended_by)).scalar_one()
    return place


def _gaps(source_service: str, scope: Scope, after: LeafKey | None) -> Select[Any]:
    """Compare each revision with the record's one before: in the key's index order, so a page reads no further."""
    record = _KEY[:2]
    before = func.lag(LEAVES.c.revision, 1, 0).over(partition_by=record, order_by=LEAVES.c.revision)
    # Without a scope the key's index alone answers.
    seen_by = () if scope is None else (LEAVES.c.entities,)
    inner = select(*_KEY, before.label("before"), *seen_by)
    if source_service:
        inner = inner.where(LEAVES.c.source_service == source_service)
    if after is not None:
        inner = inner.where(tuple_(*record) >= tuple_(*after[:2]))
    held = inner.subquery()
    key = (held.c.source_service, held.c.record, held.c.revision)
    question = select(*key[:2], held.c.before + 1, held.c.revision - 1).where(held.c.revision > held.c.before + 1)
    if scope is not None:
        question = question.where(*in_scope(scope, held.c.entities))
    if after is not None:
        question = question.where(tuple_(*key) > tuple_(*after))
    return question.order_by(*key)
