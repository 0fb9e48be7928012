"""Employees ↔ User resources.

| path | attribute |
|---|---|
| `identity` | the entity of the home cost center (enterprise `costCenter`), else `organization`; `employeeNumber` |
| `display_name`, `given_name`, `family_name` | `displayName`, `name.givenName`, `name.familyName` |
| `engagement` | `userType`, by the configured tables |
| `status` | `active` |
| `work_contacts` | `emails` and `phoneNumbers` of type `work`, pagers |
| `slices.job_title`, `slices.department` | `title`, enterprise `department` |
| `slices.manager_number` | enterprise `manager`: the number of that user, within the same entity |
| `slices.assignments`, `slices.shift_differentials`, `effective_period` | the workforce extension (`workforce`) |

What a user names by reference was looked up when the user was read and stands in the document, too: `LOOKED_UP`.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from concord.mdm.v1.employee_pb2 import Employee
from concord.mdm.v1.workforce_pb2 import EmployeeSlice, WorkContact
from services.adapter.domain.effective import slice_in_effect
from services.adapter.systems.connector import Expression, Translation, UntranslatableError, Value
from services.saas_adapter.domain.scim import workforce
from services.saas_adapter.domain.scim.conventions import Conventions
from services.saas_adapter.domain.scim.held import Resource, day_after, first_day, flag, part, parts, period, text

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

LOOKED_UP = "_lookedUp"
"""What was looked up for a user: `entities` (by cost center's code; null = the service has no such cost center) and
`manager` (`employeeNumber`, `entity`). No attribute of SCIM begins with an underscore."""

WRITABLE = {
    "display_name": "displayName",
    "given_name": "name.givenName",
    "family_name": "name.familyName",
    "slices.job_title": "title",
    "slices.department": f"{ENTERPRISE}:department",
}
"""The attribute of each path that is a plain text in the service and may be changed there."""

NUMBER = f"{ENTERPRISE}:employeeNumber"
ORGANIZATION = f"{ENTERPRISE}:organization"

_CHANNELS = {
    ("emails", "work"): WorkContact.CHANNEL_EMAIL,
    ("phoneNumbers", "work"): WorkContact.CHANNEL_PHONE,
    ("phoneNumbers", "pager"): WorkContact.CHANNEL_PAGER,
}
_STATUS = {True: Employee.STATUS_ACTIVE, False: Employee.STATUS_ENDED, None: Employee.STATUS_UNSPECIFIED}


def attributes(conventions: Conventions) -> tuple[str, ...]:
    """Return what is read of a user, and nothing else: this is the one place that says so."""
    enterprise = ("employeeNumber", "costCenter", "organization", "department", "manager")
    extension = conventions.workforce_extension
    return (
        *("meta", "displayName", "name.givenName", "name.familyName", "title", "userType", "active"),
        *("emails", "phoneNumbers"),
        *(f"{ENTERPRISE}:{attribute}" for attribute in enterprise),
        *(f"{extension}:{attribute}" for attribute in workforce.ATTRIBUTES if extension),
    )


def kept(resource: Resource) -> dict[str, Any]:
    """Return a user without private addresses and numbers: SCIM gives all or none of them."""
    work = {
        attribute: [each for each in parts(resource, attribute) if (attribute, each.get("type")) in _CHANNELS]
        for attribute in ("emails", "phoneNumbers")
        if resource.get(attribute)
    }
    return {**resource, **work}


def number(resource: Resource) -> str:
    """Return the number under which the entity keeps the person. Raises UntranslatableError."""
    found = text(part(resource, ENTERPRISE), "employeeNumber")
    if not found:
        raise UntranslatableError("employeeNumber", "is missing")
    return found


def cost_centers(resource: Resource, conventions: Conventions) -> list[str]:
    """Return the codes of the cost centers that a user names. Raises UntranslatableError."""
    assigned = workforce.cost_centers(part(resource, conventions.workforce_extension))
    return sorted({code for code in (_home(resource), *assigned) if code})


def entity(resource: Resource, conventions: Conventions) -> str:
    """Return the entity that a user works for, `entities/{id}`. Raises UntranslatableError."""
    home = _home(resource)
    name = workforce.entity_name(_entities(resource), home, "costCenter") if home else ""
    field = "entity" if name else "organization"
    name = name or text(part(resource, ENTERPRISE), "organization")
    if not name:
        raise UntranslatableError("costCenter", "and organization name no entity that the person works for")
    if name not in conventions.entities:
        raise UntranslatableError(field, "names an entity that is not configured")
    return conventions.entities[name]


def translate(resource: Resource, conventions: Conventions) -> Translation:
    """Return a user as an employee. Raises UntranslatableError."""
    known_as = number(resource)
    belongs, extension = entity(resource, conventions), part(resource, conventions.workforce_extension)
    kind = _kind(resource, conventions)
    names = part(resource, "name")
    content = Employee(
        entity=belongs,
        employee_number=known_as,
        display_name=text(resource, "displayName"),
        given_name=text(names, "givenName", "name."),
        family_name=text(names, "familyName", "name."),
        work_contacts=_contacts(resource),
        worker_type=workforce.worker_type(conventions.worker_types.get(kind, "")),
        contractor_classification=conventions.contractor_classifications.get(kind, ""),
        status=_STATUS[flag(resource, "active")],
        effective_period=period(first_day(extension, "hireDate"), day_after(extension, "endDate")),
        slices=workforce.slices(
            extension,
            _always(resource, belongs, known_as, conventions),
            _entities(resource),
            _home(resource),
            conventions,
        ),
    )
    return Translation("employee", content, label=known_as)


def express(content: Employee, today: date, conventions: Conventions) -> Expression:
    """Return what a user can be made to say of an employee on a day."""
    values: dict[str, Value] = {
        path: said for path in ("display_name", "given_name", "family_name") if (said := getattr(content, path).strip())
    }
    if piece := slice_in_effect(content.slices, today):
        said = {f"slices.{name}": getattr(piece, name).strip() for name in ("job_title", "department")}
        values |= {path: value for path, value in said.items() if value}
    if not content.entity and not content.employee_number:
        return Expression(values)
    if conventions.entity_name(content.entity) is None or not content.employee_number.strip():
        return Expression(values, ("identity",))
    values["identity"] = {"entity": content.entity, "employee_number": content.employee_number.strip()}
    return Expression(values)


def said(resource: Resource) -> dict[str, Value]:
    """Return what a user says in the attributes that may be written, by attribute. Raises UntranslatableError."""
    names, work = part(resource, "name"), part(resource, ENTERPRISE)
    return {
        "displayName": resource.get("displayName"),
        "name.givenName": names.get("givenName"),
        "name.familyName": names.get("familyName"),
        "title": resource.get("title"),
        f"{ENTERPRISE}:department": work.get("department"),
        NUMBER: work.get("employeeNumber"),
    }


def applied(resource: Resource, values: Mapping[str, Value], conventions: Conventions) -> dict[str, Value]:
    """Return what a user should say, by attribute, when it says these values; None = to be emptied.

    Raises ValueError for what the service does not hold; UntranslatableError.
    """
    result = said(resource)
    for path, value in values.items():
        if path == "identity" and isinstance(value, Mapping):
            if value["entity"] != entity(resource, conventions):
                raise ValueError("a user's entity follows from the cost center and is not written")
            result[NUMBER] = value["employee_number"]
        elif path in WRITABLE:
            result[WRITABLE[path]] = value or None
        else:
            raise ValueError(f"the service does not hold {path.partition('[')[0]}, or can't do without it")
    return result


def created(values: Mapping[str, Value]) -> dict[str, Any]:
    """Return a new user that says these values. Raises ValueError for what the service does not hold."""
    result: dict[str, Any] = {"name": {}, ENTERPRISE: {}}
    for path, value in values.items():
        if path not in WRITABLE:
            raise ValueError(f"the service does not hold {path.partition('[')[0]}")
        attribute = WRITABLE[path]
        extension, _, rest = attribute.rpartition(":")
        outer, _, inner = rest.rpartition(".")
        holder = result[extension or outer] if extension or outer else result
        holder[inner] = value
    return result


def _kind(resource: Resource, conventions: Conventions) -> str:
    kind = text(resource, "userType")
    if not conventions.worker_types or not kind:
        return ""
    if kind not in conventions.worker_types:
        raise UntranslatableError("userType", "is of no configured worker type")
    return kind


def _home(resource: Resource) -> str:
    return text(part(resource, ENTERPRISE), "costCenter")


def _entities(resource: Resource) -> Resource:
    return part(part(resource, LOOKED_UP), "entities")


def _always(resource: Resource, belongs: str, own_number: str, conventions: Conventions) -> EmployeeSlice:
    """Return what holds of the work whenever: the service does not say since when."""
    manager = part(part(resource, LOOKED_UP), "manager")
    told = text(manager, "employeeNumber")
    near = conventions.entities.get(text(manager, "entity")) == belongs and told != own_number
    return EmployeeSlice(
        job_title=text(resource, "title"),
        department=text(part(resource, ENTERPRISE), "department"),
        manager_number=told if near else "",
    )


def _contacts(resource: Resource) -> list[WorkContact]:
    return [
        WorkContact(channel=channel, label="work" if place == 1 else f"work {place}", value=value)
        for (attribute, kind), channel in _CHANNELS.items()
        for place, value in enumerate(_values(parts(resource, attribute), kind, f"{attribute}."), start=1)
    ]


def _values(entries: Iterable[Resource], kind: str, within: str) -> Iterator[str]:
    """Give the different values of a type, the primary one first: the service keeps them in no order."""
    told = [(not each.get("primary"), text(each, "value", within)) for each in entries if each.get("type") == kind]
    yield from dict.fromkeys(value for _, value in sorted(told) if value)
