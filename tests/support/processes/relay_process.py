"""`python -m tests.support.processes.relay_process`: the relay of a service, in a process that can be killed alone.

In production a relay is a thread of its service; here it is the same relay on the same database, and nothing else.
RELAY_DATABASE_URL, RELAY_DATABASE_PASSWORD_FILE, RELAY_AUDIT_TARGET and RELAY_AUDIT_TOKEN_FILE are the service's.
"""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

from services.mesh.calling.client import TokenFile, open_channel
from services.mesh.postgres.database import Database, DatabaseSettings
from services.mesh.records.evidence import append_to_audit
from services.mesh.records.relay import Relay


def main(settings: Mapping[str, str]) -> None:
    """Relay until a signal ends the process."""
    password_file = Path(settings["RELAY_DATABASE_PASSWORD_FILE"])
    database = Database(DatabaseSettings(settings["RELAY_DATABASE_URL"], password_file))
    token = TokenFile(Path(settings["RELAY_AUDIT_TOKEN_FILE"]))
    with open_channel(settings["RELAY_AUDIT_TARGET"], token=token) as channel:
        Relay(database, append_to_audit(channel)).start()
        signal.pause()


if __name__ == "__main__":
    main(os.environ)
