"""News: one listening connection a process, which wakes whoever waits for published changes."""

import logging
import selectors
import socket
import threading
from contextlib import closing
from typing import Any

import psycopg

from services.mesh.postgres.database import Database
from services.mesh.records.relay import CHANNEL

_RECONNECT_PAUSE_S = 0.5

_log = logging.getLogger(__name__)


class News:
    """Knows the newest published position within milliseconds of its commit, through LISTEN on its own connection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._newest = 0
        self._wakes = 0
        # Closing the second ends a wait for the database at once.
        self._ends, self._ending = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="feed-news", daemon=True)

    def start(self) -> None:
        """Start the thread; it connects again by itself."""
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End the thread and wake everybody who waits."""
        self._stopping.set()
        self._ending.close()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        else:
            self._ends.close()  # its thread may never have been started

    def wait(self, position: int, timeout_s: float) -> bool:
        """Wait until something above `position` is published: True; False after the time, a `wake` or `stop`."""
        with self._changed:
            wakes = self._wakes
            self._changed.wait_for(
                lambda: self._newest > position or self._wakes != wakes or self._stopping.is_set(), timeout_s
            )
            return self._newest > position

    @property
    def newest(self) -> int:
        """The newest position that this process has heard of."""
        return self._newest

    @property
    def is_over(self) -> bool:
        """Whether it was stopped: nobody is told anything any more."""
        return self._stopping.is_set()

    def wake(self) -> None:
        """Let everybody who waits now return, so that ended streams notice."""
        with self._changed:
            self._wakes += 1
            self._changed.notify_all()

    def _run(self) -> None:
        with self._ends:
            self._listen_again_and_again()

    def _listen_again_and_again(self) -> None:
        while not self._stopping.is_set():
            try:
                with closing(self._database.connect("feed")) as connection:
                    self._listen(connection)
            except (psycopg.Error, OSError) as error:
                _log.warning("the feed's listener connects again: %s", type(error).__name__)
                self._stopping.wait(_RECONNECT_PAUSE_S)

    def _listen(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        connection.execute(f"LISTEN {CHANNEL}".encode())
        # What was published while nobody listened is found by asking once, after LISTEN.
        row = connection.execute("SELECT coalesce(max(position), 0) FROM positions").fetchone()
        self._tell(row[0] if row else 0)
        with selectors.DefaultSelector() as either:
            either.register(connection, selectors.EVENT_READ)
            either.register(self._ends, selectors.EVENT_READ)
            while not self._stopping.is_set():
                for notification in connection.notifies(timeout=0):
                    self._tell(int(notification.payload))
                either.select()

    def _tell(self, position: int) -> None:
        with self._changed:
            self._newest = max(self._newest, position)
            self._changed.notify_all()
