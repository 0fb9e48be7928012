"""Following another service's feed: persisted cursor, reconnects, resync after expiry."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Backoff:
    """Seconds between reconnects: doubles from `first_s` to `longest_s`, each time a random part of it."""

    first_s: float = 0.1
    longest_s: float = 30.0


class FeedSubscription(Generic[T]):
    """Keeps one stream open and hands every message to `handle`, which stores the cursor with its effect.

    `open_stream(cursor)` opens a stream behind the cursor; `load_cursor()` returns what `handle` last stored (b"" for
    the beginning); `handle(message)` applies it and persists its cursor in one transaction; `resync()` takes a snapshot
    and persists a fresh cursor after CURSOR_EXPIRED. Errors of `handle` and of the stream lead to a reconnect from the
    persisted cursor.
    """

    def __init__(
        self,
        *,
        open_stream: Callable[[bytes], Iterator[T]],
        load_cursor: Callable[[], bytes],
        handle: Callable[[T], None],
        resync: Callable[[], None],
        backoff: Backoff | None = None,
        name: str = "feed",
    ) -> None:
        raise NotImplementedError

    def start(self) -> None:
        """Start the thread."""
        raise NotImplementedError

    def stop(self, timeout_s: float = 10.0) -> None:
        """Cancel the open stream and end the thread after the message at hand."""
        raise NotImplementedError
