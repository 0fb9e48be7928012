"""The rules of single masters, and contents of each from its declaration alone."""

import pytest
from google.protobuf.message import Message
from google.type.decimal_pb2 import Decimal
from google.type.money_pb2 import Money
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1 import account_pb2, employee_pb2, location_pb2, workforce_pb2
from services.mdm.domain.identifiers import match_keys
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.types.account import ACCOUNT
from services.mdm.domain.types.employee import EMPLOYEE
from services.mdm.domain.types.location import LOCATION
from services.mdm.domain.validity import violations
from services.mesh.contract import validation
from tests.support.samples.contents import independent, misspelt, sample, wording
from tests.support.samples.strategies import contents, declared

NEW = (ACCOUNT, EMPLOYEE, LOCATION)
WorkerType = employee_pb2.Employee.WorkerType


def fields(record_type: RecordType, content: Message, *, strict: bool = False) -> list[str]:
    return [violation.field for violation in violations(record_type, content, strict=strict)]


def employee(*pieces: workforce_pb2.EmployeeSlice, **said: object) -> employee_pb2.Employee:
    return employee_pb2.Employee(slices=pieces, **said)  # type: ignore[arg-type]


def assigned(*shares: tuple[int, int] | None) -> workforce_pb2.EmployeeSlice:
    piece = workforce_pb2.EmployeeSlice()
    for number, share in enumerate(shares):
        one = piece.assignments.add(entity="entities/mercy", cost_center_code=str(number))
        if share is not None:
            one.share.numerator, one.share.denominator = share
    return piece


@pytest.mark.parametrize(
    ("worker_type", "classification", "agency", "wrong"),
    [
        (WorkerType.WORKER_TYPE_UNSPECIFIED, "1099", "suppliers/1", []),
        (WorkerType.WORKER_TYPE_EMPLOYEE, "", "", []),
        (WorkerType.WORKER_TYPE_EMPLOYEE, "1099", "", ["contractor_classification"]),
        (WorkerType.WORKER_TYPE_EMPLOYEE, "1099", "suppliers/1", ["contractor_classification", "agency"]),
        (WorkerType.WORKER_TYPE_CONTRACTOR, "1099", "", []),
        (WorkerType.WORKER_TYPE_CONTRACTOR, "1099", "suppliers/1", ["agency"]),
        (WorkerType.WORKER_TYPE_AGENCY, "1099", "suppliers/1", []),
    ],
)
def test_what_is_said_of_an_engagement_fits_the_worker_type(
    worker_type: WorkerType.ValueType, classification: str, agency: str, wrong: list[str]
) -> None:
    said = employee(worker_type=worker_type, contractor_classification=classification, agency=agency)
    assert fields(EMPLOYEE, said) == wrong


@pytest.mark.parametrize(
    ("shares", "wrong"),
    [
        ((), []),
        ((None,), []),
        (((1, 3), (1, 3), (1, 3)), []),
        (((1, 3), (1, 3)), []),
        (((1, 3), (1, 3), (1, 3), (1, 10**9)), ["slices[0].assignments"]),
        ((None, (1, 10)), ["slices[0].assignments"]),
        ((None, None), ["slices[0].assignments"]),
        (((1, 3), (4, 3)), ["slices[0].assignments[1].share"]),
    ],
)
def test_shares_are_the_whole_at_most(shares: tuple[tuple[int, int] | None, ...], wrong: list[str]) -> None:
    assert fields(EMPLOYEE, employee(assigned(*shares))) == wrong


def test_shares_count_slice_by_slice() -> None:
    said = employee(assigned(None), assigned((1, 2), (2, 3)))
    said.slices[0].effective_period.end_date.CopyFrom(said.slices[1].effective_period.start_date)
    for piece, bound in ((said.slices[0], "end_date"), (said.slices[1], "start_date")):
        day = getattr(piece.effective_period, bound)
        day.year, day.month, day.day = 2026, 1, 1
    assert fields(EMPLOYEE, said) == ["slices[1].assignments"]


@pytest.mark.parametrize(
    ("amount", "percentage", "wrong"),
    [
        (Money(currency_code="USD", units=2), None, []),
        (None, Decimal(value="12.5"), []),
        (None, None, ["slices[0].shift_differentials[night]"]),
        (Money(units=2), Decimal(value="12.5"), ["slices[0].shift_differentials[night]"]),
    ],
)
def test_a_shift_differential_is_an_amount_or_a_percentage(
    amount: Money | None, percentage: Decimal | None, wrong: list[str]
) -> None:
    paid = workforce_pb2.ShiftDifferential(code="night", hourly_amount=amount, percentage=percentage)
    assert fields(EMPLOYEE, employee(workforce_pb2.EmployeeSlice(shift_differentials=[paid]))) == wrong


def test_nobody_is_their_own_manager() -> None:
    led = workforce_pb2.EmployeeSlice(manager_number="7")
    assert fields(EMPLOYEE, employee(led, employee_number="7")) == ["slices[0].manager_number"]
    assert fields(EMPLOYEE, employee(led, employee_number="8")) == []
    assert fields(EMPLOYEE, employee(workforce_pb2.EmployeeSlice())) == []


def test_who_works_no_more_is_over() -> None:
    assert EMPLOYEE.is_over(employee(status=employee_pb2.Employee.STATUS_ENDED))
    assert not EMPLOYEE.is_over(employee(status=employee_pb2.Employee.STATUS_ON_LEAVE))


def test_an_employee_number_counts_within_its_entity() -> None:
    said = employee(entity="entities/mercy", employee_number=" A7 ")
    assert [(key.kind, key.value) for key in match_keys(EMPLOYEE, said)] == [("entity_number", "entities/mercy|a7")]
    assert match_keys(EMPLOYEE, employee(employee_number="A7")) == ()


@pytest.mark.parametrize(("scope", "wrong"), [("", True), ("own", True), ("other", False)])
@pytest.mark.parametrize("record_type", [ACCOUNT, LOCATION])
def test_nothing_is_its_own_parent_within_its_scope(record_type: RecordType, scope: str, wrong: bool) -> None:  # noqa: FBT001
    assert record_type.identity is not None
    scope_field, key_field = record_type.identity
    content = record_type.message(**{scope_field: "own", key_field: "A1"})
    piece = getattr(content, record_type.slice_field or "").add()
    piece.parents.add(hierarchy="legal", parent_code=" a1 ", parent_scope=scope)
    piece.parents.add(hierarchy="management", parent_code="A2")
    assert fields(record_type, content) == (["slices[0].parents[legal]"] if wrong else [])


def test_a_gln_with_a_wrong_check_digit_stops_stewards_and_links_nothing() -> None:
    right, wrong = (location_pb2.Location(gln=gln) for gln in ("4012345000009", "4012345000008"))
    assert (fields(LOCATION, wrong), fields(LOCATION, wrong, strict=True)) == ([], ["gln"])
    assert fields(LOCATION, right, strict=True) == []
    assert [key.value for key in match_keys(LOCATION, right)] == ["4012345000009"]
    assert match_keys(LOCATION, wrong) == ()


def test_separators_tell_account_numbers_apart_and_case_does_not() -> None:
    said = [account_pb2.Account(ledger="ledgers/a", account_number=number) for number in ("4-000", "4000", "4-000 ")]
    first, second, third = (match_keys(ACCOUNT, one) for one in said)
    assert first != second
    assert first == third


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_samples_are_valid_independent_and_identified(record_type: RecordType) -> None:
    one, other = sample(record_type, 1), sample(record_type, 2)
    assert {*match_keys(record_type, one)}.isdisjoint(match_keys(record_type, other))
    assert match_keys(record_type, one)
    for content in (one, independent(record_type, 3), wording(record_type).changed(one, "changed")):
        assert not validation.violations(content)
        assert not violations(record_type, content, strict=True)
    assert bool(list(misspelt(record_type, one))) is bool(record_type.strict_validators)


drawn = st.sampled_from(RECORD_TYPES).flatmap(
    lambda kind: st.tuples(st.just(kind), declared(kind) | contents(kind) if kind in NEW else declared(kind))
)


@given(drawn)
def test_drawn_contents_can_be_taken_in(case: tuple[RecordType, Message]) -> None:
    record_type, content = case
    assert not violations(record_type, content, strict=False)
