"""Appending: on disk, once, gapless, whoever appends at the same moment."""

import multiprocessing
import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import sqlalchemy
from psycopg.errors import CheckViolation

from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.domain.leaf import leaf_hash
from services.audit.domain.sequencing import Appended, LeafConflictError
from services.audit.storage.leaf_log import LeafLog
from services.mesh.errors import ConcordError
from services.mesh.postgres.database import Database, DatabaseSettings, driver
from tests.support.audit.checkpoints import recomputed
from tests.support.audit.leaves import history, incoming, leaf_bytes
from tests.support.audit.log_keys import SIGNER
from tests.support.database.databases import Databases, MigratedDatabase
from tests.support.waiting import eventually

RECORDS = 20
REVISIONS = 15


def append(log: LeafLog, data: Sequence[bytes]) -> Appended:
    return log.append([incoming(each) for each in data])


def held(database: Database) -> list[tuple[int, bytes]]:
    with database.reading() as connection:
        rows = driver(connection).execute("SELECT leaf_index, leaf FROM leaves ORDER BY leaf_index").fetchall()
    return [(index, bytes(data)) for index, data in rows]


def test_leaves_are_held_byte_for_byte_in_their_order(log: LeafLog, database: Database) -> None:
    data = history("suppliers/one", range(1, 6))
    receipts = append(log, data).receipts
    assert [receipt.leaf_index for receipt in receipts] == [0, 1, 2, 3, 4]
    assert [receipt.leaf_hash for receipt in receipts] == [leaf_hash(each) for each in data]
    assert held(database) == list(enumerate(data))


def test_a_repeat_gets_its_first_receipts_and_adds_nothing(log: LeafLog, database: Database) -> None:
    data = history("suppliers/one", range(1, 4))
    first = append(log, data)
    again = append(log, [*reversed(data), *history("suppliers/one", [4])])
    assert again.receipts[:3] == tuple(reversed(first.receipts))
    assert [leaf.key.revision for leaf, _ in again.fresh] == [4]
    assert len(held(database)) == 4


def test_other_bytes_for_a_held_key_append_nothing_of_the_request(log: LeafLog, database: Database) -> None:
    append(log, [leaf_bytes(revision=1)])
    with pytest.raises(LeafConflictError) as refused:
        append(log, [leaf_bytes(revision=2), leaf_bytes(revision=1, actor="somebody else")])
    assert refused.value.place == 1
    assert held(database) == [(0, leaf_bytes(revision=1))]
    assert append(log, [leaf_bytes(revision=2)]).receipts[0].leaf_index == 1


def test_the_same_record_of_two_services_is_two_leaves(log: LeafLog) -> None:
    receipts = append(log, [leaf_bytes(), leaf_bytes(source_service="erp_adapter")]).receipts
    assert [receipt.leaf_index for receipt in receipts] == [0, 1]


def test_requests_that_wait_together_are_committed_together_and_refused_apart(log: LeafLog, database: Database) -> None:
    append(log, [leaf_bytes(revision=1)])
    transactions = _transactions(database)
    with ThreadPoolExecutor(9) as threads, database.transaction() as blocker:
        # Somebody else sequences: the first request waits for the lock, the others behind it.
        driver(blocker).execute("SELECT pg_advisory_xact_lock(%b)", (0x434F4E43_00000101,))
        good = [threads.submit(append, log, [leaf_bytes("suppliers/0")])]
        eventually(lambda: log._led and not log._waiting)
        good += [threads.submit(append, log, [leaf_bytes(f"suppliers/{number}")]) for number in range(1, 8)]
        bad = threads.submit(append, log, [leaf_bytes("suppliers/bad"), leaf_bytes(actor="somebody else")])
        eventually(lambda: len(log._waiting) == 8)
        driver(blocker).rollback()
    assert sorted(each.result().receipts[0].leaf_index for each in good) == list(range(1, 9))
    assert isinstance(bad.exception(), LeafConflictError)
    assert _transactions(database) - transactions == 2
    assert len(held(database)) == 9


def _transactions(database: Database) -> int:
    """Count the transactions that appended."""
    with database.reading() as connection:
        row = driver(connection).execute("SELECT count(DISTINCT xmin::text) FROM leaves").fetchone()
    assert row is not None
    return int(row[0])


def test_one_request_that_the_database_refuses_does_not_take_the_others_with_it(
    log: LeafLog, database: Database
) -> None:
    poison = incoming(leaf_bytes("suppliers/poison"))._replace(leaf_hash=b"not its hash")
    with ThreadPoolExecutor(3) as threads, database.transaction() as blocker:
        driver(blocker).execute("SELECT pg_advisory_xact_lock(%b)", (0x434F4E43_00000101,))
        first = threads.submit(append, log, [leaf_bytes("suppliers/first")])
        eventually(lambda: log._led and not log._waiting)
        refused = threads.submit(log.append, [poison])
        good = threads.submit(append, log, [leaf_bytes("suppliers/good")])
        eventually(lambda: len(log._waiting) == 2)
        driver(blocker).rollback()
    assert isinstance(refused.exception(), CheckViolation)
    assert {first.result().receipts[0].leaf_index, good.result().receipts[0].leaf_index} == {0, 1}
    assert len(held(database)) == 2


def test_a_lost_database_is_told_and_the_request_may_be_repeated(
    log: LeafLog, database: Database, databases: Databases
) -> None:
    append(log, [leaf_bytes(revision=1)])
    with driver_of(databases) as administrator:
        administrator.exec_driver_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> user")
    with pytest.raises(ConcordError) as refused:
        append(log, [leaf_bytes(revision=2)])
    assert refused.value.reason == reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE
    assert append(log, [leaf_bytes(revision=2)]).receipts[0].leaf_index == 1
    assert len(held(database)) == 2


def driver_of(databases: Databases) -> sqlalchemy.Connection:
    return Database(DatabaseSettings(databases.server.url())).engine.connect()


def test_the_next_sequencer_waits_until_the_one_before_has_committed(
    log: LeafLog, database: Database, migrated: MigratedDatabase, databases: Databases
) -> None:
    append(log, [leaf_bytes("suppliers/before")])
    with migrated.opened() as another, ThreadPoolExecutor(2) as threads, _schema_owner(databases, database) as owner:
        # Whoever has read the log's head is held here, before its leaves get their places.
        owner.exec_driver_sql("LOCK TABLE public.leaves IN SHARE MODE")
        one = threads.submit(append, log, [leaf_bytes("suppliers/one")])
        eventually(lambda: _waiting(database) == 1)
        other = threads.submit(append, LeafLog(another, SIGNER), [leaf_bytes("suppliers/other")])
        eventually(lambda: _waiting(database) == 2)
        owner.rollback()
        receipts = [each.result().receipts[0] for each in (one, other)]
    assert [receipt.leaf_index for receipt in receipts] == [1, 2]


def _waiting(database: Database) -> int:
    """Count the database's sessions that wait for a lock."""
    with database.reading() as connection:
        row = (
            driver(connection)
            .execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()")
            .fetchone()
        )
    assert row is not None
    return int(row[0])


@contextmanager
def _schema_owner(databases: Databases, database: Database) -> Iterator[sqlalchemy.Connection]:
    """Enter the database as one who may lock its tables."""
    with database.reading() as connection:
        row = driver(connection).execute("SELECT current_database()").fetchone()
    assert row is not None
    owner = Database(DatabaseSettings(databases.server.url(row[0])))
    try:
        with owner.engine.connect() as entered:
            yield entered
    finally:
        owner.close()


def test_two_processes_and_their_threads_append_shuffled_repeats_without_loss_or_double(
    migrated: MigratedDatabase, database: Database
) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as processes:
        told = [processes.submit(_append_all_shuffled, migrated.service, seed) for seed in (1, 2)]
        receipts = [each.result() for each in told]
    leaves = held(database)
    assert [index for index, _ in leaves] == list(range(RECORDS * REVISIONS))
    assert {data for _, data in leaves} == set(_all_leaves())
    assert receipts[0] == receipts[1] == {data: index for index, data in leaves}
    assert recomputed(database) > 1


def _all_leaves() -> list[bytes]:
    return [leaf for number in range(RECORDS) for leaf in history(f"suppliers/{number}", range(1, REVISIONS + 1))]


def _append_all_shuffled(settings: DatabaseSettings, seed: int) -> dict[bytes, int]:
    """Append everything from four threads, each in an order and in batches of its own; every tenth batch twice."""
    database = Database(settings)
    log = LeafLog(database, SIGNER)
    told: dict[bytes, int] = {}
    agreed = threading.Lock()

    def work(own_seed: int) -> None:
        chance = random.Random(own_seed)  # noqa: S311 - shuffling, not a secret
        leaves = _all_leaves()
        chance.shuffle(leaves)
        while leaves:
            batch = [leaves.pop() for _ in range(min(len(leaves), chance.randint(1, 40)))]
            for _ in range(2 if chance.random() < 0.1 else 1):
                receipts = append(log, batch).receipts
                with agreed:
                    for data, receipt in zip(batch, receipts, strict=True):
                        assert told.setdefault(data, receipt.leaf_index) == receipt.leaf_index

    try:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(work, range(seed * 100, seed * 100 + 4)))
    finally:
        database.close()
    return told
