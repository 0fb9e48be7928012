"""The ERP adapter's composition root: the adapters' runtime with the connectors to ERPs."""

from services.adapter.app import reconcile_adapter, run_adapter
from services.adapter.settings import AdapterSettings
from services.erp_adapter.connectors.tryton.connector import TrytonConnector
from services.mesh.report import Report

SERVICE = "erp_adapter"
PREFIX = "CONCORD_ERP_ADAPTER"


def run(settings: AdapterSettings) -> int:
    """Serve the adapter until it is told to stop; return the exit code. Raises as `run_adapter`."""
    return run_adapter(SERVICE, settings, {"tryton": TrytonConnector.configured})


def reconcile(settings: AdapterSettings) -> Report:
    """Compare all of the adapter's evidence with the audit's. Raises ConcordError."""
    return reconcile_adapter(SERVICE, settings)
