"""Writing cost centers: one request each, refused when someone else changed the resource."""

from collections.abc import Iterator, Mapping
from typing import Any

from concord.mdm.v1.cost_center_pb2 import CostCenter
from services.adapter.connector import Document, Value
from services.adapter.remote_error import RemoteErrorKind
from services.saas_adapter.connectors.scim import document
from services.saas_adapter.connectors.scim.departments import ATTRIBUTES
from services.saas_adapter.connectors.scim.document import COST_CENTERS
from services.saas_adapter.connectors.scim.errors import ScimError
from services.saas_adapter.connectors.scim.resource import Resource, quoted
from services.saas_adapter.connectors.scim.rest import ScimClient
from services.saas_adapter.domain.scim import cost_center
from services.saas_adapter.domain.scim.conventions import Conventions

_NOT_FOUND = 404


class CostCenterWriter:
    """Creates and changes CostCenter resources."""

    def __init__(self, client: ScimClient, conventions: Conventions) -> None:
        self._client = client
        self._conventions = conventions
        self._schema = ""

    def find(self, golden: CostCenter) -> str | None:
        """Return the key of the resource with this code in this entity. Raises ScimError."""
        name = self._conventions.entity_name(golden.entity) or ""
        condition = f"code eq {quoted(golden.code.strip())}"
        for page in self._client.pages(COST_CENTERS, condition, attributes=ATTRIBUTES[COST_CENTERS]):
            for each in page:
                if str(each.document.get("entity") or "").strip() == name:
                    return document.of(each).key
        return None

    def create(self, golden: CostCenter, values: Mapping[str, Value]) -> Document:
        """Create a resource. Raises ScimError, CONFLICT when meanwhile there is one; ValueError."""
        if missing := [path for path in cost_center.NEEDED if not values.get(path)]:
            raise ValueError(f"the service needs {', '.join(missing)}")
        body = {"schemas": [self._cost_center_schema()], **cost_center.applied({}, values, self._conventions)}
        try:
            return document.of(self._client.create(COST_CENTERS, body))
        except ScimError as error:
            if _is_taken(error) and self.find(golden) is None:
                raise _given_up(error, "another entity has a cost center of this code") from error
            raise

    def update(self, current: Document, values: Mapping[str, Value]) -> Document:
        """Change a resource. Raises ScimError, CONFLICT when it changed since it was read; ValueError."""
        before, resource_id = document.held(current), document.id_of(current.key) or ""
        operations = list(_operations(before, cost_center.applied(before, values, self._conventions)))
        version = document.etag(before)
        if not operations or version is None:
            now = self._unchanged(current, resource_id)
            if not operations:
                return now
        try:
            changed = self._client.patch(
                COST_CENTERS, resource_id, operations, etag=version, attributes=ATTRIBUTES[COST_CENTERS]
            )
        except ScimError as error:
            if error.status == _NOT_FOUND:
                raise ScimError(RemoteErrorKind.CONFLICT, "the resource is gone", status=error.status) from error
            if _is_taken(error):
                raise _given_up(error, "another cost center has this code") from error
            raise
        return document.of(changed)

    def _unchanged(self, current: Document, resource_id: str) -> Document:
        now = self._client.get(COST_CENTERS, resource_id)
        if now is None or not _same(now, document.held(current)):
            raise ScimError(RemoteErrorKind.CONFLICT, "the resource changed since it was read")
        return document.of(now)

    def _cost_center_schema(self) -> str:
        """Ask, once, which schema the service's cost centers have: every service names its own."""
        if not self._schema:
            declared = self._client.get("/ResourceTypes", "CostCenter")
            schema = declared.document.get("schema") if declared else None
            if not isinstance(schema, str):
                raise ScimError(RemoteErrorKind.PERMANENT, "the service declares no resource type CostCenter")
            self._schema = schema
        return self._schema


def _operations(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the PATCH operations that make `before` say what `after` says: only what differs."""
    for attribute in cost_center.ATTRIBUTES:
        old, new = before.get(attribute), after.get(attribute)
        if new is None and old is not None:
            yield {"op": "remove", "path": attribute}
        elif new != old:
            yield {"op": "add" if old is None else "replace", "path": attribute, "value": new}


def _same(now: Resource, before: Mapping[str, Any]) -> bool:
    return all(now.document.get(attribute) == before.get(attribute) for attribute in cost_center.ATTRIBUTES)


def _is_taken(error: ScimError) -> bool:
    return error.scim_type == "uniqueness"


def _given_up(error: ScimError, message: str) -> ScimError:
    return ScimError(RemoteErrorKind.PERMANENT, message, status=error.status, scim_type=error.scim_type)
