"""The checkpoint that was cosigned last, a file for each log: whole or not at all, whatever happens meanwhile."""

import contextlib
import fcntl
import hashlib
import os
from pathlib import Path

from clients.verifier.checkpoint import Checkpoint

_LOCK = "lock"


class StateDirectory:
    """Files below a directory that one process uses at a time.

    Raises OSError: BlockingIOError when another process does.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._lock = (directory / _LOCK).open("w")
        with contextlib.ExitStack() as undo:
            undo.callback(self._lock.close)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            undo.pop_all()

    def cosigned(self, origin: str) -> Checkpoint | None:
        """Read what was cosigned last of a log; None when nothing was. Raises UnreadableError for a broken file."""
        path = self._path(origin)
        return Checkpoint.parse(path.read_bytes()) if path.exists() else None

    def keep(self, origin: str, checkpoint: bytes) -> None:
        """Put a checkpoint in the place of the one before, and return when it is on disk."""
        path = self._path(origin)
        fresh = path.with_suffix(".fresh")
        with fresh.open("wb") as file:
            file.write(checkpoint)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _synced(self._directory)

    def close(self) -> None:
        """Let another process use the directory."""
        self._lock.close()

    def _path(self, origin: str) -> Path:
        return self._directory / f"{hashlib.sha256(origin.encode()).hexdigest()}.checkpoint"


def _synced(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
