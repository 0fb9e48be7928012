"""The connector of SCIM services: cost centers, and the departments that they and users name."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date

from google.protobuf.message import Message

from concord.mdm.v1.cost_center_pb2 import CostCenter
from services.adapter.connector import Document, Expression, PulledBatch, Translation, UntranslatableError, Writing
from services.adapter.remote_error import RemoteErrorKind
from services.saas_adapter.connectors.scim import document, reading
from services.saas_adapter.connectors.scim.cursor import Cursor
from services.saas_adapter.connectors.scim.departments import AT_ONCE, ATTRIBUTES, Departments
from services.saas_adapter.connectors.scim.document import COST_CENTERS
from services.saas_adapter.connectors.scim.errors import ScimError
from services.saas_adapter.connectors.scim.options import ScimOptions
from services.saas_adapter.connectors.scim.resource import quoted
from services.saas_adapter.connectors.scim.rest import ScimClient
from services.saas_adapter.connectors.scim.writing import CostCenterWriter
from services.saas_adapter.domain.scim import cost_center, department
from services.saas_adapter.domain.scim.department import Department


class ScimConnector:
    """Speaks to one SCIM service; see `services.adapter.connector.Connector`."""

    kind = "scim"
    record_types = ("cost_center",)

    def __init__(self, options: ScimOptions, client: ScimClient) -> None:
        self._conventions = options.conventions
        self._client = client
        self._writer = CostCenterWriter(client, options.conventions)

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
        return reading.read(self._client, place, full=full)

    def translate(self, document_: Document) -> Translation:
        """Say a document as a typed record. Raises UntranslatableError."""
        if document_.kind not in {document.COST_CENTER, document.DEPARTMENT}:
            raise UntranslatableError("document", "is of no kind that is read here")
        if document_.deleted:
            return Translation("cost_center", CostCenter())
        told = cost_center.translate if document_.kind == document.COST_CENTER else department.translate
        return told(document.held(document_), self._conventions)

    def express(self, _: str, content: Message, today: date) -> Expression:
        """Say a record in the service's words."""
        return cost_center.express(_typed(content), today, self._conventions)

    def current(self, keys: Collection[str]) -> Mapping[str, Document | None]:
        """Read documents by their keys, cost centers some dozens in a call."""
        found: dict[str, Document | None] = dict.fromkeys(keys)
        departments = Departments(self._client)
        ids = [resource_id for key in found if (resource_id := document.id_of(key))]
        for start in range(0, len(ids), AT_ONCE):
            condition = " or ".join(f"id eq {quoted(each)}" for each in ids[start : start + AT_ONCE])
            for page in self._client.pages(COST_CENTERS, condition, attributes=ATTRIBUTES[COST_CENTERS]):
                found |= {each.key: each for each in map(document.of, page) if each.key in found}
        for key in found:
            if named := Department.from_key(key):
                found[key] = departments.find(named)
        return found

    def find(self, _: str, golden: Message) -> str | None:
        """Search the resource with the golden record's code in its entity, or the department of that code."""
        wanted = _typed(golden)
        name = self._conventions.entity_name(wanted.entity)
        if not wanted.code.strip() or (name is None and wanted.entity):
            return None
        if wanted.kind == CostCenter.KIND_DEPARTMENT:
            key = Department(name or "", wanted.code.strip()).key
            return key if self.current([key])[key] else None
        return self._writer.find(wanted)

    def write(self, writing: Writing) -> Document:
        """Create a cost center, or change what differs unless the resource changed since it was read."""
        golden = _typed(writing.golden)
        read_only = golden.kind == CostCenter.KIND_DEPARTMENT if writing.current is None else _is_derived(writing)
        if read_only:
            raise ScimError(RemoteErrorKind.PERMANENT, "the service has departments only as texts in other resources")
        try:
            if writing.current is None:
                return self._writer.create(golden, writing.values)
            return self._writer.update(writing.current, writing.values)
        except (ValueError, UntranslatableError) as error:
            raise ScimError(RemoteErrorKind.PERMANENT, str(error)) from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _is_derived(writing: Writing) -> bool:
    return writing.current is not None and writing.current.kind == document.DEPARTMENT


def _typed(content: Message) -> CostCenter:
    if not isinstance(content, CostCenter):
        raise TypeError(f"a SCIM service holds cost centers, not {content.DESCRIPTOR.name}")
    return content
