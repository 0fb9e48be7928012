"""The item: what is bought, stocked, used up or implanted."""

import unicodedata
from collections.abc import Iterable

from concord.mdm.v1 import item_pb2
from services.mdm.domain import packs
from services.mdm.domain.check_digits import is_gtin, is_hibc, is_restricted_circulation, udi_di
from services.mdm.domain.matching.declarations.item import MATCHING
from services.mdm.domain.record_type import Coded, Group, RecordType, StrongIdentifier, keyed, single
from services.mdm.domain.violation import Violation


def _bare(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in folded if character.isalnum())


def _strong_gtin(value: str) -> bool:
    return is_gtin(value) and not is_restricted_circulation(value)


def _gtins(content: item_pb2.Item) -> Iterable[str]:
    """Give the GTINs, also those that GS1's UDIs carry as device identifier."""
    values = (value for item in content.trade_items for value in (item.gtin, udi_di(item.udi_di)))
    return filter(_strong_gtin, values)


def _udi_dis(content: item_pb2.Item) -> Iterable[str]:
    """Give the device identifiers of other agencies; those of GS1 are GTINs."""
    values = (udi_di(item.udi_di) for item in content.trade_items)
    return (value for value in values if value and not is_gtin(value))


def _manufacturer_parts(content: item_pb2.Item) -> Iterable[str]:
    maker, part = _bare(content.manufacturer_name), _bare(content.manufacturer_part_number)
    return (f"{maker}|{part}",) if maker and part else ()


def _packs(content: item_pb2.Item) -> Iterable[Violation]:
    return packs.violations(content.pack_conversions)


def _check_digits(content: item_pb2.Item) -> Iterable[Violation]:
    for item in content.trade_items:
        if item.gtin and not is_gtin(item.gtin):
            yield Violation(f"trade_items[{item.unit}].gtin", "is not valid: its check digit is wrong")
    if content.hibc.startswith("+") and not is_hibc(content.hibc):
        yield Violation("hibc", "is not valid: its check character is wrong")


ITEM = RecordType(
    name="item",
    singular="item",
    plural="items",
    collection="items",
    message=item_pb2.Item,
    service="concord.mdm.v1.ItemService",
    groups=(
        Group("manufacture", ("manufacturer_name", "manufacturer", "manufacturer_part_number")),
        Group("packs", ("base_unit", "pack_conversions")),
        *single("display_name", "description", "ndc", "hibc", "unspsc_code", "gmdn_code"),
        *single("stocking_unit", "purchasing_unit", "status"),
        *single("stocked", "lot_tracked", "serial_tracked", "expiry_tracked"),
        *single("contains_latex", "sterile", "implantable", "hazardous"),
        keyed("trade_items", "unit"),
        keyed("hcpcs_codes"),
        keyed("contracts", "issuer", "number"),
        keyed("prices", "kind", "unit"),
    ),
    filterable=(
        *("display_name", "manufacturer_name", "manufacturer", "manufacturer_part_number", "status"),
        *("trade_items.gtin", "trade_items.udi_di", "ndc", "hibc", "unspsc_code", "gmdn_code", "hcpcs_codes"),
        *("base_unit", "stocking_unit", "purchasing_unit", "contracts.issuer", "contracts.number"),
        *("stocked", "lot_tracked", "serial_tracked", "expiry_tracked"),
        *("contains_latex", "sterile", "implantable", "hazardous"),
    ),
    multi_line=("description",),
    known_by=("display_name", "description"),
    searchable=("trade_items.gtin", "trade_items.udi_di", "manufacturer_part_number", "ndc", "hibc"),
    identifiers=(
        StrongIdentifier("gtin", _gtins),
        StrongIdentifier("udi_di", _udi_dis),
        StrongIdentifier("manufacturer_part", _manufacturer_parts),
    ),
    coded=(
        *(Coded(unit, "units") for unit in ("base_unit", "stocking_unit", "purchasing_unit", "trade_items.unit")),
        *(Coded(f"pack_conversions.{unit}", "units") for unit in ("unit", "contained_unit")),
        Coded("prices.unit", "units"),
        Coded("prices.price.currency_code", "currencies"),
        Coded("unspsc_code", "unspsc"),
        Coded("gmdn_code", "gmdn"),
        Coded("hcpcs_codes", "hcpcs"),
    ),
    validators=(_packs,),
    strict_validators=(_check_digits,),
    matching=MATCHING,
)
