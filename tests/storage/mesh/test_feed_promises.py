"""The six promises of the feed, each a test on a real database with concurrent writers."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.feed.cursor import Cursor
from services.mesh.feed.news import News
from services.mesh.feed.reader import FeedReader, PublishedTransaction, move_floor
from services.mesh.feed.stream import FeedStream, Progress, StreamSettings
from services.mesh.postgres.database import Database, driver
from tests.support.database.databases import MigratedDatabase
from tests.support.database.record_service import AuditInMemory, Ledger, publish_everything, relaying
from tests.support.waiting import eventually

WRITERS = 6
TRANSACTIONS = 30
RECORDS = [f"suppliers/{number}" for number in range(12)]


def write_concurrently(ledger: Ledger) -> list[frozenset[str]]:
    """Let threads write random sets of the same records, some holding their transaction; return the sets."""
    written: list[frozenset[str]] = []

    def write(seed: int) -> None:
        choice = random.Random(seed)  # noqa: S311 - the same load every time
        for _ in range(TRANSACTIONS):
            names = choice.sample(RECORDS, choice.randint(1, 4))
            while not _written(ledger, names, hold_s=choice.choice([0, 0, 0.01])):
                pass
            written.append(frozenset(names))

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == WRITERS * TRANSACTIONS
    return written


def _written(ledger: Ledger, names: list[str], hold_s: float) -> bool:
    """Write in one transaction; False when another writer created one of the records in the same moment."""
    try:
        with ledger.database.transaction() as connection:
            ledger.write_in(connection, *names)
            driver(connection).execute("SELECT pg_sleep(%s)", (hold_s,))
    except ConcordError as error:
        if error.reason not in {reasons.ERROR_REASON_RECORD_EXISTS, reasons.ERROR_REASON_CONCURRENT_CHANGE}:
            raise
        return False
    return True


def read_everything(reader: FeedReader, after: Cursor | None = None, limit: int = 50) -> list[PublishedTransaction]:
    cursor = after or reader.beginning()
    found: list[PublishedTransaction] = []
    while batch := reader.read(cursor, limit):
        found.extend(batch)
        cursor = batch[-1].cursor
    return found


@contextmanager
def news_of(database: Database) -> Iterator[News]:
    news = News(database)
    news.start()
    try:
        yield news
    finally:
        news.stop()


def revisions(transactions: list[PublishedTransaction]) -> list[tuple[str, int]]:
    return [(change.record, change.revision) for each in transactions for change in each.changes]


def assert_record_order(transactions: list[PublishedTransaction]) -> None:
    last: Counter[str] = Counter()
    for record, revision in revisions(transactions):
        assert revision == last[record] + 1, f"{record}: {revision} after {last[record]}"
        last[record] = revision


def test_ordered(ledger: Ledger, database: Database, audit: AuditInMemory) -> None:
    with relaying(database, audit) as relay:
        write_concurrently(ledger)
        eventually(lambda: relay.backlog() == 0)
    found = read_everything(FeedReader(database))
    numbers = [change.position for each in found for change in each.changes]
    assert numbers == list(range(1, len(numbers) + 1))
    assert_record_order(found)


def test_ordered_when_the_lower_transaction_id_commits_the_later_revision(
    ledger: Ledger, database: Database, audit: AuditInMemory
) -> None:
    ledger.write("suppliers/x")
    with database.transaction() as older:
        # The older transaction has its id before the younger one and takes the record after it.
        driver(older).execute("SELECT pg_current_xact_id()")
        ledger.write_in(older, "suppliers/other")
        ledger.write("suppliers/x", legal_name="by the younger")
        ledger.write_in(older, "suppliers/x", legal_name="by the older")
    statement = "SELECT revision, xid::text::bigint FROM changes WHERE record = 'suppliers/x' ORDER BY revision"
    with database.reading() as connection:
        (_, _), (_, second), (_, third) = driver(connection).execute(statement).fetchall()
    assert third < second
    publish_everything(database, audit)
    found = read_everything(FeedReader(database))
    assert_record_order(found)
    assert revisions(found)[-1] == ("suppliers/x", 3)


def test_unique(ledger: Ledger, database: Database, audit: AuditInMemory) -> None:
    with relaying(database, audit), relaying(database, audit) as standby:
        write_concurrently(ledger)
        eventually(lambda: standby.backlog() == 0)
    found = revisions(read_everything(FeedReader(database)))
    assert len(found) == len(set(found))
    assert len(audit.leaves) == len(found)


def test_reliable(ledger: Ledger, database: Database, audit: AuditInMemory) -> None:
    with relaying(database, audit) as relay:
        written = write_concurrently(ledger)
        eventually(lambda: relay.backlog() == 0)
    found = read_everything(FeedReader(database))
    assert Counter(name for names in written for name in names) == Counter(name for name, _ in revisions(found))


def test_reliable_for_a_transaction_held_open_across_later_commits(
    ledger: Ledger, database: Database, audit: AuditInMemory
) -> None:
    with relaying(database, audit) as relay:
        with database.transaction() as held:
            ledger.write_in(held, "suppliers/held-1", "suppliers/held-2")
            for number in range(20):
                ledger.write(f"suppliers/{number}")
            # It holds nobody up: what was committed after it began is published.
            eventually(lambda: len(revisions(read_everything(FeedReader(database)))) == 20)
        eventually(lambda: relay.backlog() == 0)
    found = revisions(read_everything(FeedReader(database)))
    assert found[-2:] == [("suppliers/held-1", 1), ("suppliers/held-2", 1)]
    assert len(found) == 22


def test_atomic(ledger: Ledger, database: Database, audit: AuditInMemory) -> None:
    seen: list[PublishedTransaction] = []
    with relaying(database, audit) as relay, news_of(database) as news:
        stream = FeedStream(FeedReader(database), news, FeedReader(database).beginning())
        follower = threading.Thread(target=_follow, args=(stream, seen))
        follower.start()
        written = write_concurrently(ledger)
        eventually(lambda: relay.backlog() == 0)
        eventually(lambda: len(seen) == len(written))
        stream.stop()
        follower.join()
    assert Counter(frozenset(change.record for change in each.changes) for each in seen) == Counter(written)
    assert all(each.cursor.position == each.changes[-1].position for each in seen)
    for limit in (1, 3, 1000):
        assert read_everything(FeedReader(database), limit=limit) == seen


def test_resumable_by_a_subscriber_that_is_killed_fifty_times(
    ledger: Ledger, database: Database, audit: AuditInMemory
) -> None:
    applied: list[tuple[str, int]] = []
    cursor, kills = b"", 0
    choice = random.Random(50)  # noqa: S311 - the same kills every time
    with relaying(database, audit), news_of(database) as news:
        writer = threading.Thread(target=write_concurrently, args=(ledger,))
        writer.start()
        expected = 0
        while kills < 50 or writer.is_alive() or len(applied) < expected:
            reader = FeedReader(database)
            survives = choice.randint(1, 6)
            stream = FeedStream(
                reader, news, reader.cursor(cursor), settings=StreamSettings(progress_interval_s=0.02, batch=5)
            )
            for item in stream:
                if survives == 0:
                    break  # killed with a message in its hand
                survives -= 1
                if isinstance(item, PublishedTransaction):
                    applied.extend((change.record, change.revision) for change in item.changes)
                cursor = item.cursor.encode()
            kills += 1
            if not writer.is_alive():
                expected = _count_changes(database)
        writer.join()
    assert kills >= 50
    assert applied == revisions(read_everything(FeedReader(database)))


def test_resumable_on_another_replica(
    ledger: Ledger, database: Database, audit: AuditInMemory, migrated: MigratedDatabase
) -> None:
    write_concurrently(ledger)
    publish_everything(database, audit)
    with migrated.opened() as other:
        here, there = FeedReader(database), FeedReader(other)
        found = read_everything(here)
        assert read_everything(there) == found
        middle = found[len(found) // 2]
        rest = read_everything(there, after=there.cursor(middle.cursor.encode()))
        assert rest == found[len(found) // 2 + 1 :]


def test_resumable_only_with_a_cursor_of_this_feed(ledger: Ledger, database: Database, audit: AuditInMemory) -> None:
    ledger.write("suppliers/1")
    publish_everything(database, audit)
    reader = FeedReader(database)
    good = reader.newest()
    foreign = Cursor(type(good.database)(int=1), 1)
    ahead = Cursor(good.database, good.position + 1)
    for cursor in (foreign.encode(), ahead.encode(), good.encode()[:-1], b"?", good.encode() + b"x"):
        with pytest.raises(ConcordError) as caught:
            reader.cursor(cursor)
        assert caught.value.reason == reasons.ERROR_REASON_INVALID_CURSOR


def test_resumable_above_the_floor_and_expired_below(ledger: Ledger, database: Database, audit: AuditInMemory) -> None:
    for _ in range(4):
        ledger.write("suppliers/1")
    publish_everything(database, audit)
    reader = FeedReader(database)
    low, *_, high = read_everything(reader)
    move_floor(database, 3)
    move_floor(database, 2)
    with pytest.raises(ConcordError) as caught:
        reader.read(low.cursor)
    assert caught.value.reason == reasons.ERROR_REASON_CURSOR_EXPIRED
    assert caught.value.metadata == {"floor": "3"}
    assert reader.beginning().position == 3
    assert read_everything(reader) == [high]


def test_bookmarkable(ledger: Ledger, database: Database, audit: AuditInMemory) -> None:
    ledger.write("suppliers/1")
    publish_everything(database, audit)
    reader = FeedReader(database)
    settings = StreamSettings(record_types=frozenset({"item"}), progress_interval_s=0.05)
    with news_of(database) as news:
        items = iter(FeedStream(reader, news, reader.beginning(), settings=settings))
        # Nothing that it asked for, and still it gets on.
        first = next(items)
        assert isinstance(first, Progress)
        assert first.cursor == reader.newest()
        assert next(items) == first
        ledger.write("suppliers/1")
        publish_everything(database, audit)
        assert eventually(lambda: next(items).cursor.position == 2)
    assert read_everything(reader, after=reader.cursor(first.cursor.encode()))[0].cursor.position == 2


def _follow(stream: FeedStream, seen: list[PublishedTransaction]) -> None:
    with suppress(ConcordError):
        seen.extend(item for item in stream if isinstance(item, PublishedTransaction))


def _count_changes(database: Database) -> int:
    with database.reading() as connection:
        row = driver(connection).execute("SELECT count(*) FROM changes").fetchone()
        return row[0] if row else 0
