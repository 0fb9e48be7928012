"""Labelled sets in CSV files: records of a type, and which of them are one thing."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from clients.cli.mistake import Mistake, nearest

_ENCODINGS = ("utf-8-sig", "cp1252")
_DATE, _MONEY = "google.type.Date", "google.type.Money"
_NANOS = 10**9
_DAY = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})(?:[T ].*)?")
_TRUTH = {"true": True, "yes": True, "1": True, "t": True, "y": True}
_TRUTH |= {"false": False, "no": False, "0": False, "f": False, "n": False}
_LONGEST_CELL = 10_000_000

Mapped = Mapping[str, str]
"""Columns and the field path that each goes to."""


@dataclass(frozen=True)
class Table:
    """The rows of a CSV file by column, each with the key in its first column or in `id`."""

    path: Path
    columns: Sequence[str]
    key: str
    rows: Sequence[Mapping[str, str]]
    lines: Sequence[int]
    """The line of the file that each row ends on, from 1."""

    def keys(self) -> dict[str, int]:
        """Return the place of each row's key. Raises Mistake for a key that comes twice."""
        places: dict[str, int] = {}
        for place, row in enumerate(self.rows):
            if places.setdefault(row[self.key], place) != place:
                raise Mistake(f"{self.path} has two rows with {self.key} {row[self.key]}", "keys tell the rows apart")
        return places


@dataclass(frozen=True)
class Unread:
    """The cells of a column that are no value of the field that it goes to."""

    path: Path
    column: str
    field: str
    count: int
    line: int
    """The first one's."""

    def __str__(self) -> str:
        """Return them in words."""
        cells = "1 cell" if self.count == 1 else f"{self.count} cells"
        return f"{cells} of {self.column}, no {self.field}, first {self.path.name}:{self.line}"


class Read(NamedTuple):
    """The message that a row made, and the columns whose cells say nothing that its fields can hold."""

    message: Message
    unread: list[str]


def table(path: Path) -> Table:
    """Read a CSV file with a heading. Raises Mistake for what is none."""
    lines = csv.reader(_text(path).splitlines(keepends=True), strict=False)
    csv.field_size_limit(_LONGEST_CELL)
    try:
        columns = [column.strip() for column in next(lines, [])]
        held = [(lines.line_num, _row(path, lines.line_num, columns, cells)) for cells in lines if any(cells)]
    except csv.Error as error:
        raise Mistake(f"{path} is no CSV file: {error}") from error
    if not columns or not held:
        raise Mistake(f"{path} has no rows", "the first line names the columns, each further one is a record")
    if len(set(columns)) < len(columns):
        raise Mistake(f"{path} has two columns of one name")
    key = "id" if "id" in columns else columns[0]
    return Table(path, columns, key, [row for _, row in held], [line for line, _ in held])


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Mistake(f"{path} can't be read: {error.strerror}") from error
    for encoding in _ENCODINGS:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _row(path: Path, number: int, columns: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    if len(cells) > len(columns) and any(cells[len(columns) :]):
        raise Mistake(f"{path}:{number} has {len(cells)} cells for {len(columns)} columns")
    return dict(zip(columns, (*cells, *[""] * len(columns)), strict=False))


def mapping(given: Sequence[str]) -> dict[str, str]:
    """Return the mapping of `--mapping`: files (JSON or YAML) or `column=path`, several divided by commas.

    Raises Mistake for what is neither.
    """
    found: dict[str, str] = {}
    for text in given:
        if "=" not in text or Path(text).is_file():
            found |= _mapping_file(Path(text))
            continue
        for pair in text.split(","):
            column, equals, path = pair.partition("=")
            if not equals or not column.strip() or not path.strip():
                raise Mistake(f"{pair!r} maps nothing", "write column=field_path, such as name=legal_name")
            found[column.strip()] = path.strip()
    return found


def _mapping_file(path: Path) -> dict[str, str]:
    try:
        read = yaml.safe_load(_text(path))
    except yaml.YAMLError as error:
        raise Mistake(f"{path} is no mapping: {error}", "it holds column: field_path, one a line, or JSON") from error
    if not isinstance(read, dict) or not all(isinstance(value, str) for value in read.values()):
        raise Mistake(f"{path} is no mapping", "it holds column: field_path, one a line, or JSON")
    return {str(column): value for column, value in read.items()}


def check(descriptor: Descriptor, mapped: Mapped, tables: Sequence[Table]) -> None:
    """Raise Mistake for columns that no file has and for paths that are no value of the message."""
    if not mapped:
        raise Mistake("the mapping is empty", "write --mapping column=field_path, such as name=legal_name")
    columns = {column for each in tables for column in each.columns}
    for column, path in mapped.items():
        if column not in columns:
            raise Mistake(f"there is no column {column}", nearest(column, columns))
        _fields(descriptor, path)


def _fields(descriptor: Descriptor, path: str) -> list[FieldDescriptor]:
    fields: list[FieldDescriptor] = []
    within: Descriptor | None = descriptor
    for name in path.split("."):
        if within is None or name not in within.fields_by_name:
            known = within.fields_by_name if within is not None else {}
            raise Mistake(f"{descriptor.name} has no field {path}", nearest(name, known) if known else "")
        fields.append(within.fields_by_name[name])
        within = fields[-1].message_type
    if within is not None and within.full_name not in {_DATE, _MONEY}:
        raise Mistake(f"{path} is no single value", nearest("", [f"{path}.{name}" for name in within.fields_by_name]))
    return fields


def contents(kind: type[Message], mapped: Mapped, of: Table) -> tuple[list[Message], list[Unread]]:
    """Return the messages that the rows make, and what of the cells could not be read, by column."""
    found = [content(kind, mapped, row) for row in of.rows]
    lines: dict[str, list[int]] = {}
    for line, read in zip(of.lines, found, strict=True):
        for column in read.unread:
            lines.setdefault(column, []).append(line)
    unread = [Unread(of.path, column, mapped[column], len(at), at[0]) for column, at in lines.items()]
    return [read.message for read in found], unread


def content(kind: type[Message], mapped: Mapped, row: Mapping[str, str]) -> Read:
    """Return the message that a row makes, without the cells that can't be read as their field's type."""
    message = kind()
    descriptor: Any = kind.DESCRIPTOR
    unread = []
    for column, path in mapped.items():
        text = " ".join(row.get(column, "").split())
        if text:
            *steps, last = _fields(descriptor, path)
            try:
                value = _value(last, text)
            except ValueError:
                unread.append(column)
            else:
                _put(_holder(message, steps), last, value)
    return Read(message, unread)


def _holder(message: Any, steps: Sequence[FieldDescriptor]) -> Any:
    for step in steps:
        part = getattr(message, step.name)
        if step.is_repeated:
            part = part[0] if len(part) else part.add()
        message = part
    return message


def _put(holder: Any, field: FieldDescriptor, value: Any) -> None:
    if field.is_repeated:
        getattr(holder, field.name).append(value)
    elif field.message_type is not None:
        getattr(holder, field.name).CopyFrom(value)
    elif isinstance(value, str):
        said = getattr(holder, field.name)
        setattr(holder, field.name, f"{said} {value}" if said else value)
    else:
        setattr(holder, field.name, value)


def _value(field: FieldDescriptor, text: str) -> Any:
    """Return a text as a value of a field. Raises ValueError for what is none."""
    if field.message_type is not None:
        return _date(text) if field.message_type.full_name == _DATE else _money(text)
    if field.type == FieldDescriptor.TYPE_STRING:
        return text
    if field.type == FieldDescriptor.TYPE_BOOL:
        found: list[int] = [_TRUTH[text.casefold()]] if text.casefold() in _TRUTH else []
    elif field.enum_type is not None:
        found = [value.number for value in field.enum_type.values if value.name.endswith(f"_{text.upper()}")]
    else:
        found = [number] if -(2**31) <= (number := int(text)) < 2**31 else []
    if len(found) != 1:
        raise ValueError(f"no {field.name}")
    return found[0]


def _date(text: str) -> Date:
    day = _DAY.fullmatch(text)
    if day is None:
        raise ValueError("no day")
    found = date(*map(int, day.groups()))
    return Date(year=found.year, month=found.month, day=found.day)


def _money(text: str) -> Money:
    try:
        amount = Decimal(re.sub(r"[^\d.-]", "", text))
    except InvalidOperation as error:
        raise ValueError("no amount") from error
    return Money(units=int(amount), nanos=int((amount - int(amount)) * _NANOS))


def truth(path: Path, left: Table, right: Table | None) -> frozenset[tuple[int, int]]:
    """Return the true pairs by place, the right's behind the left's. Raises Mistake for keys that there are not."""
    pairs = table(path)
    if len(pairs.columns) < 2:  # noqa: PLR2004 - a pair
        raise Mistake(f"{path} has one column", "each line holds the keys of two records: left_id,right_id")
    ours, theirs = left.keys(), (right or left).keys()
    shift = len(left.rows) if right is not None else 0
    found = set()
    for row in pairs.rows:
        one, other = row[pairs.columns[0]], row[pairs.columns[1]]
        for key, known, of in ((one, ours, left), (other, theirs, right or left)):
            if key not in known:
                raise Mistake(f"{path} names {key}, which {of.path} has no row of", f"keys are in the column {of.key}")
        first, second = ours[one], theirs[other] + shift
        if first != second:
            found.add((min(first, second), max(first, second)))
    return frozenset(found)
