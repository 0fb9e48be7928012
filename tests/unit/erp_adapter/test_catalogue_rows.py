"""Every row of the demo's catalogue, as the loader puts it into Tryton, says what the catalogue says."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from concord.mdm.v1.account_pb2 import Account as AccountRecord
from concord.mdm.v1.cost_center_pb2 import CostCenter as CostCenterRecord
from concord.mdm.v1.item_pb2 import Item as ItemRecord
from concord.mdm.v1.location_pb2 import Location as LocationRecord
from concord.mdm.v1.supplier_pb2 import Supplier as SupplierRecord
from services.erp_adapter.domain.tryton import account, account_type, cost_center, item, location, price, supplier
from services.erp_adapter.domain.tryton.conventions import Conventions
from services.mesh.contract.validation import violations
from tests.support.systems.tryton_storage import stored
from tools.demo import catalogue
from tools.landscape import registrations, systems_files
from tools.systems import tryton_rows

CATALOGUE = catalogue.load()
CONVENTIONS = Conventions(
    "erp",
    {entity.id: f"entities/{entity.id}" for entity in CATALOGUE.entities},
    location_entities=systems_files.location_entities(CATALOGUE),
    ledger=registrations.LEDGER,
    account_types=systems_files.ACCOUNT_TYPES,
    account_segments=re.compile(registrations.ACCOUNT_SEGMENTS),
)


class Numbers(defaultdict[str, int]):
    """Ids that Tryton could give to names, and back."""

    def __init__(self) -> None:
        super().__init__(lambda: len(self) + 1)

    def name(self, number: object) -> str:
        return next(name for name, each in self.items() if each == number)


@pytest.mark.parametrize("row", CATALOGUE.suppliers, ids=lambda row: row.code)
def test_a_supplier_is_said_whole(row: catalogue.Supplier) -> None:
    ids = {name: Numbers() for name in ("category", "country", "subdivision", "payment_term")}
    for value, known in ((row.country, "country"), (f"{row.country}-{row.state}", "subdivision")):
        ids[known][value] += 0
    made = _read(tryton_rows.party(row, ids), {**ids, "categories": ids["category"]})
    said = supplier.translate(stored({"active": row.active, **made}, "party"), CONVENTIONS)
    content = said.content
    assert isinstance(content, SupplierRecord)
    assert violations(content) == []
    assert said.label == row.code
    assert content.legal_name == row.name.strip()
    assert list(content.trading_names) == [row.trading_name] * bool(row.trading_name)
    assert [each.value for each in content.tax_ids] == [row.tax_id.replace("-", "")] * bool(row.tax_id)
    assert (content.lei, content.duns, content.gln, content.npi) == (row.lei, row.duns, row.gln, row.npi)
    assert (content.phone, content.email, content.website) == (row.phone, row.email, row.website)
    assert content.payment_terms.display_name == row.payment_term
    assert [each.code for each in content.classifications] == [row.category]
    assert (content.status == SupplierRecord.STATUS_ACTIVE) == row.active
    address = content.sites[0].address
    assert (address.locality, address.region_code, address.administrative_area) == (row.city, row.country, row.state)


@pytest.mark.parametrize("row", CATALOGUE.items, ids=lambda row: row.code)
def test_an_item_is_said_whole(row: catalogue.Item) -> None:
    ids = {name: Numbers() for name in ("category", "uom", "party")}
    ids["party"][row.manufacturer] = 1
    made = _read(tryton_rows.template(row, ids, 1), {**ids, "categories": ids["category"]})
    [variant] = made.pop("products.")
    made["default_uom."] = {"symbol": "u" if row.uom == "EA" else row.uom}
    product = {"active": True, "description": None, **variant, "template.": {"active": True, **made}}
    said = item.translate(stored(product, "product"), CONVENTIONS)
    content = said.content
    assert isinstance(content, ItemRecord)
    assert violations(content) == []
    gtins = {row.uom: row.gtin_each, "BX": row.gtin_box, "CA": row.gtin_case}
    assert {each.unit: each.gtin for each in content.trade_items} == {u: gtin for u, gtin in gtins.items() if gtin}
    factors = {(each.unit, each.contained_unit): each.numerator for each in content.pack_conversions}
    assert factors == _packs(row)
    amounts = {each.kind: price.amount(each.price) for each in content.prices}
    assert amounts == {"list": _plain(row.list_price), "cost": _plain(row.cost_price)}
    assert (content.unspsc_code, content.gmdn_code, content.ndc) == (row.unspsc, row.gmdn, row.ndc)
    assert (content.manufacturer_name, content.manufacturer_part_number) == (
        row.manufacturer or "",
        row.manufacturer_part_number,
    )
    flags = (content.lot_tracked, content.serial_tracked, content.expiry_tracked, content.contains_latex)
    assert flags == (row.lot, row.serial, row.expiry, row.latex)
    assert (content.sterile, content.implantable, content.hazardous) == (row.sterile, row.implantable, row.hazardous)


def test_cost_centers_are_said_whole() -> None:
    by_code = {row.code: row for row in CATALOGUE.cost_centers}
    notes = {row.code: tryton_rows.analytic_account(row, {}, None)["note"] for row in CATALOGUE.cost_centers}
    kinds: Counter[int] = Counter()
    for number, row in enumerate(CATALOGUE.cost_centers):
        made = tryton_rows.analytic_account(row, {}, 1 if number else None)
        parent = {"code": row.parent_code, "note": notes[row.parent_code]} if row.parent_code else None
        said = cost_center.translate(stored({"active": True, **made, "parent.": parent}, "account"), CONVENTIONS)
        content = said.content
        assert isinstance(content, CostCenterRecord)
        assert violations(content) == []
        kinds[content.kind] += 1
        [piece] = content.slices
        assert (content.entity, content.code) == (f"entities/{row.entity}", row.code)
        assert (piece.display_name, piece.manager, piece.location) == (row.name, row.manager, row.location)
        assert piece.blocked_for_posting == row.blocked
        assert content.effective_period.HasField("end_date") == bool(row.valid_to)
        assert [each.parent_code for each in piece.parents] == [row.parent_code] * bool(row.parent_code)
        for each in piece.parents:
            above = by_code[row.parent_code].entity
            assert each.parent_scope == ("" if above == row.entity else f"entities/{above}")
    assert kinds == {CostCenterRecord.KIND_DEPARTMENT: 27, CostCenterRecord.KIND_POSTING: 133}


def test_locations_are_said_whole() -> None:
    rows: dict[str, dict[str, Any]] = {}
    ids = {"country": {"US": 1}, "subdivision": {"US-OR": 1}}
    for row in CATALOGUE.locations:
        made = dict(tryton_rows.location(row, {}))
        where = dict(tryton_rows.location_address(row, ids, 1)) if row.street else None
        if where is not None:
            number = {**tryton_rows.location_number(row, 1, 1), "active": True}
            where |= {"country.": {"code": "US"}, "subdivision.": {"code": "US-OR"}, "contact_mechanisms.": [number]}
        rows[row.code] = {**made, "active": True, "parent.": rows.get(row.parent_code), "address.": where}
        content = location.translate(rows[row.code], CONVENTIONS).content
        assert isinstance(content, LocationRecord)
        assert violations(content) == []
        [piece] = content.slices
        assert (content.entity, content.code, piece.display_name) == (f"entities/{row.entity}", row.code, row.name)
        assert LocationRecord.Kind.Name(content.kind).removeprefix("KIND_") == _KINDS[row.type]
        assert (content.gln, piece.stocking) == (row.gln, row.type != "view")
        address = piece.address
        assert (address.locality, address.region_code, list(address.address_lines)) == (
            row.city,
            row.country,
            [row.street] * bool(row.street),
        )
        above = next((each for each in CATALOGUE.locations if each.code == row.parent_code), None)
        parents = [(each.parent_scope, each.parent_code) for each in piece.parents]
        apart = above is not None and above.entity != row.entity
        assert parents == ([(f"entities/{above.entity}" if apart else "", above.code)] if above else [])


def test_accounts_are_said_whole() -> None:
    for row in CATALOGUE.accounts:
        made = dict(tryton_rows.account(row, {"type": {}, "currency": {}}, {}, 1))
        made |= {"type.": _account_type(row), "parent.": {"code": row.parent_code} if row.parent_code else None}
        made |= {"second_currency.": {"code": row.currency} if row.currency else None}
        content = account.translate(made, CONVENTIONS).content
        assert isinstance(content, AccountRecord)
        assert violations(content) == []
        [piece] = content.slices
        assert (content.ledger, content.account_number, piece.display_name) == (
            registrations.LEDGER,
            row.code,
            row.name,
        )
        assert content.summary == (not row.type)
        assert not row.type or account_type.name(content.type) == row.type.upper()
        assert "-".join(each.value for each in content.segments) == (row.code if row.type else "")
        assert (piece.currency_code, piece.blocked_for_posting) == (row.currency, row.closed)
        period = content.effective_period
        assert (period.HasField("start_date"), period.HasField("end_date")) == (
            bool(row.valid_from),
            bool(row.valid_to),
        )
        assert [each.parent_code for each in piece.parents] == [row.parent_code] * bool(row.parent_code)


def _account_type(row: catalogue.Account) -> dict[str, Any] | None:
    if not row.type:
        return None
    top = {**dict.fromkeys(account_type.FIELDS), **tryton_rows.ACCOUNT_TYPES[row.type], "parent.": None}
    own = dict(tryton_rows.account_type(row, 1))
    del own["parent"]
    return {**top, **own, "parent.": top}


_KINDS = {"view": "GROUP", "warehouse": "WAREHOUSE", "storage": "STORAGE"}


def _packs(row: catalogue.Item) -> dict[tuple[str, str], int | None]:
    found = {("BX", row.uom): row.box_quantity} if row.gtin_box else {}
    if row.gtin_case:
        found["CA", "BX" if row.gtin_box else row.uom] = row.case_quantity
    return found


def _plain(amount: Any) -> str:
    return format(amount.normalize(), "f")


def _read(made: Mapping[str, Any], ids: Mapping[str, Numbers]) -> dict[str, Any]:
    """Return a row as it is read, made of a row as it is created."""
    return dict(_field(name, value, ids) for name, value in made.items())


def _field(name: str, value: Any, ids: Mapping[str, Numbers]) -> tuple[str, Any]:
    references = {"supplier_payment_term": ("payment_term", "name"), "country": ("country", "code")}
    references |= {"subdivision": ("subdivision", "code"), "party": ("party", "name")}
    if name in references:
        known, field = references[name]
        return f"{name}.", {field: ids[known].name(value)} if value else None
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"{name}.", [row for command, rows in value for row in _rows(name, command, rows, ids)]
    return name, value


def _rows(name: str, command: str, rows: list[Any], ids: Mapping[str, Numbers]) -> list[dict[str, Any]]:
    if command == "create":
        return [_read(row, ids) for row in rows]
    names = [ids[name].name(number) for number in rows]
    return [{"name": each, "parent.": {"name": "Supplier"} if each != "Supplier" else None} for each in names]


def test_the_whole_catalogue_is_covered() -> None:
    assert (len(CATALOGUE.suppliers), len(CATALOGUE.items), len(CATALOGUE.cost_centers)) == (497, 656, 160)
    assert (len(CATALOGUE.locations), len(CATALOGUE.accounts)) == (66, 130)
