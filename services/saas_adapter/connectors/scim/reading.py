"""A round of reading: everything that changed since the last one, page by page, cost centers before users.

Pages continue behind the last id, not at an offset: what goes away meanwhile can't hide anything.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.adapter.systems.connector import PulledBatch
from services.adapter.systems.remote_error import RemoteErrorKind
from services.saas_adapter.connectors.scim import document
from services.saas_adapter.connectors.scim.cursor import Cursor
from services.saas_adapter.connectors.scim.departments import Departments
from services.saas_adapter.connectors.scim.document import COST_CENTERS, USERS
from services.saas_adapter.connectors.scim.employees import Employees
from services.saas_adapter.connectors.scim.entities import Entities
from services.saas_adapter.connectors.scim.errors import ScimError
from services.saas_adapter.connectors.scim.resource import Resource, instant, quoted
from services.saas_adapter.connectors.scim.rest import ScimClient
from services.saas_adapter.domain.scim import cost_center, employee
from services.saas_adapter.domain.scim.conventions import Conventions

PAGE = 200

OVERLAP = timedelta(seconds=120)
"""How far a round looks back: a change may show after another one with a later `lastModified`."""

_ENDPOINTS = (COST_CENTERS, USERS)


def read(client: ScimClient, conventions: Conventions, cursor: Cursor, *, full: bool) -> Iterator[PulledBatch]:
    """Give the batches from the cursor on. The last one is empty and carries where the next round begins."""
    if not cursor.employees:
        cursor = Cursor(known=cursor.known)  # kept from before users were employees: read them all
    if full or cursor.began is None:
        cursor = Cursor(since=None if full else cursor.since, full=full, known=cursor.known)
    entities = Entities(client)
    departments, employees = Departments(client, entities), Employees(client, conventions, entities)
    attributes = {COST_CENTERS: ("meta", *cost_center.ATTRIBUTES), USERS: employee.attributes(conventions)}
    for endpoint in _ENDPOINTS[_ENDPOINTS.index(cursor.endpoint) if cursor.endpoint in _ENDPOINTS else 0 :]:
        if cursor.endpoint != endpoint:
            cursor = replace(cursor, endpoint=endpoint, after="")
        while resources := _page(client, endpoint, cursor, attributes[endpoint]):
            found = departments.named(endpoint, resources)
            if endpoint == COST_CENTERS:
                found |= {each.key: each for each in map(document.of, resources)}
            else:
                found |= employees.documents(resources)
            began = cursor.began or client.server_time or max(map(document.modified, resources))
            cursor = replace(cursor, began=began, after=resources[-1].id, seen=cursor.seen | found.keys())
            yield PulledBatch(tuple(found.values()), cursor.encode())
    yield _end(cursor, cursor.began or client.server_time)


def _end(cursor: Cursor, began: datetime | None) -> PulledBatch:
    gone = sorted(cursor.known - cursor.seen) if cursor.full else []
    known = cursor.seen if cursor.full else cursor.known | cursor.seen
    when = began or cursor.since or datetime.now(UTC)
    return PulledBatch(
        tuple(document.deleted(key, when) for key in gone), Cursor(since=began or cursor.since, known=known).encode()
    )


def _page(client: ScimClient, endpoint: str, cursor: Cursor, attributes: Sequence[str]) -> list[Resource]:
    conditions = [f"meta.lastModified ge {instant(cursor.since - OVERLAP)}"] if cursor.since else []
    conditions += [f"id gt {quoted(cursor.after)}"] if cursor.after else []
    condition = " and ".join(conditions) or None
    pages = client.pages(endpoint, condition, page_size=PAGE, attributes=attributes)
    resources = next(pages, [])
    ids = [cursor.after, *(each.id for each in resources)]
    if ids != sorted(set(ids)):
        raise ScimError(RemoteErrorKind.PERMANENT, "the service does not order resources by id")
    return resources
