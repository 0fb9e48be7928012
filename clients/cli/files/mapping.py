"""Mappings: which column of a table says which field of a record, and in which form. One reader for every command.

In JSON an object, column → path, or column → an object with the path and how the column writes its values:

    {"Vendor": "@key", "Name": "legal_name", "City": "sites[0].address.locality",
     "Changed": {"path": "@source_time", "format": "%d.%m.%Y"},
     "Limit": {"path": "prices[0].price", "decimal": ",", "thousands": ".", "currency": "EUR"},
     "Blocked": {"path": "status", "values": {"X": "STATUS_ON_HOLD", "": "STATUS_ACTIVE"}},
     "sites[0].code": {"constant": "main"}}

In CSV a line each, `column,path` and as many of the same further columns as are needed; values as `X=STATUS_ON_HOLD;…`.
Paths are the contract's; `[n]` is the n-th element of a list from 0 on, a list without it is its first element.
"""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from clients.cli.mistake import Mistake, nearest

_PAIR, _VALUE = ";", "="


@dataclass(frozen=True)
class Form:
    """How a column writes its values; what is not declared is plain: ISO 8601 days and times, `1234.50`, `true`.

    `format` is that of strptime, `decimal` and `thousands` are the separators of numbers, `currency` (ISO 4217) belongs
    to amounts of money, `values` translates a cell into a field's value, `separator` parts a cell into a list.
    """

    format: str = ""
    decimal: str = "."
    thousands: str = ""
    currency: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    separator: str = ""


@dataclass(frozen=True)
class Mapped:
    """One line of a mapping: a column, or a constant without a column, and the path that it says."""

    path: str
    column: str = ""
    constant: str = ""
    form: Form = Form()


_FORM = tuple(each.name for each in fields(Form))
_KNOWN = ("column", "path", "constant", *_FORM)


def read(path: Path) -> tuple[Mapped, ...]:
    """Read a mapping from a JSON or CSV file. Raises Mistake, which says where it is wrong."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(f"{path} can't be read: {error}", "a mapping is a JSON or CSV file in UTF-8") from error
    entries = _of_json(path, text) if text.lstrip().startswith("{") else _of_csv(path, text)
    mapped = tuple(_mapped(path, place, entry) for place, entry in entries)
    _require_once(path, "column", [one.column for one in mapped if one.column])
    _require_once(path, "path", [one.path for one in mapped])
    if not mapped:
        raise Mistake(f"{path} maps nothing", 'write {"column": "path"}')
    return mapped


def require_columns(mapping: Iterable[Mapped], header: Sequence[str], origin: str) -> None:
    """Raise Mistake for a mapped column that a table does not have, and for one that it has twice."""
    _require_once(Path(origin), "column", header)
    for one in mapping:
        if one.column and one.column not in header:
            raise Mistake(f"{origin} has no column {one.column!r}", nearest(one.column, header))


def _of_json(path: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    try:
        document = json.loads(text, object_pairs_hook=lambda pairs: _distinct(path, pairs))
    except ValueError as error:
        raise Mistake(f"{path} is no JSON: {error}", 'write {"column": "path"}') from error
    entries: list[tuple[str, dict[str, Any]]] = []
    for name, said in document.items():
        if not isinstance(said, str | dict):
            raise Mistake(f"{path}: {name!r} has to be a path, or an object with one")
        entry = {"path": said} if isinstance(said, str) else said
        entries.append((repr(name), {"path": name} | entry if "constant" in entry else {"column": name} | entry))
    return entries


def _distinct(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _require_once(path, "column", [name for name, _ in pairs])
    return dict(pairs)


def _of_csv(path: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    rows = csv.DictReader(text.splitlines(), restkey="")
    if rows.fieldnames is None or not {"column", "path"} <= set(rows.fieldnames):
        raise Mistake(f"{path} has no columns named column and path", "begin it with the line: column,path")
    entries: list[tuple[str, dict[str, Any]]] = []
    for row in rows:
        entry: dict[str, Any] = {name: said for name, said in row.items() if said}
        if "values" in entry:
            entry["values"] = _values(path, rows.line_num, entry["values"])
        entries.append((f"line {rows.line_num}", entry))
    return entries


def _values(path: Path, line: int, text: str) -> dict[str, str]:
    pairs = [pair.partition(_VALUE) for pair in text.split(_PAIR)]
    if not all(parted for _, parted, _ in pairs):
        raise Mistake(f"{path} line {line}: {text!r} are no values", "write them as X=STATUS_ON_HOLD;Y=STATUS_ACTIVE")
    return {cell.strip(): said.strip() for cell, _, said in pairs}


def _mapped(path: Path, place: str, entry: Mapping[str, Any]) -> Mapped:
    for name in entry:
        if name not in _KNOWN:
            raise Mistake(f"{path}: {place} says {name!r}", nearest(name, _KNOWN))
    texts = {name: said for name, said in entry.items() if name != "values"}
    values = entry.get("values", {})
    if not all(isinstance(said, str) for said in (*texts.values(), *(values.values() if values else ()))):
        raise Mistake(f"{path}: {place} holds something that is no text", "write every value in quotes")
    if not texts.get("path") or bool(texts.get("column")) == ("constant" in texts):
        raise Mistake(f"{path}: {place} needs a path, and a column or a constant")
    form = Form(**{name: said for name, said in texts.items() if name in _FORM}, values=values)
    return Mapped(texts["path"], texts.get("column", ""), texts.get("constant", ""), form)


def _require_once(path: Path, what: str, names: Sequence[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise Mistake(f"{path} has the {what} {twice!r} twice", "each may come once")
