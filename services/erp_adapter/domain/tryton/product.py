"""Values of items written into a product's row: the way back of `item`."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from services.adapter.systems.connector import Value
from services.erp_adapter.domain.path import collection_and_key
from services.erp_adapter.domain.tryton import identifiers, packs
from services.erp_adapter.domain.tryton.conventions import Conventions
from services.erp_adapter.domain.tryton.held import Row, is_active, with_child
from services.erp_adapter.domain.tryton.item import EACH, EACH_SYMBOL, FLAGS, HCPCS, SCHEMES

_FLAGS: Mapping[str, str] = {str(flag): category for flag, category in FLAGS.items()}

BLANK: Row = {
    "active": True,
    "description": None,
    "cost_price": None,
    "identifiers.": [],
    "template.": {
        "active": True,
        "list_price": None,
        "default_uom.": None,
        "categories.": [],
        "product_suppliers.": [],
    },
}
"""A product with its template before anything is said of it."""


def applied(row: Row, values: Mapping[str, Value], conventions: Conventions) -> Row:
    """Return a product as it should be when it says these values; the others stay. None = to be emptied."""
    result: dict[str, Any] = {**row, "template.": dict(row["template."])}
    if "packs" in values:  # before the numbers of the levels: which one is the base unit decides where they stand
        _packs(result, values["packs"])
    for path, value in values.items():
        field, key = collection_and_key(path)
        if field in _FLAGS:
            _flag(result["template."], _FLAGS[field], value)
        elif field in SCHEMES:
            result["identifiers."] = identifiers.with_code(result["identifiers."], SCHEMES[field], value)
        elif field == "hcpcs_codes":
            result["identifiers."] = _with_hcpcs(result["identifiers."], key[0], value)
        elif field == "trade_items":
            _trade_item(result, key[0], value)
        elif field != "packs":
            _attribute(result, field, key, value, conventions)
    return result


def _attribute(row: dict[str, Any], field: str, key: tuple[str, ...], value: Value, conventions: Conventions) -> None:
    template = row["template."]
    match field:
        case "display_name":
            template["name"] = value
        case "description":
            row["description"] = value
        case "manufacture":
            _manufacture(row, value, conventions)
        case "prices":
            amount = Decimal(str(value["amount"])) if isinstance(value, Mapping) else None
            holder, name = (template, "list_price") if key[0] == "list" else (row, "cost_price")
            holder[name] = amount
        case "status":
            row["active"] = value != "INACTIVE"
            template["active"] = template["active"] or row["active"]
        case _:
            raise ValueError(f"Tryton does not hold {field}")


def _flag(template: dict[str, Any], category: str, value: Value) -> None:
    fields = {"name": category} if value else None
    template["categories."] = with_child(template["categories."], lambda each: each["name"] == category, fields)


def _manufacture(row: dict[str, Any], value: Value, conventions: Conventions) -> None:
    """Write name and part number; whom a product is bought from stays, even when the manufacturer is taken back."""
    said = value if isinstance(value, Mapping) else {}
    name, part = said.get("name"), said.get("part_number") or None
    row["identifiers."] = identifiers.with_typed(row["identifiers."], "mpn", part)
    sellers = row["template."]["product_suppliers."]
    first = next((each for each in sellers if is_active(each)), None)
    if first is None and not name:
        return
    seller: dict[str, Any] = {"code": part}
    if name and not (first and str(first["party."]["name"]).strip() == name):
        seller["party."] = {"name": name}
    new = {"currency.": {"code": conventions.currency}}
    row["template."]["product_suppliers."] = with_child(sellers, lambda _: True, seller, new=new)


def _packs(row: dict[str, Any], value: Value) -> None:
    said = value if isinstance(value, Mapping) else {}
    contents = said.get("contents")
    row["identifiers."] = packs.with_contents(row["identifiers."], contents if isinstance(contents, Mapping) else {})
    template = row["template."]
    symbol = EACH_SYMBOL if said.get("base_unit") == EACH else said.get("base_unit")
    before = template["default_uom."]
    # A product always has a base unit; only its packs can be taken back.
    if symbol and not (before and before["symbol"] == symbol):
        template["default_uom."] = template["purchase_uom."] = {"symbol": symbol}


def _with_hcpcs(rows: list[Row], code: str, value: Value) -> list[Row]:
    fields = {"code": f"{HCPCS}:{code}"} if value else None
    return with_child(rows, lambda row: identifiers.is_untyped(row, HCPCS, code), fields, new={"type": None})


def _trade_item(row: dict[str, Any], unit: str, value: Value) -> None:
    uom = row["template."]["default_uom."]
    if unit == _unit(uom):
        row["identifiers."] = identifiers.with_typed(row["identifiers."], "ean", value)
    elif unit in packs.LEVELS:
        row["identifiers."] = packs.with_gtin(row["identifiers."], unit, value)
    elif value:
        raise ValueError("the product has no such pack level")


def _unit(uom: Row | None) -> str:
    symbol = str(uom["symbol"]).strip() if uom else ""
    return EACH if symbol == EACH_SYMBOL else symbol
