"""Serving one subscriber: transactions as they are published, bookmarks while nothing comes, an end when it is slow."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.feed.cursor import Cursor
from services.mesh.feed.news import News
from services.mesh.feed.reader import FeedReader, PublishedTransaction

_LOOK_UP_S = 1.0


@dataclass(frozen=True)
class StreamSettings:
    """How patient a stream is, in seconds, and how many changes it reads at once.

    `record_types` restricts the changes; None = all.
    """

    record_types: frozenset[str] | None = None
    progress_interval_s: float = 10.0
    consumer_limit_s: float = 30.0
    batch: int = 500


@dataclass(frozen=True)
class Progress:
    """Everything up to `cursor` has been sent."""

    cursor: Cursor


class FeedStream:
    """One subscriber's stream; iterate it once, in the handler's thread.

    A consumer that keeps an item too long ends the stream when it comes back for the next. One that never comes back
    (its transport is stuck in flow control) is found by `overdue_s`, which `SlowConsumers` looks at.
    """

    def __init__(  # noqa: PLR0913 - what a stream stands on
        self,
        reader: FeedReader,
        news: News,
        after: Cursor,
        *,
        is_active: Callable[[], bool] = lambda: True,
        settings: StreamSettings | None = None,
        announce: Callable[[Sequence[PublishedTransaction]], None] = lambda _: None,
    ) -> None:
        """Take `announce`, which is told of transactions that were read together before they are yielded one by one."""
        self._reader = reader
        self._news = news
        self._cursor = after
        self._is_active = is_active
        self._settings = settings or StreamSettings()
        self._announce = announce
        self._stopping = threading.Event()
        self._last_sent = time.monotonic()
        self._handed_over_at: float | None = None

    def __iter__(self) -> Iterator[PublishedTransaction | Progress]:
        """Yield transactions (only their changes of the wanted types) and bookmarks until `is_active()` is false.

        Raises ConcordError SLOW_CONSUMER when the consumer took longer than the limit over one item, SHUTTING_DOWN
        after `stop`, CURSOR_EXPIRED, INVALID_CURSOR.
        """
        while self._goes_on():
            batch = self._reader.read(self._cursor, self._settings.batch)
            pairs = [(transaction.cursor, self._wanted(transaction)) for transaction in batch]
            self._announce([wanted for _, wanted in pairs if wanted is not None])
            for cursor, wanted in pairs:
                self._cursor = cursor
                if wanted is not None:
                    yield from self._hand_over(wanted)
                    if not self._goes_on():
                        return
            if time.monotonic() >= self._last_sent + self._settings.progress_interval_s:
                yield from self._hand_over(Progress(self._cursor))
            elif not batch:
                self._wait()

    def stop(self) -> None:
        """End the stream with SHUTTING_DOWN."""
        self._stopping.set()
        self._news.wake()

    @property
    def position(self) -> int:
        """The position up to which everything has been handed over."""
        return self._cursor.position

    def overdue_s(self) -> float:
        """Return for how many seconds beyond the limit the consumer has kept an item; at most 0 when in time."""
        handed_over_at = self._handed_over_at
        if handed_over_at is None:
            return -self._settings.consumer_limit_s
        return time.monotonic() - handed_over_at - self._settings.consumer_limit_s

    def _goes_on(self) -> bool:
        if self._stopping.is_set():
            raise ConcordError(reasons.ERROR_REASON_SHUTTING_DOWN, "the server is stopping: resume from the cursor")
        return self._is_active()

    def _hand_over(self, item: PublishedTransaction | Progress) -> Iterator[PublishedTransaction | Progress]:
        self._handed_over_at = time.monotonic()
        yield item
        overdue = self.overdue_s() > 0
        self._handed_over_at = None
        if overdue:
            limit = self._settings.consumer_limit_s
            message = "the subscriber took too long to accept a message: resume from the cursor"
            metadata = {"limit_seconds": f"{limit:g}"}
            raise ConcordError(reasons.ERROR_REASON_SLOW_CONSUMER, message, metadata=metadata)
        self._last_sent = time.monotonic()

    def _wanted(self, transaction: PublishedTransaction) -> PublishedTransaction | None:
        types = self._settings.record_types
        if types is None:
            return transaction
        changes = tuple(change for change in transaction.changes if change.record_type in types)
        return replace(transaction, changes=changes) if changes else None

    def _wait(self) -> None:
        until_progress = self._last_sent + self._settings.progress_interval_s - time.monotonic()
        self._news.wait(self._cursor.position, max(0.0, min(until_progress, _LOOK_UP_S)))
