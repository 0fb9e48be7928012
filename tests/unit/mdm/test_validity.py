import pytest
from google.protobuf.message import Message
from google.type.date_pb2 import Date
from google.type.postal_address_pb2 import PostalAddress
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1 import cost_center_pb2, employee_pb2, item_pb2, location_pb2, party_pb2, supplier_pb2
from concord.mdm.v1.record_pb2 import EffectivePeriod
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.types.cost_center import COST_CENTER
from services.mdm.domain.types.employee import EMPLOYEE
from services.mdm.domain.types.item import ITEM
from services.mdm.domain.types.location import LOCATION
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.domain.validity import nameless, violations
from services.mdm.domain.violation import Violation
from tests.support.samples.contents import identified, sample, wording
from tests.support.samples.periods import period_message
from tests.support.samples.strategies import FIRST_DAY, cost_centers

SECOND_DAY = FIRST_DAY.replace(day=2)


def _fields(record_type: RecordType, content: Message, *, strict: bool = False) -> list[str]:
    return [violation.field for violation in violations(record_type, content, strict=strict)]


def _item(*edges: tuple[str, str, int, int]) -> item_pb2.Item:
    content = item_pb2.Item()
    for unit, contained, numerator, denominator in edges:
        content.pack_conversions.add(unit=unit, contained_unit=contained, numerator=numerator, denominator=denominator)
    return content


def test_consistent_packs_are_fine() -> None:
    edges = [("CA", "BX", 10, 1), ("BX", "EA", 20, 1), ("CA", "EA", 200, 1), ("EA", "ML", 1, 3), ("CA", "ML", 200, 3)]
    assert _fields(ITEM, _item(*edges)) == []


@pytest.mark.parametrize(
    "edges",
    [
        [("EA", "EA", 1, 1)],
        [("CA", "BX", 10, 1), ("BX", "EA", 20, 1), ("EA", "CA", 1, 200)],
    ],
)
def test_a_pack_within_itself_is_refused(edges: list[tuple[str, str, int, int]]) -> None:
    assert _fields(ITEM, _item(*edges)) == ["pack_conversions"]


@pytest.mark.parametrize(
    "edges",
    [
        [("CA", "EA", 10, 1), ("CA", "EA", 12, 1)],
        [("CA", "BX", 10, 1), ("BX", "EA", 20, 1), ("CA", "EA", 199, 1)],
        [("CA", "BX", 10, 1), ("CA", "EA", 20, 1), ("BX", "EA", 3, 1)],
        [("CA", "BX", 10, 1), ("BX", "EA", 1, 3), ("CA", "EA", 3333333, 1000000)],
    ],
)
def test_two_factors_between_the_same_units_are_refused(edges: list[tuple[str, str, int, int]]) -> None:
    assert len(_fields(ITEM, _item(*edges))) == 1


@given(st.permutations([("CA", "BX", 10, 1), ("BX", "EA", 20, 1), ("CA", "EA", 199, 1), ("P", "Q", 1, 2)]))
def test_a_contradiction_is_found_whatever_the_order_of_the_packs(edges: list[tuple[str, str, int, int]]) -> None:
    assert _fields(ITEM, _item(*edges)) == ["pack_conversions"]


def test_two_elements_with_one_key_are_refused_by_their_path() -> None:
    content = supplier_pb2.Supplier(trading_names=["a", "a"])
    content.tax_ids.add(country="US", scheme="ein", value="111")
    content.tax_ids.add(country="US", scheme="ein", value="222")
    found = violations(SUPPLIER, content, strict=False)
    assert [violation.field for violation in found] == ["trading_names[a]", "tax_ids[US/ein]"]
    assert not any("111" in violation.description for violation in found)


@pytest.mark.parametrize("record_type", RECORD_TYPES, ids=lambda each: each.name)
def test_a_whole_content_says_what_people_call_it_or_which_one_it_is(record_type: RecordType) -> None:
    assert [each.field for each in nameless(record_type, record_type.message())] == [record_type.known_by[0]]
    assert nameless(record_type, sample(record_type, 1)) == []
    assert not record_type.identifiers or nameless(record_type, identified(record_type, 1)) == []


@pytest.mark.parametrize("character", ["\0", "\t", "\n", "\r", "\x1b", "\x7f", "\x85"])
@pytest.mark.parametrize("record_type", RECORD_TYPES, ids=lambda each: each.name)
def test_no_text_has_control_characters(record_type: RecordType, character: str) -> None:
    words = wording(record_type)
    found = violations(record_type, words.changed(record_type.message(), f"a{character}b"), strict=False)
    path = f"{record_type.slice_field}[0].{words.field}" if record_type.slice_field else words.field
    assert found == [Violation(path, f"contains the control character U+{ord(character):04X}")]
    assert _fields(record_type, words.changed(record_type.message(), "Ä\u00a0\u200d\u2028😀")) == []


def test_what_is_only_repeated_may_have_what_was_let_pass_before() -> None:
    for text, unusable in (("a\tb", False), ("a\x85b", False), ("a\0b", True)):
        found = violations(SUPPLIER, supplier_pb2.Supplier(legal_name=text), strict=False, said_before=True)
        assert [violation.field for violation in found] == (["legal_name"] if unusable else [])


def test_texts_of_several_lines_have_tabs_and_ends_of_lines_and_no_other_control_characters() -> None:
    for text, unusable in (("one\r\n\ttwo\n", False), ("one\x0btwo", True), ("one\0", True)):
        address = PostalAddress(locality="Town", address_lines=["Main St. 1", text])
        said: list[tuple[RecordType, Message, str]] = [
            (ITEM, item_pb2.Item(description=text), "description"),
            (SUPPLIER, _supplier_at(address), "sites[0].address.address_lines[1]"),
            (EMPLOYEE, employee_pb2.Employee(home_address=address), "home_address.address_lines[1]"),
            (LOCATION, _location_at(address), "slices[0].address.address_lines[1]"),
        ]
        for record_type, content, path in said:
            assert _fields(record_type, content) == ([path] if unusable else [])
    assert _fields(SUPPLIER, _supplier_at(PostalAddress(locality="To\nwn"))) == ["sites[0].address.locality"]


def _supplier_at(address: PostalAddress) -> supplier_pb2.Supplier:
    return supplier_pb2.Supplier(sites=[party_pb2.SupplierSite(code="HQ", address=address)])


def _location_at(address: PostalAddress) -> location_pb2.Location:
    return location_pb2.Location(slices=[location_pb2.LocationSlice(address=address)])


def test_blanks_are_no_name() -> None:
    assert nameless(SUPPLIER, supplier_pb2.Supplier(legal_name=" \u00a0", trading_names=[" "]))
    assert not nameless(SUPPLIER, supplier_pb2.Supplier(legal_name=" ", trading_names=["", "Acme"]))


@given(cost_centers)
def test_slices_that_do_not_overlap_are_fine_in_any_order(content: cost_center_pb2.CostCenter) -> None:
    assert not [field for field in _fields(COST_CENTER, content) if "parents" not in field]


def test_overlapping_slices_are_refused() -> None:
    content = cost_center_pb2.CostCenter()
    content.slices.add(effective_period=period_message(None, SECOND_DAY))
    content.slices.add(effective_period=period_message(FIRST_DAY, None))
    assert _fields(COST_CENTER, content) == ["slices[1].effective_period"]
    del content.slices[:]
    content.slices.add(display_name="since ever")
    content.slices.add(display_name="too")
    assert _fields(COST_CENTER, content) == ["slices[1].effective_period"]


def test_a_period_without_a_day_is_refused() -> None:
    content = cost_center_pb2.CostCenter(effective_period=period_message(SECOND_DAY, FIRST_DAY))
    content.slices.add(effective_period=period_message(FIRST_DAY, FIRST_DAY))
    assert _fields(COST_CENTER, content) == ["effective_period", "slices[0].effective_period"]


def test_two_parents_in_one_hierarchy_are_refused() -> None:
    content = cost_center_pb2.CostCenter()
    piece = content.slices.add()
    for code in ("1", "2"):
        piece.parents.add(hierarchy="management", parent_code=code)
    assert _fields(COST_CENTER, content) == ["slices[0].parents[management]"]


def test_a_cost_center_is_not_its_own_parent() -> None:
    content = cost_center_pb2.CostCenter(code="1")
    content.slices.add().parents.add(hierarchy="management", parent_code="1")
    assert _fields(COST_CENTER, content) == ["slices[0].parents[management]"]


def test_a_day_off_the_calendar_is_refused_wherever_it_stands() -> None:
    content = supplier_pb2.Supplier()
    content.diversity_certificates.add(kind="women_owned", expire_date=Date(year=2026, month=2, day=30))
    assert _fields(SUPPLIER, content) == ["diversity_certificates[0].expire_date"]
    dated = cost_center_pb2.CostCenter(effective_period=EffectivePeriod(start_date=Date(year=2026)))
    assert _fields(COST_CENTER, dated) == ["effective_period.start_date"]


def test_text_that_no_database_takes_is_refused() -> None:
    assert _fields(SUPPLIER, supplier_pb2.Supplier(legal_name="a\0b", trading_names=["\0"])) == [
        "legal_name",
        "trading_names[0]",
    ]


def test_wrong_check_digits_stop_stewards_but_not_sources() -> None:
    supplier = supplier_pb2.Supplier(lei="0" * 20, duns="0" * 9, gln="4012345000008", npi="1234567890")
    supplier.sites.add(code="HQ", gln="4012345000008")
    assert _fields(SUPPLIER, supplier) == []
    assert _fields(SUPPLIER, supplier, strict=True) == ["lei", "duns", "gln", "npi", "sites[HQ].gln"]
    item = item_pb2.Item()
    item.trade_items.add(unit="EA", gtin="04006381333932")
    assert _fields(ITEM, item) == []
    assert _fields(ITEM, item, strict=True) == ["trade_items[EA].gtin"]


def test_an_empty_content_is_fine() -> None:
    for record_type in RECORD_TYPES:
        assert _fields(record_type, record_type.message(), strict=True) == []
