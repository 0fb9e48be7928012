"""Standard forms of what identifies and counts: codes by their issuers' rules, packs as exact numbers."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1 import item_pb2, supplier_pb2
from services.mdm.domain.matching.standardising import wording
from services.mdm.domain.matching.standardising.pack_wording import pack_count
from services.mdm.domain.matching.standardising.profile import matching_of, profile
from services.mdm.domain.matching.standardising.standards import description, pack
from services.mdm.domain.types.item import ITEM
from services.mdm.domain.types.supplier import SUPPLIER


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Glove, nitrile, BX/100", "100"),
        ("case of 10 boxes of 50", "500"),
        ("100/BX", "100"),
        ("100 ea/bx", "100"),
        ("10 bx/case 100 ea/bx", "1000"),
        ("50 per box, 10 boxes per case", "500"),
        ("3 boxes of 50", "150"),
        ("2-pack of 6", "12"),
        ("Mask 12-pack", "12"),
        ("box of 1,000", "1000"),
        ("box of dozen", "12"),
        ("case of 2.5 boxes of 4", "10"),
        ("case of 0.5 boxes of 5", "5/2"),
    ],
)
def test_a_pack_in_words_is_an_exact_number(text: str, count: str) -> None:
    assert pack(text) == count


@pytest.mark.parametrize(
    "text",
    [
        "box of 10 or box of 20",
        "box of 10 cases, case of 5 boxes",
        "box of 10, tray of 4",
        "open 24/7",
        "suture 3/0",
        "box of 0",
        "each",
        "",
    ],
)
def test_what_says_two_numbers_or_none_says_nothing(text: str) -> None:
    assert pack(text) == ""


@pytest.mark.parametrize("text", ["CA/10", "CS/10", "CS/10 BX/50", "10 BX/CA 50/BX"])
def test_codes_that_differ_between_systems_are_never_read_by_their_text(text: str) -> None:
    assert pack(text) == ""


@given(st.integers(1, 999), st.integers(1, 999))
def test_packs_within_packs_multiply_however_they_are_written(outer: int, inner: int) -> None:
    written = (
        f"case of {outer} boxes of {inner}",
        f"{inner} per box, {outer} boxes per case",
        f"{outer} bx/case {inner}/bx",
        f"{outer} BOXES of {inner}",
    )
    assert {pack_count(text) for text in written} == {Fraction(outer * inner)}


@given(st.text(max_size=40))
def test_any_text_has_a_count_above_zero_or_none(text: str) -> None:
    count = pack_count(text)
    assert count is None or count > 0


def _token(value: str, _purpose: str) -> str:
    return value


def test_profiles_hold_identifiers_in_the_form_of_their_issuers() -> None:
    said = item_pb2.Item(display_name="Syringe, BX/100", ndc="0002-7597-01", hibc="+A123BJC5D6E71G")
    item = profile(ITEM, said, _token)
    found = dict(zip((each.name for each in matching_of(ITEM).attributes), item.values, strict=True))
    assert (found["ndc"], found["hibc"], found["pack"]) == (("00002759701",), ("A123BJC5D6E71",), ("100",))
    firm = profile(SUPPLIER, supplier_pb2.Supplier(duns="000000000"), _token)
    assert firm.values[matching_of(SUPPLIER).index("duns")] == ()


def test_a_code_that_means_another_pack_in_another_system_stands_for_nothing_in_a_text() -> None:
    assert set(wording.TERSE_WORDS).isdisjoint(wording.UNCLEAR_PACKS)
    assert description("Gloves CS/10") != description("Gloves CASE/10")
    assert description("Gloves BX/10") == description("Gloves BOX/10")
