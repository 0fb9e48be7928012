"""Which departments cost centers and users name, and whether one is still named."""

from collections.abc import Iterator, Mapping

from services.adapter.systems.connector import Document
from services.saas_adapter.connectors.scim import document
from services.saas_adapter.connectors.scim.document import COST_CENTERS, USERS
from services.saas_adapter.connectors.scim.entities import Entities
from services.saas_adapter.connectors.scim.resource import Resource, extension, quoted
from services.saas_adapter.connectors.scim.rest import ScimClient
from services.saas_adapter.domain.scim import cost_center
from services.saas_adapter.domain.scim.department import Department
from services.saas_adapter.domain.scim.employee import ENTERPRISE

_READ = {
    COST_CENTERS: ("meta", *cost_center.ATTRIBUTES),
    USERS: ("meta", f"{ENTERPRISE}:department", f"{ENTERPRISE}:costCenter"),
}
"""What a search for departments reads; of users nothing that tells who they are."""

_PATHS = {COST_CENTERS: "department", USERS: f"{ENTERPRISE}:department"}


class Departments:
    """Finds departments."""

    def __init__(self, client: ScimClient, entities: Entities) -> None:
        self._client = client
        self._entities = entities

    def named(self, endpoint: str, resources: list[Resource]) -> dict[str, Document]:
        """Return the departments that these resources name, by key. Raises ScimError."""
        if endpoint == COST_CENTERS:
            self._entities.learn(resources)
            pairs = [(each, Department.of(each.document, each.document.get("entity"))) for each in resources]
        else:
            pairs = list(self._of_users(resources))
        return {
            department.key: document.of_department(department, document.modified(resource))
            for resource, department in reversed(pairs)
            if department
        }

    def find(self, department: Department) -> Document | None:
        """Return a department's document; None = nothing names it any more. Raises ScimError."""
        for endpoint, path in _PATHS.items():
            condition = f"{path} co {quoted(department.code)}"
            for page in self._client.pages(endpoint, condition, attributes=_READ[endpoint]):
                if found := self.named(endpoint, page).get(department.key):
                    return found
        return None

    def _of_users(self, users: list[Resource]) -> Iterator[tuple[Resource, Department | None]]:
        """Give the users' departments, each in the entity of the cost center that the user works for."""
        work = [(user, extension(user, ENTERPRISE)) for user in users]
        entities = self._entities.of(_code(part) for _, part in work if part.get("department"))
        for user, part in work:
            yield user, Department.of(part, entities.get(_code(part)))


def _code(part: Mapping[str, object]) -> str:
    return str(part.get("costCenter") or "").strip()
