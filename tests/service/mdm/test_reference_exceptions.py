"""The list of references that do not hold, as stewards meet it."""

from datetime import UTC, date, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import cost_center_pb2, employee_pb2, stewardship_pb2, workforce_pb2
from tests.support.hub.served import Client, ServedHub, refused
from tests.support.hub.stored import statement
from tests.support.samples.periods import period_message

Request = stewardship_pb2.ListReferenceExceptionsRequest


def employed(mesh: ServedHub, number: str, code: str, end: date | None = None) -> None:
    employee = employee_pb2.Employee(entity="entities/south", employee_number=number)
    employee.effective_period.CopyFrom(period_message(date(2020, 1, 1), end))
    employee.slices.add(assignments=[workforce_pb2.Assignment(entity="entities/south", cost_center_code=code)])
    mesh.hub.submit(statement("systems/workforce", number, employee))


def test_exceptions_are_listed_page_by_page_with_their_number(mesh: ServedHub, steward: Client) -> None:
    for number in "123":
        employed(mesh, number, "GONE")
    request = Request(page_size=2, record_type="employee", target_type="cost_center")
    first = steward.stewardship.ListReferenceExceptions(request)
    assert (first.total_count, len(first.exceptions)) == (3, 2)
    request.page_token = first.next_page_token
    rest = steward.stewardship.ListReferenceExceptions(request)
    assert (rest.total_count, len(rest.exceptions), rest.next_page_token) == (3, 1, "")
    one = first.exceptions[0]
    assert (one.path, one.target_key, one.target) == (
        "slices.assignments[entities%2Fsouth/GONE]",
        "entities/south|gone",
        "",
    )
    assert one.effective_period.start_date.year == 2020
    assert len({each.record for each in (*first.exceptions, *rest.exceptions)}) == 3


def test_exceptions_that_are_over_by_a_day_are_left_out(mesh: ServedHub, steward: Client) -> None:
    employed(mesh, "1", "GONE", end=date(2024, 1, 1))
    employed(mesh, "2", "GONE")
    day = Timestamp()
    day.FromDatetime(datetime(2024, 1, 1, tzinfo=UTC))
    assert steward.stewardship.ListReferenceExceptions(Request()).total_count == 2
    assert steward.stewardship.ListReferenceExceptions(Request(effective_time=day)).total_count == 1


def test_an_unknown_type_is_refused_and_other_entities_are_not_told(mesh: ServedHub, steward: Client) -> None:
    employed(mesh, "1", "GONE")
    error = refused(lambda: steward.stewardship.ListReferenceExceptions(Request(target_type="patient")))
    assert (error.reason, error.violations[0].field) == (reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE, "target_type")
    north = mesh.client(entities=["entities/north"])
    assert north.stewardship.ListReferenceExceptions(Request()).total_count == 0


def test_what_is_referred_to_is_named_to_those_who_may_know_of_it(mesh: ServedHub, steward: Client) -> None:
    closed = cost_center_pb2.CostCenter(entity="entities/north", code="ICU")
    closed.effective_period.CopyFrom(period_message(None, date(2026, 7, 1)))
    employee = employee_pb2.Employee(entity="entities/south", employee_number="1")
    employee.slices.add(assignments=[workforce_pb2.Assignment(entity="entities/north", cost_center_code="ICU")])
    mesh.hub.submit(statement("systems/erp", "ICU", closed), statement("systems/workforce", "1", employee))
    (told,) = steward.stewardship.ListReferenceExceptions(Request()).exceptions
    assert told.target.startswith("costCenters/")
    south = mesh.client(entities=["entities/south"])
    (untold,) = south.stewardship.ListReferenceExceptions(Request()).exceptions
    assert (untold.record, untold.target, untold.target_key) == (told.record, "", "entities/north|icu")
