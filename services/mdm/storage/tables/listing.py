"""Listing golden records: filter, order, scope and page, as of now or as of a position."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import ARRAY

from services.mdm.domain.record_type import RecordType
from services.mdm.storage.schema import record_index as index
from services.mdm.storage.tables.conditions import Base, Conditions, index_row_holds
from services.mesh.contract.filters import Expression, Order
from services.mesh.records.sealing import Sealer
from services.mesh.records.store import State

_RECORDS = sa.table(
    "records",
    sa.column("record", sa.Text),
    sa.column("record_type", sa.Text),
    sa.column("revision", sa.BigInteger),
    sa.column("state", sa.SmallInteger),
    sa.column("entities", ARRAY(sa.Text)),
)
_CHANGES = sa.table(
    "changes",
    sa.column("seq", sa.BigInteger),
    sa.column("record", sa.Text),
    sa.column("record_type", sa.Text),
    sa.column("revision", sa.BigInteger),
    sa.column("entities", ARRAY(sa.Text)),
)
_POSITIONS = sa.table("positions", sa.column("seq", sa.BigInteger), sa.column("position", sa.BigInteger))
_KEYS = sa.table("record_keys", sa.column("record", sa.Text))
_REVISIONS = sa.table(
    "revisions",
    sa.column("record", sa.Text),
    sa.column("revision", sa.BigInteger),
    sa.column("state", sa.SmallInteger),
)


@dataclass(frozen=True)
class Question:
    """What is listed, and for whom; `entities` are those in the caller's scope, None = all."""

    record_type: RecordType
    expression: Expression | None
    orders: tuple[Order, ...]
    show_deleted: bool
    entities: frozenset[str] | None
    clear: bool


@dataclass(frozen=True)
class Page:
    """One page's records in order; `last` continues behind it, None on the last page."""

    records: tuple[str, ...]
    last: tuple[str, ...] | None


class Listing:
    """Answers questions for pages inside the caller's transaction."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def conditions(self, question: Question) -> Conditions:
        """Return what checks and applies the question's filter."""
        return Conditions(question.record_type, self._sealer, question.clear)

    def page(
        self, connection: Connection, question: Question, position: int | None, after: tuple[str, ...] | None, size: int
    ) -> Page:
        """Return the records behind `after`. Raises FIELD_NOT_FILTERABLE, UNKNOWN_FIELD, INVALID_FILTER."""
        rows = self._rows(question, position)
        base = Base(rows.c.record, rows.c.revision, newest=position is None)
        conditions = self.conditions(question)
        keys = [self._key(conditions, order, base) for order in question.orders]
        columns = [*keys, rows.c.record]
        descending = [*(order.descending for order in question.orders), False]
        statement = sa.select(rows.c.record, *(key.label(f"key_{n}") for n, key in enumerate(keys))).where(
            *self._in_scope(question, rows)
        )
        if question.expression is not None:
            statement = statement.where(conditions.sql(question.expression, base))
        if after is not None:
            statement = statement.where(_behind(columns, descending, after))
        ordering = [c.desc() if down else c.asc() for c, down in zip(columns, descending, strict=True)]
        found = connection.execute(statement.order_by(*ordering).limit(size + 1)).all()
        shown = found[:size]
        last = (*shown[-1][1:], shown[-1][0]) if len(found) > size else None
        return Page(tuple(row[0] for row in shown), last)

    def _key(self, conditions: Conditions, order: Order, base: Base) -> sa.ColumnElement[str]:
        conditions.require_path(order.path, "order_by")
        pick = sa.func.max if order.descending else sa.func.min
        value = (
            sa.select(pick(index.c.value))
            .where(
                index.c.record_type == conditions.record_type.name,
                index.c.record == base.record,
                index.c.path == order.path,
                index_row_holds(base),
            )
            .scalar_subquery()
        )
        return sa.func.coalesce(value, "")

    def _rows(self, question: Question, position: int | None) -> sa.FromClause:
        """Return the type's records with revision, state and entities, newest or as published by `position`."""
        name = question.record_type.name
        if position is None:
            return sa.select(_RECORDS).where(_RECORDS.c.record_type == name).subquery()
        newest = (
            sa.select(_CHANGES.c.record, sa.func.max(_CHANGES.c.revision).label("revision"))
            .join(_POSITIONS, _POSITIONS.c.seq == _CHANGES.c.seq)
            .where(_CHANGES.c.record_type == name, _POSITIONS.c.position <= position)
            .group_by(_CHANGES.c.record)
            .subquery()
        )
        same_change = sa.and_(_CHANGES.c.record == newest.c.record, _CHANGES.c.revision == newest.c.revision)
        same_revision = sa.and_(_REVISIONS.c.record == newest.c.record, _REVISIONS.c.revision == newest.c.revision)
        return (
            sa.select(newest.c.record, newest.c.revision, _REVISIONS.c.state, _CHANGES.c.entities)
            .join(_CHANGES, same_change)
            .join(_REVISIONS, same_revision)
            .subquery()
        )

    def _in_scope(self, question: Question, rows: sa.FromClause) -> list[sa.ColumnElement[bool]]:
        # What was erased is in no list, not even as of a time when it was there.
        wanted: list[sa.ColumnElement[bool]] = [sa.exists().where(_KEYS.c.record == rows.c.record)]
        if not question.show_deleted:
            wanted.append(rows.c.state == int(State.ACTIVE))
        if question.entities is not None:
            scope = sa.cast(sorted(question.entities), ARRAY(sa.Text))
            wanted.append(rows.c.entities.op("&&")(scope))
        return wanted


def _behind(
    columns: Sequence[sa.ColumnElement[str]], descending: Sequence[bool], after: tuple[str, ...]
) -> sa.ColumnElement[bool]:
    """Return the condition that a row comes after the key `after` in the order of the columns."""
    alternatives = []
    for number, (column, down) in enumerate(zip(columns, descending, strict=True)):
        same = [c == value for c, value in zip(columns[:number], after[:number], strict=True)]
        further = column < after[number] if down else column > after[number]
        alternatives.append(sa.and_(*same, further))
    return sa.or_(*alternatives)
