"""References between golden records: what holds, what does not, and who may bring that about."""

import threading
from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from concord.mdm.v1 import cost_center_pb2, employee_pb2, workforce_pb2
from services.mdm.domain.effective import Period
from services.mdm.domain.references import uncovered
from services.mdm.domain.types.cost_center import COST_CENTER
from services.mdm.domain.types.employee import EMPLOYEE
from services.mdm.storage.tables import references
from services.mdm.storage.tables.references import BrokenReference, Question
from services.mdm.storage.writing.write_path import Applied
from services.mesh.errors import ConcordError
from tests.support.hub.stored import TestHub, decision, statement
from tests.support.samples.periods import period_message
from tests.support.waiting import eventually

JUNE = date(2026, 6, 1)
CLOSING = date(2026, 7, 1)
LATER = datetime(2026, 2, 1, tzinfo=UTC)


def ward(code: str = "A1", end: date | None = None, parent: str = "") -> cost_center_pb2.CostCenter:
    content = cost_center_pb2.CostCenter(entity="entities/north", code=code)
    if end:
        content.effective_period.CopyFrom(period_message(None, end))
    if parent:
        hung = cost_center_pb2.HierarchyParent(hierarchy="management", parent_code=parent)
        content.slices.add(display_name="Ward", parents=[hung])
    return content


def nurse(number: str, *codes: str) -> employee_pb2.Employee:
    share = workforce_pb2.Share(numerator=1, denominator=max(len(codes), 1))
    assigned = [workforce_pb2.Assignment(entity="entities/north", cost_center_code=code, share=share) for code in codes]
    employee = employee_pb2.Employee(entity="entities/north", employee_number=number)
    employee.slices.add(job_title="Nurse", assignments=assigned)
    return employee


def taken(hub: TestHub, system: str, key: str, content: object, **more: object) -> str:
    (answer,) = hub.submit(statement(system, key, content, **more))  # type: ignore[arg-type]
    assert isinstance(answer, Applied)
    return answer.golden


def broken(hub: TestHub, question: Question | None = None) -> list[BrokenReference]:
    with hub.database.reading() as connection:
        found = references.broken(connection, question or Question())
        assert references.count(connection, question or Question()) == len(found)
    return found


def close(hub: TestHub, name: str, day: date = CLOSING) -> None:
    etag: str = hub.golden(name).etag  # type: ignore[attr-defined]
    request = cost_center_pb2.CloseCostCenterRequest(name=name, etag=etag)
    hub.parts.stewardship.close(COST_CENTER, name, etag, day, decision(request))


def test_a_stewards_closing_with_active_assignments_is_refused_with_the_list(hub: TestHub) -> None:
    center = taken(hub, "systems/erp", "cc", ward())
    nurses = [taken(hub, "systems/workforce", key, nurse(key, "A1")) for key in ("1", "2")]
    taken(hub, "systems/workforce", "3", nurse("3"))
    with pytest.raises(ConcordError) as refused:
        close(hub, center)
    assert refused.value.reason_name == "RECORD_STILL_REFERENCED"
    assert refused.value.metadata == {"name": center, "references": "2"}
    assert [each.subject for each in refused.value.preconditions] == sorted(nurses)
    assert "from 2026-07-01" in refused.value.preconditions[0].description
    assert not hub.golden(center).HasField("effective_period")
    assert broken(hub) == []


def test_a_systems_closing_is_taken_and_its_assignments_are_exceptions_until_they_end(hub: TestHub) -> None:
    center = taken(hub, "systems/erp", "cc", ward())
    worker = taken(hub, "systems/workforce", "1", nurse("1", "A1"))
    taken(hub, "systems/erp", "cc", ward(end=CLOSING), at=LATER)
    (found,) = broken(hub)
    assert (found.record, found.target, found.missing) == (worker, center, Period(CLOSING, None))
    assert found.path == "slices.assignments[entities%2Fnorth/A1]"
    taken(hub, "systems/workforce", "1", nurse("1"), at=LATER)
    assert broken(hub) == []


def test_an_exception_is_gone_when_the_record_that_was_missing_comes(hub: TestHub) -> None:
    taken(hub, "systems/workforce", "1", nurse("1", "B7"))
    assert [(each.target, each.target_key) for each in broken(hub)] == [("", "entities/north|b7")]
    taken(hub, "systems/erp", "cc", ward("B7"))
    assert broken(hub) == []


def test_who_does_not_work_any_more_holds_no_cost_center_open(hub: TestHub) -> None:
    center = taken(hub, "systems/erp", "cc", ward())
    ended = nurse("1", "A1")
    ended.status = employee_pb2.Employee.STATUS_ENDED
    taken(hub, "systems/workforce", "1", ended)
    close(hub, center)
    assert broken(hub) == []


def test_a_cost_center_with_active_children_is_neither_closed_nor_deleted_nor_renamed(hub: TestHub) -> None:
    parent = taken(hub, "systems/erp", "p", ward("P"))
    child = taken(hub, "systems/erp", "c", ward("C", parent="P"))
    etag: str = hub.golden(parent).etag  # type: ignore[attr-defined]

    def renamed(present: object) -> tuple[cost_center_pb2.CostCenter, list[str]]:
        assert isinstance(present, cost_center_pb2.CostCenter)
        return cost_center_pb2.CostCenter(entity=present.entity, code="Q"), ["code"]

    request = cost_center_pb2.DeleteCostCenterRequest(name=parent)
    attempts = (
        lambda: close(hub, parent),
        lambda: hub.parts.stewardship.delete(COST_CENTER, parent, etag, decision(request), deleted=True),
        lambda: hub.parts.stewardship.update(COST_CENTER, parent, etag, renamed, None, decision(request)),
    )
    for attempt in attempts:
        with pytest.raises(ConcordError) as refused:
            attempt()
        assert refused.value.reason_name == "RECORD_STILL_REFERENCED"
        assert [each.subject for each in refused.value.preconditions] == [child]


def test_a_steward_cant_refer_to_what_is_not_there(hub: TestHub) -> None:
    desired = nurse("9", "NOWHERE")
    desired.entities.append("entities/north")
    with pytest.raises(ConcordError) as refused:
        hub.parts.stewardship.create(EMPLOYEE, desired, decision(desired))
    assert refused.value.reason_name == "INVALID_CONTENT"
    assert [v.field for v in refused.value.violations] == ["slices.assignments[entities%2Fnorth/NOWHERE]"]


def test_a_steward_brings_back_what_a_system_let_refer_to_nothing(hub: TestHub) -> None:
    worker = taken(hub, "systems/workforce", "1", nurse("1", "GONE"))
    for deleted in (True, False):
        etag: str = hub.golden(worker).etag  # type: ignore[attr-defined]
        request = employee_pb2.DeleteEmployeeRequest(name=worker, etag=etag)
        hub.parts.stewardship.delete(EMPLOYEE, worker, etag, decision(request), deleted=deleted)
        assert len(broken(hub)) == (0 if deleted else 1)


def test_a_caller_sees_exceptions_of_their_entities_and_questions_by_type_and_day(hub: TestHub) -> None:
    taken(hub, "systems/erp", "cc", ward(end=CLOSING))
    taken(hub, "systems/workforce", "1", nurse("1", "A1"))
    assert len(broken(hub, Question(scope=frozenset({"entities/south"})))) == 1
    assert broken(hub, Question(scope=frozenset({"entities/north"}))) == []
    assert len(broken(hub, Question(record_type="employee", target_type="cost_center"))) == 1
    assert broken(hub, Question(record_type="cost_center")) == []
    assert broken(hub, Question(target_type="employee")) == []
    past = nurse("1", "A1")
    past.effective_period.CopyFrom(period_message(None, date(2026, 8, 1)))
    taken(hub, "systems/workforce", "1", past, at=LATER)
    assert len(broken(hub, Question(day=date(2026, 7, 31)))) == 1
    assert broken(hub, Question(day=date(2026, 8, 1))) == []


def test_names_out_of_scope_are_counted_and_not_told(hub: TestHub) -> None:
    center = taken(hub, "systems/erp", "cc", ward())
    taken(hub, "systems/workforce", "1", nurse("1", "A1"))
    etag: str = hub.golden(center).etag  # type: ignore[attr-defined]
    request = cost_center_pb2.CloseCostCenterRequest(name=center, etag=etag)
    within = decision(request)
    narrow = type(within)(**{**vars(within), "entities": frozenset({"entities/north"})})
    with pytest.raises(ConcordError) as refused:
        hub.parts.stewardship.close(COST_CENTER, center, etag, CLOSING, narrow)
    assert refused.value.metadata["references"] == "1"
    assert refused.value.preconditions == ()


def test_a_closing_and_an_assignment_at_the_same_time_do_not_pass_unseen(hub: TestHub) -> None:
    """Whoever commits second sees the first: the closing is refused, or the assignment is an exception."""
    for number in range(8):
        code = f"R{number}"
        center = taken(hub, "systems/erp", code, ward(code))
        refusals: list[ConcordError] = []

        def closing(name: str = center, found: list[ConcordError] = refusals) -> None:
            try:
                close(hub, name)
            except ConcordError as error:
                found.append(error)

        assigned = nurse(code, code)
        threads = [
            threading.Thread(target=closing),
            threading.Thread(target=hub.submit, args=(statement("systems/workforce", code, assigned),)),
        ]
        for thread in threads:
            thread.start()
        eventually(lambda alive=threads: not any(thread.is_alive() for thread in alive))  # type: ignore[misc]
        seen = [each for each in broken(hub) if each.target_key.endswith(code.casefold())]
        assert (len(refusals), len(seen)) in {(1, 0), (0, 1)}


def assigned(number: str, start: date | None, end: date | None = None) -> employee_pb2.Employee:
    employee = nurse(number, "A1")
    employee.effective_period.CopyFrom(period_message(start, end))
    return employee


def test_a_closing_is_refused_although_the_assignment_began_too_early_already(hub: TestHub) -> None:
    center = ward()
    center.effective_period.CopyFrom(period_message(date(2020, 1, 1), None))
    name = taken(hub, "systems/erp", "cc", center)
    taken(hub, "systems/workforce", "1", assigned("1", date(2019, 1, 1)))
    assert [each.missing for each in broken(hub)] == [Period(date(2019, 1, 1), date(2020, 1, 1))]
    with pytest.raises(ConcordError) as refused:
        close(hub, name)
    assert refused.value.reason_name == "RECORD_STILL_REFERENCED"
    assert "from 2026-07-01" in refused.value.preconditions[0].description


def test_a_steward_may_put_a_reference_right_in_part(hub: TestHub) -> None:
    center = taken(hub, "systems/erp", "cc", ward(end=CLOSING))
    worker = taken(hub, "systems/workforce", "1", assigned("1", None))
    etag: str = hub.golden(worker).etag  # type: ignore[attr-defined]
    request = employee_pb2.CloseEmployeeRequest(name=worker, etag=etag)
    hub.parts.stewardship.close(EMPLOYEE, worker, etag, date(2026, 9, 1), decision(request))
    assert [each.missing for each in broken(hub)] == [Period(CLOSING, date(2026, 9, 1))]

    def until_august(present: object) -> tuple[cost_center_pb2.CostCenter, list[str]]:
        assert isinstance(present, cost_center_pb2.CostCenter)
        longer = cost_center_pb2.CostCenter(entity=present.entity, code=present.code)
        longer.effective_period.CopyFrom(period_message(None, date(2026, 8, 1)))
        return longer, ["effective_period"]

    etag = hub.golden(center).etag  # type: ignore[attr-defined]
    hub.parts.stewardship.update(COST_CENTER, center, etag, until_august, None, decision(ward()))
    assert [each.missing for each in broken(hub)] == [Period(date(2026, 8, 1), date(2026, 9, 1))]


def test_two_shares_of_one_assignment_are_one_reference(hub: TestHub) -> None:
    halves = nurse("1", "A1", "A1")
    halves.effective_period.CopyFrom(period_message(date(2026, 1, 1), date(2027, 1, 1)))
    taken(hub, "systems/workforce", "1", halves)
    assert len(broken(hub)) == 1


def test_a_record_from_before_references_were_kept_is_there_with_its_next_revision(hub: TestHub) -> None:
    taken(hub, "systems/erp", "cc", ward())
    taken(hub, "systems/workforce", "1", nurse("1", "A1"))
    with hub.database.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM presences")
        connection.exec_driver_sql("DELETE FROM reference_spans")
    renamed = ward()
    renamed.slices.add(display_name="Ward A1")
    taken(hub, "systems/erp", "cc", renamed, at=LATER)
    promoted = nurse("1", "A1")
    promoted.slices[0].job_title = "Head nurse"
    taken(hub, "systems/workforce", "1", promoted, at=LATER)
    assert broken(hub) == []
    assert hub.rows("SELECT count(*) FROM presences") == [(2,)]
    assert hub.rows("SELECT count(*) FROM reference_spans") == [(1,)]


@st.composite
def dated(draw: st.DrawFn) -> Period:
    start, end = sorted(draw(st.sets(st.dates(JUNE, date(2026, 6, 8)), min_size=2, max_size=2)))
    return Period(start if draw(st.booleans()) else None, end if draw(st.booleans()) else None)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), dated()), max_size=6, unique=True),
    st.lists(st.tuples(st.sampled_from("ab"), dated()), max_size=4),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_the_database_finds_what_the_rule_says_does_not_hold(
    hub: TestHub, spans: list[tuple[str, Period]], there: list[tuple[str, Period]]
) -> None:
    with hub.database.transaction() as connection:
        for key, said in spans:
            connection.exec_driver_sql(
                "INSERT INTO reference_spans VALUES ('employee', %s, 'p', 'cost_center', %s, %s, %s)",
                ("employees/1", key, said.start, said.end),
            )
        for number, (key, present) in enumerate(there):
            connection.exec_driver_sql(
                "INSERT INTO presences VALUES ('cost_center', %s, %s, %s, %s)",
                (key, f"costCenters/{number}", present.start, present.end),
            )
        found = references.broken(connection, Question())
        paged, after = [], None
        while page := references.broken(connection, Question(), after=after, limit=1):
            paged += page
            after = page[-1].sort_key
        connection.rollback()
    wanted = {
        (key, said, gaps)
        for key, said in spans
        if (gaps := uncovered(said, [present for other, present in there if other == key]))
    }
    assert {(each.target_key, each.said, each.gaps) for each in found} == wanted
    if len({(each.target_key, each.said.start) for each in found}) == len(found):
        assert paged == found
