"""News: one listening connection a process, which wakes whoever waits for published changes."""

from services.mesh.database import Database


class News:
    """Knows the newest published position within milliseconds of its commit, through LISTEN on its own connection."""

    def __init__(self, database: Database) -> None:
        raise NotImplementedError

    def start(self) -> None:
        """Start the thread; it connects again by itself."""
        raise NotImplementedError

    def stop(self) -> None:
        """End the thread and wake everybody who waits."""
        raise NotImplementedError

    def wait(self, position: int, timeout_s: float) -> bool:
        """Wait until something above `position` is published: True; False after the time, a `wake` or `stop`."""
        raise NotImplementedError

    def wake(self) -> None:
        """Let everybody who waits now return, so that ended streams notice."""
        raise NotImplementedError
