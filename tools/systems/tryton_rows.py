"""The catalogue's records as rows of Tryton's models; pure."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal

from tools.demo.catalogue import Account, CostCenter, Item, Location, Supplier
from tools.systems.tryton_template import SUPPLIER_CATEGORY

Row = Mapping[str, object]
RowMaker = Callable[[str], Row]
Ids = dict[str, int]

EACH = "EA"
"""The X12 code of Tryton's own unit of measure, whose symbol is `UNIT_SYMBOL`."""
UNIT_SYMBOL = "u"

HANDLING = (
    "Lot tracked",
    "Serial tracked",
    "Expiry tracked",
    "Contains latex",
    "Sterile",
    "Implantable",
    "Hazardous",
)
"""Product categories that stand for an item's flags."""

_UOM_NAMES = {
    "AM": "Ampoule",
    "BG": "Bag",
    "BO": "Bottle",
    "KT": "Kit",
    "PR": "Pair",
    "RL": "Roll",
    "VI": "Vial",
}
_TERM_DAYS = {"Due on receipt": 0}

ACCOUNT_TYPES: Mapping[str, Row] = {
    "asset": {"name": "Assets", "statement": "balance", "assets": True},
    "liability": {"name": "Liabilities", "statement": "balance"},
    "equity": {"name": "Equity", "statement": "balance"},
    "revenue": {"name": "Revenue", "statement": "income", "revenue": True},
    "expense": {"name": "Expenses", "statement": "income", "expense": True},
    "statistical": {"name": "Statistics", "statement": "off-balance"},
}
"""Tryton's types of accounts at the top of their tree; those of categories lie below."""

_BOOKED = {"Receivables": "receivable", "Inventories": "stock", "Payables": "payable", "Debt": "debt"}
"""Flags of types by category."""


def party(supplier: Supplier, ids: Mapping[str, Ids]) -> Row:
    """Return a party with its address, contact mechanisms and identifiers; always active (see the loader)."""
    row: dict[str, object] = {
        "name": supplier.name,
        "code": supplier.code,
        "categories": [("add", [ids["category"][SUPPLIER_CATEGORY], ids["category"][supplier.category]])],
        "addresses": [("create", [_address(supplier, ids)])],
        "contact_mechanisms": [("create", _contacts(supplier))],
        "identifiers": [("create", _party_identifiers(supplier))],
    }
    if supplier.payment_term:
        row["supplier_payment_term"] = ids["payment_term"][supplier.payment_term]
    return row


def _address(supplier: Supplier, ids: Mapping[str, Ids]) -> Row:
    return {
        "party_name": supplier.trading_name or None,
        "street": supplier.street,
        "city": supplier.city,
        "postal_code": supplier.postal_code,
        "country": ids["country"].get(supplier.country),
        "subdivision": ids["subdivision"].get(subdivision_code(supplier.country, supplier.state)),
        "invoice": True,
        "delivery": False,
    }


def _contacts(supplier: Supplier) -> list[Row]:
    values = (("phone", supplier.phone), ("email", supplier.email), ("website", supplier.website))
    return [{"type": kind, "value": value} for kind, value in values if value]


def _party_identifiers(supplier: Supplier) -> list[Row]:
    rows: list[Row] = []
    if supplier.tax_id:
        rows.append({"type": supplier.tax_id_type or None, "code": supplier.tax_id})
    others = (("LEI", supplier.lei), ("DUNS", supplier.duns), ("GLN", supplier.gln), ("NPI", supplier.npi))
    return rows + [{"type": None, "code": f"{scheme}:{code}"} for scheme, code in others if code]


def subdivision_code(country: str, state: str) -> str:
    """Return the ISO 3166-2 code of a state."""
    return f"{country}-{state}"


def subdivision(country: str, state: str, country_id: int) -> Row:
    """Return a state of a country."""
    return {"code": subdivision_code(country, state), "name": state, "country": country_id, "type": "state"}


def payment_term(name: str) -> Row:
    """Return a payment term: all of it so many days after the invoice."""
    days = _TERM_DAYS[name] if name in _TERM_DAYS else int(name.rsplit(maxsplit=1)[-1])
    line = {"type": "remainder", "relativedeltas": [("create", [{"days": days}])]}
    return {"name": name, "lines": [("create", [line])]}


def uom(code: str, category: int) -> Row:
    """Return a container as a unit of measure that nothing converts to."""
    name = _UOM_NAMES.get(code, code)
    return {
        "name": name,
        "symbol": code,
        "category": category,
        "factor": 1.0,
        "rate": 1.0,
        "rounding": 1.0,
        "digits": 0,
    }


def template(item: Item, ids: Mapping[str, Ids], currency: int) -> Row:
    """Return a product template with its only variant."""
    flags = (item.lot, item.serial, item.expiry, item.latex, item.sterile, item.implantable, item.hazardous)
    names = [item.category, *(name for name, flag in zip(HANDLING, flags, strict=True) if flag)]
    return {
        "name": item.name,
        "code": item.code,
        "type": "goods",
        "default_uom": ids["uom"][item.uom],
        "purchasable": True,
        "purchase_uom": ids["uom"][item.uom],
        "list_price": item.list_price,
        "categories": [("add", [ids["category"][name] for name in names])],
        "products": [("create", [{"cost_price": item.cost_price, "identifiers": [("create", _codes(item))]}])],
        "product_suppliers": [("create", _manufacturer(item, ids["party"], currency))],
    }


def _codes(item: Item) -> list[Row]:
    typed = (("ean", item.gtin_each), ("mpn", item.manufacturer_part_number))
    packs = (("GTIN-BX", item.gtin_box, item.box_quantity), ("GTIN-CA", item.gtin_case, item.case_quantity))
    schemes = (("UNSPSC", item.unspsc), ("GMDN", item.gmdn), ("HCPCS", item.hcpcs), ("NDC", item.ndc))
    rows: list[Row] = [{"type": kind, "code": code} for kind, code in typed if code]
    rows += [{"type": None, "code": f"{level}:{code}:{quantity}"} for level, code, quantity in packs if code]
    return rows + [{"type": None, "code": f"{scheme}:{code}"} for scheme, code in schemes if code]


def _manufacturer(item: Item, parties: Ids, currency: int) -> list[Row]:
    if item.manufacturer not in parties:
        return []
    code = item.manufacturer_part_number or None
    return [{"party": parties[item.manufacturer], "code": code, "currency": currency, "lead_time": timedelta(days=5)}]


def analytic_account(cost_center: CostCenter, created: Ids, root: int | None) -> Row:
    """Return a node of the department tree; the first one without a parent is the root of all."""
    kind = "root" if root is None else "view" if cost_center.kind == "group" else "normal"
    return {
        "code": cost_center.code,
        "name": cost_center.name,
        "type": kind,
        "root": root,
        "parent": created.get(cost_center.parent_code),
        "state": "closed" if cost_center.blocked else "opened",
        "note": _note(cost_center),
    }


def _note(cost_center: CostCenter) -> str:
    lines = {
        "Entity": cost_center.entity,
        "Manager": cost_center.manager,
        "Location": cost_center.location,
        "Valid from": cost_center.valid_from.isoformat(),
        "Valid to": cost_center.valid_to.isoformat() if cost_center.valid_to else "",
    }
    return "\n".join(f"{label}: {value}" for label, value in lines.items() if value)


def location(place: Location, ids: Ids) -> Row:
    """Return a location without a parent; `ids` are those of its address and, of a warehouse, of its roles' locations.

    Tryton itself puts input, output and storage below their warehouse.
    """
    roles = {f"{role}_location": ids[role] for role in ("input", "output", "storage") if role in ids}
    return {"code": place.code, "name": place.name, "type": place.type, "address": ids.get("address"), **roles}


def location_address(place: Location, ids: Mapping[str, Ids], party: int) -> Row:
    """Return a warehouse's address, which is one of the company's."""
    return {
        "party": party,
        "street": place.street,
        "city": place.city,
        "postal_code": place.postal_code,
        "country": ids["country"][place.country],
        "subdivision": ids["subdivision"][subdivision_code(place.country, place.state)],
        "delivery": True,
    }


def location_number(place: Location, party: int, address: int) -> Row:
    """Return the contact mechanism that tells the location number of an address."""
    return {"party": party, "address": address, "type": "other", "value": f"GLN:{place.gln}"}


def account_type(account: Account, parent: int) -> Row:
    """Return Tryton's type of an account: its category, below the type that the category is of."""
    flags = {_BOOKED[account.category]: True} if account.category in _BOOKED else {}
    return {**ACCOUNT_TYPES[account.type], "name": account.category, "parent": parent, **flags}


def account(entry: Account, ids: Mapping[str, Ids], created: Ids, company: int) -> Row:
    """Return an account of the company's chart."""
    return {
        "company": company,
        "code": entry.code,
        "name": entry.name,
        "type": ids["type"].get(entry.category),
        "second_currency": ids["currency"].get(entry.currency),
        "parent": created.get(entry.parent_code),
        "start_date": entry.valid_from,
        "end_date": entry.valid_to,
        "closed": entry.closed,
    }


def currency(code: str) -> Row:
    """Return a currency."""
    return {"name": code, "code": code, "symbol": code, "digits": 2, "rounding": Decimal("0.01")}
