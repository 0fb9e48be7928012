"""The ERP adapter's composition root: the adapters' runtime with the connectors to ERPs."""

from services.adapter.app import run_adapter
from services.adapter.settings import AdapterSettings
from services.erp_adapter.connectors.tryton.connector import TrytonConnector

SERVICE = "erp_adapter"
PREFIX = "CONCORD_ERP_ADAPTER"


def run(settings: AdapterSettings) -> int:
    """Serve the adapter until it is told to stop; return the exit code. Raises as `run_adapter`."""
    return run_adapter(SERVICE, settings, {"tryton": TrytonConnector.configured})
