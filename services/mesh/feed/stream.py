"""Serving one subscriber: transactions as they are published, bookmarks while nothing comes, an end when it is slow."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.mesh.feed.cursor import Cursor
from services.mesh.feed.news import News
from services.mesh.feed.reader import FeedReader, PublishedTransaction


@dataclass(frozen=True)
class StreamSettings:
    """How patient a stream is, in seconds."""

    progress_interval_s: float = 10.0
    consumer_limit_s: float = 30.0
    batch: int = 500


@dataclass(frozen=True)
class Progress:
    """Everything up to `cursor` has been sent."""

    cursor: Cursor


class FeedStream:
    """One subscriber's stream; iterate it once, in the handler's thread."""

    def __init__(
        self,
        reader: FeedReader,
        news: News,
        after: Cursor,
        *,
        record_types: frozenset[str] | None = None,
        is_active: Callable[[], bool] = lambda: True,
        settings: StreamSettings | None = None,
    ) -> None:
        raise NotImplementedError

    def __iter__(self) -> Iterator[PublishedTransaction | Progress]:
        """Yield transactions (only their changes of `record_types`) and bookmarks until `is_active()` is false.

        Raises ConcordError SLOW_CONSUMER when the consumer took longer than the limit over one item (the transport
        must not buffer, gRPC does not), SHUTTING_DOWN after `stop`, CURSOR_EXPIRED.
        """
        raise NotImplementedError

    def stop(self) -> None:
        """End the stream with SHUTTING_DOWN."""
        raise NotImplementedError
