"""The connector of SCIM services: employees, cost centers, and the departments that they and users name."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date

from google.protobuf.message import Message

from concord.mdm.v1.cost_center_pb2 import CostCenter
from concord.mdm.v1.employee_pb2 import Employee
from services.adapter.systems.connector import (
    Document,
    Expression,
    PulledBatch,
    Translation,
    UntranslatableError,
    Writing,
)
from services.adapter.systems.remote_error import RemoteErrorKind
from services.saas_adapter.connectors.scim import document, reading
from services.saas_adapter.connectors.scim.cursor import Cursor
from services.saas_adapter.connectors.scim.departments import Departments
from services.saas_adapter.connectors.scim.document import COST_CENTERS
from services.saas_adapter.connectors.scim.employees import Employees
from services.saas_adapter.connectors.scim.entities import AT_ONCE, Entities
from services.saas_adapter.connectors.scim.errors import ScimError
from services.saas_adapter.connectors.scim.options import ScimOptions
from services.saas_adapter.connectors.scim.resource import quoted
from services.saas_adapter.connectors.scim.rest import ScimClient
from services.saas_adapter.connectors.scim.writing import CostCenterWriter, EmployeeWriter
from services.saas_adapter.domain.scim import cost_center, department, employee
from services.saas_adapter.domain.scim.department import Department


class ScimConnector:
    """Speaks to one SCIM service; see `services.adapter.systems.connector.Connector`."""

    kind = "scim"
    record_types = ("cost_center", "employee")

    def __init__(self, options: ScimOptions, client: ScimClient) -> None:
        self._conventions = options.conventions
        self._client = client
        self._cost_centers = CostCenterWriter(client, options.conventions)
        self._employees = EmployeeWriter(client, options.conventions)

    @classmethod
    def configured(cls, _: str, options: Mapping[str, object]) -> "ScimConnector":
        """Make the connector of a system from its options. Raises ValueError with every mistake, one a line."""
        parsed = ScimOptions.parse(options)
        return cls(parsed, ScimClient(parsed.url, parsed.token_file, timeout_s=parsed.timeout_s))

    def pull(self, cursor: str, *, full: bool) -> Iterator[PulledBatch]:
        """Read what changed; a cursor that is none of ours means everything."""
        try:
            place = Cursor.decode(cursor)
        except ValueError:
            place = Cursor()
        return reading.read(self._client, self._conventions, place, full=full)

    def translate(self, document_: Document) -> Translation:
        """Say a document as a typed record. Raises UntranslatableError."""
        if document_.kind == document.USER:
            if document_.deleted:
                return Translation("employee", Employee())
            return employee.translate(document.held(document_), self._conventions)
        if document_.kind not in {document.COST_CENTER, document.DEPARTMENT}:
            raise UntranslatableError("document", "is of no kind that is read here")
        if document_.deleted:
            return Translation("cost_center", CostCenter())
        told = cost_center.translate if document_.kind == document.COST_CENTER else department.translate
        return told(document.held(document_), self._conventions)

    def express(self, _: str, content: Message, today: date) -> Expression:
        """Say a record in the service's words."""
        if isinstance(content, Employee):
            return employee.express(content, today, self._conventions)
        return cost_center.express(_cost_center(content), today, self._conventions)

    def current(self, keys: Collection[str]) -> Mapping[str, Document | None]:
        """Read documents by their keys, cost centers and users some dozens in a call."""
        found: dict[str, Document | None] = dict.fromkeys(keys)
        entities = Entities(self._client)
        departments = Departments(self._client, entities)
        ids = [resource_id for key in found if (resource_id := document.id_of(key))]
        for start in range(0, len(ids), AT_ONCE):
            condition = " or ".join(f"id eq {quoted(each)}" for each in ids[start : start + AT_ONCE])
            for page in self._client.pages(COST_CENTERS, condition, attributes=("meta", *cost_center.ATTRIBUTES)):
                found |= {each.key: each for each in map(document.of, page) if each.key in found}
        users = [user for key in found if (user := document.user_id(key))]
        found |= Employees(self._client, self._conventions, entities).read(users)
        for key in found:
            if named := Department.from_key(key):
                found[key] = departments.find(named)
        return found

    def find(self, _: str, golden: Message) -> str | None:
        """Search the resource with the golden record's number or code in its entity, or the department of that code."""
        if isinstance(golden, Employee):
            return self._employees.find(golden) if golden.entity and golden.employee_number.strip() else None
        wanted = _cost_center(golden)
        name = self._conventions.entity_name(wanted.entity)
        if not wanted.code.strip() or (name is None and wanted.entity):
            return None
        if wanted.kind == CostCenter.KIND_DEPARTMENT:
            key = Department(name or "", wanted.code.strip()).key
            return key if self.current([key])[key] else None
        return self._cost_centers.find(wanted)

    def write(self, writing: Writing) -> Document:
        """Create a resource, or change what differs unless it changed since it was read."""
        try:
            if isinstance(golden := writing.golden, Employee):
                if writing.current is None:
                    return self._employees.create(golden, writing.values)
                return self._employees.update(writing.current, writing.values)
            return self._write_cost_center(_cost_center(golden), writing)
        except (ValueError, UntranslatableError) as error:
            raise ScimError(RemoteErrorKind.PERMANENT, str(error)) from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _write_cost_center(self, golden: CostCenter, writing: Writing) -> Document:
        read_only = golden.kind == CostCenter.KIND_DEPARTMENT if writing.current is None else _is_derived(writing)
        if read_only:
            raise ScimError(RemoteErrorKind.PERMANENT, "the service has departments only as texts in other resources")
        if writing.current is None:
            return self._cost_centers.create(golden, writing.values)
        return self._cost_centers.update(writing.current, writing.values)


def _is_derived(writing: Writing) -> bool:
    return writing.current is not None and writing.current.kind == document.DEPARTMENT


def _cost_center(content: Message) -> CostCenter:
    if not isinstance(content, CostCenter):
        raise TypeError(f"a SCIM service holds employees and cost centers, not {content.DESCRIPTOR.name}")
    return content
