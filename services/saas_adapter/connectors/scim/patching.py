"""Changing a resource: only what differs, refused when someone else changed it since it was read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.adapter.systems.remote_error import RemoteErrorKind
from services.saas_adapter.connectors.scim.document import etag
from services.saas_adapter.connectors.scim.errors import ScimError
from services.saas_adapter.connectors.scim.resource import Resource
from services.saas_adapter.connectors.scim.rest import ScimClient

_NOT_FOUND = 404


@dataclass(frozen=True)
class Patching:
    """Changes the resources of one endpoint."""

    client: ScimClient
    endpoint: str
    attributes: Sequence[str]
    """What is read of a resource."""
    said: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    """Tells what a resource says in the attributes that may be written, by path of attribute."""

    def change(self, resource_id: str, before: dict[str, Any], after: Mapping[str, Any]) -> Resource:
        """Make a resource that was read as `before` say `after`, by path of attribute; return it as it is then.

        Raises ScimError, CONFLICT when it changed or went since.
        """
        operations, version = list(_operations(self.said(before), after)), etag(before)
        if not operations or version is None:
            now = self._unchanged(resource_id, before)
            if not operations:
                return now
        try:
            return self.client.patch(self.endpoint, resource_id, operations, etag=version, attributes=self.attributes)
        except ScimError as error:
            if error.status == _NOT_FOUND:
                raise ScimError(RemoteErrorKind.CONFLICT, "the resource is gone", status=error.status) from error
            raise

    def _unchanged(self, resource_id: str, before: Mapping[str, Any]) -> Resource:
        now = self.client.get(self.endpoint, resource_id)
        if now is None or self.said(now.document) != self.said(before):
            raise ScimError(RemoteErrorKind.CONFLICT, "the resource changed since it was read")
        return now


def _operations(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the PATCH operations that make `before` say what `after` says: only what differs."""
    for path in before:
        old, new = before[path], after.get(path)
        if new is None and old is not None:
            yield {"op": "remove", "path": path}
        elif new != old:
            yield {"op": "add" if old is None else "replace", "path": path, "value": new}
