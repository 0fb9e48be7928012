"""Resources of the service as documents."""

import json
from datetime import datetime
from typing import Any

from services.adapter.systems.connector import Document, UntranslatableError
from services.adapter.systems.remote_error import RemoteErrorKind
from services.saas_adapter.connectors.scim.errors import ScimError
from services.saas_adapter.connectors.scim.resource import Resource
from services.saas_adapter.domain.scim.department import Department

COST_CENTERS, USERS = "/CostCenters", "/Users"

COST_CENTER, DEPARTMENT, USER = "CostCenter", "department", "User"

_PREFIX, _USER_PREFIX = "CostCenters/", "Users/"


def of(resource: Resource) -> Document:
    """Return a CostCenter resource as a document. Raises ScimError."""
    original = json.dumps(resource.document, sort_keys=True).encode()
    return Document(_PREFIX + resource.id, COST_CENTER, original, modified(resource))


def of_department(department: Department, source_time: datetime) -> Document:
    """Return a department as a document."""
    return Document(department.key, DEPARTMENT, department.original, source_time)


def deleted(key: str, when: datetime) -> Document:
    """Return the document of what is there no more."""
    kind = COST_CENTER if key.startswith(_PREFIX) else USER if key.startswith(_USER_PREFIX) else DEPARTMENT
    return Document(key, kind, b"", when, deleted=True)


def id_of(key: str) -> str | None:
    """Return the id of the CostCenter resource that a key is of; None = of none."""
    return key.removeprefix(_PREFIX) if key.startswith(_PREFIX) else None


def user_key(resource_id: str) -> str:
    """Return the key of a User resource."""
    return _USER_PREFIX + resource_id


def user_id(key: str) -> str | None:
    """Return the id of the User resource that a key is of; None = of none."""
    return key.removeprefix(_USER_PREFIX) if key.startswith(_USER_PREFIX) else None


def held(document: Document) -> dict[str, Any]:
    """Return the JSON object that a document holds. Raises UntranslatableError when there is none in it."""
    try:
        found = json.loads(document.original)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UntranslatableError("document", "is not a resource as the service gives it")
    return found


def etag(resource: dict[str, Any]) -> str | None:
    """Return the version of a resource that a document holds; None = the service keeps none."""
    version = (resource.get("meta") or {}).get("version")
    return version if isinstance(version, str) else None


def modified(resource: Resource) -> datetime:
    """Return when a resource changed last. Raises ScimError when the service does not tell."""
    if resource.last_modified is None:
        raise ScimError(RemoteErrorKind.PERMANENT, "a resource has no meta.lastModified")
    return resource.last_modified
