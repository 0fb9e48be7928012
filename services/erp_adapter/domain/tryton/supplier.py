"""Suppliers ↔ `party.party`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from concord.mdm.v1.party_pb2 import Classification, PaymentTerms, TaxId
from concord.mdm.v1.supplier_pb2 import Supplier
from services.adapter.systems.connector import Expression, Translation, Value
from services.erp_adapter.domain.path import collection_and_key, element
from services.erp_adapter.domain.tryton import identifiers, site
from services.erp_adapter.domain.tryton.conventions import Conventions
from services.erp_adapter.domain.tryton.held import Held, Row, with_child

CATEGORY_SCHEME = "vendor_category"
"""The classification scheme that Tryton's categories of suppliers are."""

BLANK: Row = {
    "active": True,
    "identifiers.": [],
    "addresses.": [],
    "contact_mechanisms.": [],
    "categories.": [],
    "supplier_payment_term.": None,
}
"""A party before anything is said of it."""

_SCHEMES = {"lei": "LEI", "duns": "DUNS", "gln": "GLN", "npi": "NPI"}
_MECHANISMS = ("phone", "email", "website")
_MOST_DAYS = 3650  # that terms of the contract can say
_STATUS = {Supplier.STATUS_ACTIVE: True, Supplier.STATUS_INACTIVE: False}
_NATIONAL = re.compile(r"([a-z]{2})_([a-z0-9_]{1,32})")


def translate(row: Row, conventions: Conventions) -> Translation:
    """Return a party as a supplier. Raises UntranslatableError."""
    party = Held(row, "party")
    numbers = [each for each in party.many("identifiers") if each.row.get("address") is None]
    addresses = party.many("addresses")
    texts: dict[str, Any] = {field: identifiers.only_code(numbers, scheme) for field, scheme in _SCHEMES.items()}
    texts |= {kind: _mechanism(party, kind) for kind in _MECHANISMS}
    content = Supplier(
        legal_name=party.text("name"),
        trading_names=dict.fromkeys(name for each in addresses if (name := each.text("party_name"))),
        tax_ids=_tax_ids(numbers),
        sites=[site.translate(each, conventions) for each in addresses],
        classifications=[Classification(scheme=CATEGORY_SCHEME, code=name) for name in _kinds(party, conventions)],
        payment_terms=_payment_terms(party.one("supplier_payment_term")),
        status=Supplier.STATUS_ACTIVE if party.flag("active") else Supplier.STATUS_INACTIVE,
        **texts,
    )
    return Translation("supplier", content, label=party.text("code"))


def express(content: Supplier) -> Expression:
    """Return what a party can say of a supplier.

    Trading names are not written: in Tryton they are printed on addresses and belong to none.
    """
    values: dict[str, Value] = {}
    inexpressible: list[str] = []
    for path, value in _said(content):
        if value is None:
            inexpressible.append(path)
        else:
            values[path] = value
    return Expression(values, tuple(inexpressible))


def applied(row: Row, values: Mapping[str, Value], conventions: Conventions) -> Row:
    """Return a party as it should be when it says these values; the others stay. None = to be emptied."""
    result: dict[str, Any] = dict(row)
    for path, value in values.items():
        collection, key = collection_and_key(path)
        if collection == "legal_name":
            result["name"] = value
        elif collection in _SCHEMES:
            result["identifiers."] = _with_scheme(result["identifiers."], _SCHEMES[collection], value)
        elif collection == "tax_ids":
            kind = f"{key[0].lower()}_{key[1]}"
            result["identifiers."] = identifiers.with_typed(result["identifiers."], kind, value)
        elif collection in _MECHANISMS:
            result["contact_mechanisms."] = _with_mechanism(result["contact_mechanisms."], collection, value)
        elif collection == "sites":
            result["addresses."] = site.applied(result["addresses."], key[0], value, result.get("id", -1), conventions)
        elif collection == "classifications":
            category = {"name": key[1]} if value else None
            result["categories."] = with_child(result["categories."], lambda each: each["name"] == key[1], category)  # noqa: B023 - called at once
        elif collection == "payment_terms":
            result["supplier_payment_term."] = _term(result["supplier_payment_term."], value)
        elif collection == "status":
            result["active"] = value != "INACTIVE"
        else:
            raise ValueError(f"Tryton does not hold {path}")
    return result


def _said(content: Supplier) -> Iterator[tuple[str, Value]]:
    """Give the values that the content gives, by path; None = Tryton can't hold it."""
    for field in ("legal_name", *_SCHEMES, *_MECHANISMS):
        if value := getattr(content, field).strip():
            yield field, value
    for tax_id in content.tax_ids:
        if tax_id.value:
            path = element("tax_ids", tax_id.country, tax_id.scheme)
            known = _NATIONAL.fullmatch(f"{tax_id.country.lower()}_{tax_id.scheme}")
            yield path, _bare(tax_id.value) if known else None
    for each in content.sites:
        yield element("sites", each.code), site.express(each)
    for classification in content.classifications:
        if classification.scheme == CATEGORY_SCHEME:
            yield element("classifications", CATEGORY_SCHEME, classification.code), True
    if content.payment_terms.ListFields():
        yield "payment_terms", content.payment_terms.display_name.strip() or None
    if content.status:
        active = _STATUS.get(content.status)
        yield "status", None if active is None else "ACTIVE" if active else "INACTIVE"


def _tax_ids(numbers: list[Held]) -> Iterator[TaxId]:
    """Give the national numbers; whether one is valid is for the hub to judge."""
    kinds: set[str] = set()
    for each in numbers:
        kind = each.text("type")
        national = _NATIONAL.fullmatch(kind)
        if national is None:
            continue
        if kind in kinds or not (value := _bare(each.text("code"))):
            raise each.refused("code", "is a second number of this type, or none at all")
        kinds.add(kind)
        yield TaxId(country=national[1].upper(), scheme=national[2], value=value)


def _kinds(party: Held, conventions: Conventions) -> list[str]:
    """Return the names of the categories under the suppliers' own."""
    found = []
    for category in party.many("categories"):
        parent = category.one("parent")
        if parent is not None and parent.text("name") == conventions.supplier_category:
            found.append(category.text("name"))
    return sorted(found)


def _payment_terms(term: Held | None) -> PaymentTerms | None:
    if term is None:
        return None
    lines = term.many("lines")
    deltas = lines[0].many("relativedeltas") if len(lines) == 1 else []
    delta = deltas[0].row if len(deltas) == 1 else {}
    days = delta.get("days")
    # Only what is due as a whole after a number of days has net days.
    if any(value for field, value in delta.items() if field not in {"id", "days"}) or not isinstance(days, int):
        return PaymentTerms(display_name=term.text("name"))
    return PaymentTerms(display_name=term.text("name"), net_days=days if 0 <= days <= _MOST_DAYS else None)


def _term(before: Row | None, name: Value) -> Row | None:
    if before and before["name"].strip() == name:
        return before
    return {"name": name} if name else None


def _mechanism(party: Held, kind: str) -> str:
    """Return the first of its kind, which is the one that Tryton shows too."""
    return next((each.text("value") for each in party.many("contact_mechanisms") if each.text("type") == kind), "")


def _with_mechanism(rows: list[Row], kind: str, value: Value) -> list[Row]:
    fields = {"value": value} if value else None
    return with_child(rows, lambda row: row["type"] == kind, fields, new={"type": kind})


def _with_scheme(rows: list[Row], scheme: str, value: Value) -> list[Row]:
    """Return the identifiers with the party's own of a scheme; those of its addresses stay."""
    fields = {"code": f"{scheme}:{value}"} if value else None

    def is_it(row: Row) -> bool:
        return row.get("address") is None and identifiers.is_untyped(row, scheme)

    return with_child(rows, is_it, fields, new={"type": None})


def _bare(number: str) -> str:
    return "".join(character for character in number if character.isalnum())
