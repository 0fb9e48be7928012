"""Cells: what a cell of a table says as the value of a field, by the field's type and the form that was declared."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from google.type.decimal_pb2 import Decimal as DecimalMessage
from google.type.money_pb2 import Money

from clients.cli.files.mapping import Form

Cell: TypeAlias = str | int | float | Decimal | bool | date | datetime | None
"""What a table holds: texts in a CSV file, typed values in others. None and the empty text say nothing."""

_CURRENCY = re.compile("[A-Z]{3}")
_NANOS = Decimal(10) ** 9
_BOOLEANS = {"true": True, "false": False}
_WHOLE = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
    }
)


class CellError(Exception):
    """A cell says nothing that its field can hold; the text says what it would have to be."""


def is_value(target: FieldDescriptor) -> bool:
    """Tell whether a cell can say a field at all: a scalar, or a message that has a form of its own."""
    return target.message_type is None or target.message_type.full_name in _MESSAGES


def needs_currency(target: FieldDescriptor) -> bool:
    """Tell whether a field is an amount of money, whose currency has to be declared."""
    return target.message_type is not None and target.message_type.full_name == Money.DESCRIPTOR.full_name


def value_of(target: FieldDescriptor, cell: Cell, form: Form) -> Any:
    """Return the value that a cell which says something has in a field. Raises CellError."""
    text = cell.strip() if isinstance(cell, str) else cell
    if form.values:
        text = _translated(text, form.values)
    if target.message_type is not None:
        return _MESSAGES[target.message_type.full_name](text, form)
    if target.enum_type is not None:
        return _enum(target, str(text))
    if target.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return _boolean(text)
    if target.cpp_type in _WHOLE:
        return _whole(text, form)
    if target.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _text(text)
    if target.type == FieldDescriptor.TYPE_BYTES:
        raise CellError("can't be said by a cell")
    return float(_number(text, form))


def _translated(cell: Any, values: Mapping[str, str]) -> str:
    said = values.get(str(cell))
    if said is None:
        raise CellError(f"is none of {', '.join(map(repr, values))}: add it to the mapping's values")
    return said


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def _enum(target: FieldDescriptor, text: str) -> int:
    assert target.enum_type is not None  # noqa: S101 - the caller looked
    known = target.enum_type.values_by_name
    if text not in known:
        raise CellError(f"is none of {', '.join(name for name, value in known.items() if value.number)}")
    return int(known[text].number)


def _boolean(cell: Any) -> bool:
    said = cell if isinstance(cell, bool) else _BOOLEANS.get(str(cell).lower())
    if said is None:
        raise CellError("is neither true nor false: declare the mapping's values")
    return said


def _whole(cell: Any, form: Form) -> int:
    number = _number(cell, form)
    if number != number.to_integral_value():
        raise CellError("is no whole number")
    return int(number)


def _number(cell: Any, form: Form) -> Decimal:
    if isinstance(cell, int | Decimal | float) and not isinstance(cell, bool):
        return Decimal(str(cell))
    plain = str(cell).replace(form.thousands, "") if form.thousands else str(cell)
    if form.decimal != "." and "." in plain:
        raise CellError(f"is no number with the decimal {form.decimal!r}")
    try:
        number = Decimal(plain.replace(form.decimal, "."))
    except InvalidOperation as error:
        raise CellError(f"is no number such as 1234{form.decimal}50: declare decimal and thousands") from error
    if not number.is_finite():
        raise CellError("is no number")
    return number


def _money(cell: Any, form: Form) -> Money:
    if not _CURRENCY.fullmatch(form.currency):
        raise CellError("has no currency: declare the mapping's currency, such as EUR")
    scaled = _number(cell, form) * _NANOS
    if scaled != scaled.to_integral_value():
        raise CellError("has more than nine decimals")
    units, nanos = divmod(abs(int(scaled)), int(_NANOS))
    sign = -1 if scaled < 0 else 1
    return Money(currency_code=form.currency, units=sign * units, nanos=sign * nanos)


def _decimal(cell: Any, form: Form) -> DecimalMessage:
    return DecimalMessage(value=format(_number(cell, form), "f"))


def _moment(cell: Any, form: Form) -> datetime:
    if isinstance(cell, datetime):
        return cell
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 - a day has no zone
    try:
        return datetime.strptime(str(cell), form.format) if form.format else datetime.fromisoformat(str(cell))  # noqa: DTZ007 - a zone may be in the format
    except ValueError as error:
        told = f"of the form {form.format}" if form.format else "such as 2026-11-25: declare the mapping's format"
        raise CellError(f"is no date {told}") from error


def _day(cell: Any, form: Form) -> Date:
    moment = _moment(cell, form)
    return Date(year=moment.year, month=moment.month, day=moment.day)


def _time(cell: Any, form: Form) -> Timestamp:
    moment = _moment(cell, form)
    found = Timestamp()
    found.FromDatetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return found


_MESSAGES: Mapping[str, Callable[[Any, Form], Any]] = {
    Money.DESCRIPTOR.full_name: _money,
    Date.DESCRIPTOR.full_name: _day,
    DecimalMessage.DESCRIPTOR.full_name: _decimal,
    Timestamp.DESCRIPTOR.full_name: _time,
}
