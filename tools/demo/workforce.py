"""The workforce SaaS as its own users see it: through SCIM."""

from dataclasses import dataclass

from services.saas_adapter.connectors.scim.resource import quoted
from services.saas_adapter.connectors.scim.rest import ScimClient
from tools.landscape.landscape import Landscape

_COST_CENTERS = "/CostCenters"


@dataclass(frozen=True)
class WorkforceView:
    """What the SaaS says of a cost center."""

    name: str
    active: bool
    valid_to: str

    def __str__(self) -> str:
        """Say it in a few words."""
        state = "active" if self.active else "not active"
        return f"{state}, valid to {self.valid_to}" if self.valid_to else state


def names_in_workforce(landscape: Landscape) -> dict[str, str]:
    """Return the names of all cost centers, by code."""
    with ScimClient(landscape.scim.url, landscape.scim.token_file) as client:
        return {
            str(resource.document["code"]): str(resource.document["displayName"])
            for page in client.pages(_COST_CENTERS)
            for resource in page
        }


def cost_center_in_workforce(landscape: Landscape, code: str) -> WorkforceView:
    """Return one cost center. Raises ValueError unless there is exactly one of that code."""
    with ScimClient(landscape.scim.url, landscape.scim.token_file) as client:
        [page] = client.pages(_COST_CENTERS, f"code eq {quoted(code)}")
        [resource] = page
    document = resource.document
    return WorkforceView(document["displayName"], bool(document["active"]), document.get("validTo") or "")
