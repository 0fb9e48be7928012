"""Single facts about what Tryton's rows say and can't say."""

import copy
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord.mdm.v1.cost_center_pb2 import CostCenter
from concord.mdm.v1.item_pb2 import Item
from concord.mdm.v1.supplier_pb2 import Supplier
from services.adapter.connector import UntranslatableError
from services.erp_adapter.domain.tryton import cost_center, item, note, product, supplier
from services.erp_adapter.domain.tryton.conventions import Conventions
from tests.support.tryton_storage import stored
from tests.unit.erp_adapter.records import day_message

TODAY = date(2026, 11, 24)
CONVENTIONS = Conventions("erp", {"general": "entities/general"})

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
READERS = {"party": (PARTY, supplier), "product": (PRODUCT, item), "account": (ACCOUNT, cost_center)}


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


def test_a_parent_of_another_entity_is_not_said() -> None:
    row = {**ACCOUNT, "parent.": {"code": "G00-ALL", "note": "Entity: saltmarsh"}}
    content = cost_center.translate(row, CONVENTIONS).content
    assert isinstance(content, CostCenter)
    assert not content.slices[0].parents


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


@given(st.sampled_from(sorted(READERS)), st.data())
@settings(max_examples=300)
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
