"""Resources as the SCIM service gives them, read with care."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, TypeAlias

from google.type.date_pb2 import Date

from concord.mdm.v1.record_pb2 import EffectivePeriod
from services.adapter.systems.connector import UntranslatableError
from services.saas_adapter.domain.scim.conventions import Conventions

Resource: TypeAlias = Mapping[str, Any]
"""A resource's JSON object; an attribute without value may be missing or null."""


def text(resource: Resource, attribute: str, within: str = "") -> str:
    """Return a text without outer white space; empty = none. `within` says where in the whole resource it stands.

    Raises UntranslatableError.
    """
    value = resource.get(attribute)
    if value is not None and not isinstance(value, str):
        raise UntranslatableError(f"{within}{attribute}", f"must be a text, not {type(value).__name__}")
    return (value or "").strip()


def part(resource: Resource, attribute: str) -> Resource:
    """Return a complex attribute or an extension; empty = none. Raises UntranslatableError."""
    value = resource.get(attribute)
    if value is not None and not isinstance(value, Mapping):
        raise UntranslatableError(attribute, f"must be an object, not {type(value).__name__}")
    return value or {}


def parts(resource: Resource, attribute: str) -> Sequence[Resource]:
    """Return the values of a multi-valued complex attribute. Raises UntranslatableError."""
    values = resource.get(attribute)
    if values is not None and not (isinstance(values, list) and all(isinstance(each, Mapping) for each in values)):
        raise UntranslatableError(attribute, "must be a list of objects")
    return values or []


def first_day(resource: Resource, attribute: str, within: str = "") -> date | None:
    """Return a day that is given as an ISO date; None = none. Raises UntranslatableError."""
    said = text(resource, attribute, within)
    try:
        return date.fromisoformat(said) if said else None
    except ValueError:
        raise UntranslatableError(f"{within}{attribute}", "is not a date such as 2026-06-30") from None


def day_after(resource: Resource, attribute: str, within: str = "") -> date | None:
    """Return the day after a last day: when what it ends holds no more; None = none. Raises UntranslatableError."""
    last = first_day(resource, attribute, within)
    try:
        return last + timedelta(days=1) if last else None
    except OverflowError:
        why = "is the calendar's last day, after which nothing can end"
        raise UntranslatableError(f"{within}{attribute}", why) from None


def period(start: date | None, end: date | None) -> EffectivePeriod | None:
    """Return the period from a day on and before another; None = always."""
    if start is None and end is None:
        return None
    return EffectivePeriod(start_date=_date(start), end_date=_date(end))


def flag(resource: Resource, attribute: str) -> bool | None:
    """Return a flag; None = not said. Raises UntranslatableError."""
    value = resource.get(attribute)
    if value is not None and not isinstance(value, bool):
        raise UntranslatableError(attribute, f"must be true or false, not {type(value).__name__}")
    return value


def entity(resource: Resource, conventions: Conventions) -> str:
    """Return the entity that a resource names, `entities/{id}`; empty = none. Raises UntranslatableError."""
    name = text(resource, "entity")
    if name and name not in conventions.entities:
        raise UntranslatableError("entity", "names an entity that is not configured")
    return conventions.entities[name] if name else ""


def _date(day: date | None) -> Date | None:
    return Date(year=day.year, month=day.month, day=day.day) if day else None
