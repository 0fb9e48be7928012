"""Identifiers by the rules of those who issue them, with the examples that they publish."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1 import item_pb2
from services.mdm.domain import check_digits
from services.mdm.domain.check_digits import duns, hibc, is_hibc, is_npi, is_sscc, ndc, udi_di
from services.mdm.domain.identifiers import MatchKey, match_keys
from services.mdm.domain.types.item import ITEM
from services.mdm.domain.validity import violations

HIBC = "+A123BJC5D6E71G"
"""The example of ANSI/HIBC 2: labeler A123, product BJC5D6E7, unit of measure 1, check character G."""
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"


def test_the_npi_of_the_standard_is_valid_and_its_neighbours_are_not() -> None:
    assert is_npi("1234567893")
    assert not any(is_npi(f"123456789{digit}") for digit in "012456789")


@pytest.mark.parametrize("value", ["106141411234567897", "340123450000000000"])
def test_ssccs_have_the_check_digit_of_gs1(value: str) -> None:
    assert is_sscc(value)
    assert not is_sscc(value[:-1] + str((int(value[-1]) + 1) % 10))
    assert not is_sscc(value[:-1])


def test_the_hibc_of_the_standard_is_valid() -> None:
    assert is_hibc(HIBC)
    assert hibc(HIBC) == hibc("*+a123bjc5d6e71g*") == hibc("A123BJC5D6E71") == "A123BJC5D6E71"


@given(st.integers(1, len(HIBC) - 1), st.sampled_from(CHARACTERS))
def test_one_wrong_character_in_an_hibc_is_always_found(place: int, wrong: str) -> None:
    spoilt = HIBC[:place] + wrong + HIBC[place + 1 :]
    assert is_hibc(spoilt) == (spoilt == HIBC)
    assert hibc(spoilt) == ("A123BJC5D6E71" if spoilt == HIBC else "")


@pytest.mark.parametrize(
    ("text", "standard"),
    [
        ("0002-7597-01", "00002759701"),
        ("50242-040-62", "50242004062"),
        ("60575-4112-1", "60575411201"),
        ("00002-7597-01", "00002759701"),
        ("00002759701", "00002759701"),
        ("0002759701", ""),
        ("0002-759-01", ""),
        ("0000-0000-00", ""),
        ("0002-7597-0x", ""),
        ("", ""),
    ],
)
def test_a_drug_code_gets_eleven_digits_or_says_nothing(text: str, standard: str) -> None:
    assert ndc(text) == standard


def test_ten_digits_without_hyphens_could_be_three_drugs() -> None:
    digits = "1234567890"
    readings = {f"{digits[:4]}-{digits[4:8]}-{digits[8:]}", f"{digits[:5]}-{digits[5:8]}-{digits[8:]}"}
    readings.add(f"{digits[:5]}-{digits[5:9]}-{digits[9:]}")
    assert len(set(map(ndc, readings))) == 3
    assert ndc(digits) == ""


def test_a_duns_number_is_nine_digits_however_divided() -> None:
    assert duns("15-048-3782") == duns("150483782") == duns(" 150 483 782 ") == "150483782"
    assert [duns(text) for text in ("15048378", "1504837821", "000000000", "15048378X", "")] == [""] * 5


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        ("(01)51022222233336(11)141231(17)150707(10)A213B1(21)1234", "51022222233336"),
        ("51022222233336", "51022222233336"),
        ("51022222233337", ""),
        ("=/A9999XYZ100T0944=,000025=A99971312345600=>014032=}013032&,1000000000000XYZ123", "A9999XYZ100T0944"),
        ("=/A9999XYZ100T0944", "A9999XYZ100T0944"),
        ("=/A9999XYZ", ""),
        (HIBC, "A123BJC5D6E71"),
        (HIBC[:-1] + "H", ""),
        ("A123BJC5D6E71", "A123BJC5D6E71"),
        ("not a device", ""),
        ("", ""),
    ],
)
def test_a_device_identifier_is_read_by_its_issuer(text: str, identifier: str) -> None:
    """The GS1 and ICCBBA examples are those of the FDA's list of UDI formats by issuing agency."""
    assert udi_di(text) == identifier


@given(st.text(max_size=30) | st.text(CHARACTERS + "()=&*", max_size=30))
def test_whatever_is_said_is_normalised_once_and_for_all(text: str) -> None:
    for name in ("duns", "ndc", "hibc", "udi_di"):
        normalise = getattr(check_digits, name)
        assert normalise(normalise(text)) == normalise(text)


def test_items_are_linked_by_device_identifier_however_it_is_carried() -> None:
    one, other, spoilt = item_pb2.Item(), item_pb2.Item(), item_pb2.Item()
    one.trade_items.add(unit="EA", udi_di=HIBC)
    other.trade_items.add(unit="EA", udi_di="A123BJC5D6E71")
    spoilt.trade_items.add(unit="EA", udi_di=HIBC[:-1] + "H")
    assert match_keys(ITEM, one) == match_keys(ITEM, other) == (MatchKey("udi_di", "A123BJC5D6E71"),)
    assert match_keys(ITEM, spoilt) == ()


def test_a_steward_is_told_of_a_wrong_hibc() -> None:
    right, wrong = item_pb2.Item(hibc=HIBC), item_pb2.Item(hibc=HIBC[:-1] + "H")
    assert violations(ITEM, right, strict=True) == []
    assert [each.field for each in violations(ITEM, wrong, strict=True)] == ["hibc"]
    assert violations(ITEM, wrong, strict=False) == []
