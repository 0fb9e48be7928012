"""`python -m services.mdm`: serve the hub, or another of its commands."""

import sys

from services.mdm.app import reconcile, retain, run
from services.mdm.settings import PREFIX, MdmSettings
from services.mdm.storage.schema import MIGRATIONS
from services.mesh.command import Command, Task

if __name__ == "__main__":
    about = "The master data hub: golden records from many sources."
    tasks = [
        Task("reconcile", "compare all evidence with the audit's", reconcile),
        Task("retain", "erase what has ended for longer than it is kept", retain),
    ]
    sys.exit(Command("services.mdm", about, MdmSettings, PREFIX, run, MIGRATIONS, tasks).run())
