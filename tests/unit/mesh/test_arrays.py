"""Arrays as text: what PostgreSQL reads from them is what went in."""

from hypothesis import given
from hypothesis import strategies as st

from services.mesh.postgres.arrays import number_array, text_array


def test_no_values_are_an_empty_array() -> None:
    assert (text_array([]), number_array([])) == ("{}", "{}")


def test_quotes_and_backslashes_are_escaped() -> None:
    assert text_array(['a"b', "c\\d", "", "NULL", "e,f"]) == '{"a\\"b","c\\\\d","","NULL","e,f"}'


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_numbers_are_parted_by_commas(numbers: list[int]) -> None:
    inside = number_array(numbers)[1:-1]
    assert [int(part) for part in inside.split(",") if part] == numbers
