"""One landscape a directory: who wants one that is in use is told so."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunningError(Exception):
    """Another process uses the directory."""


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Keep a directory to this process for the time of the block. Raises AlreadyRunningError."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(f"{directory.name} is running already, in {directory}") from None
        yield
