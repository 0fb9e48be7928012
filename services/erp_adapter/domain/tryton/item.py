"""Items ↔ `product.product`, the variant of a `product.template`."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal, TypeAlias

from concord.mdm.v1.item_pb2 import Item
from concord.mdm.v1.pack_pb2 import PackConversion, PriceReference, TradeItem
from services.adapter.systems.connector import Expression, Translation, Value
from services.erp_adapter.domain.path import element
from services.erp_adapter.domain.tryton import identifiers, packs, price
from services.erp_adapter.domain.tryton.conventions import Conventions
from services.erp_adapter.domain.tryton.held import Held, Row

SCHEMES = {"ndc": "NDC", "unspsc_code": "UNSPSC", "gmdn_code": "GMDN"}
"""Fields that are untyped identifiers, by scheme."""

HCPCS = "HCPCS"

Flag: TypeAlias = Literal[
    "lot_tracked", "serial_tracked", "expiry_tracked", "contains_latex", "sterile", "implantable", "hazardous"
]

FLAGS: Mapping[Flag, str] = {
    "lot_tracked": "Lot tracked",
    "serial_tracked": "Serial tracked",
    "expiry_tracked": "Expiry tracked",
    "contains_latex": "Contains latex",
    "sterile": "Sterile",
    "implantable": "Implantable",
    "hazardous": "Hazardous",
}
"""Product categories that stand for flags: a product in one says yes, a product not in it says no."""

EACH, EACH_SYMBOL = "EA", "u"
"""The X12 code of Tryton's own unit, and its symbol there."""

PRICES = ("list", "cost")

_STATUS = {Item.STATUS_ACTIVE: "ACTIVE", Item.STATUS_INACTIVE: "INACTIVE"}


def translate(row: Row, conventions: Conventions) -> Translation:
    """Return a product as an item. Raises UntranslatableError."""
    product = Held(row, "product")
    template = product.one("template")
    if template is None:
        raise product.refused("template", "is missing")
    numbers = product.many("identifiers")
    base_unit = _base_unit(template)
    levels = packs.levels(numbers)
    if base_unit in packs.LEVELS and base_unit in levels:
        raise template.refused("default_uom", "is a pack level of the product, too")
    names = {each.text("name") for each in template.many("categories")}
    said: dict[str, Any] = {field: identifiers.only_code(numbers, scheme) for field, scheme in SCHEMES.items()}
    said |= {field: category in names for field, category in FLAGS.items()}
    content = Item(
        display_name=template.text("name"),
        description=product.text("description"),
        **_manufacture(template, numbers),
        **said,
        hcpcs_codes=identifiers.codes(numbers, HCPCS),
        trade_items=_trade_items(numbers, levels, base_unit),
        base_unit=base_unit,
        pack_conversions=packs.conversions(levels, base_unit),
        prices=_prices(product, template, base_unit, conventions),
        status=Item.STATUS_ACTIVE if product.flag("active") and template.flag("active") else Item.STATUS_INACTIVE,
    )
    return Translation("item", content, label=product.text("code"))


def express(content: Item, conventions: Conventions) -> Expression:
    """Return what a product can say of an item."""
    values: dict[str, Value] = {}
    inexpressible: list[str] = []
    for path, value in _said(content, conventions):
        if value is None:
            inexpressible.append(path)
        else:
            values[path] = value
    return Expression(values, tuple(inexpressible))


def _said(content: Item, conventions: Conventions) -> Iterator[tuple[str, Value]]:
    """Give the values that the content gives, by path; None = Tryton can't hold it."""
    for field in ("display_name", "description", *SCHEMES):
        if value := getattr(content, field).strip():
            yield field, value
    maker, part = content.manufacturer_name.strip(), content.manufacturer_part_number.strip()
    if maker or part:
        yield "manufacture", {"name": maker, "part_number": part}
    yield from ((element("hcpcs_codes", code), True) for code in content.hcpcs_codes)
    yield from _trade(content, conventions)
    if content.status:
        yield "status", _STATUS.get(content.status)
    yield from ((flag, getattr(content, flag)) for flag in FLAGS if content.HasField(flag))


def _trade(content: Item, conventions: Conventions) -> Iterator[tuple[str, Value]]:
    for trade_item in content.trade_items:
        if trade_item.gtin:
            known = trade_item.unit in {content.base_unit, *packs.LEVELS}
            yield element("trade_items", trade_item.unit), trade_item.gtin if known else None
    if content.base_unit or content.pack_conversions:
        yield "packs", _packs(content.pack_conversions, content.base_unit)
    for reference in content.prices:
        if reference.kind in PRICES:
            yield element("prices", reference.kind, reference.unit), _price(reference, content, conventions)


def _packs(edges: Collection[PackConversion], base_unit: str) -> Value:
    contents = packs.contents(edges, base_unit)
    return None if contents is None or base_unit == EACH_SYMBOL else {"base_unit": base_unit, "contents": contents}


def _price(reference: PriceReference, content: Item, conventions: Conventions) -> Value:
    amount = price.amount(reference.price)
    fits = reference.unit == content.base_unit and reference.price.currency_code == conventions.currency
    return {"amount": amount, "currency": conventions.currency} if fits and amount is not None else None


def _base_unit(template: Held) -> str:
    unit = template.one("default_uom")
    symbol = unit.text("symbol") if unit else ""
    return EACH if symbol == EACH_SYMBOL else symbol


def _manufacture(template: Held, numbers: list[Held]) -> dict[str, Any]:
    """Return name and part number; the first whom it is bought from stands for the manufacturer."""
    sellers = template.many("product_suppliers")
    party = sellers[0].one("party") if sellers else None
    parts = [each.text("code") for each in numbers if each.text("type") == "mpn"]
    if len(parts) > 1:
        raise template.refused("products.identifiers", "have a second manufacturer's part number")
    part = parts[0] if parts else sellers[0].text("code") if sellers else ""
    return {"manufacturer_name": party.text("name") if party else "", "manufacturer_part_number": part}


def _trade_items(numbers: list[Held], levels: Mapping[str, packs.Level], base_unit: str) -> list[TradeItem]:
    own = [each for each in numbers if each.text("type") == "ean"]
    if len(own) > 1:
        raise own[1].refused("code", "is a second EAN; there can be only one")
    found = {base_unit or EACH: packs.padded(own[0].text("code"))} if own else {}
    found |= {unit: level.gtin for unit, level in levels.items()}
    return [TradeItem(unit=unit, gtin=gtin) for unit, gtin in found.items() if gtin]


def _prices(product: Held, template: Held, unit: str, conventions: Conventions) -> list[PriceReference]:
    amounts = {"list": template.number("list_price"), "cost": product.number("cost_price")}
    found: list[PriceReference] = []
    for kind, amount in amounts.items():
        if amount is None:
            continue
        exact = price.money(amount, conventions.currency)
        if exact is None:
            raise product.refused(f"{kind}_price", "has more digits than a price can")
        found.append(PriceReference(kind=kind, price=exact, unit=unit))
    return found
