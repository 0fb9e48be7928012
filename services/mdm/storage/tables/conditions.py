"""Filters as SQL conditions over the index table, and over entries in memory."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from google.protobuf.message import Message

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mdm.domain.indexing import IndexEntry, canonical, is_restricted
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.schema import record_index as index
from services.mdm.storage.tables import record_index
from services.mesh.contract.filters import And, Comparison, Expression, Not, Or
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.records.sealing import Sealer
from services.mesh.records.store import State

_OPERATORS = {
    "=": lambda column, value: column == value,
    ":": lambda column, value: column == value,
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
}
_STATE = "STATE_"
_OWN_PATHS = ("state", "entities")
"""Paths that every master has in the index, whatever its declaration says."""


@dataclass(frozen=True)
class Base:
    """The rows that are asked about: record and revision columns, and whether they are the newest revisions."""

    record: sa.ColumnElement[str]
    revision: sa.ColumnElement[int]
    newest: bool


@dataclass(frozen=True)
class Conditions:
    """Turns expressions into conditions for one record type and one caller's clearance."""

    record_type: RecordType
    sealer: Sealer
    clear: bool

    def sql(self, expression: Expression, base: Base) -> sa.ColumnElement[bool]:
        """Return the SQL condition. Raises ConcordError FIELD_NOT_FILTERABLE, UNKNOWN_FIELD, INVALID_FILTER."""
        match expression:
            case And(parts):
                return sa.and_(*(self.sql(part, base) for part in parts))
            case Or(parts):
                return sa.or_(*(self.sql(part, base) for part in parts))
            case Not(part):
                return sa.not_(self.sql(part, base))
            case Comparison(path, "!=", literal):
                return sa.not_(self.sql(Comparison(path, "=", literal), base))
            case _:
                return self._comparison(expression, base)

    def holds(self, expression: Expression, entries: Collection[IndexEntry]) -> bool:
        """Tell whether the expression holds for a content with these entries; same errors as `sql`."""
        match expression:
            case And(parts):
                return all(self.holds(part, entries) for part in parts)
            case Or(parts):
                return any(self.holds(part, entries) for part in parts)
            case Not(part):
                return not self.holds(part, entries)
            case Comparison(path, "!=", literal):
                return not self.holds(Comparison(path, "=", literal), entries)
            case _:
                wanted, prefix = self._wanted(expression)
                compare = str.startswith if prefix else _OPERATORS[expression.operator]
                return any(compare(entry.value, wanted) for entry in entries if entry.path == expression.path)

    def require(self, expression: Expression) -> None:
        """Refuse what `sql` and `holds` would refuse, whatever the records are; same errors."""
        match expression:
            case And(parts) | Or(parts):
                for part in parts:
                    self.require(part)
            case Not(part):
                self.require(part)
            case _:
                self._wanted(expression)

    def require_path(self, path: str, argument: str) -> None:
        """Refuse a path that may not be filtered or sorted by: no oracle for what the caller may not see.

        `argument` is the request's field that names it.
        """
        if path in _OWN_PATHS:
            return
        try:
            self.record_type.fields_of(path)
        except ValueError as error:
            raise ConcordError(
                reasons.ERROR_REASON_UNKNOWN_FIELD,
                f"{self.record_type.name} has no field {path}",
                metadata={"field": path, "type": self.record_type.descriptor.full_name},
                violations=[FieldViolation(argument, f"names {path}, which {self.record_type.name} has not")],
            ) from error
        if path not in self.record_type.filterable or (is_restricted(self.record_type, path) and not self.clear):
            raise _not_filterable(path, argument)

    def _comparison(self, comparison: Comparison, base: Base) -> sa.ColumnElement[bool]:
        wanted, prefix = self._wanted(comparison)
        value = index.c.value
        if prefix:
            condition = sa.and_(value >= wanted, value < wanted + "\U0010ffff")
        elif self._is_restricted(comparison.path):
            purpose = record_index.purpose(self.record_type.name, comparison.path)
            condition = value.in_(self.sealer.tokens(wanted, purpose))
        else:
            condition = _OPERATORS[comparison.operator](value, wanted)
        return sa.exists().where(
            index.c.record_type == self.record_type.name,
            index.c.record == base.record,
            index.c.path == comparison.path,
            condition,
            index_row_holds(base),
        )

    def _wanted(self, comparison: Comparison) -> tuple[str, bool]:
        """Return the value that is compared with, as the index spells it, and whether only its beginning counts."""
        self.require_path(comparison.path, "filter")
        if self._is_restricted(comparison.path) and comparison.operator not in {"=", ":"}:
            raise _not_filterable(comparison.path)
        literal, prefix = comparison.literal, False
        if comparison.operator == ":" and literal.endswith("*"):
            literal, prefix = literal[:-1], True
        if prefix and self._is_restricted(comparison.path):
            raise _not_filterable(comparison.path)
        if comparison.path == "state" and not prefix:
            return _state(literal), False
        if comparison.path in _OWN_PATHS:
            return literal.removeprefix(_STATE), prefix
        if prefix:
            return literal.casefold(), True
        try:
            return canonical(self.record_type, comparison.path, literal), False
        except ValueError as error:
            raise _impossible(comparison.path, str(error)) from error

    def _is_restricted(self, path: str) -> bool:
        return path not in _OWN_PATHS and is_restricted(self.record_type, path)


def _state(literal: str) -> str:
    """Return a state as the index spells it. Raises ConcordError INVALID_FILTER where there is none of this name."""
    name = literal.removeprefix(_STATE)
    if name not in State.__members__:
        known = ", ".join(f"{_STATE}{each}" for each in State.__members__)
        raise _impossible("state", f"state is never {literal!r}: it is one of {known}")
    return name


def _impossible(path: str, told: str) -> ConcordError:
    violations = [FieldViolation("filter", told, "INVALID_FILTER")]
    return ConcordError(reasons.ERROR_REASON_INVALID_FILTER, told, metadata={"field": path}, violations=violations)


def own_entries(record: Message) -> tuple[IndexEntry, ...]:
    """Return the entries of a presented record's paths that every master has."""
    entities = (IndexEntry("entities", entity, restricted=False) for entity in record.entities)  # type: ignore[attr-defined]
    return (IndexEntry("state", State(record.state).name, restricted=False), *entities)  # type: ignore[attr-defined]


def index_row_holds(base: Base) -> sa.ColumnElement[bool]:
    """Return the condition that an index row is about the revision that is asked for."""
    if base.newest:
        return index.c.to_revision.is_(None)
    ends_later = sa.or_(index.c.to_revision.is_(None), index.c.to_revision > base.revision)
    return sa.and_(index.c.from_revision <= base.revision, ends_later)


def _not_filterable(path: str, argument: str = "filter") -> ConcordError:
    message = f"{path} can't be filtered or sorted by"
    return ConcordError(
        reasons.ERROR_REASON_FIELD_NOT_FILTERABLE,
        message,
        metadata={"field": path},
        violations=[FieldViolation(argument, message)],
    )
