"""Live precision and recall: what decisions show, and how surely."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mdm.domain.live_quality import BAND_MILLIBITS, Count, Interval, bands, is_broken, recall, wilson


@st.composite
def _counts(draw: st.DrawFn, least: int = 0) -> Count:
    total = draw(st.integers(least, 100_000))
    return Count(draw(st.integers(0, total)), total)


# Published examples: Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3.
@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_wilsons(right: int, total: int, low: float, high: float) -> None:
    found = wilson(Count(right, total))
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(_counts(least=1))
def test_an_interval_holds_its_share_and_stays_within_0_and_1(count: Count) -> None:
    found = wilson(count)
    assert found.share is not None
    assert 0 <= found.low <= found.share <= found.high <= 1
    assert found.low < found.high


@given(_counts(least=1))
def test_what_is_wrong_mirrors_what_is_right(count: Count) -> None:
    right, wrong = wilson(count), wilson(Count(count.total - count.right, count.total))
    assert right.low == pytest.approx(1 - wrong.high, abs=1e-9)
    assert right.high == pytest.approx(1 - wrong.low, abs=1e-9)


@given(_counts(least=1), st.integers(2, 50))
def test_more_decisions_of_the_same_kind_say_it_more_surely(count: Count, times: int) -> None:
    few, many = wilson(count), wilson(Count(count.right * times, count.total * times))
    assert many.high - many.low < few.high - few.low


def test_without_decisions_it_may_be_anything() -> None:
    assert wilson(Count(0, 0)) == Interval(None, 0.0, 1.0)
    assert not is_broken(1.0, wilson(Count(0, 0)))
    with pytest.raises(ValueError, match="2 of 1"):
        wilson(Count(2, 1))


def test_a_promise_is_broken_when_the_whole_interval_lies_below_it() -> None:
    assert not is_broken(0.99, wilson(Count(98, 100)))
    assert is_broken(0.99, wilson(Count(90, 100)))


@given(st.integers(0, 10_000), _counts(), st.integers(0, 10_000), _counts())
def test_recall_holds_its_share_within_its_interval(links: int, audited: Count, waiting: int, reviewed: Count) -> None:
    found = recall(links, audited, waiting, reviewed)
    assert 0 <= found.low <= found.high <= 1
    if found.share is not None:
        assert found.low - 1e-12 <= found.share <= found.high + 1e-12


def test_recall_counts_what_stewards_had_to_link() -> None:
    found = recall(900, Count(100, 100), 200, Count(50, 100))
    assert found.share == pytest.approx(0.9)
    assert recall(900, Count(100, 100), 0, Count(0, 0)).share == 1.0


@given(st.lists(st.tuples(st.integers(-30_000, 40_000), st.booleans())))
def test_every_decision_is_counted_in_its_band(decided: list[tuple[int, bool]]) -> None:
    found = bands(decided)
    assert sum(band.same.total for band in found) == len(decided)
    assert sum(band.same.right for band in found) == sum(same for _, same in decided)
    for millibits, _ in decided:
        assert any(band.low <= millibits < band.high == band.low + BAND_MILLIBITS for band in found)
