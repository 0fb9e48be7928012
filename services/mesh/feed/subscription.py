"""Following another service's feed: persisted cursor, reconnects, resync after expiry."""

import logging
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import grpc

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError, from_rpc_error

T = TypeVar("T")

_RESYNC = frozenset({reasons.ERROR_REASON_CURSOR_EXPIRED, reasons.ERROR_REASON_INVALID_CURSOR})

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Backoff:
    """Seconds between reconnects: doubles from `first_s` to `longest_s`, each time a random part of it."""

    first_s: float = 0.1
    longest_s: float = 30.0

    def pause_s(self, failures: int) -> float:
        """Return the pause after so many failures in a row (1 = the first)."""
        ceiling = min(self.first_s * 2.0 ** min(failures - 1, 32), self.longest_s)
        return ceiling * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing


@dataclass(frozen=True)
class Subscriber(Generic[T]):
    """What a follower brings.

    `open_stream(cursor)` opens a stream behind the cursor (b"" = the beginning); `load_cursor()` returns what `handle`
    last stored, b"" for nothing; `handle(message)` applies it and persists its cursor in one transaction; `resync()`
    takes a snapshot and persists a fresh cursor: called when the cursor has expired or belongs to a database that is
    no more.
    """

    open_stream: Callable[[bytes], Iterator[T]]
    load_cursor: Callable[[], bytes]
    handle: Callable[[T], None]
    resync: Callable[[], None]


class FeedSubscription(Generic[T]):
    """Keeps one stream open and hands every message to its subscriber, in one thread.

    Errors of the stream, of `handle` and of `resync` lead to a reconnect from the persisted cursor after a pause that
    grows until a message is handled; nothing is skipped.
    """

    def __init__(self, subscriber: Subscriber[T], *, backoff: Backoff | None = None, name: str = "feed") -> None:
        self._subscriber = subscriber
        self._backoff = backoff or Backoff()
        self._name = name
        self._failures = 0
        self._stopping = threading.Event()
        self._stream: Iterator[T] | None = None
        self._thread = threading.Thread(target=self._run, name=f"subscription-{name}", daemon=True)

    @property
    def failures(self) -> int:
        """How many attempts in a row have failed; 0 while messages are being handled."""
        return self._failures

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Cancel the open stream and end the thread after the message at hand."""
        self._stopping.set()
        self._cancel()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except Exception as error:  # noqa: BLE001 - the thread must outlive every failure of stream and handler
                if not self._stopping.is_set():
                    self._recover(error)

    def _follow(self) -> None:
        self._stream = self._subscriber.open_stream(self._subscriber.load_cursor())
        try:
            if self._stopping.is_set():
                return
            for message in self._stream:
                self._subscriber.handle(message)
                self._failures = 0
                if self._stopping.is_set():
                    return
        finally:
            self._cancel()
            self._stream = None
        # A server that ends the stream without an error is coming back; do not hammer it.
        self._failures += 1
        self._stopping.wait(self._backoff.pause_s(self._failures))

    def _recover(self, error: Exception) -> None:
        typed = from_rpc_error(error) if isinstance(error, grpc.RpcError) else error
        reason = typed.reason if isinstance(typed, ConcordError) else None
        self._failures += 1
        _log.warning("feed %s: attempt failed: %s %s", self._name, type(typed).__name__, reason or "")
        if reason in _RESYNC:
            try:
                self._subscriber.resync()
            except Exception as failure:  # noqa: BLE001 - the next attempt meets the same expiry and resyncs again
                _log.warning("feed %s: resync failed: %s", self._name, type(failure).__name__)
            else:
                return
        self._stopping.wait(self._backoff.pause_s(self._failures))

    def _cancel(self) -> None:
        cancel = getattr(self._stream, "cancel", None)
        if cancel is not None:
            cancel()
