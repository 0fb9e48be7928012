"""`python -m services.mdm`: serve the hub, or migrate its database."""

import sys

from services.mdm.app import run
from services.mdm.settings import PREFIX, MdmSettings
from services.mdm.storage.schema import MIGRATIONS
from services.mesh.command import Command

if __name__ == "__main__":
    about = "The master data hub: golden records from many sources."
    sys.exit(Command("services.mdm", about, MdmSettings, PREFIX, run, MIGRATIONS).run())
