"""What users of the workforce service say as employees, and how they are made to say something."""

from collections.abc import Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1.employee_pb2 import Employee
from concord.mdm.v1.record_pb2 import EffectivePeriod
from concord.mdm.v1.workforce_pb2 import EmployeeSlice, WorkContact
from services.adapter.domain.effective import in_effect
from services.adapter.systems.connector import Expression, UntranslatableError
from services.mesh.contract.validation import violations
from services.saas_adapter.domain.scim import employee
from services.saas_adapter.domain.scim.conventions import Conventions
from services.saas_adapter.domain.scim.employee import ENTERPRISE, LOOKED_UP
from tests.unit.saas_adapter.resources import DAY, SAID, TEXT

TODAY = date(2026, 11, 24)
EXTENSION = "urn:example:User"
CONVENTIONS = Conventions(
    entities={"general": "entities/general", "shared": "entities/shared-services"},
    worker_types={"Staff": "employee", "Temp": "agency"},
    contractor_classifications={"Temp": "staffing"},
    workforce_extension=EXTENSION,
)
LOOKED = {"entities": {"10": "general", "20": "shared", "30": "", "40": None}}
DAYS = (DAY.map(date.isoformat)) | st.just("")


def _in_order(dated: Mapping[str, Any]) -> bool:
    start, end = dated.get("validFrom"), dated.get("validTo")
    return not (start and end) or start <= end


def dated(told: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    days = {"validFrom": DAYS, "validTo": DAYS}
    return st.lists(st.fixed_dictionaries(told, optional=days).filter(_in_order), max_size=4)


ASSIGNMENTS = dated(
    {
        "costCenter": st.sampled_from(["10", "20"]),
        "numerator": st.integers(1, 5),
        "denominator": st.integers(5, 9),
    }
)
DIFFERENTIALS = dated({"code": SAID, "percentage": st.decimals(0, 100, places=2).map(str)})
WORK = st.fixed_dictionaries(
    {"employeeNumber": SAID, "costCenter": st.sampled_from(["10", "20"])}, optional={"department": TEXT}
)
USERS = st.fixed_dictionaries(
    {"id": st.uuids().map(str), ENTERPRISE: WORK, LOOKED_UP: st.just(LOOKED)},
    optional={
        "displayName": TEXT | st.none(),
        "name": st.fixed_dictionaries({}, optional={"givenName": TEXT, "familyName": TEXT}),
        "title": TEXT,
        "userType": st.sampled_from(["", *CONVENTIONS.worker_types]),
        "active": st.booleans() | st.none(),
        EXTENSION: st.fixed_dictionaries(
            {}, optional={"assignments": ASSIGNMENTS, "shiftDifferentials": DIFFERENTIALS}
        ),
    },
)
NURSE: dict[str, Any] = {
    "displayName": "Nell Pargeter",
    "userType": "Staff",
    "active": True,
    ENTERPRISE: {"employeeNumber": "E1", "costCenter": "10"},
    LOOKED_UP: LOOKED,
}


def translated(user: Mapping[str, Any], conventions: Conventions = CONVENTIONS) -> Employee:
    content = employee.translate(user, conventions).content
    assert isinstance(content, Employee)
    return content


def expressed(content: Employee) -> Expression:
    return employee.express(content, TODAY, CONVENTIONS)


def made_to_say(user: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a user after the service was told what should be said, as its PATCH does."""
    after = employee.applied(user, values, CONVENTIONS)
    result = {**user, "name": dict(user.get("name", {})), ENTERPRISE: dict(user[ENTERPRISE])}
    for path, value in after.items():
        extension, _, rest = path.rpartition(":")
        outer, _, inner = rest.rpartition(".")
        holder = result[extension or outer] if extension or outer else result
        holder[inner] = value
    return result


@given(USERS)
def test_what_a_user_says_is_a_valid_record(user: Mapping[str, Any]) -> None:
    assert violations(translated(user)) == []


@given(USERS)
def test_a_user_made_to_say_what_it_says_goes_on_saying_it(user: Mapping[str, Any]) -> None:
    said = translated(user)
    assert expressed(said).inexpressible == ()
    assert translated(made_to_say(user, expressed(said).values)) == said


@given(USERS, USERS)
def test_what_one_user_says_is_said_by_another_who_is_made_to(
    user: Mapping[str, Any], other: Mapping[str, Any]
) -> None:
    wanted = {path: value for path, value in expressed(translated(other)).values.items() if path != "identity"}
    shown = expressed(translated(made_to_say(user, wanted))).values
    assert {path: shown[path] for path in wanted} == wanted
    before = expressed(translated(user)).values
    assert {path: shown[path] for path in before.keys() - wanted.keys()} == {
        path: before[path] for path in before.keys() - wanted.keys()
    }


@given(USERS)
def test_a_new_user_says_what_it_was_made_for(user: Mapping[str, Any]) -> None:
    wanted = {path: value for path, value in expressed(translated(user)).values.items() if path != "identity"}
    new = employee.created(wanted)
    new[ENTERPRISE] |= {"employeeNumber": "E1", "organization": "general"}
    shown = expressed(translated(new)).values
    assert shown == {**wanted, "identity": {"entity": "entities/general", "employee_number": "E1"}}


@given(USERS, DAY)
def test_on_every_day_exactly_what_is_valid_then_holds(user: Mapping[str, Any], day: date) -> None:
    pieces = [piece for piece in translated(user).slices if in_effect(piece.effective_period, day)]
    assert len(pieces) <= 1
    extension = user.get(EXTENSION, {})
    piece = pieces[0] if pieces else EmployeeSlice()
    assigned = extension.get("assignments") or [{"costCenter": user[ENTERPRISE]["costCenter"]}]
    assert sorted((each.cost_center_code, _fraction(each)) for each in piece.assignments) == sorted(
        (each["costCenter"], Fraction(each.get("numerator", 1), each.get("denominator", 1)))
        for each in assigned
        if _valid(each, day)
    )
    paid = [each["code"].strip() for each in extension.get("shiftDifferentials", []) if _valid(each, day)]
    assert [each.code for each in piece.shift_differentials] == paid


def _fraction(assignment: Any) -> Fraction:
    share = assignment.share
    return Fraction(share.numerator, share.denominator) if assignment.HasField("share") else Fraction(1)


def _valid(told: Mapping[str, Any], day: date) -> bool:
    return (told.get("validFrom") or "") <= day.isoformat() <= (told.get("validTo") or "9999-12-31")


def test_an_employee_begins_on_the_first_day_and_ends_after_the_last() -> None:
    said = translated({**NURSE, EXTENSION: {"hireDate": "2020-01-06", "endDate": "2026-06-30"}})
    start, end = Date(year=2020, month=1, day=6), Date(year=2026, month=7, day=1)
    assert said.effective_period == EffectivePeriod(start_date=start, end_date=end)


def test_who_user_types_are_is_told_by_the_options_alone() -> None:
    said = translated({**NURSE, "userType": "Temp"})
    assert (said.worker_type, said.contractor_classification) == (Employee.WORKER_TYPE_AGENCY, "staffing")
    plain = Conventions(CONVENTIONS.entities)
    assert translated({**NURSE, "userType": "whatever"}, plain).worker_type == Employee.WORKER_TYPE_UNSPECIFIED


def test_work_contacts_are_told_apart_and_private_ones_are_not_kept() -> None:
    user = {
        **NURSE,
        "emails": [
            {"value": "b@example.org", "type": "work"},
            {"value": "z@example.org", "type": "work", "primary": True},
            {"value": "planted@example.org", "type": "home"},
        ],
        "phoneNumbers": [{"value": "7", "type": "pager"}, {"value": "planted", "type": "mobile"}, {"value": "planted"}],
    }
    assert [(each.channel, each.label, each.value) for each in translated(user).work_contacts] == [
        (WorkContact.CHANNEL_EMAIL, "work", "z@example.org"),
        (WorkContact.CHANNEL_EMAIL, "work 2", "b@example.org"),
        (WorkContact.CHANNEL_PAGER, "work", "7"),
    ]
    assert "planted" not in str(employee.kept(user))
    assert translated(employee.kept(user)) == translated(user)


@pytest.mark.parametrize(
    ("manager", "number"),
    [
        ({"employeeNumber": "E2", "entity": "general"}, "E2"),
        ({"employeeNumber": "E2", "entity": "shared"}, ""),
        ({"employeeNumber": "E1", "entity": "general"}, ""),
        ({}, ""),
    ],
)
def test_a_manager_is_another_employee_of_the_same_entity(manager: dict[str, str], number: str) -> None:
    said = translated({**NURSE, LOOKED_UP: {**LOOKED, "manager": manager}})
    assert said.slices[0].manager_number == number


def test_an_hourly_amount_is_exact() -> None:
    paid = {"code": "weekend", "hourlyAmount": "4.25", "currency": "USD"}
    said = translated({**NURSE, EXTENSION: {"shiftDifferentials": [paid]}})
    amount = said.slices[0].shift_differentials[0].hourly_amount
    assert amount == Money(currency_code="USD", units=4, nanos=250_000_000)


def test_without_the_extension_named_it_is_not_read() -> None:
    plain = Conventions(CONVENTIONS.entities)
    said = translated({**NURSE, EXTENSION: {"hireDate": "2020-01-06"}}, plain)
    assert not said.HasField("effective_period")
    assert not [each for each in employee.attributes(plain) if each.startswith(":") or EXTENSION in each]


def _with(extension: Mapping[str, Any]) -> dict[str, Any]:
    return {EXTENSION: extension}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({ENTERPRISE: {"costCenter": "10"}}, "employeeNumber"),
        ({ENTERPRISE: {"employeeNumber": "E1"}}, "costCenter"),
        ({ENTERPRISE: {"employeeNumber": "E1", "costCenter": "40"}}, "costCenter"),
        ({ENTERPRISE: {"employeeNumber": "E1", "costCenter": "secret"}}, "costCenter"),
        ({ENTERPRISE: {"employeeNumber": "E1", "costCenter": "30"}}, "costCenter"),
        ({ENTERPRISE: {"employeeNumber": "E1", "organization": "secret"}}, "organization"),
        ({ENTERPRISE: "secret"}, ENTERPRISE),
        ({"userType": "secret"}, "userType"),
        ({"active": "secret"}, "active"),
        ({"name": {"givenName": ["secret"]}}, "name.givenName"),
        ({"emails": ["secret"]}, "emails"),
        (_with({"hireDate": "secret"}), "hireDate"),
        (_with({"endDate": "9999-12-31"}), "endDate"),
        (_with({"assignments": [{"costCenter": "secret"}]}), "assignments.costCenter"),
        (_with({"assignments": [{"costCenter": "30"}]}), "assignments.costCenter"),
        (_with({"assignments": [{"costCenter": "10", "numerator": 3, "denominator": 2}]}), "assignments.numerator"),
        (_with({"assignments": [{"costCenter": "10", "numerator": 1}]}), "assignments.numerator"),
        (
            _with({"assignments": [{"costCenter": "10", "validFrom": "2026-02-01", "validTo": "2026-01-31"}]}),
            "assignments.validTo",
        ),
        (_with({"shiftDifferentials": [{"code": "n", "percentage": "secret"}]}), "shiftDifferentials.percentage"),
        (_with({"shiftDifferentials": [{"code": "n", "percentage": "NaN"}]}), "shiftDifferentials.percentage"),
        (_with({"shiftDifferentials": [{"code": "n", "hourlyAmount": "-1"}]}), "shiftDifferentials.hourlyAmount"),
    ],
)
def test_what_can_not_be_said_is_refused_by_field_and_not_quoted(change: dict[str, Any], field: str) -> None:
    with pytest.raises(UntranslatableError) as caught:
        translated({**NURSE, **change})
    assert caught.value.field == field
    assert "secret" not in str(caught.value)


def test_an_entity_does_not_move_by_writing() -> None:
    with pytest.raises(ValueError, match="follows from the cost center"):
        employee.applied(
            NURSE, {"identity": {"entity": "entities/shared-services", "employee_number": "E1"}}, CONVENTIONS
        )


@pytest.mark.parametrize("path", ["status", "engagement", "slices.assignments", "work_contacts[EMAIL/work]"])
def test_what_the_service_decides_is_not_written(path: str) -> None:
    with pytest.raises(ValueError, match="does not hold"):
        employee.applied(NURSE, {path: "x"}, CONVENTIONS)
    with pytest.raises(ValueError, match="does not hold"):
        employee.created({path: "x"})


def test_of_an_employee_only_what_the_service_takes_is_expressed() -> None:
    yesterday = TODAY - timedelta(days=1)
    ended = EffectivePeriod(end_date=Date(year=yesterday.year, month=yesterday.month, day=yesterday.day))
    content = Employee(display_name="Nell", status=Employee.STATUS_ENDED)
    content.slices.add(job_title="Nurse", effective_period=ended)
    assert expressed(content) == Expression({"display_name": "Nell"})
    content.entity, content.employee_number = "entities/elsewhere", "E1"
    assert expressed(content).inexpressible == ("identity",)
