"""Work that one replica of a service does at a time: the one that holds an advisory lock."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg

from services.mesh.errors import ConcordError
from services.mesh.postgres.database import Database
from services.mesh.process import NotStartedError

_CLASS = 0x434F4E44
_ELECT = "SELECT pg_try_advisory_lock(%s, hashtext(%s))"
_STANDBY_PAUSE_S = 0.5
_SHORTEST_BACKOFF_S = 0.05
_LONGEST_BACKOFF_S = 5.0

_log = logging.getLogger(__name__)


class Elected:
    """One thread that works while its process is elected for it, and stands by otherwise.

    `work` does a piece of the work and tells whether there may be more at once; otherwise it is asked again after
    `idle_pause_s`. It commits what it does itself, so that a successor goes on from there. Whatever it raises, the
    election is given up, and the thread starts over after a growing time.
    """

    def __init__(self, database: Database, name: str, work: Callable[[], bool], *, idle_pause_s: float = 0.5) -> None:
        self._database = database
        self._name = name
        self._work = work
        self._idle_pause_s = idle_pause_s
        self._stopping = threading.Event()
        self._elected = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def name(self) -> str:
        """The name of the work, and of the election for it."""
        return self._name

    def elected(self) -> bool:
        """Tell whether this process holds the lock."""
        return self._elected

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Begin to stop, without waiting."""
        self._stopping.set()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Finish the piece at hand, give up the election, end the thread."""
        self.ask_to_stop()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                _log.warning("%s: the piece at hand goes on after %g s", self._name, timeout_s)

    def _run(self) -> None:
        backoff = _SHORTEST_BACKOFF_S
        while not self._stopping.is_set():
            try:
                with closing(self._database.connect(self._name)) as connection:
                    self._wait_for_election(connection)
                    while not self._stopping.is_set():
                        if not self._work():
                            self._stopping.wait(self._idle_pause_s)
                        backoff = _SHORTEST_BACKOFF_S
                        # Who lost the connection lost the election, too.
                        connection.execute("SELECT 1")
            except Exception as error:  # noqa: BLE001 - the thread must outlive every failure; the piece is done again
                reason = error.reason if isinstance(error, ConcordError) else ""
                _log.warning("%s: starts over: %s %s", self._name, type(error).__name__, reason)
                backoff = min(backoff * 2, _LONGEST_BACKOFF_S)
                self._elected = False
                self._stopping.wait(backoff * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, hides nothing
            finally:
                self._elected = False

    def _wait_for_election(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        while not self._stopping.is_set():
            if _stand(connection, self._name):
                self._elected = True
                return
            self._stopping.wait(_STANDBY_PAUSE_S)


def scheduled(database: Database, name: str, work: Callable[[], bool], *, interval_s: float) -> list[Elected]:
    """Return the job that works once in every interval; none for an interval of 0: then something else calls."""
    return [Elected(database, name, work, idle_pause_s=interval_s)] if interval_s > 0 else []


def stop_all(jobs: Sequence[Elected], timeout_s: float = 2.0) -> None:
    """Stop jobs at the same time; a piece that takes longer is left to break off with the process."""
    until = time.monotonic() + timeout_s
    for job in jobs:
        job.ask_to_stop()
    for job in jobs:
        job.stop(max(0.0, until - time.monotonic()))


@contextmanager
def election(database: Database, name: str) -> Iterator[None]:
    """Be elected for a job for the time of the block. Raises NotStartedError while another process is."""
    with closing(database.connect(name)) as connection:
        if not _stand(connection, name):
            raise NotStartedError(f"another process is elected for {name}: it runs it, or has it on its own schedule")
        yield


def _stand(connection: psycopg.Connection[tuple[Any, ...]], name: str) -> bool:
    row = connection.execute(_ELECT, (_CLASS, name)).fetchone()
    return bool(row and row[0])
