"""Every golden record with its revision: what must not move when nothing was said."""

from concord.mdm.v1.account_pb2 import ListAccountsRequest
from concord.mdm.v1.cost_center_pb2 import ListCostCentersRequest
from concord.mdm.v1.employee_pb2 import ListEmployeesRequest
from concord.mdm.v1.item_pb2 import ListItemsRequest
from concord.mdm.v1.location_pb2 import ListLocationsRequest
from concord.mdm.v1.supplier_pb2 import ListSuppliersRequest
from tools.landscape.callers import STEWARD
from tools.landscape.landscape import Landscape
from tools.landscape.paging import every


def golden_census(landscape: Landscape) -> dict[str, dict[str, int]]:
    """Return the revision of every golden record, by record type and name."""
    hub = landscape.callers.hub(STEWARD)
    return {
        record_type: {record.name: record.revision for record in every(method, request, field)}
        for record_type, method, request, field in (
            ("supplier", hub.suppliers.ListSuppliers, ListSuppliersRequest(), "suppliers"),
            ("item", hub.items.ListItems, ListItemsRequest(), "items"),
            ("cost_center", hub.cost_centers.ListCostCenters, ListCostCentersRequest(), "cost_centers"),
            ("location", hub.locations.ListLocations, ListLocationsRequest(), "locations"),
            ("employee", hub.employees.ListEmployees, ListEmployeesRequest(), "employees"),
            ("account", hub.accounts.ListAccounts, ListAccountsRequest(), "accounts"),
        )
    }
