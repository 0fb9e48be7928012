"""Labelled sets in CSV files: records of a type, and which of them are one thing."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from clients.cli.mistake import Mistake, nearest

_ENCODINGS = ("utf-8-sig", "cp1252")
_DATE, _MONEY = "google.type.Date", "google.type.Money"
_NANOS = 10**9
_DAY = re.compile(r"^(\d{4})-?(\d{2})-?(\d{2})")
_TRUE = frozenset(("true", "yes", "1", "t", "y"))
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

    def keys(self) -> dict[str, int]:
        """Return the place of each row's key. Raises Mistake for a key that comes twice."""
        places: dict[str, int] = {}
        for place, row in enumerate(self.rows):
            if places.setdefault(row[self.key], place) != place:
                raise Mistake(f"{self.path} has two rows with {self.key} {row[self.key]}", "keys tell the rows apart")
        return places


def table(path: Path) -> Table:
    """Read a CSV file with a heading. Raises Mistake for what is none."""
    lines = csv.reader(_text(path).splitlines(keepends=True), strict=False)
    csv.field_size_limit(_LONGEST_CELL)
    try:
        columns = [column.strip() for column in next(lines, [])]
        rows = [_row(path, number, columns, cells) for number, cells in enumerate(lines, start=2) if any(cells)]
    except csv.Error as error:
        raise Mistake(f"{path} is no CSV file: {error}") from error
    if not columns or not rows:
        raise Mistake(f"{path} has no rows", "the first line names the columns, each further one is a record")
    if len(set(columns)) < len(columns):
        raise Mistake(f"{path} has two columns of one name")
    return Table(path, columns, "id" if "id" in columns else columns[0], rows)


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


def content(kind: type[Message], mapped: Mapped, row: Mapping[str, str]) -> Message:
    """Return the message that a row makes. What can't be read as its field's type is left out."""
    message = kind()
    descriptor: Any = kind.DESCRIPTOR
    for column, path in mapped.items():
        text = " ".join(row.get(column, "").split())
        if text:
            *steps, last = _fields(descriptor, path)
            _put(_holder(message, steps), last, text)
    return message


def _holder(message: Any, steps: Sequence[FieldDescriptor]) -> Any:
    for step in steps:
        part = getattr(message, step.name)
        if step.is_repeated:
            part = part[0] if len(part) else part.add()
        message = part
    return message


def _put(holder: Any, field: FieldDescriptor, text: str) -> None:
    if field.message_type is not None:
        target = getattr(holder, field.name)
        target = target.add() if field.is_repeated else target
        (_put_date if field.message_type.full_name == _DATE else _put_money)(target, text)
        return
    for value in _scalar(field, text):
        if field.is_repeated:
            getattr(holder, field.name).append(value)
        elif isinstance(value, str):
            said = getattr(holder, field.name)
            setattr(holder, field.name, f"{said} {value}" if said else value)
        else:
            setattr(holder, field.name, value)


def _scalar(field: FieldDescriptor, text: str) -> Iterator[Any]:
    if field.type == FieldDescriptor.TYPE_STRING:
        yield text
    elif field.type == FieldDescriptor.TYPE_BOOL:
        yield text.casefold() in _TRUE
    elif field.enum_type is not None:
        yield from (value.number for value in field.enum_type.values if value.name.endswith(f"_{text.upper()}"))
    elif re.fullmatch(r"-?\d+", text):
        yield int(text)


def _put_date(target: Any, text: str) -> None:
    if day := _DAY.match(text):
        target.year, target.month, target.day = map(int, day.groups())


def _put_money(target: Any, text: str) -> None:
    try:
        amount = Decimal(re.sub(r"[^\d.-]", "", text))
    except InvalidOperation:
        return
    target.units = int(amount)
    target.nanos = int((amount - int(amount)) * _NANOS)


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
