"""Of all replicas one works, and when it goes another goes on."""

import threading
from collections.abc import Iterator

import pytest

from services.mesh.postgres.database import Database, driver
from services.mesh.postgres.elected import Elected
from tests.support.database.record_service import Ledger
from tests.support.waiting import eventually


class Work:
    """Counts what each worker did."""

    def __init__(self) -> None:
        self.done: dict[str, int] = {}
        self.failing = threading.Event()

    def of(self, worker: str) -> bool:
        if self.failing.is_set():
            self.failing.clear()
            raise RuntimeError("a piece that fails")
        self.done[worker] = self.done.get(worker, 0) + 1
        return False


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def workers(ledger: Ledger, work: Work) -> Iterator[dict[str, Elected]]:
    made = {name: elected(ledger.database, work, name) for name in ("one", "other")}
    yield made
    for each in made.values():
        each.stop()


def elected(database: Database, work: Work, name: str) -> Elected:
    return Elected(database, "a job", lambda: work.of(name), idle_pause_s=0.005)


def test_one_works_at_a_time_and_its_successor_goes_on(work: Work, workers: dict[str, Elected]) -> None:
    workers["one"].start()
    eventually(lambda: work.done.get("one", 0) > 1)
    workers["other"].start()
    before = work.done["one"]
    eventually(lambda: work.done["one"] > before + 5)
    assert "other" not in work.done
    workers["one"].stop()
    after = work.done["one"]
    eventually(lambda: work.done.get("other", 0) > 1)
    assert work.done["one"] == after


def test_a_piece_that_fails_is_done_again(work: Work, workers: dict[str, Elected]) -> None:
    workers["one"].start()
    eventually(lambda: work.done.get("one", 0) > 0)
    work.failing.set()
    eventually(lambda: not work.failing.is_set())
    before = work.done["one"]
    eventually(lambda: work.done["one"] > before)


def test_who_loses_the_connection_loses_the_election(ledger: Ledger, work: Work, workers: dict[str, Elected]) -> None:
    workers["one"].start()
    eventually(workers["one"].elected)
    workers["other"].start()
    before = holder(ledger.database)
    with ledger.database.reading() as connection:
        driver(connection).execute("SELECT pg_terminate_backend(%s)", (before,))

    # Who goes on without its connection never notices: then both are elected.
    eventually(lambda: holder(ledger.database) not in {None, before} and one_is_elected(workers))
    done = dict(work.done)
    eventually(lambda: sum(work.done.values()) > sum(done.values()) + 5)
    assert len([name for name in work.done if work.done[name] > done.get(name, 0)]) == 1


def holder(database: Database) -> int | None:
    """Return the process of the server that holds the job's lock."""
    held = """
    SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND a.application_name = 'service a job'
    AND a.datname = current_database()
    """
    with database.reading() as connection:
        row = driver(connection).execute(held).fetchone()
    return row[0] if row else None


def one_is_elected(workers: dict[str, Elected]) -> bool:
    return sum(each.elected() for each in workers.values()) == 1
