"""The employee: who works for the organisation, and which cost centers the work is charged to."""

from collections.abc import Iterable
from fractions import Fraction

from concord.mdm.v1 import employee_pb2, workforce_pb2
from services.mdm.domain.matching.declarations.employee import MATCHING
from services.mdm.domain.record_type import Coded, Group, RecordType, Reference, StrongIdentifier, keyed, single
from services.mdm.domain.referring import qualified
from services.mdm.domain.violation import Violation

WorkerType = employee_pb2.Employee.WorkerType


def _numbers(content: employee_pb2.Employee) -> Iterable[str]:
    """Give entity and employee number: another entity may have given the same number to somebody else."""
    return qualified(content.entity, content.employee_number)


def _has_ended(content: employee_pb2.Employee) -> bool:
    return content.status == employee_pb2.Employee.STATUS_ENDED


def _engagement(content: employee_pb2.Employee) -> Iterable[Violation]:
    if content.contractor_classification and content.worker_type == WorkerType.WORKER_TYPE_EMPLOYEE:
        yield Violation("contractor_classification", "is not for who is employed")
    if content.agency and content.worker_type in {WorkerType.WORKER_TYPE_EMPLOYEE, WorkerType.WORKER_TYPE_CONTRACTOR}:
        yield Violation("agency", "is for agency workers")


def _shares(content: employee_pb2.Employee) -> Iterable[Violation]:
    for number, piece in enumerate(content.slices):
        shares = [_share(assignment) for assignment in piece.assignments]
        for place, share in enumerate(shares):
            if share > 1:
                yield Violation(f"slices[{number}].assignments[{place}].share", "is more than the whole")
        if all(share <= 1 for share in shares) and sum(shares) > 1:
            yield Violation(f"slices[{number}].assignments", "have shares of more than the whole together")


def _share(assignment: workforce_pb2.Assignment) -> Fraction:
    share = assignment.share
    return Fraction(share.numerator, share.denominator) if assignment.HasField("share") else Fraction(1)


def _without_number(content: employee_pb2.Employee) -> Iterable[Violation]:
    """Give what says nothing without its RESTRICTED number, which a caller who may not see it can't send back."""
    for national_id in content.national_ids:
        if not national_id.value:
            yield Violation(f"national_ids[{national_id.country}/{national_id.scheme}].value", "is missing")


def _differentials(content: employee_pb2.Employee) -> Iterable[Violation]:
    for number, piece in enumerate(content.slices):
        for paid in piece.shift_differentials:
            if paid.HasField("hourly_amount") == paid.HasField("percentage"):
                path = f"slices[{number}].shift_differentials[{paid.code}]"
                yield Violation(path, "needs either an hourly amount or a percentage")


def _own_manager(content: employee_pb2.Employee) -> Iterable[Violation]:
    for number, piece in enumerate(content.slices):
        if content.employee_number and piece.manager_number == content.employee_number:
            yield Violation(f"slices[{number}].manager_number", "is the employee themselves")


EMPLOYEE = RecordType(
    name="employee",
    singular="employee",
    plural="employees",
    collection="employees",
    message=employee_pb2.Employee,
    service="concord.mdm.v1.EmployeeService",
    groups=(
        Group("identity", ("entity", "employee_number")),
        Group("engagement", ("worker_type", "contractor_classification", "agency")),
        *single("display_name", "given_name", "family_name", "status", "effective_period"),
        *single("birth_date", "home_address"),
        keyed("work_contacts", "channel", "label"),
        keyed("national_ids", "country", "scheme"),
    ),
    slice_field="slices",
    slice_groups=(
        *single("job_title", "department", "location", "manager_number"),
        Group("assignments", ("assignments",)),
        keyed("shift_differentials", "code"),
    ),
    period_field="effective_period",
    filterable=(
        *("entity", "employee_number", "display_name", "given_name", "family_name", "worker_type", "status"),
        *("contractor_classification", "agency", "effective_period.start_date", "effective_period.end_date"),
        *("work_contacts.value", "slices.job_title", "slices.department", "slices.location"),
        *("slices.manager_number", "slices.assignments.entity", "slices.assignments.cost_center_code"),
    ),
    multi_line=("home_address.address_lines",),
    known_by=("display_name", "given_name", "family_name"),
    searchable=("employee_number", "work_contacts.value"),
    identifiers=(StrongIdentifier("entity_number", _numbers, exclusive=True),),
    identity=("entity", "employee_number"),
    references=(
        Reference("assignments", target="cost_center", key="cost_center_code", scope="entity"),
        Reference("manager_number", target="employee"),
    ),
    coded=(
        Coded("contractor_classification", "contractor_classifications"),
        Coded("slices.shift_differentials.code", "shift_differentials"),
        Coded("slices.shift_differentials.hourly_amount.currency_code", "currencies"),
    ),
    is_over=_has_ended,
    validators=(_engagement, _shares, _without_number, _differentials, _own_manager),
    matching=MATCHING,
)
