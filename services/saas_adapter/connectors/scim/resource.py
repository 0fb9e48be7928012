"""A SCIM resource as the server returned it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class Resource:
    """One revision of a resource; `document` is the whole JSON object."""

    id: str
    etag: str | None
    """`meta.version`, to be sent as If-Match; None when the server keeps none."""
    last_modified: datetime | None
    """`meta.lastModified` in UTC."""
    document: Mapping[str, Any]


def parse(document: Any) -> Resource:
    """Read a resource; raises ValueError when it has no id or a malformed `meta`."""
    match document:
        case {"id": str(resource_id), "meta": {**meta}}:
            version, modified = meta.get("version"), meta.get("lastModified")
            etag = version if isinstance(version, str) else None
            return Resource(resource_id, etag, _moment(modified) if isinstance(modified, str) else None, document)
        case {"id": str(resource_id)}:
            return Resource(resource_id, None, None, document)
        case _:
            raise ValueError("a SCIM resource is an object with an id")


def extension(resource: Resource, schema: str) -> Mapping[str, Any]:
    """Return what an extension says; empty when it is not there, or no object: translation complains of that."""
    found = resource.document.get(schema)
    return found if isinstance(found, Mapping) else {}


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a datetime without a time zone is ambiguous")
    return moment.astimezone(UTC)


def quoted(value: str) -> str:
    """Return `value` as a string of a SCIM filter, quotes and backslashes escaped."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def instant(moment: datetime) -> str:
    """Return `moment` as a date-time of a SCIM filter; raises ValueError when it has no time zone."""
    if moment.tzinfo is None:
        raise ValueError("a datetime without a time zone is ambiguous")
    return quoted(moment.astimezone(UTC).isoformat().replace("+00:00", "Z"))
