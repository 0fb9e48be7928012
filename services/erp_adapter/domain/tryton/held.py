"""Rows as Tryton's `search_read` gives them, read with care.

Plain fields are under their name; related rows under the name with a dot: a row or None, or a list of rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar

from services.adapter.systems.connector import UntranslatableError

Row: TypeAlias = Mapping[str, Any]
"""A row of Tryton's; one without `id` is to be created."""

_SURROGATES = ("\ud800", "\udfff")

_T = TypeVar("_T")


@dataclass(frozen=True)
class Held:
    """A row and its place in the document, such as `party.addresses[0]`."""

    row: Row
    place: str

    def text(self, field: str) -> str:
        """Return a text without outer white space; empty = none."""
        value = self._value(field, str) or ""
        if not value.isascii() and any(_SURROGATES[0] <= character <= _SURROGATES[1] for character in value):
            raise self.refused(field, "has half a character")
        return value.strip()

    def flag(self, field: str) -> bool:
        """Return a flag; none counts as no."""
        return bool(self._value(field, bool))

    def number(self, field: str) -> Decimal | None:
        """Return an exact number."""
        return self._value(field, Decimal)

    def day(self, field: str) -> date | None:
        """Return a day."""
        value = self._value(field, date)
        if isinstance(value, datetime):
            raise self.refused(field, "must be a day, not a time")
        return value

    def one(self, field: str) -> "Held | None":
        """Return a related row."""
        row = self._value(f"{field}.", dict)
        return None if row is None else Held(row, f"{self.place}.{field}")

    def many(self, field: str) -> "list[Held]":
        """Return the related rows that are active."""
        rows = self._value(f"{field}.", list) or []
        found = [Held(row, f"{self.place}.{field}[{number}]") for number, row in enumerate(rows)]
        for each in found:
            if not isinstance(each.row, dict):
                raise UntranslatableError(each.place, "is not a row")
        return [each for each in found if is_active(each.row)]

    def refused(self, field: str, why: str) -> UntranslatableError:
        """Return the error for a field that can't be translated."""
        return UntranslatableError(f"{self.place}.{field}", why)

    def _value(self, field: str, kind: type[_T]) -> _T | None:
        if field not in self.row:
            raise self.refused(field.removesuffix("."), "is missing")
        value = self.row[field]
        if value is not None and not isinstance(value, kind):
            raise self.refused(field.removesuffix("."), f"must be {kind.__name__}, not {type(value).__name__}")
        return value


def is_active(row: Row) -> bool:
    """Tell whether a row counts; models without `active` always do."""
    return row.get("active") is not False


def with_child(
    rows: Sequence[Row], is_it: Callable[[Row], bool], fields: Row | None, *, new: Row | None = None
) -> list[Row]:
    """Return the rows with the first active one that `is_it` given these fields, or without it (None).

    If there is none, one is added that has the fields of `new` too.
    """
    place = next((number for number, row in enumerate(rows) if is_active(row) and is_it(row)), None)
    result = list(rows)
    if place is None:
        return [*result, {**(new or {}), **fields}] if fields is not None else result
    if fields is None:
        del result[place]
    else:
        result[place] = {**result[place], **fields}
    return result
