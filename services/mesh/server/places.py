"""The bounded number of streams that a server serves at once, on threads of their own."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.server.call import Call
from services.mesh.server.method import Method, Single, Streamed

_RETRY_AFTER = timedelta(seconds=5)

# Threads beyond the places, so that a stream past the cap is told so instead of waiting for a thread.
_THREADS_FOR_REFUSALS = 4


class Places:
    """A stage that gives each stream a place, or refuses it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._free = threading.BoundedSemaphore(limit)
        self.threads = ThreadPoolExecutor(limit + _THREADS_FOR_REFUSALS, thread_name_prefix="stream")

    def single(self, method: Method, inner: Single) -> Single:
        """Give a place to an RPC that takes a stream; one that does not needs none."""
        if not method.takes_stream:
            return inner

        def placed(request: object, call: Call) -> object:
            self._take()
            try:
                return inner(request, call)
            finally:
                self._free.release()

        return placed

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
