"""The requests of a stream, read ahead by a thread of its own, so that a stopping server need not wait for the client.

The transport's own iterator blocks until the client speaks, and nothing but the end of the call wakes it.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, Self, TypeVar

from services.mesh.call import Call
from services.mesh.errors import ConcordError

M = TypeVar("M")

_READ_AHEAD = 100
_READ_AHEAD_BYTES = 1_000_000
_LARGE = _READ_AHEAD_BYTES // _READ_AHEAD
"""Requests up to this size are bounded by their number alone."""

_END = object()
_WAKE = object()


class RequestStream(Generic[M]):
    """Iterates over a stream's requests; once the server is about to stop it raises instead.

    What `decode` raises comes to whoever asks for that request, in its place.
    """

    def __init__(
        self,
        source: Iterator[bytes],
        call: Call,
        decode: Callable[[bytes], M],
        stopped: Callable[[], ConcordError],
    ) -> None:
        self._source = source
        self._call = call
        self._decode = decode
        self._stopped = stopped
        self._items: queue.Queue[Any] = queue.Queue(_READ_AHEAD)
        self._over = False
        self._failure: Exception | None = None
        self._room = threading.Condition()
        self._large_bytes = 0
        self._abandoned = False
        call.on_stop(self._wake)
        call.on_end(self._abandon)
        threading.Thread(target=self._read, name="requests", daemon=True).start()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> M:
        if self._failure is not None:
            raise self._failure
        while not self._over:
            if self._call.stopping.begun:
                raise self._stopped()
            item = self._items.get()
            if isinstance(item, bytes):
                if len(item) > _LARGE:
                    self._give_room(len(item))
                return self._decode(item)
            if item is not _WAKE:
                self._over = True
                if isinstance(item, Exception):
                    raise item
        raise StopIteration

    def batch(self, most: int) -> list[M]:
        """Return what has arrived so far, at least one request and at most so many; none when there are no more.

        What `next` would raise is raised after everything before it was returned.
        """
        found: list[M] = []
        while len(found) < most and not (found and self._items.empty()):
            try:
                found.append(next(self))
            except StopIteration:
                break
            except Exception as error:
                if not found:
                    raise
                self._failure = error
                break
        return found

    def _read(self) -> None:
        try:
            for request in self._source:
                if len(request) > _LARGE:
                    self._take_room(len(request))
                self._items.put(request)
            self._items.put(_END)
        except Exception as error:  # noqa: BLE001 - raised again in the handler's thread
            self._items.put(error)

    def _take_room(self, size: int) -> None:
        """Wait until a large request can be kept: what is read ahead is the memory that one stream may fill."""
        with self._room:
            self._room.wait_for(lambda: self._abandoned or self._fits(size))
            self._large_bytes += size

    def _fits(self, size: int) -> bool:
        return self._large_bytes == 0 or self._large_bytes + size <= _READ_AHEAD_BYTES

    def _give_room(self, size: int) -> None:
        with self._room:
            self._large_bytes -= size
            self._room.notify()

    def _wake(self) -> None:
        try:
            self._items.put_nowait(_WAKE)
        except queue.Full:
            return  # whoever reads finds an item, and looks whether to stop before the next

    def _abandon(self) -> None:
        """Make room for the reading thread's last items, which nobody may be left to take."""
        with self._items.mutex:
            self._items.maxsize = 0
            self._items.not_full.notify_all()
        with self._room:
            self._abandoned = True
            self._room.notify_all()
