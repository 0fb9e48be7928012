"""Writing cost centers and employees: one request each, refused when someone else changed the resource."""

from collections.abc import Mapping

from concord.mdm.v1.cost_center_pb2 import CostCenter
from concord.mdm.v1.employee_pb2 import Employee
from services.adapter.systems.connector import Document, UntranslatableError, Value
from services.adapter.systems.remote_error import RemoteErrorKind
from services.saas_adapter.connectors.scim import document
from services.saas_adapter.connectors.scim.document import COST_CENTERS, USERS
from services.saas_adapter.connectors.scim.employees import Employees
from services.saas_adapter.connectors.scim.entities import Entities
from services.saas_adapter.connectors.scim.errors import ScimError
from services.saas_adapter.connectors.scim.patching import Patching
from services.saas_adapter.connectors.scim.resource import quoted
from services.saas_adapter.connectors.scim.rest import ScimClient
from services.saas_adapter.domain.scim import cost_center, employee
from services.saas_adapter.domain.scim.conventions import Conventions

USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"


class CostCenterWriter:
    """Creates and changes CostCenter resources."""

    def __init__(self, client: ScimClient, conventions: Conventions) -> None:
        self._client = client
        self._conventions = conventions
        self._patching = Patching(client, COST_CENTERS, ("meta", *cost_center.ATTRIBUTES), cost_center.said)
        self._schema = ""

    def find(self, golden: CostCenter) -> str | None:
        """Return the key of the resource with this code in this entity. Raises ScimError."""
        name = self._conventions.entity_name(golden.entity) or ""
        condition = f"code eq {quoted(golden.code.strip())}"
        for page in self._client.pages(COST_CENTERS, condition, attributes=self._patching.attributes):
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
        before = document.held(current)
        after = cost_center.applied(before, values, self._conventions)
        try:
            return document.of(self._patching.change(document.id_of(current.key) or "", before, after))
        except ScimError as error:
            if _is_taken(error):
                raise _given_up(error, "another cost center has this code") from error
            raise

    def _cost_center_schema(self) -> str:
        """Ask, once, which schema the service's cost centers have: every service names its own."""
        if not self._schema:
            declared = self._client.get("/ResourceTypes", "CostCenter")
            schema = declared.document.get("schema") if declared else None
            if not isinstance(schema, str):
                raise ScimError(RemoteErrorKind.PERMANENT, "the service declares no resource type CostCenter")
            self._schema = schema
        return self._schema


class EmployeeWriter:
    """Creates and changes User resources. Of a user only plain texts are written: `employee.WRITABLE`."""

    def __init__(self, client: ScimClient, conventions: Conventions) -> None:
        self._client = client
        self._conventions = conventions
        self._patching = Patching(client, USERS, employee.attributes(conventions), employee.said)

    def find(self, golden: Employee) -> str | None:
        """Return the key of the user with this number in this entity. Raises ScimError."""
        condition = f"{employee.NUMBER} eq {quoted(golden.employee_number.strip())}"
        for page in self._client.pages(USERS, condition, attributes=self._patching.attributes):
            for key, found in self._employees().documents(page).items():
                if _entity(found, self._conventions) == golden.entity:
                    return key
        return None

    def create(self, golden: Employee, values: Mapping[str, Value]) -> Document:
        """Create a user, who is called by the entity's name and the number.

        Raises ScimError, CONFLICT when meanwhile there is one; ValueError.
        """
        name = self._conventions.entity_name(golden.entity)
        if not values.get("identity") or name is None:
            raise ValueError("the service needs identity")
        body = employee.created({path: value for path, value in values.items() if path != "identity"})
        body["schemas"] = [USER_SCHEMA, employee.ENTERPRISE]
        body["userName"] = f"{name}.{golden.employee_number.strip()}"
        body[employee.ENTERPRISE] |= {"employeeNumber": golden.employee_number.strip(), "organization": name}
        try:
            made = self._client.create(USERS, body)
        except ScimError as error:
            if _is_taken(error) and self.find(golden) is None:
                raise _given_up(error, "somebody else has the user name") from error
            raise
        return next(iter(self._employees().documents([made]).values()))

    def update(self, current: Document, values: Mapping[str, Value]) -> Document:
        """Change a user. Raises ScimError, CONFLICT when it changed since it was read; ValueError."""
        before = document.held(current)
        after = employee.applied(before, values, self._conventions)
        changed = self._patching.change(document.user_id(current.key) or "", before, after)
        return next(iter(self._employees().documents([changed]).values()))

    def _employees(self) -> Employees:
        return Employees(self._client, self._conventions, Entities(self._client))


def _entity(found: Document, conventions: Conventions) -> str:
    try:
        return employee.entity(document.held(found), conventions)
    except UntranslatableError:
        return ""


def _is_taken(error: ScimError) -> bool:
    return error.scim_type == "uniqueness"


def _given_up(error: ScimError, message: str) -> ScimError:
    return ScimError(RemoteErrorKind.PERMANENT, message, status=error.status, scim_type=error.scim_type)
