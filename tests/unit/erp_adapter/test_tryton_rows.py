"""Single facts about what Tryton's rows say and can't say."""

import copy
import re
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1.account_pb2 import Account, AccountSlice
from concord.mdm.v1.cost_center_pb2 import CostCenter, CostCenterSlice, HierarchyParent
from concord.mdm.v1.item_pb2 import Item
from concord.mdm.v1.location_pb2 import Location
from concord.mdm.v1.supplier_pb2 import Supplier
from services.adapter.systems.connector import UntranslatableError
from services.erp_adapter.domain.tryton import account, cost_center, item, lineage, location, note, product, supplier
from services.erp_adapter.domain.tryton.conventions import Conventions
from tests.support.systems.tryton_storage import TOP, stored
from tests.unit.erp_adapter.records import day_message

TODAY = date(2026, 11, 24)
CONVENTIONS = Conventions(
    "erp",
    {"general": "entities/general"},
    location_entities={TOP: "entities/general"},
    ledger="ledgers/main",
    account_types={"Equity": "EQUITY"},
    account_segments=re.compile("(?P<natural_account>[0-9]{4})(-(?P<fund>[0-9]{2}))?"),
)

PARTY = stored(
    {
        **supplier.BLANK,
        "name": " Becton  ",
        "identifiers.": [{"type": "us_ein", "code": "99-9999999"}, {"type": None, "code": "DUNS:333450359"}],
        "addresses.": [{"street": "1 Main St", "invoice": True}],
        "contact_mechanisms.": [{"type": "phone", "value": "1"}, {"type": "phone", "value": "2"}],
        "supplier_payment_term.": {"name": "Net 30", "lines.": [{"relativedeltas.": [{"days": 30, "months": 0}]}]},
    },
    "party",
)
PRODUCT = stored(
    {
        **product.BLANK,
        "identifiers.": [{"type": "ean", "code": "09521000000070"}, {"type": None, "code": "GTIN-CA:29521000000074:4"}],
        "template.": {**product.BLANK["template."], "name": "Gauze", "default_uom.": {"symbol": "u"}},
    },
    "product",
)
ACCOUNT = stored(
    {
        **cost_center.BLANK,
        "code": "106230",
        "name": "Ambulance",
        "note": "Entity: general\nBudget: 12\nManager: Greywell\nValid from: 2014-01-01",
        "parent.": {"code": "G10-EMER", "note": "Entity: general"},
    },
    "account",
)
ADDRESS = {
    "street": "1 Dock St",
    "city": "Saltmarsh",
    "postal_code": "97000",
    "country.": {"code": "US"},
    "subdivision.": {"code": "US-OR"},
    "contact_mechanisms.": [{"type": "other", "value": "GLN:9520472076026", "active": True}],
}
WAREHOUSE = stored(
    {
        **location.BLANK,
        "code": "WH",
        "name": "Stores",
        "type": "warehouse",
        "parent.": {"code": TOP},
        "address.": ADDRESS,
    },
    "location",
)
CASH = stored(
    {
        **account.BLANK,
        "code": "1010-10",
        "name": "Cash",
        "parent.": {"code": "10"},
        "type.": {"name": "Cash", "assets": True},
        "start_date": date(2020, 1, 1),
    },
    "ledger account",
)
READERS = {
    "party": (PARTY, supplier),
    "product": (PRODUCT, item),
    "account": (ACCOUNT, cost_center),
    "location": (WAREHOUSE, location),
    "ledger account": (CASH, account),
}


def test_a_dummy_tax_id_is_said_as_it_is() -> None:
    content = supplier.translate(PARTY, CONVENTIONS).content
    assert isinstance(content, Supplier)
    [tax_id] = content.tax_ids
    assert (tax_id.country, tax_id.scheme, tax_id.value) == ("US", "ein", "999999999")


def test_outer_white_space_goes_and_inner_stays() -> None:
    content = supplier.translate({**PARTY, "name": " A  B "}, CONVENTIONS).content
    assert isinstance(content, Supplier)
    assert content.legal_name == "A  B"


def test_the_first_phone_counts() -> None:
    content = supplier.translate(PARTY, CONVENTIONS).content
    assert isinstance(content, Supplier)
    assert content.phone == "1"


def test_a_supplier_on_hold_can_not_be_said_in_tryton() -> None:
    assert supplier.express(Supplier(status=Supplier.STATUS_ON_HOLD)).inexpressible == ("status",)


def test_a_case_without_box_holds_base_units() -> None:
    content = item.translate(PRODUCT, CONVENTIONS).content
    assert isinstance(content, Item)
    [edge] = content.pack_conversions
    assert (edge.unit, edge.contained_unit, edge.numerator) == ("CA", "EA", 4)


@pytest.mark.parametrize("code", ["GTIN-BX:1", "GTIN-BX:1:0", "GTIN-BX:1:-2", "GTIN-BX:1:1.5", "GTIN-BX:1:x"])
def test_a_pack_that_can_not_be_counted_is_untranslatable(code: str) -> None:
    row = {**PRODUCT, "identifiers.": [{"id": 9, "type": None, "code": code}]}
    with pytest.raises(UntranslatableError) as caught:
        item.translate(row, CONVENTIONS)
    assert caught.value.field == "product.identifiers[0].code"
    assert code not in str(caught.value)


def test_a_second_identifier_of_a_scheme_is_untranslatable() -> None:
    twice = [{"type": None, "code": f"DUNS:{each}", "active": True, "address": None} for each in "12"]
    with pytest.raises(UntranslatableError, match=r"party\.identifiers\[1\]\.code: is a second DUNS"):
        supplier.translate({**PARTY, "identifiers.": twice}, CONVENTIONS)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("Valid to: soon", "Valid to is not a date"),
        ("Entity: secret", "names an entity that is not configured"),
        ("Manager: Another", "has two lines Manager"),
    ],
)
def test_a_note_that_makes_no_sense_is_untranslatable(line: str, why: str) -> None:
    text = f"Manager: Greywell\n{line}"
    with pytest.raises(UntranslatableError, match=why) as caught:
        cost_center.translate({**ACCOUNT, "note": text}, CONVENTIONS)
    assert "secret" not in str(caught.value)


def test_a_parent_of_another_entity_is_said_with_it_and_kept_by_what_says_the_same() -> None:
    row = {**ACCOUNT, "parent.": {"id": 3, "code": "G00-ALL", "note": "Entity: saltmarsh"}}
    content = cost_center.translate(row, CONVENTIONS).content
    assert isinstance(content, CostCenter)
    assert not content.slices[0].parents, "an entity that is not configured"
    group = replace(CONVENTIONS, entities={**CONVENTIONS.entities, "saltmarsh": "entities/saltmarsh"})
    content = cost_center.translate(row, group).content
    assert isinstance(content, CostCenter)
    [parent] = content.slices[0].parents
    assert (parent.parent_code, parent.parent_scope) == ("G00-ALL", "entities/saltmarsh")
    said = cost_center.express(content, TODAY, group).values["slices.parents[management]"]
    assert said == {"scope": "entities/saltmarsh", "code": "G00-ALL"}
    assert cost_center.applied(row, {"slices.parents[management]": said}, group)["parent."] == row["parent."]
    own = cost_center.applied(row, {"slices.parents[management]": "G00-ALL"}, group)
    assert own["parent."] == {"code": "G00-ALL"}, "of the same code in its own entity"


def test_a_cost_center_that_ended_is_closed_and_keeps_the_lines_nobody_knows() -> None:
    golden = CostCenter()
    golden.CopyFrom(_golden())
    for period in (golden.effective_period, golden.slices[0].effective_period):
        period.end_date.CopyFrom(day_message(date(2026, 11, 24)))
    values = cost_center.express(golden, TODAY, CONVENTIONS).values
    closed = cost_center.applied(ACCOUNT, values, CONVENTIONS)
    assert closed["state"] == "closed"
    assert closed["note"] == f"{ACCOUNT['note']}\nValid to: 2026-11-23"
    reopened = cost_center.applied(closed, cost_center.express(_golden(), TODAY, CONVENTIONS).values, CONVENTIONS)
    assert (reopened["state"], reopened["note"]) == ("opened", ACCOUNT["note"])


def test_the_day_before_a_cost_center_ends_it_is_open_and_its_end_is_told() -> None:
    golden = CostCenter()
    golden.CopyFrom(_golden())
    for period in (golden.effective_period, golden.slices[0].effective_period):
        period.end_date.CopyFrom(day_message(date(2026, 11, 25)))
    values = cost_center.express(golden, TODAY, CONVENTIONS).values
    assert values["slices.blocked_for_posting"] is False
    assert values["effective_period"] == {"first_day": "2014-01-01", "last_day": "2026-11-24"}


def test_an_account_open_past_its_last_day_shows_that_it_is_open() -> None:
    row = {**ACCOUNT, "note": f"{ACCOUNT['note']}\nValid to: 2020-01-01"}
    content = cost_center.translate(row, CONVENTIONS).content
    assert isinstance(content, CostCenter)
    assert cost_center.express(content, TODAY, CONVENTIONS).values["slices.blocked_for_posting"] is False


def test_lines_stay_in_their_places() -> None:
    text = note.written("Entity: a\n\nsee file\nManager: x", {"Manager": "y", "Entity": "b", "Location": None})
    assert text == "Entity: b\n\nsee file\nManager: y"


def _place(**changes: Any) -> Location:
    content = location.translate({**WAREHOUSE, **changes}, CONVENTIONS).content
    assert isinstance(content, Location)
    return content


def test_a_warehouse_says_where_it_is_and_its_number() -> None:
    place = _place()
    [piece] = place.slices
    assert (place.entity, place.code, place.kind, place.gln) == (
        "entities/general",
        "WH",
        Location.KIND_WAREHOUSE,
        "9520472076026",
    )
    assert (piece.address.region_code, piece.address.administrative_area, piece.stocking) == ("US", "OR", True)
    assert [(each.hierarchy, each.parent_code) for each in piece.parents] == [("stock", TOP)]


def test_a_store_says_no_address_even_if_it_has_one_and_a_view_keeps_no_stock() -> None:
    store, view = _place(type="storage"), _place(type="view")
    assert not store.gln
    assert not store.slices[0].HasField("address")
    assert (store.slices[0].stocking, view.slices[0].stocking) == (True, False)


def test_a_place_belongs_to_the_nearest_entity_and_names_the_entity_of_a_parent_in_another() -> None:
    conventions = replace(CONVENTIONS, location_entities={TOP: "entities/general", "L00": "entities/group"})
    row = {**WAREHOUSE, "code": TOP, "parent.": {"code": "L00", "parent.": None}}
    place = location.translate(row, conventions).content
    assert isinstance(place, Location)
    assert place.entity == "entities/general"
    assert [(each.parent_scope, each.parent_code) for each in place.slices[0].parents] == [("entities/group", "L00")]
    values = location.express(place, TODAY, conventions).values
    assert values["slices.parents[stock]"] == {"scope": "entities/group", "code": "L00"}
    assert location.applied(row, values, conventions) == row
    with pytest.raises(ValueError, match="would belong to that"):
        location.applied(WAREHOUSE, {"slices.parents[stock]": values["slices.parents[stock]"]}, conventions)
    assert not _place(code=TOP, **{"parent.": {"code": "L00", "parent.": None}}).slices[0].parents


def test_a_parent_in_books_that_tryton_does_not_know_can_not_be_said() -> None:
    parent = HierarchyParent(hierarchy="chart", parent_code="10", parent_scope="ledgers/other")
    golden = Account(ledger="ledgers/main", account_number="1010", slices=[AccountSlice(parents=[parent])])
    assert account.express(golden, TODAY, CONVENTIONS).inexpressible == ("slices.parents[chart]",)
    parent = HierarchyParent(hierarchy="management", parent_code="10", parent_scope="entities/other")
    center = CostCenter(entity="entities/general", code="1", slices=[CostCenterSlice(parents=[parent])])
    assert cost_center.express(center, TODAY, CONVENTIONS).inexpressible == ("slices.parents[management]",)


@pytest.mark.parametrize(("changes", "field"), [({"code": " "}, "code"), ({"type": "production"}, "type")])
def test_a_place_without_a_code_and_what_is_no_place_are_untranslatable(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(UntranslatableError) as caught:
        _place(**changes)
    assert caught.value.field == f"location.{field}"


def test_a_place_that_lies_deeper_than_is_read_is_untranslatable() -> None:
    row: dict[str, Any] = {"code": "X", "parent": 7}
    for _ in range(lineage.LEVELS):
        row = {**WAREHOUSE, "code": "X", "parent.": row}
    with pytest.raises(UntranslatableError, match="lies more than 8 levels above"):
        location.translate(row, CONVENTIONS)


def test_a_place_is_not_moved_to_another_entity_and_not_ended() -> None:
    with pytest.raises(ValueError, match="has to be moved"):
        location.applied(WAREHOUSE, {"identity": {"entity": "entities/other", "code": "WH"}}, CONVENTIONS)
    golden = _place()
    golden.effective_period.end_date.CopyFrom(day_message(TODAY))
    assert location.express(golden, TODAY, CONVENTIONS).inexpressible == ("effective_period",)


def _account(**changes: Any) -> Account:
    content = account.translate({**CASH, **changes}, CONVENTIONS).content
    assert isinstance(content, Account)
    return content


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ({}, Account.TYPE_UNSPECIFIED),
        ({"assets": True, "receivable": True}, Account.TYPE_ASSET),
        ({"stock": True}, Account.TYPE_ASSET),
        ({"payable": True}, Account.TYPE_LIABILITY),
        ({"debt": True}, Account.TYPE_LIABILITY),
        ({"statement": "income", "revenue": True}, Account.TYPE_REVENUE),
        ({"statement": "income", "expense": True, "stock": True}, Account.TYPE_EXPENSE),
        ({"statement": "income", "revenue": True, "expense": True}, Account.TYPE_UNSPECIFIED),
        ({"statement": "off-balance"}, Account.TYPE_OFF_BALANCE),
        ({"statement": None}, Account.TYPE_UNSPECIFIED),
        ({"name": "Equity"}, Account.TYPE_EQUITY),
        ({"parent.": {"name": "Equity", "parent.": None}, "assets": True}, Account.TYPE_EQUITY),
    ],
)
def test_the_type_is_what_its_name_or_one_above_is_configured_to_be_else_what_the_flags_say(
    kind: dict[str, Any], says: int
) -> None:
    plain = {**CASH["type."], "assets": False}
    assert _account(**{"type.": {**plain, **kind}}).type == says


def test_an_account_without_a_type_only_sums_up_and_has_no_segments() -> None:
    posted, summing = _account(), _account(**{"type.": None, "code": "10"})
    assert (posted.summary, summing.summary) == (False, True)
    assert {each.name: each.value for each in posted.segments} == {"natural_account": "1010", "fund": "10"}
    assert not summing.segments
    assert [each.name for each in _account(code="1010").segments] == ["natural_account"]


@pytest.mark.parametrize("code", ["", "10"])
def test_a_posting_account_without_a_number_or_with_one_of_other_segments_is_untranslatable(code: str) -> None:
    with pytest.raises(UntranslatableError, match=r"is empty|does not consist") as caught:
        _account(code=code)
    assert caught.value.field == "account.code"


def test_an_account_that_never_ends_has_no_end() -> None:
    assert not _account(end_date=date.max).effective_period.HasField("end_date")
    assert _account(end_date=date(2026, 6, 30)).effective_period.end_date == day_message(date(2026, 7, 1))


def test_an_account_that_is_posted_to_needs_a_type() -> None:
    with pytest.raises(ValueError, match="needs a type"):
        account.applied({**CASH, "type.": None}, {"summary": False}, CONVENTIONS)


@given(st.sampled_from(sorted(READERS)), st.data())
def test_a_row_with_anything_in_it_is_translated_or_refused(kind: str, data: st.DataObject) -> None:
    row, reader = READERS[kind]
    broken: Any = copy.deepcopy(dict(row))
    places = list(_places(broken))
    holder, place = data.draw(st.sampled_from(places))
    if isinstance(holder, dict) and data.draw(st.booleans()):
        del holder[place]
    else:
        scalars = st.none() | st.booleans() | st.integers() | st.text(st.characters() | st.just("\ud800"), max_size=5)
        holder[place] = data.draw(st.recursive(scalars, st.lists) | st.just({}))
    with suppress(UntranslatableError):
        reader.translate(broken, CONVENTIONS)


def _places(value: Any) -> Any:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for place, each in pairs:
        yield value, place
        yield from _places(each)


def _golden() -> CostCenter:
    """Return what the hub makes of the account: its slices are cut to its period."""
    content = cost_center.translate(ACCOUNT, CONVENTIONS).content
    assert isinstance(content, CostCenter)
    content.slices[0].effective_period.CopyFrom(content.effective_period)
    return content
