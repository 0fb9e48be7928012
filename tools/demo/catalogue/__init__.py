"""The demo's hospital catalogue: suppliers, items, cost centers, locations, accounts, a workforce; read from CSV files.

`README.md` here tells what is real and what is invented. Every value is kept exactly as the file has it, trailing
spaces of a carelessly typed name included, because the demo is about what real systems hold.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeVar, get_args, get_origin, get_type_hints

_FOLDER = Path(__file__).parent

_RowT = TypeVar("_RowT")


class CatalogueError(ValueError):
    """A file of the catalogue holds a value that its column does not allow; names file and line."""


@dataclass(frozen=True, kw_only=True)
class Supplier:
    """A supplier as the ERP holds it; an empty string is a value the ERP does not have.

    `duplicate_of` is the ground truth for measuring links (code of the company's own row, empty on that row itself):
    never load it into a system.
    """

    code: str
    name: str
    trading_name: str
    street: str
    city: str
    state: str
    postal_code: str
    country: str
    phone: str
    email: str
    website: str
    tax_id_type: str
    tax_id: str
    lei: str
    duns: str
    gln: str
    npi: str
    payment_term: str
    category: str
    active: bool
    duplicate_of: str


@dataclass(frozen=True, kw_only=True)
class Item:
    """An item as the ERP holds it; prices are USD per base unit (`uom`, X12 code).

    `box_quantity` counts base units; `case_quantity` counts boxes, or base units where the item has no box. A pack
    level without a GTIN does not exist, and its quantity is None.
    """

    code: str
    name: str
    manufacturer: str
    manufacturer_part_number: str
    gtin_each: str
    gtin_box: str
    box_quantity: int | None
    gtin_case: str
    case_quantity: int | None
    uom: str
    unspsc: str
    gmdn: str
    hcpcs: str
    ndc: str
    list_price: Decimal
    cost_price: Decimal
    lot: bool
    serial: bool
    expiry: bool
    latex: bool
    sterile: bool
    implantable: bool
    hazardous: bool
    category: str


@dataclass(frozen=True, kw_only=True)
class CostCenter:
    """A node of the ERP's department tree: a group, or a cost center under one. `valid_to` is the last valid day."""

    code: str
    name: str
    kind: Literal["group", "cost_center"]
    parent_code: str
    entity: str
    manager: str
    location: str
    currency: str
    valid_from: date
    valid_to: date | None
    blocked: bool


@dataclass(frozen=True, kw_only=True)
class Location:
    """A stock location of the ERP: a view groups others; `role` says what a storage is to the warehouse above it.

    Only a warehouse has an address and a GLN.
    """

    code: str
    name: str
    type: Literal["view", "warehouse", "storage"]
    role: Literal["", "input", "output", "storage"]
    parent_code: str
    entity: str
    street: str
    city: str
    state: str
    postal_code: str
    country: str
    gln: str


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account of the ERP's chart; one without a type only sums up those below it. `valid_to` is the last valid day.

    `category` names the ERP's own type of the account, of which several are of one `type`; `currency` is the only one
    that the account is kept in.
    """

    code: str
    name: str
    parent_code: str
    type: Literal["", "asset", "liability", "equity", "revenue", "expense", "statistical"]
    category: str
    currency: str
    valid_from: date | None
    valid_to: date | None
    closed: bool


@dataclass(frozen=True, kw_only=True)
class WorkforceCostCenter:
    """A cost center as the workforce service holds it."""

    code: str
    name: str
    manager: str
    department: str
    entity: str
    active: bool


@dataclass(frozen=True, kw_only=True)
class WorkforceUser:
    """An invented employee in the workforce service; `cost_center` is a code of `WorkforceCostCenter`.

    `manager` is an employee number. With a second cost center, `share` of the work is for the first and the rest for
    the second, from `second_from` to `second_to` (last day); at other times all of it is for the first.
    """

    user_name: str
    given_name: str
    family_name: str
    email: str
    phone: str
    employee_number: str
    cost_center: str
    department: str
    title: str
    user_type: str
    manager: str
    hire_date: date
    end_date: date | None
    share: Fraction | None
    second_cost_center: str
    second_from: date | None
    second_to: date | None
    night_percent: Decimal | None
    weekend_amount: Decimal | None
    active: bool


@dataclass(frozen=True, kw_only=True)
class EntityRow:
    """A legal entity or facility of the invented hospital group; the root has no parent."""

    id: str
    display_name: str
    parent: str


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Everything the demo loads, each tuple in its file's order (parents before children)."""

    suppliers: tuple[Supplier, ...]
    items: tuple[Item, ...]
    cost_centers: tuple[CostCenter, ...]
    locations: tuple[Location, ...]
    accounts: tuple[Account, ...]
    workforce_cost_centers: tuple[WorkforceCostCenter, ...]
    workforce_users: tuple[WorkforceUser, ...]
    entities: tuple[EntityRow, ...]


def load(folder: Path = _FOLDER) -> Catalogue:
    """Read the CSV files of `folder`.

    Raises:
        CatalogueError: a value does not fit its column, or a row has too few or too many values.
        FileNotFoundError: a file is missing.
    """
    return Catalogue(
        suppliers=_read(folder / "suppliers.csv", Supplier),
        items=_read(folder / "items.csv", Item),
        cost_centers=_read(folder / "cost_centers.csv", CostCenter),
        locations=_read(folder / "locations.csv", Location),
        accounts=_read(folder / "accounts.csv", Account),
        workforce_cost_centers=_read(folder / "workforce_cost_centers.csv", WorkforceCostCenter),
        workforce_users=_read(folder / "workforce_users.csv", WorkforceUser),
        entities=_read(folder / "entities.csv", EntityRow),
    )


def _read(path: Path, row_type: type[_RowT]) -> tuple[_RowT, ...]:
    hints = get_type_hints(row_type)
    make: Callable[..., _RowT] = row_type
    return tuple(
        make(**{column: _value(hints[column], text, f"{path.name}:{line}: {column}") for column, text in row.items()})
        for line, row in _lines(path, list(hints))
    )


def _lines(path: Path, columns: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and values by column; the header must name exactly `columns`, in this order."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        if (header := next(reader, [])) != columns:
            raise CatalogueError(f"{path.name}:1: expected the columns {columns}, found {header}")
        for values in reader:
            if len(values) != len(columns):
                raise CatalogueError(f"{path.name}:{reader.line_num}: {len(values)} values in {len(columns)} columns")
            yield reader.line_num, dict(zip(columns, values, strict=True))


def _value(hint: object, text: str, where: str) -> object:
    try:
        return _one_of(hint, text) if get_origin(hint) is Literal else _CONVERSIONS[hint](text)
    except (ValueError, ArithmeticError) as error:
        raise CatalogueError(f"{where}: {text!r} is not allowed here") from error


def _flag(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise ValueError(text)
    return text == "yes"


def _one_of(hint: object, text: str) -> str:
    if text not in get_args(hint):
        raise ValueError(text)
    return text


_CONVERSIONS: dict[object, Callable[[str], object]] = {
    str: str,
    bool: _flag,
    int | None: lambda text: int(text) if text else None,
    Decimal: Decimal,
    Decimal | None: lambda text: Decimal(text) if text else None,
    Fraction | None: lambda text: Fraction(text) if text else None,
    date: date.fromisoformat,
    date | None: lambda text: date.fromisoformat(text) if text else None,
}
