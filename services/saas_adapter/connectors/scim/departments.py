"""Which departments cost centers and users name, and whether one is still named."""

from collections.abc import Iterable, Iterator

from services.adapter.connector import Document
from services.saas_adapter.connectors.scim import document
from services.saas_adapter.connectors.scim.document import COST_CENTERS
from services.saas_adapter.connectors.scim.resource import Resource, quoted
from services.saas_adapter.connectors.scim.rest import ScimClient
from services.saas_adapter.domain.scim import cost_center
from services.saas_adapter.domain.scim.department import Department

USERS = "/Users"

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

ATTRIBUTES = {
    COST_CENTERS: ("meta", *cost_center.ATTRIBUTES),
    USERS: ("meta", f"{ENTERPRISE}:department", f"{ENTERPRISE}:costCenter"),
}
"""What is read of resources; of users nothing that tells who they are."""

AT_ONCE = 50
"""How many values a filter lists: one of more would make the address too long for some servers."""

_PATHS = {COST_CENTERS: "department", USERS: f"{ENTERPRISE}:department"}


class Departments:
    """Finds departments; for one reading only, because it keeps which entity a cost center belongs to."""

    def __init__(self, client: ScimClient) -> None:
        self._client = client
        self._entities: dict[str, str] = {}

    def named(self, endpoint: str, resources: list[Resource]) -> dict[str, Document]:
        """Return the departments that these resources name, by key. Raises ScimError."""
        if endpoint == COST_CENTERS:
            self._learn(resources)
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
            for page in self._client.pages(endpoint, condition, attributes=ATTRIBUTES[endpoint]):
                if found := self.named(endpoint, page).get(department.key):
                    return found
        return None

    def _of_users(self, users: list[Resource]) -> Iterator[tuple[Resource, Department | None]]:
        """Give the users' departments, each in the entity of the cost center that the user works for."""
        work = [(user, user.document.get(ENTERPRISE) or {}) for user in users]
        self._look_up({_code(part.get("costCenter")) for _, part in work if part.get("department")})
        for user, part in work:
            yield user, Department.of(part, self._entities.get(_code(part.get("costCenter"))))

    def _look_up(self, codes: Iterable[str]) -> None:
        missing = sorted(code for code in codes if code and code not in self._entities)
        for start in range(0, len(missing), AT_ONCE):
            part = missing[start : start + AT_ONCE]
            self._entities |= dict.fromkeys(part, "")
            condition = " or ".join(f"code eq {quoted(code)}" for code in part)
            for page in self._client.pages(COST_CENTERS, condition, attributes=ATTRIBUTES[COST_CENTERS]):
                self._learn(page)

    def _learn(self, cost_centers: list[Resource]) -> None:
        told = ((_code(each.document.get("code")), each.document.get("entity")) for each in cost_centers)
        self._entities |= {code: str(entity or "") for code, entity in told}


def _code(value: object) -> str:
    return str(value or "").strip()
