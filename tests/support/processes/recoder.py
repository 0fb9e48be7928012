"""`python -m tests.support.processes.recoder DATABASE_URL CHUNK`: work code-map runs off, until killed."""

import sys
import threading

from services.mdm.storage.hub_storage import hub_storage
from services.mdm.storage.reference_data.recoding import Recoding
from services.mesh.postgres.database import Database, DatabaseSettings
from services.mesh.postgres.elected import Elected
from services.mesh.records.sealing import Sealer
from tests.support.database.record_service import RING


def main() -> None:
    """Stand for election and work, until killed."""
    database = Database(DatabaseSettings(sys.argv[1]))
    parts = hub_storage(database, Sealer(RING), spool_limit=100_000)
    recoding = Recoding(parts.transactions, parts.store, parts.registry, int(sys.argv[2]))
    elected = Elected(database, "code maps", recoding.step, idle_pause_s=0.01)
    elected.start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
