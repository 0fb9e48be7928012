"""What holds on a day, and when that changes."""

from datetime import date, timedelta

from google.type.date_pb2 import Date
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1.cost_center_pb2 import CostCenter, CostCenterSlice
from concord.mdm.v1.record_pb2 import EffectivePeriod
from concord.mdm.v1.supplier_pb2 import Supplier
from services.adapter.domain.effective import in_effect, next_turn, slice_in_effect

DAYS = st.dates(date(2020, 1, 1), date(2030, 12, 31))


def _period(start: date | None, end: date | None) -> EffectivePeriod:
    return EffectivePeriod(start_date=_day(start), end_date=_day(end))


def _day(value: date | None) -> Date | None:
    return Date(year=value.year, month=value.month, day=value.day) if value else None


def test_a_period_holds_from_its_first_day_to_the_day_before_its_end() -> None:
    period = _period(date(2026, 1, 1), date(2026, 2, 1))
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 31), date(2026, 2, 1)]
    assert [in_effect(period, day) for day in days] == [False, True, True, False]


def test_a_period_without_dates_holds_always() -> None:
    assert in_effect(EffectivePeriod(), date(1900, 1, 1))


def test_the_slice_of_a_day_is_found_or_there_is_none() -> None:
    slices = [
        CostCenterSlice(display_name="old", effective_period=_period(None, date(2026, 1, 1))),
        CostCenterSlice(display_name="new", effective_period=_period(date(2026, 3, 1), None)),
    ]
    found = [slice_in_effect(slices, day) for day in (date(2025, 6, 1), date(2026, 2, 1), date(2026, 3, 1))]
    assert [each.display_name if each else None for each in found] == ["old", None, "new"]


def test_a_record_without_periods_never_turns() -> None:
    assert next_turn(Supplier(legal_name="Acme"), date(2026, 1, 1)) is None


@given(st.lists(DAYS, min_size=1, max_size=6, unique=True), DAYS)
def test_nothing_changes_before_the_next_turn(boundaries: list[date], today: date) -> None:
    days = sorted(boundaries)
    pairs = zip([None, *days], [*days, None], strict=True)
    center = CostCenter(slices=[CostCenterSlice(effective_period=_period(*pair)) for pair in pairs])
    turn = next_turn(center, today)
    assert turn == min((day for day in days if day > today), default=None)
    for ahead in range(1, 400, 7):
        day = today + timedelta(days=ahead)
        if turn is None or day < turn:
            assert slice_in_effect(center.slices, day) == slice_in_effect(center.slices, today)
