"""Employees through the whole mesh: read from the workforce service, corrected, and in the way of a closing."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import pytest

from concord.mdm.v1 import cost_center_pb2, employee_pb2, stewardship_pb2
from services.mesh.errors import from_rpc_error
from services.saas_adapter.connectors.scim.rest import ScimClient
from tests.support.database.mesh_databases import MeshDatabases, settled, synchronise
from tests.support.waiting import eventually
from tools.landscape.callers import Hub
from tools.landscape.landscape import Landscape
from tools.landscape.paging import every
from tools.landscape.registrations import WORKFORCE
from tools.systems.scim import COST_CENTER_SCHEMA
from tools.systems.workforce_user import ENTERPRISE_SCHEMA, USER_SCHEMA, WORKFORCE_SCHEMA

SECONDS = 30.0
"""What counts as within seconds, on a slow machine too."""

_KEY = "SELECT key FROM crosswalk WHERE golden = %s AND system = %s"


@pytest.fixture
def scim(landscape: Landscape) -> Iterator[ScimClient]:
    with ScimClient(landscape.scim.url, landscape.scim.token_file) as client:
        yield client


@dataclass(frozen=True)
class Ward:
    """A cost center that the workforce service alone has, and who works for it."""

    code: str
    resource_id: str
    user_id: str
    number: str


@pytest.fixture
def ward(scim: ScimClient) -> Ward:
    code, number = f"W{uuid.uuid4().hex[:6]}", f"E{uuid.uuid4().hex[:6]}"
    center = {"schemas": [COST_CENTER_SCHEMA], "code": code, "displayName": "Winter ward", "entity": "general"}
    resource = scim.create("/CostCenters", {**center, "active": True})
    user = {
        "schemas": [USER_SCHEMA, ENTERPRISE_SCHEMA, WORKFORCE_SCHEMA],
        "userName": number,
        ENTERPRISE_SCHEMA: {"employeeNumber": number, "costCenter": code},
        WORKFORCE_SCHEMA: {"assignments": [{"costCenter": code, "validFrom": "2026-01-01"}]},
    }
    return Ward(code, resource.id, scim.create("/Users", user).id, number)


def test_every_employee_has_a_golden_record_with_all_its_assignments(
    landscape: Landscape, hub: Hub, databases: MeshDatabases
) -> None:
    settled(databases)
    golden = {
        each.employee_number: each
        for each in every(hub.employees.ListEmployees, employee_pb2.ListEmployeesRequest(), "employees")
    }
    assert len(landscape.catalogue.workforce_users) > 5
    for row in landscape.catalogue.workforce_users:
        found = golden[row.employee_number]
        assert (found.given_name, found.family_name) == (row.given_name, row.family_name)
        codes = {each.cost_center_code for piece in found.slices for each in piece.assignments}
        assert codes == {row.cost_center, row.second_cost_center} - {""}
        start = found.effective_period.start_date
        assert (start.year, start.month, start.day) == (row.hire_date.year, row.hire_date.month, row.hire_date.day)


def test_a_corrected_title_reaches_the_workforce_service_and_stays(
    landscape: Landscape, hub: Hub, databases: MeshDatabases, scim: ScimClient
) -> None:
    row = next(row for row in landscape.catalogue.workforce_users if row.active and not row.end_date)
    before = _employee(hub, row.employee_number)
    assert before is not None
    corrected = employee_pb2.Employee(name=before.name, display_name="Dr. Corrected", slices=before.slices)
    for piece in corrected.slices:
        piece.job_title = "Corrected title"
    request = employee_pb2.UpdateEmployeeRequest(employee=corrected, etag=before.etag, request_id=str(uuid.uuid4()))
    request.update_mask.paths.extend(["display_name", "slices"])
    hub.employees.UpdateEmployee(request)
    user = databases.rows("mdm", _KEY, before.name, WORKFORCE)[0][0].partition("/")[2]

    def told() -> tuple[object, object]:
        resource = scim.get("/Users", user)
        assert resource is not None
        return resource.document.get("displayName"), resource.document.get("title")

    eventually(lambda: told() == ("Dr. Corrected", "Corrected title"))
    settled(databases)
    heads = databases.heads()
    synchronise(landscape, 2)
    settled(databases)
    assert databases.heads() == heads


def test_a_stewards_closing_of_a_cost_center_with_assignments_is_refused_with_the_list(
    landscape: Landscape, hub: Hub, databases: MeshDatabases, ward: Ward
) -> None:
    synchronise(landscape)
    settled(databases)  # what comes back from the ERP would change the etag
    worker, center = _employee(hub, ward.number), _cost_center(hub, ward.code)
    assert worker is not None
    request = cost_center_pb2.CloseCostCenterRequest(name=center.name, etag=center.etag, request_id=str(uuid.uuid4()))
    request.effective_time.FromJsonString("2026-07-01T00:00:00Z")
    with pytest.raises(grpc.RpcError) as caught:
        hub.cost_centers.CloseCostCenter(request)
    refused = from_rpc_error(caught.value)
    assert refused.reason_name == "RECORD_STILL_REFERENCED"
    assert [each.subject for each in refused.preconditions] == [worker.name]
    assert not _cost_center(hub, ward.code).effective_period.HasField("end_date")


def test_a_systems_closing_is_accepted_and_its_assignments_are_exceptions_within_seconds(
    landscape: Landscape, hub: Hub, ward: Ward, scim: ScimClient
) -> None:
    synchronise(landscape)
    worker, center = _employee(hub, ward.number), _cost_center(hub, ward.code)
    assert worker is not None
    assert worker.name not in _exceptions(hub)
    end: list[dict[str, object]] = [
        {"op": "add", "path": "validTo", "value": "2026-06-30"},
        {"op": "add", "path": "active", "value": False},
    ]
    scim.patch("/CostCenters", ward.resource_id, end, etag=None)
    eventually(lambda: _exceptions(hub).get(worker.name) == center.name, SECONDS)
    closed = _cost_center(hub, ward.code).effective_period.end_date
    assert (closed.year, closed.month, closed.day) == (2026, 7, 1)
    leave = [{"op": "add", "path": f"{WORKFORCE_SCHEMA}:endDate", "value": "2026-06-30"}]
    scim.patch("/Users", ward.user_id, leave, etag=None)
    eventually(lambda: worker.name not in _exceptions(hub), SECONDS)


def _employee(hub: Hub, number: str) -> employee_pb2.Employee | None:
    hits = hub.employees.SearchEmployees(employee_pb2.SearchEmployeesRequest(identifier=number)).hits
    return hits[0].employee if hits else None


def _cost_center(hub: Hub, code: str) -> cost_center_pb2.CostCenter:
    [hit] = hub.cost_centers.SearchCostCenters(cost_center_pb2.SearchCostCentersRequest(identifier=code)).hits
    return hit.cost_center


def _exceptions(hub: Hub) -> dict[str, str]:
    """Return the cost centers that employees are assigned to in vain, by employee."""
    request = stewardship_pb2.ListReferenceExceptionsRequest(record_type="employee", target_type="cost_center")
    return {each.record: each.target for each in every(hub.stewardship.ListReferenceExceptions, request, "exceptions")}
