"""The suite that every connector passes, on a real Tryton, once for each kind of document."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money
from google.type.postal_address_pb2 import PostalAddress

from concord.mdm.v1.account_pb2 import Account, AccountSlice
from concord.mdm.v1.cost_center_pb2 import CostCenter, CostCenterSlice, HierarchyParent
from concord.mdm.v1.item_pb2 import Item
from concord.mdm.v1.location_pb2 import Location, LocationSlice
from concord.mdm.v1.pack_pb2 import PackConversion, PriceReference, TradeItem
from concord.mdm.v1.party_pb2 import Classification, PaymentTerms, SupplierSite, TaxId
from concord.mdm.v1.record_pb2 import EffectivePeriod
from concord.mdm.v1.supplier_pb2 import Supplier
from services.adapter.systems.connector import Value
from tests.support.adapter.connector_suite import ConnectorSuite, Subject
from tests.support.systems.tryton_erp import Erp, running
from tools.postgres import PostgresServer


@pytest.fixture(scope="module")
def erp(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erp]:
    with running(postgres, tmp_path_factory.mktemp("tryton"), "erp_suite") as erp:
        yield erp


class TestSuppliers(ConnectorSuite):
    @pytest.fixture
    def subject(self, erp: Erp) -> Subject:
        key = erp.new_party()
        address = erp.row(key, "addresses")["addresses"]
        assert isinstance(address, list)
        changes: dict[str, Value] = {
            "legal_name": "Becton, Dickinson and Company",
            "phone": "+1 201-555-0191",
            "duns": "822372249",
            "payment_terms": "Net 60",
            "tax_ids[US/ein]": "739214187",
            f"sites[erp.{address[0]}]": {
                "street": "1 Becton Drive\nSuite 5",
                "city": "Franklin Lakes",
                "postal_code": "07417",
                "country": "US",
                "area": "NJ",
                "gln": "9520472076026",
                "delivery": True,
                "invoice": True,
            },
        }
        [mechanism] = erp.client.search_read(
            "party.contact_mechanism", [("party", "=", int(key.split("/")[1])), ("type", "=", "email")], ["id"]
        )

        def edit(_: str) -> None:
            told = {"value": f"{uuid4().hex[:8]}@bd.example"}
            erp.client.write("party.contact_mechanism", [mechanism["id"]], told)

        return Subject(erp.connector, "supplier", key, changes, _supplier(), edit)


class TestItems(ConnectorSuite):
    @pytest.fixture
    def subject(self, erp: Erp) -> Subject:
        key = erp.new_product()
        changes: dict[str, Value] = {
            "display_name": "Catheter, Foley, 12 Fr",
            "manufacture": {"name": "Stryker Corporation", "part_number": "M-2"},
            "unspsc_code": "42142502",
            "trade_items[EA]": "09521000000070",
            "trade_items[BX]": "19521000000145",
            "packs": {"base_unit": "EA", "contents": {"BX": 10, "CA": 4}},
            "prices[list/EA]": {"amount": "9.8125", "currency": "USD"},
            "prices[cost/EA]": {"amount": "6.5", "currency": "USD"},
            "contains_latex": True,
        }
        template = erp.number("product.template", "products.id", int(key.partition("/")[2]))

        def edit(_: str) -> None:
            erp.client.write("product.template", [template], {"categories": [("add", [_category(erp)])]})

        return Subject(erp.connector, "item", key, changes, _item(), edit)


class TestCostCenters(ConnectorSuite):
    @pytest.fixture
    def subject(self, erp: Erp) -> Subject:
        key = erp.new_account()
        changes: dict[str, Value] = {
            "slices.display_name": "Intensive care",
            "slices.manager": "Gideon Mossgrove",
            "slices.blocked_for_posting": True,
            "slices.parents[management]": "G10-NURS",
            "effective_period": {"first_day": "2014-01-01", "last_day": "2026-06-30"},
        }

        def edit(_: str) -> None:
            note = str(erp.row(key, "note")["note"])
            erp.edit(key, {"note": f"{note}\nLocation: Level {uuid4().hex[:4]}"})

        return Subject(erp.connector, "cost_center", key, changes, _cost_center(), edit)


class TestLocations(ConnectorSuite):
    @pytest.fixture
    def subject(self, erp: Erp) -> Subject:
        key = erp.new_location()
        changes: dict[str, Value] = {
            "identity": {"entity": "entities/general", "code": f"T{uuid4().hex[:8]}"},
            "slices.display_name": "Ward 9 supply room",
            "kind": "GROUP",
            "slices.parents[stock]": "L10-MT",
        }

        def edit(_: str) -> None:
            # Of a place nothing but these values is read that a user could change: Tryton marks any change of the row.
            erp.edit(key, {"flat_childs": not erp.row(key, "flat_childs")["flat_childs"]})

        return Subject(erp.connector, "location", key, changes, _location(), edit)


class TestAccounts(ConnectorSuite):
    @pytest.fixture
    def subject(self, erp: Erp) -> Subject:
        key = erp.new_ledger_account()
        changes: dict[str, Value] = {
            "slices.display_name": "Cash under way",
            "slices.blocked_for_posting": True,
            "slices.parents[chart]": "1",
            "effective_period": {"first_day": "2021-01-01", "last_day": "2026-06-30"},
            "identity": {"ledger": "ledgers/main", "code": str(uuid4().int)[:9]},
        }

        def edit(_: str) -> None:
            erp.edit(key, {"note": uuid4().hex})

        return Subject(erp.connector, "account", key, changes, _account(), edit)


def _category(erp: Erp) -> int:
    return erp.client.create("product.category", [{"name": uuid4().hex}])[0]


def _supplier() -> Supplier:
    site = SupplierSite(
        code="HQ[1]",
        purposes=[SupplierSite.PURPOSE_REMIT_TO],
        address=PostalAddress(region_code="US", administrative_area="MI", locality="Portage", address_lines=["2825 A"]),
    )
    return Supplier(
        name=f"suppliers/{uuid4()}",
        revision=1,
        legal_name="Hillrom Holdings",
        npi=str(uuid4().int)[:10],
        email="orders@hillrom.example",
        tax_ids=[TaxId(country="US", scheme="ein", value="873646939")],
        classifications=[Classification(scheme="vendor_category", code="Medical devices")],
        payment_terms=PaymentTerms(display_name="Net 45"),
        status=Supplier.STATUS_INACTIVE,
        sites=[site],
    )


def _item() -> Item:
    gtin = _gtin(str(uuid4().int)[:13])
    return Item(
        name=f"items/{uuid4()}",
        revision=1,
        display_name="Gauze",
        manufacturer_name="Stryker Corporation",
        manufacturer_part_number="G-7",
        trade_items=[TradeItem(unit="EA", gtin=gtin), TradeItem(unit="CA", gtin="19521000000145")],
        base_unit="EA",
        pack_conversions=[PackConversion(unit="CA", contained_unit="EA", numerator=48, denominator=1)],
        prices=[PriceReference(kind="list", price=Money(currency_code="USD", units=1, nanos=250_000_000), unit="EA")],
        hcpcs_codes=["A4338"],
        sterile=True,
        hazardous=False,
        status=Item.STATUS_ACTIVE,
    )


def _gtin(digits: str) -> str:
    odd, even = (sum(map(int, digits[first::2])) for first in (0, 1))
    return f"{digits}{-(3 * odd + even) % 10}"


def _cost_center() -> CostCenter:
    piece = CostCenterSlice(
        display_name="Night clinic",
        location="Main Tower, Level 1",
        blocked_for_posting=False,
        parents=[HierarchyParent(hierarchy="management", parent_code="G10-NURS")],
    )
    return CostCenter(
        name=f"costCenters/{uuid4()}",
        revision=1,
        entity="entities/general",
        code=uuid4().hex[:6],
        kind=CostCenter.KIND_POSTING,
        effective_period=EffectivePeriod(start_date=Date(year=2026, month=1, day=1)),
        slices=[piece],
    )


def _location() -> Location:
    piece = LocationSlice(
        display_name="Night cabinet", parents=[HierarchyParent(hierarchy="stock", parent_code="L10-WH-ST")]
    )
    return Location(
        name=f"locations/{uuid4()}",
        revision=1,
        entity="entities/general",
        code=uuid4().hex[:8],
        kind=Location.KIND_STORAGE,
        slices=[piece],
    )


def _account() -> Account:
    piece = AccountSlice(
        display_name="Cash at the gift shop",
        blocked_for_posting=False,
        parents=[HierarchyParent(hierarchy="chart", parent_code="10")],
    )
    return Account(
        name=f"accounts/{uuid4()}",
        revision=1,
        ledger="ledgers/main",
        account_number=str(uuid4().int)[:10],
        type=Account.TYPE_ASSET,
        summary=False,
        effective_period=EffectivePeriod(start_date=Date(year=2026, month=1, day=1)),
        slices=[piece],
    )
