"""`python -m services.erp_adapter`: serve the ERP adapter, or another of its commands."""

import sys

from services.adapter.settings import AdapterSettings
from services.adapter.storage.schema import MIGRATIONS
from services.erp_adapter.app import PREFIX, reconcile, run
from services.mesh.command import Command, Task

if __name__ == "__main__":
    about = "The ERP adapter: translates between the hub and ERPs, both ways."
    tasks = [Task("reconcile", "compare all evidence with the audit's", reconcile)]
    sys.exit(Command("services.erp_adapter", about, AdapterSettings, PREFIX, run, MIGRATIONS, tasks).run())
