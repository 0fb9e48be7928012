"""Cost centers ↔ CostCenter resources.

| path | attribute |
|---|---|
| `identity` | `entity`, by the configured names, and `code` |
| `slices.display_name`, `slices.manager` | `displayName`, `manager` |
| `slices.parents[{hierarchy}]` | `department`: the text is the department's code (see `department`) |
| `slices.blocked_for_posting` | `active`, the other way round |
| `effective_period` | `validTo`, the last day; the service does not know first days |

A resource is a snapshot: what it says holds always, as far as the service knows. Every resource is a place where costs
are booked; the service has no currency and no location.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from concord.mdm.v1.cost_center_pb2 import CostCenter, CostCenterSlice, HierarchyParent
from concord.mdm.v1.record_pb2 import EffectivePeriod
from services.adapter.domain.effective import day, in_effect
from services.adapter.systems.connector import Expression, Translation, UntranslatableError, Value
from services.saas_adapter.domain.scim.conventions import Conventions
from services.saas_adapter.domain.scim.held import Resource, day_after, entity, flag, period, text

ATTRIBUTES = ("code", "displayName", "manager", "department", "entity", "active", "validTo")
"""What is read of a resource."""

NEEDED = ("identity", "slices.display_name")
"""What a new resource can't do without."""

_ONE_DAY = timedelta(days=1)


def translate(resource: Resource, conventions: Conventions) -> Translation:
    """Return a resource as a cost center. Raises UntranslatableError."""
    code, active = text(resource, "code"), flag(resource, "active")
    if not code:
        raise UntranslatableError("code", "is missing")
    department = text(resource, "department")
    parents = [HierarchyParent(hierarchy=conventions.hierarchy, parent_code=department)] if department else []
    piece = CostCenterSlice(
        display_name=text(resource, "displayName"),
        manager=text(resource, "manager"),
        blocked_for_posting=None if active is None else not active,
        parents=parents,
    )
    content = CostCenter(
        entity=entity(resource, conventions),
        code=code,
        kind=CostCenter.KIND_POSTING,
        effective_period=period(None, day_after(resource, "validTo")),
        slices=[piece] if piece.ListFields() else [],
    )
    return Translation("cost_center", content, label=code)


def express(content: CostCenter, today: date, conventions: Conventions) -> Expression:
    """Return what a resource can say of a cost center on a day.

    Of a cost center that has ended or not begun, it says the last (or first) that was true of it, and that it is
    blocked. Of a department it says nothing: that is only a text in cost centers.
    """
    if content.kind == CostCenter.KIND_DEPARTMENT:
        return Expression({})
    values: dict[str, Value] = {}
    inexpressible: list[str] = []
    if content.entity or content.code:
        name = conventions.entity_name(content.entity) if content.entity else ""
        if name is None or not content.code.strip():
            inexpressible.append("identity")
        else:
            values["identity"] = {"entity": content.entity, "code": content.code.strip()}
    if content.effective_period.ListFields():
        try:
            values["effective_period"] = _last_day(content.effective_period)
        except OverflowError:
            inexpressible.append("effective_period")
    if piece := _telling(content.slices, today):
        values |= dict(_said(piece, today, conventions))
    return Expression(values, tuple(inexpressible))


def said(resource: Resource) -> dict[str, Any]:
    """Return what a resource says in the attributes that may be written, by attribute; None = nothing."""
    return {attribute: resource.get(attribute) for attribute in ATTRIBUTES}


def applied(resource: Resource, values: Mapping[str, Value], conventions: Conventions) -> Resource:
    """Return a resource as it should be when it says these values; the others stay. None = to be emptied.

    Raises ValueError for what the service does not hold or can't do without.
    """
    result = dict(resource)
    for path, value in values.items():
        result |= _attributes(path, value, conventions)
    return {attribute: value for attribute, value in result.items() if value is not None}


def _attributes(path: str, value: Value, conventions: Conventions) -> dict[str, Value]:
    if path == "identity" and isinstance(value, Mapping):
        return {"code": value["code"], "entity": conventions.entity_name(str(value["entity"]))}
    if path == "slices.display_name" and value:
        return {"displayName": value}
    if path == "slices.blocked_for_posting":
        return {"active": None if value is None else not value}
    names = {"slices.manager": "manager", conventions.parent_path: "department", "effective_period": "validTo"}
    if path not in names:
        raise ValueError(f"the service does not hold {path.partition('[')[0]}, or can't do without it")
    return {names[path]: value or None}


def _said(piece: CostCenterSlice, today: date, conventions: Conventions) -> Iterator[tuple[str, Value]]:
    for field in ("display_name", "manager"):
        if value := getattr(piece, field).strip():
            yield f"slices.{field}", value
    if not in_effect(piece.effective_period, today):
        yield "slices.blocked_for_posting", True
    elif piece.HasField("blocked_for_posting"):
        yield "slices.blocked_for_posting", piece.blocked_for_posting
    for parent in piece.parents:
        if parent.hierarchy == conventions.hierarchy and parent.parent_code.strip():
            yield conventions.parent_path, parent.parent_code.strip()


def _telling(slices: Iterable[CostCenterSlice], today: date) -> CostCenterSlice | None:
    """Return the slice in effect, else the last that ended, else the first to come."""
    ordered = sorted(slices, key=lambda piece: _start(piece.effective_period))
    begun = [piece for piece in ordered if _start(piece.effective_period) <= today]
    return begun[-1] if begun else ordered[0] if ordered else None


def _start(said: EffectivePeriod) -> date:
    return day(said.start_date) if said.HasField("start_date") else date.min


def _last_day(said: EffectivePeriod) -> str | None:
    return (day(said.end_date) - _ONE_DAY).isoformat() if said.HasField("end_date") else None
