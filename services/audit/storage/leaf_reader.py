"""Reads the log: single leaves, pages of leaves and gaps, counts."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, Select, func, select, tuple_

from services.audit.domain.gap import Gap
from services.audit.domain.leaf import LeafKey
from services.audit.domain.question import GapPage, HeldLeaf, LeafCount, LeafFilter, LeafPage, Scope, fitting
from services.audit.domain.sequencing import Receipt
from services.audit.storage.table import CHECKPOINTS, LEAVES
from services.mesh.database import Database

_KEY = (LEAVES.c.source_service, LEAVES.c.record, LEAVES.c.revision)
_RIGHTS = ("SELECT", "INSERT")
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
)


class LeafReader:
    """Answers questions about the log, each within a scope of entities."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_migrated(self) -> bool:
        """Tell whether the log is there, for this role to append to. Raises ConcordError DEPENDENCY_UNAVAILABLE."""
        tables = [func.to_regclass(table.fullname) for table in (LEAVES, CHECKPOINTS)]
        rights = [func.has_table_privilege(table, right) for table in tables for right in _RIGHTS]
        with self._database.reading() as connection:
            return all(connection.execute(select(*rights)).one())

    def leaf_at(self, leaf_index: int, scope: Scope) -> HeldLeaf | None:
        """Read the leaf at a place of the log; None when there is none in scope."""
        return self._one(LEAVES.c.leaf_index == leaf_index, scope)

    def leaf_of(self, key: LeafKey, scope: Scope) -> HeldLeaf | None:
        """Read the leaf of a change; None when there is none in scope."""
        return self._one(tuple_(*_KEY) == tuple_(*key), scope)

    def leaves(self, wanted: LeafFilter, scope: Scope, *, after: int | None, limit: int) -> LeafPage:
        """Read the next leaves behind place `after`: at most `limit`, fewer where they are large."""
        sizes = (
            select(LEAVES.c.leaf_index, func.octet_length(LEAVES.c.leaf))
            .where(*conditions(wanted), *in_scope(scope), LEAVES.c.leaf_index > (-1 if after is None else after))
            .order_by(LEAVES.c.leaf_index)
            .limit(limit + 1)
        )
        with self._database.reading() as connection:
            found = connection.execute(sizes).all()
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
    return [HeldLeaf(bytes(data), Receipt(index, bytes(digest), at, note)) for data, index, digest, at, note in rows]


def conditions(wanted: LeafFilter) -> list[ColumnElement[bool]]:
    """Return what leaves have to fulfil to answer."""
    exact = ((LEAVES.c.source_service, wanted.source_service), (LEAVES.c.record, wanted.record))
    conditions = [column == value for column, value in (*exact, (LEAVES.c.actor, wanted.actor)) if value]
    if wanted.start is not None:
        conditions.append(LEAVES.c.occurred_at >= wanted.start)
    if wanted.end is not None:
        conditions.append(LEAVES.c.occurred_at < wanted.end)
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
