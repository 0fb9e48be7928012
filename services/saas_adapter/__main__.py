"""`python -m services.saas_adapter`: serve the SaaS adapter, or another of its commands."""

import sys

from services.adapter.settings import AdapterSettings
from services.adapter.storage.schema import MIGRATIONS
from services.mesh.command import Command, Task
from services.saas_adapter.app import PREFIX, reconcile, run

if __name__ == "__main__":
    about = "The SaaS adapter: translates between the hub and SaaS applications, both ways."
    tasks = [Task("reconcile", "compare all evidence with the audit's", reconcile)]
    sys.exit(Command("services.saas_adapter", about, AdapterSettings, PREFIX, run, MIGRATIONS, tasks).run())
