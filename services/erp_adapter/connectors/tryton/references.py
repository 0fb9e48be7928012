"""Searching the rows that fields refer to: countries, payment terms, units, categories."""

from services.adapter.systems.remote_error import RemoteErrorKind
from services.erp_adapter.connectors.tryton.errors import TrytonError
from services.erp_adapter.connectors.tryton.noun import Site
from services.erp_adapter.domain.tryton.held import Row

_BY_VALUE = {
    "country": ("country.country", "code"),
    "subdivision": ("country.subdivision", "code"),
    "supplier_payment_term": ("account.invoice.payment_term", "name"),
    "default_uom": ("product.uom", "symbol"),
    "purchase_uom": ("product.uom", "symbol"),
    "currency": ("currency.currency", "code"),
}
"""Model and field by which it is searched, by the field that refers."""


def by_value(site: Site, field: str, wanted: Row) -> int:
    """Return the id of the row that `field` is to refer to. Raises TrytonError PERMANENT when there is none."""
    model, searched = _BY_VALUE[field]
    return site.only(model, [(searched, "=", wanted[searched])], field.replace("_", " "))


def party_by_name(site: Site, name: str) -> int:
    """Return the first party of this name, a supplier if there is one; outer white space does not count."""
    pattern = name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = site.search("party.party", [("name", "ilike", f"%{pattern}%")], ["name", "categories.name"])
    same = [row for row in rows if (row["name"] or "").strip() == name]
    category = site.conventions.supplier_category
    suppliers = [row for row in same if any(each["name"] == category for each in row["categories."])]
    if not same:
        raise TrytonError(RemoteErrorKind.PERMANENT, "Tryton has no such party")
    return int((suppliers or same)[0]["id"])
