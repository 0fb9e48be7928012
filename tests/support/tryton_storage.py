"""What Tryton would give back of rows as the mapping wants them: every field there, with ids."""

import itertools
from collections.abc import Mapping
from typing import Any

from services.erp_adapter.domain.tryton.held import Row

CATEGORY = "Supplier"

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
_TERM: Row = {"lines.": []}
_FIELDS: Mapping[str, Row] = {
    "party": {"name": None, "code": None},
    "product": {"code": None},
    "account": {"currency.": {"code": "USD"}},
}


def stored(row: Row, kind: str) -> dict[str, Any]:
    """Return a row of this kind (`party`, `product`, `account`) as it would be read after it was written."""
    numbers = itertools.count(1)

    def child(field: str, each: Row) -> dict[str, Any]:
        filled = {"id": next(numbers), **_CHILDREN[field], **each}
        return {name: deep(name, value) for name, value in filled.items() if name != "party"}

    def deep(field: str, value: Any) -> Any:
        if isinstance(value, list):
            return [child(field, each) for each in value]
        if field == "template.":
            return {name: deep(name, each) for name, each in {"name": None, **value}.items()}
        if field == "supplier_payment_term." and value:
            return {**_TERM, **value}
        if field == "parent." and value and kind == "account":
            return {"note": row["note"], **value}
        return value

    whole = {**_FIELDS[kind], "id": next(numbers), **row}
    return {name: deep(name, value) for name, value in whole.items()}
