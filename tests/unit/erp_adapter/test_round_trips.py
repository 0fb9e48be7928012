"""What is written into Tryton's rows reads back as what was meant."""

from collections.abc import Mapping
from datetime import date

from hypothesis import given

from concord.mdm.v1.account_pb2 import Account
from concord.mdm.v1.cost_center_pb2 import CostCenter
from concord.mdm.v1.item_pb2 import Item
from concord.mdm.v1.location_pb2 import Location
from concord.mdm.v1.supplier_pb2 import Supplier
from services.adapter.domain.delivered import canonical
from services.adapter.systems.connector import Value
from services.erp_adapter.domain.tryton import account, account_type, cost_center, item, location, product, supplier
from services.erp_adapter.domain.tryton.conventions import Conventions
from tests.support.systems.tryton_storage import TOP, stored
from tests.unit.erp_adapter import records

TODAY = date(2026, 11, 24)
CONVENTIONS = Conventions(
    "erp",
    {"general": "entities/general", "shared": "entities/shared"},
    location_entities={TOP: "entities/general"},
    ledger="ledgers/main",
    account_types={name: name for name in map(account_type.name, Account.Type.values()[1:])},
)


@given(records.SUPPLIERS)
def test_what_a_party_is_made_to_say_of_a_supplier_is_read_back(content: Supplier) -> None:
    wanted = supplier.express(content).values
    row = stored(supplier.applied({**supplier.BLANK, "id": 5}, wanted, CONVENTIONS), "party")
    shown = supplier.express(_supplier(row)).values
    assert _without(shown, "status") == _without(wanted, "status")
    assert "status" not in wanted or shown["status"] == wanted["status"]


@given(records.SUPPLIERS)
def test_a_party_made_to_say_what_it_says_stays_as_it_is(content: Supplier) -> None:
    wanted = supplier.express(content).values
    row = stored(supplier.applied({**supplier.BLANK, "id": 5}, wanted, CONVENTIONS), "party")
    again = supplier.applied(row, supplier.express(_supplier(row)).values, CONVENTIONS)
    assert _supplier(again) == _supplier(row)


@given(records.SUPPLIERS)
def test_a_party_from_which_all_is_taken_says_nothing_but_its_status(content: Supplier) -> None:
    wanted = supplier.express(content).values
    row = stored(supplier.applied({**supplier.BLANK, "id": 5}, wanted, CONVENTIONS), "party")
    emptied = supplier.applied(row, dict.fromkeys(wanted), CONVENTIONS)
    assert set(supplier.express(_supplier(emptied)).values) == {"status"}


@given(records.items())
def test_what_a_product_is_made_to_say_of_an_item_is_read_back(content: Item) -> None:
    wanted = dict(item.express(content, CONVENTIONS).values)
    if "packs" not in wanted:  # a product always has a base unit, and numbers are those of its packs
        wanted = {path: value for path, value in wanted.items() if not path.startswith(("trade_items", "prices"))}
        wanted["packs"] = {"base_unit": "EA", "contents": {}}
    if "manufacture" in wanted and not content.manufacturer_name.strip():
        wanted["manufacture"] = {"name": "", "part_number": content.manufacturer_part_number.strip()}
    row = stored(product.applied(product.BLANK, wanted, CONVENTIONS), "product")
    shown = item.express(_item(row), CONVENTIONS).values
    assert {path: canonical(shown.get(path)) for path in wanted} == {p: canonical(v) for p, v in wanted.items()}
    again = product.applied(row, shown, CONVENTIONS)
    assert _item(stored(again, "product")) == _item(row)


@given(records.cost_centers())
def test_what_an_account_is_made_to_say_of_a_cost_center_is_read_back(content: CostCenter) -> None:
    wanted = cost_center.express(content, TODAY, CONVENTIONS).values
    blank = {**cost_center.BLANK, "note": "Budget holder: finance\n"}
    row = stored(cost_center.applied(blank, wanted, CONVENTIONS), "account")
    shown = cost_center.express(_cost_center(row), TODAY, CONVENTIONS).values
    assert {path: shown[path] for path in wanted} == wanted
    assert row["note"].startswith("Budget holder: finance")
    again = cost_center.applied(row, shown, CONVENTIONS)
    assert again == row


@given(records.locations())
def test_what_a_location_is_made_to_say_is_read_back(content: Location) -> None:
    least: dict[str, Value] = {"identity": {"entity": "entities/general", "code": "A"}, "kind": "STORAGE"}
    wanted = {**least, **location.express(content, TODAY, CONVENTIONS).values}
    row = stored(location.applied(location.BLANK, wanted, CONVENTIONS), "location")
    shown = location.express(_location(row), TODAY, CONVENTIONS).values
    assert {path: shown[path] for path in wanted} == wanted
    assert location.applied(row, shown, CONVENTIONS) == row


@given(records.locations())
def test_what_a_location_can_not_say_is_told(content: Location) -> None:
    told = location.express(content, TODAY, CONVENTIONS)
    assert ("identity" in told.inexpressible) == (content.entity == "entities/other")
    kinds = {Location.KIND_UNSPECIFIED, Location.KIND_WAREHOUSE, Location.KIND_STORAGE, Location.KIND_GROUP}
    assert ("kind" in told.inexpressible) == (content.kind not in kinds)


@given(records.accounts())
def test_what_an_account_of_the_chart_is_made_to_say_is_read_back(content: Account) -> None:
    wanted = {
        "identity": {"ledger": "ledgers/main", "code": "1"},
        **account.express(content, TODAY, CONVENTIONS).values,
    }
    if wanted.get("summary") is False and "type" not in wanted:
        wanted["type"] = "ASSET"
    row = stored(account.applied(account.BLANK, wanted, CONVENTIONS), "ledger account")
    shown = account.express(_account(row), TODAY, CONVENTIONS).values
    assert {path: shown[path] for path in wanted} == wanted
    assert account.applied(row, shown, CONVENTIONS) == row


@given(records.accounts())
def test_what_an_account_of_the_chart_can_not_say_is_told(content: Account) -> None:
    told = account.express(content, TODAY, CONVENTIONS)
    assert ("identity" in told.inexpressible) == (content.ledger == "ledgers/other")
    assert ("type" in told.inexpressible) == (content.summary and content.type != Account.TYPE_UNSPECIFIED)


def _supplier(row: Mapping[str, Value]) -> Supplier:
    content = supplier.translate(row, CONVENTIONS).content
    assert isinstance(content, Supplier)
    return content


def _item(row: Mapping[str, Value]) -> Item:
    content = item.translate(row, CONVENTIONS).content
    assert isinstance(content, Item)
    return content


def _cost_center(row: Mapping[str, Value]) -> CostCenter:
    content = cost_center.translate(row, CONVENTIONS).content
    assert isinstance(content, CostCenter)
    return content


def _location(row: Mapping[str, Value]) -> Location:
    content = location.translate(row, CONVENTIONS).content
    assert isinstance(content, Location)
    return content


def _account(row: Mapping[str, Value]) -> Account:
    content = account.translate(row, CONVENTIONS).content
    assert isinstance(content, Account)
    return content


def _without(values: Mapping[str, Value], path: str) -> dict[str, Value]:
    return {each: value for each, value in values.items() if each != path}
