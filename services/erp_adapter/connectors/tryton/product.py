"""Items: products with their template."""

from collections.abc import Mapping

from concord.mdm.v1.item_pb2 import Item
from services.adapter.systems.connector import Value
from services.adapter.systems.remote_error import RemoteErrorKind
from services.erp_adapter.connectors.tryton import references
from services.erp_adapter.connectors.tryton.commands import Refer, differences, timestamps
from services.erp_adapter.connectors.tryton.errors import TrytonError
from services.erp_adapter.connectors.tryton.noun import Noun, Site, read_fields
from services.erp_adapter.domain.tryton import item, product
from services.erp_adapter.domain.tryton.held import Row
from services.erp_adapter.domain.tryton.identifiers import MARK

_MODEL, _TEMPLATE = "product.product", "product.template"
_CHILDREN = {
    "identifiers": "product.identifier",
    "template": _TEMPLATE,
    "product_suppliers": "purchase.product_supplier",
}


def _find(site: Site, golden: Item) -> int | None:
    marks = [("identifiers.code", "=", f"{MARK}:{golden.name}")]
    if found := site.search(_MODEL, marks):
        return int(found[0]["id"])
    gtin = next((each.gtin for each in golden.trade_items if each.gtin and each.unit == golden.base_unit), "")
    # Where a number of 14 digits begins with zeros, Tryton's users enter the shorter one.
    spelled = sorted({gtin, *(gtin[cut:] for cut in (1, 2, 6) if not gtin[:cut].strip("0"))} - {""})
    domain = [("identifiers", "where", [("type", "=", "ean"), ("code", "in", spelled)])]
    found = site.search(_MODEL, domain) if spelled else []
    return int(found[0]["id"]) if found else None


def _create(site: Site, golden: Item, values: Mapping[str, Value]) -> int:
    if "display_name" not in values or "packs" not in values:
        raise TrytonError(RemoteErrorKind.PERMANENT, "Tryton needs a description and a base unit")
    row, template = _changes(site, product.BLANK, product.applied(product.BLANK, values, site.conventions))
    mark = {"type": None, "code": f"{MARK}:{golden.name}"}
    commands = row.get("identifiers")
    row["identifiers"] = [*(commands if isinstance(commands, list) else []), ("create", [mark])]
    template |= {"type": "goods", "purchasable": True, "products": [("create", [row])]}
    [created] = site.client.create(_TEMPLATE, [template], context=site.context())
    return site.only(_MODEL, [("template", "=", created)], "product")


def _update(site: Site, row: Row, values: Mapping[str, Value]) -> None:
    own, template = _changes(site, row, product.applied(row, values, site.conventions))
    context = site.context(**timestamps(row, _MODEL, _CHILDREN))
    template_id = row["template."]["id"]
    # Rows that are not active can't be changed, not even by the call that activates them.
    if template.pop("active", None):
        site.client.write(_TEMPLATE, [template_id], {"active": True}, context=context)
    if own.get("active"):
        site.client.write(_MODEL, [row["id"]], {"active": own.pop("active")}, context=context)
        context = site.context()
    if template and own:
        template["products"] = [("write", [row["id"]], own)]
    if template:
        site.client.write(_TEMPLATE, [template_id], template, context=context)
    elif own:
        site.client.write(_MODEL, [row["id"]], own, context=context)


def _changes(site: Site, before: Row, after: Row) -> tuple[dict[str, object], dict[str, object]]:
    """Return what to write to the product and what to its template."""
    field, refer = "template.", _refer(site)
    own = differences(
        {name: value for name, value in before.items() if name != field},
        {name: value for name, value in after.items() if name != field},
        refer,
    )
    return own, differences(before[field], after[field], refer)


def _refer(site: Site) -> Refer:
    def refer(field: str, wanted: Row) -> int:
        if field == "party":
            return references.party_by_name(site, wanted["name"])
        if field == "categories":
            return site.only("product.category", [("name", "=", wanted["name"])], "product category")
        return references.by_value(site, field, wanted)

    return refer


PRODUCT = Noun(
    model=_MODEL,
    record_type="item",
    message=Item,
    fields=(
        *("code", "description", "active", "cost_price", "last_modified_at", "_timestamp"),
        *read_fields("identifiers", "type", "code"),
        *read_fields("template", "name", "active", "list_price"),
        *("template.default_uom.symbol", "template.purchase_uom.symbol", "template.categories.name"),
        *read_fields("template.product_suppliers", "code", "active"),
        "template.product_suppliers.party.name",
    ),
    changed_with=("", "identifiers", "template", "template.product_suppliers", "template.product_suppliers.party"),
    masters=lambda _: [],
    translate=item.translate,
    express=lambda content, _, conventions: item.express(content, conventions),
    find=_find,
    create=_create,
    update=_update,
)
"""Items."""
