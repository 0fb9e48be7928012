from datetime import date

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1 import cost_center_pb2, employee_pb2, workforce_pb2
from services.mdm.domain.effective import ALWAYS, Period, at
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.references import identity_key, presence, reference_spans, uncovered
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.types.cost_center import COST_CENTER
from services.mdm.domain.types.employee import EMPLOYEE
from tests.support.samples.periods import period_message
from tests.support.samples.strategies import contents, days

JUNE, JULY = date(2026, 6, 1), date(2026, 7, 1)
referring = st.sampled_from([one for one in RECORD_TYPES if one.references]).flatmap(
    lambda record_type: st.tuples(st.just(record_type), contents(record_type))
)


@st.composite
def periods(draw: st.DrawFn) -> Period:
    start, end = sorted(draw(st.sets(days, min_size=2, max_size=2)))
    return Period(start if draw(st.booleans()) else None, end if draw(st.booleans()) else None)


def employee(**more: object) -> employee_pb2.Employee:
    assigned = workforce_pb2.Assignment(entity="entities/north", cost_center_code=" A1 ")
    until_july = employee_pb2.Employee(entity="entities/north", employee_number="E1", **more).slices  # type: ignore[arg-type]
    until_july.add(effective_period=period_message(None, JULY), assignments=[assigned], job_title="Nurse")
    until_july.add(effective_period=period_message(JULY, None), assignments=[assigned], manager_number="E2")
    return employee_pb2.Employee(entity="entities/north", employee_number="E1", slices=until_july, **more)  # type: ignore[arg-type]


def test_a_reference_is_one_span_however_the_record_is_sliced() -> None:
    spans = reference_spans(EMPLOYEE, employee())
    assert [(span.path, span.target_type, span.target_key, span.period) for span in spans] == [
        ("slices.assignments[entities%2Fnorth/ A1 ]", "cost_center", "entities/north|a1", ALWAYS),
        ("slices.manager_number", "employee", "entities/north|e2", Period(JULY, None)),
    ]


def test_references_end_with_the_record_that_says_them() -> None:
    ended = employee(effective_period=period_message(None, JUNE))
    assert [span.period for span in reference_spans(EMPLOYEE, ended)] == [Period(None, JUNE)]


def test_who_works_no_more_refers_to_nothing() -> None:
    assert reference_spans(EMPLOYEE, employee(status=employee_pb2.Employee.STATUS_ENDED)) == ()


def test_a_record_is_there_for_its_effective_period_under_its_scope_and_key() -> None:
    content = cost_center_pb2.CostCenter(
        entity="entities/north", code="A1 ", effective_period=period_message(JUNE, None)
    )
    assert identity_key(COST_CENTER, content) == "entities/north|a1"
    assert presence(COST_CENTER, content) == Period(JUNE, None)
    assert identity_key(COST_CENTER, cost_center_pb2.CostCenter(code="A1")) == ""


@pytest.mark.parametrize(
    ("reference", "there", "missing"),
    [
        (ALWAYS, [], ALWAYS),
        (ALWAYS, [ALWAYS], None),
        (ALWAYS, [Period(JUNE, None)], None),
        (Period(JUNE, None), [Period(JULY, None)], Period(JUNE, JULY)),
        (ALWAYS, [Period(None, JULY)], Period(JULY, None)),
        (Period(JULY, None), [Period(None, JUNE)], Period(JULY, None)),
        (Period(None, JUNE), [Period(None, JULY)], None),
        (ALWAYS, [Period(None, JUNE), Period(JUNE, None)], None),
    ],
)
def test_what_is_not_covered(reference: Period, there: list[Period], missing: Period | None) -> None:
    assert uncovered(reference, there) == ((missing,) if missing else ())


def test_a_reference_may_lack_its_target_before_and_after() -> None:
    assert uncovered(Period(date(2026, 5, 1), None), [Period(JUNE, JULY)]) == (
        Period(date(2026, 5, 1), JUNE),
        Period(JULY, None),
    )


@given(periods(), st.lists(periods(), max_size=3))
def test_what_is_not_covered_lies_within_the_reference_and_outside_one_of_the_records(
    reference: Period, there: list[Period]
) -> None:
    gaps = uncovered(reference, there)
    assert gaps or there
    for missing in gaps:
        assert reference.covers(missing)
        assert not missing.empty
        assert not there or any(one.clip(missing).empty for one in there)


@given(referring, days)
def test_a_record_refers_on_a_day_to_what_its_slice_names_then(case: tuple[RecordType, Message], day: date) -> None:
    record_type, content = case
    spans = {
        (span.path, span.target_key) for span in reference_spans(record_type, content) if span.period.contains(day)
    }
    now = at(record_type, content, day)
    then = reference_spans(record_type, now) if now is not None else ()
    assert spans == {(span.path, span.target_key) for span in then}


@given(referring)
def test_spans_of_one_reference_do_not_touch(case: tuple[RecordType, Message]) -> None:
    spans = reference_spans(*case)
    for one in spans:
        for other in spans:
            same = (one.path, one.target_key) == (other.path, other.target_key)
            touching = one.period.end is not None and one.period.end == other.period.start
            assert one is other or not same or not touching
