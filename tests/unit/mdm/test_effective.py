from datetime import date, timedelta

import pytest
from google.type.date_pb2 import Date
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1 import cost_center_pb2
from services.mdm.domain.effective import ALWAYS, Period, at, elementary, to_date
from services.mdm.domain.types.cost_center import COST_CENTER
from services.mdm.domain.types.supplier import SUPPLIER
from tests.support.samples.periods import period_message
from tests.support.samples.strategies import cost_centers, days, suppliers

JUNE = date(2026, 6, 1)
bounds = st.none() | days
periods = st.builds(Period, bounds, bounds)


def test_a_period_ends_on_the_day_before_its_end() -> None:
    assert Period(None, JUNE).contains(JUNE - timedelta(days=1))
    assert not Period(None, JUNE).contains(JUNE)
    assert Period(JUNE, None).contains(JUNE)


@given(periods, periods, days)
def test_a_day_lies_in_a_clip_when_it_lies_in_both(one: Period, other: Period, day: date) -> None:
    assert one.clip(other).contains(day) == (one.contains(day) and other.contains(day))


@given(st.lists(periods), days)
def test_a_day_lies_in_exactly_one_elementary_period_and_that_never_straddles_a_bound(
    spans: list[Period], day: date
) -> None:
    (found,) = [period for period in elementary(spans) if period.contains(day)]
    assert all(span.covers(found) == span.contains(day) for span in spans if not span.empty)


@pytest.mark.parametrize("broken", [Date(), Date(year=2026), Date(year=2026, month=2, day=30)])
def test_a_date_without_day_or_off_the_calendar_is_refused(broken: Date) -> None:
    with pytest.raises(ValueError, match=r"must be in|out of range|year"):
        to_date(broken)


@given(cost_centers, days)
def test_on_a_day_at_most_one_slice_is_in_effect(content: cost_center_pb2.CostCenter, day: date) -> None:
    found = at(COST_CENTER, content, day)
    assert found is None or isinstance(found, cost_center_pb2.CostCenter)
    assert found is None or len(found.slices) == (1 if content.slices else 0)


def test_nothing_is_in_effect_outside_the_effective_period() -> None:
    content = cost_center_pb2.CostCenter(code="1", effective_period=period_message(None, JUNE))
    content.slices.add(display_name="Ward")
    assert at(COST_CENTER, content, JUNE) is None
    assert at(COST_CENTER, content, JUNE - timedelta(days=1)) == content


def test_between_slices_nothing_is_in_effect() -> None:
    content = cost_center_pb2.CostCenter(code="1")
    content.slices.add(display_name="Ward", effective_period=period_message(JUNE, None))
    assert at(COST_CENTER, content, JUNE - timedelta(days=1)) is None


@given(suppliers, days)
def test_what_is_not_effective_dated_is_always_in_effect(content: object, day: date) -> None:
    assert at(SUPPLIER, content, day) == content  # type: ignore[arg-type]


def test_an_unset_period_is_always() -> None:
    assert ALWAYS.contains(date.min)
    assert ALWAYS.contains(date.max)
