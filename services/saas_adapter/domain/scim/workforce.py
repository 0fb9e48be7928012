"""The workforce extension of users: what work is charged to, and what is paid on top, and when.

| attribute | what it says |
|---|---|
| `hireDate`, `endDate` | the first and the last day with the organisation |
| `assignments` | `costCenter`, `numerator` and `denominator` of the share (none = the whole), `validFrom`, `validTo` |
| `shiftDifferentials` | `code`, `percentage` or `hourlyAmount` with `currency`, `validFrom`, `validTo` |

Days are ISO dates as text, last days included; amounts are decimals as text. Each stretch of time in which nothing
begins or ends is a slice. A user without assignments works wholly for the home cost center.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Generic, TypeVar

from google.type.decimal_pb2 import Decimal as DecimalMessage
from google.type.money_pb2 import Money

from concord.mdm.v1.employee_pb2 import Employee
from concord.mdm.v1.workforce_pb2 import Assignment, EmployeeSlice, Share, ShiftDifferential
from services.adapter.systems.connector import UntranslatableError
from services.saas_adapter.domain.scim.conventions import Conventions
from services.saas_adapter.domain.scim.held import Resource, day_after, first_day, parts, period, text

ATTRIBUTES = ("hireDate", "endDate", "assignments", "shiftDifferentials")
"""What is read of the extension."""

WORKER_TYPES = ("employee", "contractor", "agency")
"""The worker types that the contract knows, as options name them."""

_ASSIGNMENTS, _DIFFERENTIALS = "assignments", "shiftDifferentials"
_NANOS = Decimal(10) ** 9
_LARGEST_PART = 10**9
_LARGEST_AMOUNT = Decimal(10) ** 12

T = TypeVar("T")


@dataclass(frozen=True)
class _Dated(Generic[T]):
    """Something that holds from its start on and before its end; None = without bound."""

    what: T
    start: date | None
    end: date | None

    def holds_at(self, start: date) -> bool:
        return (self.start or date.min) <= start < (self.end or date.max)


def worker_type(option: str) -> Employee.WorkerType.ValueType:
    """Return the worker type that an option names; empty = unspecified. Raises ValueError when there is none."""
    if not option:
        return Employee.WORKER_TYPE_UNSPECIFIED
    return Employee.WorkerType.Value(f"WORKER_TYPE_{option.upper()}")


def cost_centers(extension: Resource) -> list[str]:
    """Return the codes of the cost centers of all assignments. Raises UntranslatableError."""
    return [text(each, "costCenter", f"{_ASSIGNMENTS}.") for each in parts(extension, _ASSIGNMENTS)]


def entity_name(entities: Resource, code: str, field: str) -> str:
    """Return the name of a cost center's entity; empty = it names none. Raises UntranslatableError when unknown."""
    if entities.get(code) is None:
        raise UntranslatableError(field, "is of no cost center that the service has")
    return text(entities, code)


def slices(
    extension: Resource, always: EmployeeSlice, entities: Resource, home: str, conventions: Conventions
) -> list[EmployeeSlice]:
    """Return the slices of a user's work, with what holds always in each. Raises UntranslatableError."""
    whole = [{"costCenter": home}] if home else []
    assigned = [_assignment(each, entities, conventions) for each in parts(extension, _ASSIGNMENTS) or whole]
    paid = [_differential(each) for each in parts(extension, _DIFFERENTIALS)]
    found = []
    for start, end in _stretches([*assigned, *paid]):
        piece = EmployeeSlice(
            assignments=[each.what for each in assigned if each.holds_at(start or date.min)],
            shift_differentials=[each.what for each in paid if each.holds_at(start or date.min)],
        )
        piece.MergeFrom(always)
        if piece.ListFields():
            found.append(EmployeeSlice(effective_period=period(start, end)))
            found[-1].MergeFrom(piece)
    return found


def _stretches(
    dated: Iterable[_Dated[Assignment] | _Dated[ShiftDifferential]],
) -> Iterator[tuple[date | None, date | None]]:
    """Give the stretches of time between the days on which something begins or ends."""
    turns = sorted({turn for each in dated for turn in (each.start, each.end) if turn})
    yield from zip([None, *turns], [*turns, None], strict=True)


def _assignment(resource: Resource, entities: Resource, conventions: Conventions) -> _Dated[Assignment]:
    within = f"{_ASSIGNMENTS}."
    code = text(resource, "costCenter", within)
    name = entity_name(entities, code, f"{within}costCenter")
    if name not in conventions.entities:
        raise UntranslatableError(f"{within}costCenter", "is in no entity that is configured")
    content = Assignment(entity=conventions.entities[name], cost_center_code=code, share=_share(resource))
    return _dated(content, resource, within)


def _share(resource: Resource) -> Share | None:
    numerator, denominator = resource.get("numerator"), resource.get("denominator")
    if numerator is None and denominator is None:
        return None
    if type(numerator) is not int or type(denominator) is not int or not 0 < numerator <= denominator <= _LARGEST_PART:
        raise UntranslatableError(f"{_ASSIGNMENTS}.numerator", "and denominator must make a share of the whole")
    return Share(numerator=numerator, denominator=denominator)


def _differential(resource: Resource) -> _Dated[ShiftDifferential]:
    within = f"{_DIFFERENTIALS}."
    content = ShiftDifferential(code=text(resource, "code", within))
    if percentage := _decimal(resource, "percentage"):
        content.percentage.CopyFrom(DecimalMessage(value=f"{percentage:f}"))
    if amount := _decimal(resource, "hourlyAmount"):
        nanos = int(amount * _NANOS)
        units = Money(units=nanos // 10**9, nanos=nanos % 10**9, currency_code=text(resource, "currency", within))
        content.hourly_amount.CopyFrom(units)
    return _dated(content, resource, within)


def _decimal(resource: Resource, attribute: str) -> Decimal | None:
    said, field = text(resource, attribute, f"{_DIFFERENTIALS}."), f"{_DIFFERENTIALS}.{attribute}"
    try:
        found = Decimal(said) if said else None
    except InvalidOperation:
        raise UntranslatableError(field, "is not a decimal number") from None
    if found is not None and not (found.is_finite() and 0 <= found < _LARGEST_AMOUNT and found == round(found, 9)):
        raise UntranslatableError(field, "must be at least 0 and have at most 9 decimals")
    return found


def _dated(what: T, resource: Mapping[str, object], within: str) -> _Dated[T]:
    start, end = first_day(resource, "validFrom", within), day_after(resource, "validTo", within)
    if start and end and start >= end:
        raise UntranslatableError(f"{within}validTo", "is before validFrom")
    return _Dated(what, start, end)
