"""`python -m services.audit`: serve the audit, or migrate its database."""

import sys

from services.audit.app import run
from services.audit.settings import PREFIX, AuditSettings
from services.audit.storage import MIGRATIONS
from services.mesh.command import Command

if __name__ == "__main__":
    about = "The audit: durable evidence of every change in the mesh."
    sys.exit(Command("services.audit", about, AuditSettings, PREFIX, run, MIGRATIONS).run())
