"""A PostgreSQL server for tests whose files lie in memory, where there is room for them.

Most of what a test of storage costs is making its database, and most of that is making its files: 20 ms in memory, 60
to 300 on a busy disk.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.postgres import PostgresServer

_MEMORY = Path("/dev/shm")  # noqa: S108 - only looked at; what is made there has a name of its own
_ENOUGH_BYTES = 4 * 1024**3


@contextmanager
def quick_server(binaries: Path | None = None) -> Iterator[PostgresServer]:
    """Run a server on a new cluster; stop it and remove its files at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="concord-tests-", dir=_where()) as directory,
        PostgresServer.start(Path(directory), binaries=binaries) as server,
    ):
        yield server


def _where() -> Path | None:
    """Return the file system in memory; None = the usual place: in containers it is often small."""
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH_BYTES else None
