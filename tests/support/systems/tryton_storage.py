"""What Tryton would give back of rows as the mapping wants them: every field there, with ids."""

import itertools
from collections.abc import Mapping
from typing import Any

from services.erp_adapter.domain.tryton import account_type
from services.erp_adapter.domain.tryton.held import Row

CATEGORY = "Supplier"

TOP = "TOP"
"""The code of the location that stands for the entity of all others."""

_CHILDREN: Mapping[str, Row] = {
    "identifiers.": {"type": None, "code": "", "active": True, "address": None},
    "contact_mechanisms.": {"type": None, "value": "", "active": True},
    "addresses.": {
        "party_name": None,
        "street": None,
        "city": None,
        "postal_code": None,
        "country.": None,
        "subdivision.": None,
        "invoice": False,
        "delivery": False,
        "active": True,
        "contact_mechanisms.": [],
    },
    "categories.": {"name": "", "parent.": {"name": CATEGORY}},
    "product_suppliers.": {"party.": None, "code": None, "active": True},
}
_ADDED: Mapping[str, Row] = {
    "supplier_payment_term.": {"lines.": []},
    "type.": {"statement": "balance", "parent.": None, **dict.fromkeys(account_type.FIELDS[2:], False)},
}
_FIELDS: Mapping[str, Row] = {
    "party": {"name": None, "code": None},
    "product": {"code": None},
    "account": {"currency.": {"code": "USD"}},
    "location": {"name": None},
    "ledger account": {},
}


def stored(row: Row, kind: str) -> dict[str, Any]:
    """Return a row as it would be read after it was written.

    `kind` is `party`, `product`, `account`, `location` or `ledger account`.
    """
    numbers = itertools.count(1)

    def child(field: str, each: Row) -> dict[str, Any]:
        filled = {"id": next(numbers), **_CHILDREN[field], **each}
        return {name: deep(name, value) for name, value in filled.items() if name != "party"}

    def deep(field: str, value: Any) -> Any:
        if isinstance(value, list):
            return [child(field, each) for each in value]
        if field == "template.":
            return {name: deep(name, each) for name, each in {"name": None, **value}.items()}
        if field == "parent.":
            return _parent(value, row, kind)
        if value and field in _ADDED:
            return {**_ADDED[field], "name": value.get("says"), **value}
        return value

    whole = {**_FIELDS[kind], "id": next(numbers), **row}
    return {name: deep(name, value) for name, value in whole.items()}


def _parent(value: Row | None, row: Row, kind: str) -> Row | None:
    """Return a parent; all locations lie below their entity's, an account's note tells its entity by its id."""
    if kind == "location" and row["code"] != TOP:
        top: Row = {"code": TOP, "parent.": None}
        return top if value is None or value["code"] == TOP else {"parent.": top, **value}
    if kind == "location" and value:
        return {"parent.": None, **value}
    if value and kind == "account" and "scope" in value:
        return {"code": value["code"], "note": f"Entity: {value['scope'].rpartition('/')[2]}"}
    return {"note": row["note"], **value} if value and kind == "account" else value
