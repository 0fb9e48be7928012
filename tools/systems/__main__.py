"""Prepares the systems ahead of time, a minute on a fresh machine: `python -m tools.systems`."""

import tempfile
import time
from pathlib import Path

from tools.postgres import PostgresServer
from tools.systems import tryton_template
from tools.systems.environment import install


def main() -> None:
    """Prepare what is missing; a minute on a fresh machine, nothing afterwards."""
    started = time.monotonic()
    install("scim")
    with tempfile.TemporaryDirectory() as directory, PostgresServer.start(Path(directory)) as postgres:
        template = tryton_template.prepare(postgres)
    print(f"systems ready in {template.environment.directory.parent.parent} ({time.monotonic() - started:.1f} s)")


if __name__ == "__main__":
    main()
