"""The SaaS adapter's composition root: the adapters' runtime with the connectors to SaaS applications."""

from services.adapter.app import run_adapter
from services.adapter.settings import AdapterSettings
from services.saas_adapter.connectors.scim.connector import ScimConnector

SERVICE = "saas_adapter"
PREFIX = "CONCORD_SAAS_ADAPTER"


def run(settings: AdapterSettings) -> int:
    """Serve the adapter until it is told to stop; return the exit code. Raises as `run_adapter`."""
    return run_adapter(SERVICE, settings, {"scim": ScimConnector.configured})
