import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import ean

from concord.mdm.v1 import cost_center_pb2, item_pb2, supplier_pb2
from services.mdm.domain.check_digits import is_gln, is_gtin, is_lei, is_npi
from services.mdm.domain.identifiers import MatchKey, match_keys, normalise
from services.mdm.domain.types.cost_center import COST_CENTER
from services.mdm.domain.types.item import ITEM
from services.mdm.domain.types.supplier import SUPPLIER

LEI = "5493006MHB84DD0ZWV18"
NPI = "1234567893"
GLN = "4012345000009"
GTIN = "04006381333931"


@pytest.mark.parametrize(("check", "value"), [(is_lei, LEI), (is_npi, NPI), (is_gln, GLN), (is_gtin, GTIN)])
def test_one_wrong_digit_is_found(check: object, value: str) -> None:
    assert check(value)  # type: ignore[operator]
    for position, digit in enumerate(value):
        if digit.isdigit():
            changed = value[:position] + str((int(digit) + 1) % 10) + value[position + 1 :]
            assert not check(changed)  # type: ignore[operator]


def test_the_strong_identifiers_of_a_supplier_are_keys() -> None:
    content = supplier_pb2.Supplier(lei=LEI, duns="123456789", gln=GLN, npi=NPI)
    assert match_keys(SUPPLIER, content) == (
        MatchKey("duns", "123456789"),
        MatchKey("gln", GLN),
        MatchKey("lei", LEI),
        MatchKey("npi", NPI),
    )


@pytest.mark.parametrize(
    "content",
    [
        supplier_pb2.Supplier(lei=LEI[:-1] + "9"),
        supplier_pb2.Supplier(duns="000000000"),
        supplier_pb2.Supplier(duns="999999999"),
        supplier_pb2.Supplier(gln="0000000000000"),
        supplier_pb2.Supplier(npi="1234567890"),
        supplier_pb2.Supplier(npi="²234567893"),
    ],
)
def test_fillers_and_wrong_check_digits_are_no_keys(content: supplier_pb2.Supplier) -> None:
    assert match_keys(SUPPLIER, content) == ()


def test_a_tax_id_is_never_a_key() -> None:
    content = supplier_pb2.Supplier()
    content.tax_ids.add(country="US", scheme="ein", value="911144442")
    assert match_keys(SUPPLIER, content) == ()


def test_a_gtin_given_as_device_identifier_is_the_same_key() -> None:
    one, other = item_pb2.Item(), item_pb2.Item()
    one.trade_items.add(unit="EA", gtin=GTIN)
    other.trade_items.add(unit="EA", udi_di=GTIN)
    assert match_keys(ITEM, one) == match_keys(ITEM, other) == (MatchKey("gtin", GTIN),)


def test_a_number_that_any_house_may_give_is_no_key() -> None:
    in_store = "0201234567890" + ean.calc_check_digit("0201234567890")
    content = item_pb2.Item()
    content.trade_items.add(unit="EA", gtin=in_store)
    assert is_gtin(in_store)
    assert match_keys(ITEM, content) == ()


def test_manufacturer_and_part_are_one_key_however_they_are_written() -> None:
    one = item_pb2.Item(manufacturer_name="B. Braun", manufacturer_part_number="AB-12 3")
    other = item_pb2.Item(manufacturer_name="B BRAUN", manufacturer_part_number="ab123")
    assert match_keys(ITEM, one) == match_keys(ITEM, other) != ()
    assert match_keys(ITEM, item_pb2.Item(manufacturer_part_number="ab123")) == ()


def test_a_cost_center_code_is_a_key_only_within_its_entity() -> None:
    mercy = cost_center_pb2.CostCenter(entity="entities/mercy", code="CC-10 ")
    hope = cost_center_pb2.CostCenter(entity="entities/hope", code="cc-10")
    assert match_keys(COST_CENTER, mercy) != match_keys(COST_CENTER, hope)
    assert match_keys(COST_CENTER, cost_center_pb2.CostCenter(code="cc-10")) == ()


@pytest.mark.parametrize(
    ("written", "other"),
    [("12-3456789", "123456789"), ("dk 99", "DK99"), (GTIN, GTIN[1:]), ("0002-8215-01", "2821501")],
)
def test_search_looks_past_separators_case_and_leading_zeros(written: str, other: str) -> None:
    assert normalise(written) == normalise(other)


@given(st.text("0123ABCdef", min_size=1), st.text(" -./", max_size=3))
def test_search_does_not_see_separators(identifier: str, separators: str) -> None:
    assert normalise(separators.join(identifier)) == normalise(identifier.lower())
