"""The SaaS adapter's composition root: the adapters' runtime with the connectors to SaaS applications."""

from services.adapter.app import reconcile_adapter, run_adapter
from services.adapter.settings import AdapterSettings
from services.mesh.report import Report
from services.saas_adapter.connectors.scim.connector import ScimConnector

SERVICE = "saas_adapter"
PREFIX = "CONCORD_SAAS_ADAPTER"


def run(settings: AdapterSettings) -> int:
    """Serve the adapter until it is told to stop; return the exit code. Raises as `run_adapter`."""
    return run_adapter(SERVICE, settings, {"scim": ScimConnector.configured})


def reconcile(settings: AdapterSettings) -> Report:
    """Compare all of the adapter's evidence with the audit's. Raises ConcordError."""
    return reconcile_adapter(SERVICE, settings)
