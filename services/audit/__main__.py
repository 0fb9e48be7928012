"""`python -m services.audit`: serve the audit, or another of its commands."""

import sys

from services.audit.app import retain, run
from services.audit.settings import PREFIX, AuditSettings
from services.audit.storage import MIGRATIONS
from services.mesh.command import Command, Task

if __name__ == "__main__":
    about = "The audit: durable evidence of every change in the mesh."
    tasks = [Task("retain", "prune leaves that were received longer ago than they are kept", retain)]
    sys.exit(Command("services.audit", about, AuditSettings, PREFIX, run, MIGRATIONS, tasks).run())
