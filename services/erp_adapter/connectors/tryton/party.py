"""Suppliers: parties in the category of suppliers."""

from collections.abc import Mapping

from concord.mdm.v1.supplier_pb2 import Supplier
from services.adapter.systems.connector import Value
from services.erp_adapter.connectors.tryton import references
from services.erp_adapter.connectors.tryton.commands import Refer, differences, timestamps
from services.erp_adapter.connectors.tryton.noun import Noun, Site, read_fields
from services.erp_adapter.domain.path import collection_and_key
from services.erp_adapter.domain.tryton import supplier
from services.erp_adapter.domain.tryton.held import Row
from services.erp_adapter.domain.tryton.identifiers import MARK

_MODEL = "party.party"
_CHILDREN = {
    "addresses": "party.address",
    "identifiers": "party.identifier",
    "contact_mechanisms": "party.contact_mechanism",
}
_STRONG = {"lei": "LEI", "npi": "NPI", "duns": "DUNS", "gln": "GLN"}


def _find(site: Site, golden: Supplier) -> int | None:
    codes = [f"{MARK}:{golden.name}"]
    codes += [f"{scheme}:{value}" for field, scheme in _STRONG.items() if (value := getattr(golden, field))]
    for code in codes:
        domain = [("categories.name", "=", site.conventions.supplier_category), ("identifiers.code", "=", code)]
        if found := site.search(_MODEL, domain):
            return int(found[0]["id"])
    return None


def _create(site: Site, golden: Supplier, values: Mapping[str, Value]) -> int:
    """Create a party, then its addresses: what tells their codes needs the party to be there.

    If the second call fails the party is found by its mark, and its addresses are still to be delivered.
    """
    later = {path: value for path, value in values.items() if collection_and_key(path)[0] in {"sites", "status"}}
    first = {path: value for path, value in values.items() if path not in later}
    row = differences(supplier.BLANK, supplier.applied(supplier.BLANK, first, site.conventions), _refer(site))
    root = [("name", "=", site.conventions.supplier_category)]
    mark = {"type": None, "code": f"{MARK}:{golden.name}"}
    row["identifiers"] = [*_commands(row, "identifiers"), ("create", [mark])]
    row["categories"] = [*_commands(row, "categories"), ("add", [site.only("party.category", root, "category")])]
    [created] = site.client.create(_MODEL, [row], context=site.context())
    if later:
        blank = {**supplier.BLANK, "id": created}
        changes = differences(blank, supplier.applied(blank, later, site.conventions), _refer(site))
        if changes:
            site.client.write(_MODEL, [created], changes, context=site.context())
    return created


def _update(site: Site, row: Row, values: Mapping[str, Value]) -> None:
    after = supplier.applied(row, values, site.conventions)
    changes = differences(row, after, _refer(site))
    context = site.context(**timestamps(row, _MODEL, _CHILDREN))
    if changes.pop("active", None):
        # A row that is not active can't be changed, not even by the call that activates it.
        site.client.write(_MODEL, [row["id"]], {"active": True}, context=context)
        context = site.context()
    elif row["active"] and not after["active"]:
        changes["active"] = False
    if changes:
        site.client.write(_MODEL, [row["id"]], changes, context=context)


def _refer(site: Site) -> Refer:
    def refer(field: str, wanted: Row) -> int:
        if field != "categories":
            return references.by_value(site, field, wanted)
        domain = [("name", "=", wanted["name"]), ("parent.name", "=", site.conventions.supplier_category)]
        return site.only("party.category", domain, "category of suppliers")

    return refer


def _commands(row: Mapping[str, object], field: str) -> list[object]:
    commands = row.get(field, [])
    return list(commands) if isinstance(commands, list) else []


PARTY = Noun(
    model=_MODEL,
    record_type="supplier",
    message=Supplier,
    fields=(
        *("name", "code", "active", "last_modified_at", "_timestamp", "categories.name", "categories.parent.name"),
        *("supplier_payment_term.name", "supplier_payment_term.lines.type"),
        *(f"supplier_payment_term.lines.relativedeltas.{field}" for field in ("days", "weeks", "months", "day")),
        *read_fields("identifiers", "type", "code", "active", "address"),
        *read_fields("addresses", "party_name", "street", "city", "postal_code", "invoice", "delivery", "active"),
        *("addresses.country.code", "addresses.subdivision.code"),
        *read_fields("addresses.contact_mechanisms", "type", "value", "active"),
        *read_fields("contact_mechanisms", "type", "value", "active"),
    ),
    changed_with=("", *_CHILDREN),
    masters=lambda conventions: [("categories.name", "=", conventions.supplier_category)],
    translate=supplier.translate,
    express=lambda content, _, __: supplier.express(content),
    find=_find,
    create=_create,
    update=_update,
)
"""Suppliers."""
