"""How much of an answer fits a page."""

from hypothesis import given
from hypothesis import strategies as st

from services.audit.domain.question import fitting


def test_a_page_holds_at_least_one_leaf_however_large() -> None:
    assert fitting([10, 1], 100, most_bytes=5) == 1


def test_a_page_ends_before_the_leaf_that_exceeds_its_bytes() -> None:
    assert fitting([2, 3, 1], 100, most_bytes=5) == 2


def test_nothing_fills_no_page() -> None:
    assert fitting([], 100) == 0


@given(st.lists(st.integers(1, 20)), st.integers(1, 10), st.integers(1, 60))
def test_a_page_is_the_longest_that_is_allowed(sizes: list[int], most: int, most_bytes: int) -> None:
    count = fitting(sizes, most, most_bytes)
    assert count <= most
    assert count <= 1 or sum(sizes[:count]) <= most_bytes
    assert count == min(len(sizes), most) or sum(sizes[: count + 1]) > most_bytes
