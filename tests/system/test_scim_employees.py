"""Employees of a real SCIM service: the suite, who they are, where their work is charged, and who is not told of."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any
from uuid import uuid4

import pytest

from concord.mdm.v1.employee_pb2 import Employee
from concord.mdm.v1.workforce_pb2 import EmployeeSlice
from services.adapter.domain.effective import in_effect, slice_in_effect
from services.adapter.systems.connector import UntranslatableError, Value
from services.adapter.systems.remote_error import RemoteError, RemoteErrorKind
from services.mesh.contract.validation import violations
from services.saas_adapter.connectors.scim.cursor import Cursor
from tests.support.adapter.connector_suite import TODAY, ConnectorSuite, Subject
from tests.support.systems.scim_workforce import CATALOGUE, ENTITIES, Workforce, running
from tools.demo.catalogue import WorkforceUser

PRIVATE: dict[str, Any] = {
    "emails": [{"value": "planted@home.example.org", "type": "home"}],
    "nickName": "Planted nickname",
}


@pytest.fixture(scope="module")
def workforce(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workforce]:
    with running(tmp_path_factory.mktemp("workforce"), CATALOGUE) as workforce:
        yield workforce


def golden_employee() -> Employee:
    piece = EmployeeSlice(job_title="Registered Nurse", department="General - Patient Care")
    return Employee(
        name=f"employees/{uuid4()}",
        revision=1,
        entity="entities/general",
        employee_number=uuid4().hex[:8],
        display_name="Nell Pargeter",
        given_name="Nell",
        family_name="Pargeter",
        slices=[piece],
    )


def by_number(workforce: Workforce) -> dict[str, Employee]:
    documents = [each for key, each in workforce.pull()[0].items() if key.startswith("Users/")]
    return {content.employee_number: content for content in map(workforce.employee, documents)}


class TestEmployees(ConnectorSuite):
    @pytest.fixture
    def subject(self, workforce: Workforce) -> Subject:
        changes: dict[str, Value] = {
            "display_name": "Nell P.",
            "given_name": "Eleanor",
            "family_name": "Pargeter-Holt",
            "slices.job_title": "Charge Nurse",
            "slices.department": "General - Critical Care",
        }
        user = workforce.new_user(
            department="General - Patient Care",
            displayName="Nell Pargeter",
            name={"givenName": "Nell", "familyName": "Pargeter"},
            title="Registered Nurse",
        )
        return Subject(
            connector=workforce.connector,
            record_type="employee",
            key=f"Users/{user}",
            changes=changes,
            new_golden=golden_employee(),
            edit=lambda key: workforce.edit_user(key, userType="Contractor", nickName=uuid4().hex),
        )


@pytest.mark.parametrize("row", CATALOGUE.workforce_users, ids=lambda row: row.employee_number)
def test_every_employee_of_the_catalogue_is_read(employees: dict[str, Employee], row: WorkforceUser) -> None:
    found = employees[row.employee_number]
    assert violations(found) == []
    entity_of = {each.code: ENTITIES[each.entity] for each in CATALOGUE.workforce_cost_centers}
    assert (found.entity, found.given_name, found.family_name) == (
        entity_of[row.cost_center],
        row.given_name,
        row.family_name,
    )
    assert [contact.value for contact in found.work_contacts] == [row.email, row.phone]
    assert found.status == (Employee.STATUS_ACTIVE if row.active else Employee.STATUS_ENDED)
    assert bool(found.contractor_classification) == (found.worker_type != Employee.WORKER_TYPE_EMPLOYEE)
    for day in (row.second_from or date(2026, 5, 1), TODAY, date(2040, 1, 1)):
        piece = slice_in_effect(found.slices, day)
        assert piece is not None
        told = {
            each.cost_center_code: Fraction(each.share.numerator, each.share.denominator)
            if each.HasField("share")
            else Fraction(1)
            for each in piece.assignments
        }
        assert told == wanted_shares(row, day)
        assert piece.manager_number == row.manager
        paid = {each.code for each in piece.shift_differentials}
        assert paid == {code for code, said in (("night", row.night_percent), ("weekend", row.weekend_amount)) if said}


@pytest.fixture(scope="module")
def employees(workforce: Workforce) -> dict[str, Employee]:
    return by_number(workforce)


def wanted_shares(row: WorkforceUser, day: date) -> dict[str, Fraction]:
    begun, ended = day >= (row.second_from or day), day > (row.second_to or day)
    if row.share is None or not begun or ended:
        return {row.cost_center: Fraction(1)}
    return {row.cost_center: row.share, row.second_cost_center: 1 - row.share}


def test_assignments_of_different_validity_make_slices_one_after_another(workforce: Workforce) -> None:
    assignments = [
        {"costCenter": "106010", "validFrom": "2026-01-01"},
        {"costCenter": "106012", "numerator": 1, "denominator": 4, "validFrom": "2026-03-01", "validTo": "2026-03-31"},
    ]
    user = workforce.new_user(title="Nurse", workforce={"assignments": assignments})
    slices = workforce.employee(workforce.current(f"Users/{user}")).slices
    days = (date(2025, 12, 31), date(2026, 1, 1), date(2026, 3, 1), date(2026, 3, 31), date(2026, 4, 1))
    told = [[piece for piece in slices if in_effect(piece.effective_period, day)] for day in days]
    assert [len(each) for each in told] == [1] * 5
    codes = [[each.cost_center_code for each in piece.assignments] for [piece] in told]
    assert codes == [[], ["106010"], ["106010", "106012"], ["106010", "106012"], ["106010"]]
    assert {piece.job_title for [piece] in told} == {"Nurse"}


def test_without_assignments_all_work_is_for_the_home_cost_center(workforce: Workforce) -> None:
    found = workforce.employee(workforce.current(f"Users/{workforce.new_user()}"))
    [assignment] = found.slices[0].assignments
    assert (assignment.entity, assignment.cost_center_code) == ("entities/general", "106010")
    assert not assignment.HasField("share")
    assert not found.slices[0].HasField("effective_period")


def test_of_a_person_only_what_the_master_holds_is_read(workforce: Workforce) -> None:
    user = workforce.new_user(userName="planted-login", **PRIVATE)
    for document in (workforce.current(f"Users/{user}"), workforce.pull()[0][f"Users/{user}"]):
        assert b"lanted" not in document.original


def test_departments_say_nothing_of_persons(workforce: Workforce) -> None:
    read = workforce.pull()[0]
    originals = b"\n".join(each.original for key, each in read.items() if not key.startswith("Users/"))
    assert not [user for user in CATALOGUE.workforce_users if user.email.encode() in originals]


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"employeeNumber": ""}, "employeeNumber"),
        ({"costCenter": "secret-code"}, "costCenter"),
        ({"costCenter": ""}, "costCenter"),
        ({"costCenter": "", "organization": "secret hospital"}, "organization"),
    ],
)
def test_who_can_not_be_told_is_refused_by_field_and_not_quoted(
    workforce: Workforce, told: dict[str, str], field: str
) -> None:
    user = workforce.new_user(work=told)
    document = workforce.current(f"Users/{user}")
    with pytest.raises(UntranslatableError) as caught:
        workforce.connector.translate(document)
    workforce.remove("/Users", user)
    assert caught.value.field == field
    assert "secret" not in str(caught.value)
    assert json.loads(document.original)["id"] == user


def test_who_has_no_cost_center_works_for_the_organization(workforce: Workforce) -> None:
    user = workforce.new_user(work={"costCenter": "", "organization": "fernhollow"})
    found = workforce.employee(workforce.current(f"Users/{user}"))
    assert found.entity == "entities/fernhollow"
    assert not found.slices


def test_a_manager_is_named_by_number_within_the_same_entity_only(workforce: Workforce) -> None:
    elsewhere = workforce.new_user("206010")
    boss = workforce.new_user(work={"employeeNumber": "boss"})
    for manager, number in ((boss, "boss"), (elsewhere, ""), ("gone", "")):
        user = workforce.new_user(title="Nurse", work={"manager": {"value": manager}})
        [piece] = workforce.employee(workforce.current(f"Users/{user}")).slices
        assert piece.manager_number == number


def test_who_is_not_active_has_ended_and_who_is_deleted_is_told_by_a_full_pull(workforce: Workforce) -> None:
    user = workforce.new_user(active=False)
    found, cursor = workforce.pull()
    assert workforce.employee(found[f"Users/{user}"]).status == Employee.STATUS_ENDED
    workforce.remove("/Users", user)
    found, cursor = workforce.pull(cursor, full=True)
    assert [key for key, each in found.items() if each.deleted] == [f"Users/{user}"]
    assert workforce.connector.translate(found[f"Users/{user}"]).content == Employee()
    assert not [each for each in workforce.pull(cursor, full=True)[0].values() if each.deleted]


def test_a_cursor_from_before_employees_reads_them_all_and_forgets_nothing(workforce: Workforce) -> None:
    everything, cursor = workforce.pull()
    old = json.loads(replace(Cursor.decode(cursor), known=frozenset({"CostCenters/gone"})).encode())
    del old["employees"]
    found, later = workforce.pull(json.dumps(old))
    assert found.keys() == everything.keys()
    assert Cursor.decode(later).known == everything.keys() | {"CostCenters/gone"}
    assert len(workforce.pull(later)[0]) <= len(everything)


def test_writing_touches_nothing_else_of_a_user(workforce: Workforce) -> None:
    user = workforce.new_user(title="Nurse", **PRIVATE)
    before = workforce.client.get("/Users", user)
    current = workforce.current(f"Users/{user}")
    workforce.write(current, {"slices.job_title": "Charge Nurse"}, golden_employee())
    after = workforce.client.get("/Users", user)
    assert before is not None
    assert after is not None
    assert {**after.document, "meta": 0} == {**before.document, "title": "Charge Nurse", "meta": 0}


@pytest.mark.parametrize("path", ["status", "work_contacts[EMAIL/work]", "slices.assignments", "effective_period"])
def test_what_the_workforce_service_decides_is_not_written(workforce: Workforce, path: str) -> None:
    current = workforce.current(f"Users/{workforce.new_user()}")
    with pytest.raises(RemoteError, match="does not hold") as caught:
        workforce.write(current, {path: "x"}, golden_employee())
    assert caught.value.kind is RemoteErrorKind.PERMANENT


def test_a_user_deleted_in_between_is_a_conflict(workforce: Workforce) -> None:
    user = workforce.new_user()
    current = workforce.current(f"Users/{user}")
    workforce.remove("/Users", user)
    for values in ({"display_name": "Nobody"}, {}):
        with pytest.raises(RemoteError) as caught:
            workforce.write(current, values, golden_employee())
        assert caught.value.kind is RemoteErrorKind.CONFLICT


def test_a_user_name_that_somebody_else_has_is_refused_for_good(workforce: Workforce) -> None:
    golden = golden_employee()
    workforce.new_user(userName=f"general.{golden.employee_number}")
    values = workforce.connector.express("employee", golden, TODAY).values
    with pytest.raises(RemoteError, match="somebody else") as caught:
        workforce.write(None, values, golden)
    assert caught.value.kind is RemoteErrorKind.PERMANENT


def test_an_employee_without_number_is_not_created(workforce: Workforce) -> None:
    golden = Employee(entity="entities/general", display_name="Nell Pargeter")
    assert workforce.connector.find("employee", golden) is None
    with pytest.raises(RemoteError, match="needs identity") as caught:
        workforce.write(None, {"display_name": "Nell Pargeter"}, golden)
    assert caught.value.kind is RemoteErrorKind.PERMANENT
