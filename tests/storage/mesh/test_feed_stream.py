"""One subscriber's stream: waking, ending, and being cut off."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.feed.news import News
from services.mesh.feed.reader import FeedReader, PublishedTransaction
from services.mesh.feed.slow_consumers import SlowConsumers
from services.mesh.feed.stream import FeedStream, Progress, StreamSettings
from services.mesh.feed.subscriber_lag import show_subscribers
from services.mesh.postgres.database import Database
from services.mesh.telemetry import Telemetry, TelemetrySettings
from tests.support.database.record_service import AuditInMemory, Ledger, publish_everything, relaying
from tests.support.server.scraping import scrape, values
from tests.support.waiting import eventually


@pytest.fixture
def news(database: Database) -> Iterator[News]:
    news = News(database)
    news.start()
    yield news
    news.stop()


def test_a_published_change_wakes_the_stream(
    ledger: Ledger, database: Database, audit: AuditInMemory, news: News
) -> None:
    reader = FeedReader(database)
    items = iter(FeedStream(reader, news, reader.beginning()))
    with relaying(database, audit):
        ledger.write("suppliers/1")
        item = next(items)
    assert isinstance(item, PublishedTransaction)
    assert [change.record for change in item.changes] == ["suppliers/1"]


def test_only_the_wanted_types_are_sent(ledger: Ledger, database: Database, audit: AuditInMemory, news: News) -> None:
    ledger.write("suppliers/1")
    publish_everything(database, audit)
    reader = FeedReader(database)
    for types, expected in ((frozenset({"supplier"}), PublishedTransaction), (frozenset({"item"}), Progress)):
        settings = StreamSettings(record_types=types, progress_interval_s=0.05)
        assert isinstance(next(iter(FeedStream(reader, news, reader.beginning(), settings=settings))), expected)


def test_what_was_read_together_is_announced_before_it_is_sent(
    ledger: Ledger, database: Database, audit: AuditInMemory, news: News
) -> None:
    for name in ("suppliers/1", "suppliers/2"):
        ledger.write(name)
    publish_everything(database, audit)
    reader = FeedReader(database)
    announced: list[list[str]] = []

    def announce(transactions: Sequence[PublishedTransaction]) -> None:
        announced.append([change.record for each in transactions for change in each.changes])

    first = next(iter(FeedStream(reader, news, reader.beginning(), announce=announce)))
    assert isinstance(first, PublishedTransaction)
    assert [change.record for change in first.changes] == ["suppliers/1"]
    assert announced == [["suppliers/1", "suppliers/2"]]


def test_a_stream_whose_caller_is_gone_ends(database: Database, news: News) -> None:
    reader = FeedReader(database)
    active = threading.Event()
    active.set()
    stream = FeedStream(reader, news, reader.beginning(), is_active=active.is_set)
    ended = threading.Thread(target=lambda: list(stream))
    ended.start()
    active.clear()

    def ended_when_woken() -> bool:
        news.wake()
        return not ended.is_alive()

    eventually(ended_when_woken)


def test_a_stopped_stream_says_that_the_server_is_shutting_down(database: Database, news: News) -> None:
    reader = FeedReader(database)
    stream = FeedStream(reader, news, reader.beginning())
    threading.Timer(0.05, stream.stop).start()
    with pytest.raises(ConcordError) as caught:
        list(stream)
    assert caught.value.reason == reasons.ERROR_REASON_SHUTTING_DOWN


def test_a_consumer_that_comes_back_too_late_is_disconnected(
    ledger: Ledger, database: Database, audit: AuditInMemory, news: News
) -> None:
    ledger.write("suppliers/1")
    publish_everything(database, audit)
    reader = FeedReader(database)
    items = FeedStream(reader, news, reader.beginning(), settings=StreamSettings(consumer_limit_s=0.02))
    served = iter(items)
    next(served)
    eventually(lambda: items.overdue_s() > 0)
    with pytest.raises(ConcordError) as caught:
        next(served)
    assert caught.value.reason == reasons.ERROR_REASON_SLOW_CONSUMER
    assert caught.value.metadata == {"limit_seconds": "0.02"}


def test_a_consumer_that_never_comes_back_is_cut_off(
    ledger: Ledger, database: Database, audit: AuditInMemory, news: News
) -> None:
    ledger.write("suppliers/1")
    publish_everything(database, audit)
    reader = FeedReader(database)
    watch = SlowConsumers()
    watch.start()
    disconnected = threading.Event()
    stream = FeedStream(reader, news, reader.beginning(), settings=StreamSettings(consumer_limit_s=0.02))
    with watch.watching(stream, disconnected.set):
        next(iter(stream))
        assert disconnected.wait(60)
    watch.stop()


def test_how_far_a_subscriber_is_behind_is_told_while_its_stream_is_open(
    ledger: Ledger, database: Database, audit: AuditInMemory, news: News
) -> None:
    ledger.write("suppliers/1", "suppliers/2")
    ledger.write("suppliers/3")
    publish_everything(database, audit)
    eventually(lambda: news.newest == 3)
    reader, watch = FeedReader(database), SlowConsumers()
    stream = FeedStream(reader, news, reader.beginning())
    telemetry = Telemetry(TelemetrySettings(metrics_port=0, access_log=False), "small")
    show_subscribers(telemetry.meter, watch, news)

    def behind() -> dict[str, float]:
        served = scrape(telemetry.metrics_port or 0)
        found = served.get("concord_feed_subscriber_lag")
        return values(found, "client") if found else {}

    try:
        with watch.watching(stream, lambda: None, "warehouse"):
            assert behind() == {"warehouse": 3}
            served = iter(stream)
            next(served)
            assert behind() == {"warehouse": 1}
            next(served)
            assert behind() == {"warehouse": 0}
        assert behind() == {}
    finally:
        telemetry.shutdown()


def test_stopping_the_watch_stops_every_stream(database: Database, news: News) -> None:
    reader = FeedReader(database)
    watch = SlowConsumers()
    stream = FeedStream(reader, news, reader.beginning())
    with watch.watching(stream, lambda: None):
        watch.stop()
        with pytest.raises(ConcordError):
            list(stream)


def test_news_survives_the_loss_of_its_connection(
    ledger: Ledger, database: Database, audit: AuditInMemory, news: News
) -> None:
    ledger.write("suppliers/1")
    publish_everything(database, audit)
    assert news.wait(0, 60)
    kill = """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE application_name = 'service feed' AND datname = current_database()
    """
    with closing(database.connect("killer")) as connection:
        assert connection.execute(kill).fetchone() == (1,)
    ledger.write("suppliers/1")
    publish_everything(database, audit)
    assert news.wait(1, 60)


def test_news_that_was_never_started_leaves_nothing_open(database: Database) -> None:
    news = News(database)
    news.stop()
    assert (news._ends.fileno(), news._ending.fileno()) == (-1, -1)


def test_waiting_ends_after_its_time(news: News) -> None:
    began = time.monotonic()
    assert not news.wait(10**6, 0.02)
    assert time.monotonic() - began < 5
