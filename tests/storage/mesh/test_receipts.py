"""Receipts: waiting ends with the publication, with the patience, or at once where too many wait."""

import threading
import time
from collections.abc import Iterator

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.feed.news import News
from services.mesh.feed.receipts import ChangeKey, Receipts, ReceiptSettings
from services.mesh.postgres.database import Database
from tests.support.database.record_service import AuditInMemory, Ledger, publish_everything
from tests.support.waiting import eventually

FIRST = ChangeKey("suppliers/1", 1)


@pytest.fixture
def news(database: Database) -> Iterator[News]:
    news = News(database)
    news.start()
    yield news
    news.stop()


def is_refused(receipts: Receipts, database: Database) -> bool:
    """Tell whether a payment-critical change would be refused now."""
    try:
        with database.transaction() as connection:
            receipts.require_current(connection)
    except ConcordError as error:
        return (error.reason, error.retry_after is None) == (reasons.ERROR_REASON_AUDIT_BEHIND, False)
    return False


def test_who_waits_goes_on_when_the_change_is_published(
    ledger: Ledger, database: Database, audit: AuditInMemory, news: News
) -> None:
    receipts = Receipts(database, news, ReceiptSettings(patience_s=60))
    ledger.write("suppliers/1")
    waiter = threading.Thread(target=receipts.wait, args=([FIRST], receipts.patience_ends()))
    waiter.start()
    assert waiter.is_alive()
    publish_everything(database, audit)
    waiter.join(60)
    assert not waiter.is_alive()


def test_patience_ends_with_the_name_of_what_has_no_receipt(ledger: Ledger, database: Database, news: News) -> None:
    ledger.write("suppliers/1")
    ledger.write("suppliers/2")
    publish_everything(database, AuditInMemory())
    ledger.write("suppliers/2")
    receipts = Receipts(database, news, ReceiptSettings(patience_s=0.1))
    receipts.wait([FIRST, ChangeKey("suppliers/2", 1)], receipts.patience_ends())
    with pytest.raises(ConcordError) as pending:
        receipts.wait([FIRST, ChangeKey("suppliers/2", 2)], receipts.patience_ends())
    assert pending.value.reason == reasons.ERROR_REASON_AUDIT_RECEIPT_PENDING
    assert pending.value.metadata == {"name": "suppliers/2", "revision": "2"}
    assert pending.value.retry_after is not None


def test_no_more_wait_than_may_so_that_others_find_a_thread(
    ledger: Ledger, database: Database, audit: AuditInMemory, news: News
) -> None:
    receipts = Receipts(database, news, ReceiptSettings(patience_s=60, waiters=1))
    ledger.write("suppliers/1")
    turned_away: list[ConcordError] = []

    def wait() -> None:
        try:
            receipts.wait([FIRST], receipts.patience_ends())
        except ConcordError as error:
            turned_away.append(error)

    waiters = [threading.Thread(target=wait) for _ in range(3)]
    for waiter in waiters:
        waiter.start()
    eventually(lambda: len(turned_away) == 2)
    publish_everything(database, audit)
    for waiter in waiters:
        waiter.join(60)
    assert {error.reason for error in turned_away} == {reasons.ERROR_REASON_AUDIT_RECEIPT_PENDING}
    assert len(turned_away) == 2
    receipts.wait([FIRST], time.monotonic())


def test_who_waits_is_told_when_the_process_stops(ledger: Ledger, database: Database) -> None:
    news = News(database)
    news.start()
    receipts = Receipts(database, news, ReceiptSettings(patience_s=60))
    ledger.write("suppliers/1")
    ended: list[ConcordError] = []

    def wait() -> None:
        try:
            receipts.wait([FIRST], receipts.patience_ends())
        except ConcordError as error:
            ended.append(error)

    waiter = threading.Thread(target=wait)
    waiter.start()
    news.stop()
    waiter.join(60)
    assert [error.reason for error in ended] == [reasons.ERROR_REASON_AUDIT_RECEIPT_PENDING]


def test_the_audit_is_behind_while_a_change_waits_for_longer_than_the_limit(
    ledger: Ledger, database: Database, news: News
) -> None:
    receipts = Receipts(database, news, ReceiptSettings(lag_limit_s=0.2))
    patient = Receipts(database, news, ReceiptSettings(lag_limit_s=600))
    assert not is_refused(receipts, database)
    ledger.write("suppliers/1")
    eventually(lambda: is_refused(receipts, database))
    assert not is_refused(patient, database)
    publish_everything(database, AuditInMemory())
    assert not is_refused(receipts, database)


def test_what_a_transaction_itself_changes_does_not_make_the_audit_behind(
    ledger: Ledger, database: Database, news: News
) -> None:
    receipts = Receipts(database, news, ReceiptSettings(lag_limit_s=0.000_001))
    with database.transaction() as connection:
        ledger.write_in(connection, "suppliers/1")
        receipts.require_current(connection)
    assert is_refused(receipts, database)


@pytest.mark.parametrize("wrong", [{"lag_limit_s": 0.0}, {"patience_s": -1.0}, {"waiters": 0}])
def test_limits_that_nothing_could_keep_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        ReceiptSettings(**wrong)  # type: ignore[arg-type]
