"""Following a feed through disconnects, handler failures and expiry."""

import threading
from collections.abc import Iterator
from uuid import UUID

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.feed.cursor import Cursor
from services.mesh.feed.subscription import Backoff, FeedSubscription, Subscriber
from tests.support.waiting import eventually

QUICK = Backoff(first_s=0.001, longest_s=0.002)


class Feed:
    """Numbers from 1 to `newest`, cursor = the last number; a follower that stores what it handled."""

    def __init__(self, newest: int) -> None:
        self.newest = newest
        self.handled: list[int] = []
        self.stored = b""
        self.opened: list[bytes] = []
        self.resyncs = 0
        self.breaks: dict[int, Exception] = {}
        self.cancelled = threading.Event()

    def open_stream(self, cursor: bytes) -> "Feed.Stream":
        self.opened.append(cursor)
        return Feed.Stream(self, int(cursor or b"0"))

    def handle(self, number: int) -> None:
        self.handled.append(number)
        self.stored = b"%d" % number

    def resync(self) -> None:
        self.resyncs += 1
        self.stored = b"%d" % (self.newest - 1)

    def subscribe(self) -> FeedSubscription[int]:
        follower = Subscriber(self.open_stream, lambda: self.stored, self.handle, self.resync)
        subscription = FeedSubscription(follower, backoff=QUICK)
        subscription.start()
        return subscription

    class Stream:
        def __init__(self, feed: "Feed", after: int) -> None:
            self.feed = feed
            self.at = after

        def __iter__(self) -> Iterator[int]:
            return self

        def __next__(self) -> int:
            if failure := self.feed.breaks.pop(self.at + 1, None):
                raise failure
            if self.at == self.feed.newest:
                self.feed.cancelled.wait(60)
                raise StopIteration
            self.at += 1
            return self.at

        def cancel(self) -> None:
            if self.at == self.feed.newest:
                self.feed.cancelled.set()


def test_every_message_is_handled_once_and_stop_cancels_the_stream() -> None:
    feed = Feed(newest=5)
    subscription = feed.subscribe()
    eventually(lambda: len(feed.handled) == 5)
    subscription.stop()
    assert feed.cancelled.is_set()
    assert feed.handled == [1, 2, 3, 4, 5]


def test_a_broken_stream_is_opened_again_behind_the_stored_cursor() -> None:
    feed = Feed(newest=4)
    feed.breaks = {3: ConcordError(reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE, "gone")}
    subscription = feed.subscribe()
    eventually(lambda: len(feed.handled) == 4)
    subscription.stop()
    assert feed.handled == [1, 2, 3, 4]
    assert feed.opened == [b"", b"2"]


def test_a_message_that_failed_comes_again() -> None:
    feed = Feed(newest=3)
    failures = iter([True, True])
    handle = feed.handle

    def fail_twice(number: int) -> None:
        if number == 2 and next(failures, False):
            raise RuntimeError("a defect")
        handle(number)

    feed.handle = fail_twice  # type: ignore[method-assign]
    subscription = feed.subscribe()
    eventually(lambda: len(feed.handled) == 3)
    assert subscription.failures == 0
    subscription.stop()
    assert feed.handled == [1, 2, 3]


@pytest.mark.parametrize("reason", [reasons.ERROR_REASON_CURSOR_EXPIRED, reasons.ERROR_REASON_INVALID_CURSOR])
def test_an_expired_cursor_leads_to_a_resync(reason: reasons.ErrorReason.ValueType) -> None:
    feed = Feed(newest=9)
    feed.stored = b"2"
    feed.breaks = {3: ConcordError(reason, "too old")}
    subscription = feed.subscribe()
    eventually(lambda: feed.handled)
    subscription.stop()
    assert (feed.resyncs, feed.handled, feed.opened) == (1, [9], [b"2", b"8"])


def test_a_resync_that_fails_is_tried_again() -> None:
    feed = Feed(newest=9)
    feed.stored = b"2"
    failures = iter([RuntimeError("the snapshot broke off")])
    resync = feed.resync

    def fail_once() -> None:
        if failure := next(failures, None):
            feed.breaks = {3: ConcordError(reasons.ERROR_REASON_CURSOR_EXPIRED, "too old")}
            raise failure
        resync()

    feed.resync = fail_once  # type: ignore[method-assign]
    feed.breaks = {3: ConcordError(reasons.ERROR_REASON_CURSOR_EXPIRED, "too old")}
    subscription = feed.subscribe()
    eventually(lambda: feed.handled)
    subscription.stop()
    assert feed.resyncs == 1


def test_the_pause_grows_up_to_its_limit_and_never_overflows() -> None:
    backoff = Backoff(first_s=0.1, longest_s=3.0)
    for failures, ceiling in ((1, 0.1), (2, 0.2), (5, 1.6), (6, 3.0), (10**6, 3.0)):
        assert ceiling / 2 <= backoff.pause_s(failures) <= ceiling


def test_a_cursor_comes_back_from_its_opaque_form() -> None:
    cursor = Cursor(UUID(int=7), 2**40)
    assert Cursor.decode(cursor.encode()) == cursor


@pytest.mark.parametrize("opaque", [b"", b"x", bytes(29), Cursor(UUID(int=7), 1).encode()[::-1]])
def test_anything_else_is_no_cursor(opaque: bytes) -> None:
    with pytest.raises(ConcordError) as caught:
        Cursor.decode(opaque)
    assert caught.value.reason == reasons.ERROR_REASON_INVALID_CURSOR
