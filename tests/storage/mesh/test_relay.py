"""The relay: nothing published before its receipt, nothing lost, one relay at a time."""

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing

import pytest

from concord.audit.v1.audit_pb2 import Receipt
from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.postgres.database import Database, driver
from services.mesh.records import positions
from services.mesh.records.relay import WAITING, Relay
from services.mesh.records.spool import SpoolGuard, backlog
from tests.support.database.databases import MigratedDatabase
from tests.support.database.record_service import AuditInMemory, Ledger, publish_everything, relaying
from tests.support.waiting import eventually


def published(database: Database) -> list[tuple[str, int]]:
    statement = "SELECT record, revision FROM positions JOIN changes USING (seq) ORDER BY position"
    with database.reading() as connection:
        return [(record, revision) for record, revision in driver(connection).execute(statement)]


def newest(database: Database) -> int:
    with database.reading() as connection:
        return positions.newest(connection)


def test_positions_are_gapless_and_continue_after_a_restart(ledger: Ledger, database: Database) -> None:
    for restart in range(3):
        ledger.write("suppliers/1", "suppliers/2")
        publish_everything(database, AuditInMemory())
        assert newest(database) == 2 * (restart + 1)
    with database.reading() as connection:
        found = driver(connection).execute("SELECT position, transaction_end FROM positions ORDER BY 1").fetchall()
    assert found == [(1, 2), (2, 2), (3, 4), (4, 4), (5, 6), (6, 6)]


def test_the_frozen_leaf_is_what_the_audit_gets(ledger: Ledger, database: Database, audit: AuditInMemory) -> None:
    ledger.write("suppliers/1", "suppliers/2")
    publish_everything(database, audit)
    statement = "SELECT leaf, leaf_index FROM changes JOIN positions USING (seq) ORDER BY position"
    with database.reading() as connection:
        assert driver(connection).execute(statement).fetchall() == [(leaf, i) for i, leaf in enumerate(audit.leaves)]


def test_nothing_is_published_while_the_audit_is_down(ledger: Ledger, database: Database, audit: AuditInMemory) -> None:
    audit.up.clear()
    refusals = threading.Semaphore(0)

    def refuse(leaves: object) -> list[Receipt]:
        refusals.release()
        raise ConcordError(reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE, f"no {type(leaves).__name__} today")

    relay = Relay(database, refuse)
    relay.start()
    ledger.write("suppliers/1")
    assert refusals.acquire(timeout=60)
    assert refusals.acquire(timeout=60)
    assert (newest(database), relay.backlog()) == (0, 1)
    relay.stop()
    publish_everything(database, AuditInMemory())
    assert newest(database) == 1


@pytest.mark.parametrize("answer", [lambda receipts: receipts[:0], lambda receipts: [*receipts, receipts[0]], reversed])
def test_receipts_that_are_not_one_of_each_leaf_publish_nothing(
    ledger: Ledger, database: Database, audit: AuditInMemory, answer: Callable[[list[Receipt]], Iterable[Receipt]]
) -> None:
    asked = threading.Semaphore(0)

    def mistaken(leaves: Sequence[bytes]) -> list[Receipt]:
        asked.release()
        return list(answer(audit.append(leaves)))

    ledger.write("suppliers/1", "suppliers/2")
    relay = Relay(database, mistaken)
    relay.start()
    assert asked.acquire(timeout=60)
    assert asked.acquire(timeout=60)
    relay.stop()
    assert newest(database) == 0


def test_a_batch_is_bounded_and_never_splits_a_transaction(
    ledger: Ledger, database: Database, audit: AuditInMemory
) -> None:
    for number in range(6):
        ledger.write(*(f"suppliers/{number}-{each}" for each in range(4)))
    relay = Relay(database, audit.append, largest_batch=10)
    relay.start()
    eventually(lambda: relay.backlog() == 0)
    relay.stop()
    assert audit.calls == [8, 8, 8]


def test_a_transaction_larger_than_a_batch_is_published_whole(
    ledger: Ledger, database: Database, audit: AuditInMemory
) -> None:
    ledger.write(*(f"suppliers/{each}" for each in range(30)))
    ledger.write("suppliers/x")
    relay = Relay(database, audit.append, largest_batch=10)
    relay.start()
    eventually(lambda: relay.backlog() == 0)
    relay.stop()
    assert audit.calls == [30, 1]


def test_the_standby_takes_over_when_the_elected_relay_goes(
    ledger: Ledger, database: Database, audit: AuditInMemory
) -> None:
    first, second = Relay(database, audit.append), Relay(database, audit.append)
    first.start()
    eventually(first.elected)
    second.start()
    ledger.write("suppliers/1")
    eventually(lambda: newest(database) == 1)
    assert not second.elected()
    first.stop()
    eventually(second.elected)
    ledger.write("suppliers/1")
    eventually(lambda: newest(database) == 2)
    second.stop()


def test_a_relay_whose_connection_is_killed_goes_on(
    ledger: Ledger, database: Database, audit: AuditInMemory, migrated: MigratedDatabase
) -> None:
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'service relay'"
    with relaying(database, audit) as relay, migrated.opened() as killers:
        for number in range(20):
            ledger.write(f"suppliers/{number}", "suppliers/x")
            eventually(relay.elected)
            with closing(killers.connect("killer")) as connection:
                connection.execute(kill)
        eventually(lambda: relay.backlog() == 0)
    assert newest(database) == 40
    assert len(audit.leaves) == 40


def test_a_relay_that_froze_loses_the_election_and_publishes_nothing_more(
    ledger: Ledger, database: Database, audit: AuditInMemory
) -> None:
    asked, thaw = threading.Event(), threading.Event()

    def freeze(leaves: Sequence[bytes]) -> list[Receipt]:
        asked.set()
        thaw.wait(60)
        return audit.append(leaves)

    frozen = Relay(database, freeze, stuck_after_s=0.2)
    frozen.start()
    ledger.write("suppliers/1", "suppliers/2")
    assert asked.wait(60)
    with relaying(database, audit) as second:
        eventually(lambda: second.backlog() == 0)
        thaw.set()
        eventually(lambda: not frozen.elected())
        frozen.stop()
    assert published(database) == [("suppliers/1", 1), ("suppliers/2", 1)]
    assert len(audit.leaves) == 2


def test_a_receipt_that_was_lost_is_asked_for_again_and_the_leaf_is_there_once(
    ledger: Ledger, database: Database, audit: AuditInMemory
) -> None:
    failures = iter([True, True, False])

    def lose_the_answer(leaves: Sequence[bytes]) -> list[Receipt]:
        receipts = audit.append(leaves)
        if next(failures, False):
            raise ConcordError(reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE, "the answer got lost")
        return receipts

    ledger.write("suppliers/1")
    relay = Relay(database, lose_the_answer)
    relay.start()
    eventually(lambda: newest(database) == 1)
    relay.stop()
    assert (len(audit.leaves), len(audit.calls)) == (1, 3)


def test_the_backlog_counts_up_to_what_is_asked(ledger: Ledger, database: Database) -> None:
    ledger.write("suppliers/1", "suppliers/2", "suppliers/3")
    with database.reading() as connection:
        assert (backlog(connection), backlog(connection, at_most=2)) == (3, 2)


def test_mutations_are_refused_beyond_the_limit_and_accepted_again(
    ledger: Ledger, database: Database, audit: AuditInMemory
) -> None:
    guard = SpoolGuard(database, limit=2)
    ledger.write("suppliers/1", "suppliers/2")
    guard.check()
    ledger.write("suppliers/3")
    error = eventually(lambda: _refusal(guard))
    assert error is not None
    assert error.reason == reasons.ERROR_REASON_SPOOL_FULL
    assert error.retry_after is not None
    publish_everything(database, audit)
    eventually(lambda: _refusal(guard) is None)


def _refusal(guard: SpoolGuard) -> ConcordError | None:
    try:
        guard.check()
    except ConcordError as error:
        return error
    return None


def test_looking_for_what_waits_never_reads_all_changes(
    ledger: Ledger, database: Database, audit: AuditInMemory, migrated: MigratedDatabase
) -> None:
    for number in range(100):
        ledger.write(*(f"suppliers/{number}-{place}" for place in range(10)))
    publish_everything(database, audit)
    with migrated.opened_by_owner() as owner, owner.transaction() as connection:
        driver(connection).execute("ANALYZE changes, spool")
    with closing(database.connect("test")) as raw:
        plan = "\n".join(line for (line,) in raw.execute(f"EXPLAIN {WAITING}", (5000,)))
    assert "on changes" in plan
    assert "Seq Scan on changes" not in plan
