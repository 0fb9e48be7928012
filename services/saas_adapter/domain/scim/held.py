"""Resources as the SCIM service gives them, read with care."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from services.adapter.connector import UntranslatableError
from services.saas_adapter.domain.scim.conventions import Conventions

Resource: TypeAlias = Mapping[str, Any]
"""A resource's JSON object; an attribute without value may be missing or null."""


def text(resource: Resource, attribute: str) -> str:
    """Return a text without outer white space; empty = none. Raises UntranslatableError."""
    value = resource.get(attribute)
    if value is not None and not isinstance(value, str):
        raise UntranslatableError(attribute, f"must be a text, not {type(value).__name__}")
    return (value or "").strip()


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
