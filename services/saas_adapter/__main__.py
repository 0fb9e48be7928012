"""`python -m services.saas_adapter`: serve the SaaS adapter, or migrate its database."""

import sys

from services.adapter.settings import AdapterSettings
from services.adapter.storage.schema import MIGRATIONS
from services.mesh.command import Command
from services.saas_adapter.app import PREFIX, run

if __name__ == "__main__":
    about = "The SaaS adapter: translates between the hub and SaaS applications, both ways."
    sys.exit(Command("services.saas_adapter", about, AdapterSettings, PREFIX, run, MIGRATIONS).run())
