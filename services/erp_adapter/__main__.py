"""`python -m services.erp_adapter`: serve the ERP adapter, or migrate its database."""

import sys

from services.adapter.settings import AdapterSettings
from services.adapter.storage.schema import MIGRATIONS
from services.erp_adapter.app import PREFIX, run
from services.mesh.command import Command

if __name__ == "__main__":
    about = "The ERP adapter: translates between the hub and ERPs, both ways."
    sys.exit(Command("services.erp_adapter", about, AdapterSettings, PREFIX, run, MIGRATIONS).run())
