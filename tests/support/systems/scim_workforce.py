"""A workforce SaaS of a test module's own with the demo's catalogue, its connector, and a user of it who edits."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from google.protobuf.message import Message
from google.type.date_pb2 import Date

from concord.mdm.v1.cost_center_pb2 import CostCenter, CostCenterSlice
from concord.mdm.v1.employee_pb2 import Employee
from concord.mdm.v1.record_pb2 import EffectivePeriod
from services.adapter.systems.connector import Document, Value, Writing
from services.saas_adapter.connectors.scim.connector import ScimConnector
from services.saas_adapter.connectors.scim.rest import ScimClient
from tests.support.adapter.connector_suite import TODAY
from tools.demo import catalogue
from tools.landscape.systems_files import CONTRACTOR_CLASSIFICATIONS, WORKER_TYPES
from tools.systems.scim import COST_CENTER_SCHEMA, ScimServer
from tools.systems.workforce_user import ENTERPRISE_SCHEMA, USER_SCHEMA, WORKFORCE_SCHEMA

CATALOGUE = catalogue.load()
DEADLINE_S = 20.0
ENTITIES = {each.id: f"entities/{each.id}" for each in CATALOGUE.entities}


class Workforce:
    """A running service, its connector and a client for editing behind the connector's back."""

    def __init__(self, server: ScimServer) -> None:
        self.server = server
        told = {
            "url": server.url,
            "token_file": str(server.token_file),
            "entities": ENTITIES,
            "timeout_seconds": DEADLINE_S,
            "worker_types": WORKER_TYPES,
            "contractor_classifications": CONTRACTOR_CLASSIFICATIONS,
            "workforce_extension": WORKFORCE_SCHEMA,
        }
        self.connector = ScimConnector.configured("systems/workforce", told)
        self.client = ScimClient(server.url, server.token_file)

    def new(self, **more: object) -> str:
        """Create a cost center with a value in every place; return its key."""
        told = {"displayName": "ICU", "manager": "Gideon Mossgrove", "department": "General - Patient Care"}
        told |= {"code": uuid4().hex[:8], "entity": "general"}
        document = {"schemas": [COST_CENTER_SCHEMA], "active": True, **told, **more}
        return f"CostCenters/{self.client.create('/CostCenters', document).id}"

    def new_user(
        self,
        cost_center: str = "106010",
        department: str = "",
        *,
        work: Mapping[str, object] | None = None,
        workforce: Mapping[str, object] | None = None,
        **more: object,
    ) -> str:
        """Create a user and return the id.

        `work` and `workforce` say more in the enterprise and the workforce extension, `more` in the core; a number is
        made up.
        """
        told = {"employeeNumber": uuid4().hex[:8], "costCenter": cost_center, "department": department, **(work or {})}
        said = {
            "schemas": [USER_SCHEMA, ENTERPRISE_SCHEMA, WORKFORCE_SCHEMA],
            "userName": uuid4().hex,
            ENTERPRISE_SCHEMA: {name: value for name, value in told.items() if value},
            **more,
        }
        return self.client.create("/Users", {**said, **({WORKFORCE_SCHEMA: workforce} if workforce else {})}).id

    def edit_user(self, key: str, **changes: object) -> None:
        """Change a user."""
        operations = [{"op": "replace", "path": path, "value": value} for path, value in changes.items()]
        self.client.patch("/Users", key.partition("/")[2], operations, etag=None)

    def edit(self, key: str, **changes: object) -> None:
        """Change a cost center."""
        operations = [{"op": "replace", "path": path, "value": value} for path, value in changes.items()]
        self.client.patch("/CostCenters", key.partition("/")[2], operations, etag=None)

    def remove(self, endpoint: str, resource_id: str) -> None:
        """Delete a resource."""
        assert self.client.bulk([{"method": "DELETE", "path": f"{endpoint}/{resource_id}"}])[0]["status"] == "204"

    def code(self, key: str) -> str:
        """Return a cost center's code."""
        resource = self.client.get("/CostCenters", key.partition("/")[2])
        assert resource is not None
        return str(resource.document["code"])

    def current(self, key: str) -> Document:
        """Read a document that there is."""
        document = self.connector.current([key])[key]
        assert document is not None
        return document

    def write(self, current: Document | None, values: Mapping[str, Value], golden: Message | None = None) -> Document:
        """Write values as the runtime does."""
        golden = golden or CostCenter()
        record_type = "employee" if isinstance(golden, Employee) else "cost_center"
        return self.connector.write(Writing(record_type, golden, values, current))

    def employee(self, document: Document) -> Employee:
        """Return what a user's document says."""
        content = self.connector.translate(document).content
        assert isinstance(content, Employee)
        return content

    def expressed(self, content: CostCenter) -> Mapping[str, Value]:
        """Return what the service would say of a record."""
        return self.connector.express("cost_center", content, TODAY).values

    def pull(self, cursor: str = "", *, full: bool = False) -> tuple[dict[str, Document], str]:
        """Pull all batches; return the documents, deleted ones too, and the cursor."""
        found: dict[str, Document] = {}
        for batch in self.connector.pull(cursor, full=full):
            found |= {each.key: each for each in batch.documents}
            cursor = batch.cursor
        return found, cursor

    def translated(self, document: Document) -> CostCenter:
        """Return what a document says."""
        content = self.connector.translate(document).content
        assert isinstance(content, CostCenter)
        return content


def golden_record(code: str) -> CostCenter:
    """Return a golden cost center of entity general, with a parent in two hierarchies."""
    piece = CostCenterSlice(display_name="Night clinic", manager="Adaeze Abernath", blocked_for_posting=False)
    piece.parents.add(hierarchy="workforce", parent_code="General - Clinics")
    piece.parents.add(hierarchy="management", parent_code="G10-AMBU")
    return CostCenter(
        name=f"costCenters/{uuid4()}",
        revision=1,
        entity="entities/general",
        code=code,
        kind=CostCenter.KIND_POSTING,
        effective_period=EffectivePeriod(end_date=Date(year=2027, month=1, day=1)),
        slices=[piece],
    )


@contextmanager
def running(directory: Path, rows: catalogue.Catalogue | None = None) -> Iterator[Workforce]:
    """Run a service with the rows of a catalogue."""
    with ScimServer.start(directory) as server:
        if rows:
            server.load(rows)
        workforce = Workforce(server)
        try:
            yield workforce
        finally:
            workforce.connector.close()
            workforce.client.close()
