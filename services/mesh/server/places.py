"""The bounded number of calls that a server takes on at once: streams, on threads of their own, and unary calls."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.call import Call
from services.mesh.errors import ConcordError
from services.mesh.server.line import Line
from services.mesh.server.method import Method, Single, Streamed

_RETRY_AFTER = timedelta(seconds=5)
_SOON = timedelta(seconds=1)

# Threads beyond the places, so that a stream past the cap is told so instead of waiting for a thread.
_THREADS_FOR_REFUSALS = 4


class Places:
    """A stage that gives each stream a place, or refuses it; and refuses unary calls that found their line full."""

    def __init__(self, limit: int, waiting: int) -> None:
        """Take how many streams are served, and how many unary calls may wait in a line."""
        self._limit = limit
        self._waiting = waiting
        self._free = threading.BoundedSemaphore(limit)
        self.threads = ThreadPoolExecutor(limit + _THREADS_FOR_REFUSALS, thread_name_prefix="stream")

    def single(self, method: Method, inner: Single) -> Single:
        """Give a place to an RPC that takes a stream; another needs room in its line."""
        if not method.takes_stream:
            return self._in_line(inner)

        def placed(request: object, call: Call) -> object:
            self._take()
            try:
                return inner(request, call)
            finally:
                self._free.release()

        return placed

    def _in_line(self, inner: Single) -> Single:
        def admitted(request: object, call: Call) -> object:
            if Line.is_full_for_this_call():
                message, metadata = "as many calls wait as this server lets wait", {"limit": str(self._waiting)}
                raise ConcordError(reasons.ERROR_REASON_OVERLOADED, message, metadata=metadata, retry_after=_SOON)
            return inner(request, call)

        return admitted

    def streamed(self, _method: Method, inner: Streamed) -> Streamed:
        """Give a place to an RPC that gives a stream, for as long as it lasts."""

        def placed(request: object, call: Call) -> Iterator[object]:
            self._take()
            try:
                yield from inner(request, call)
            finally:
                self._free.release()

        return placed

    def _take(self) -> None:
        if not self._free.acquire(blocking=False):
            message, metadata = "as many streams are open as this server serves", {"limit": str(self._limit)}
            raise ConcordError(
                reasons.ERROR_REASON_STREAMS_EXHAUSTED, message, metadata=metadata, retry_after=_RETRY_AFTER
            )
