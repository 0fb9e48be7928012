"""Kills before and after each commit and each answer on a change's way to its evidence, and some at random."""

import os
import random
import signal
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import LiteralString

import psycopg
import pytest

from concord.mdm.v1 import supplier_pb2
from tests.support.processes.killing import Mesh, killed_at_random, running_mesh, runs
from tests.support.processes.write_load import ENTITY, Acknowledged, WriteLoad
from tests.support.waiting import eventually
from tools.postgres import PostgresServer

KILLS = 20
EVERYBODY = ("mdm", "audit", "relay")


@dataclass(frozen=True)
class Point:
    """A commit on the way, where it is held: in a database, at the table that is written; and who waits for it.

    Each has a lock of its own: a commit on its way to another point, such as a relay's, goes on meanwhile.
    """

    database: str
    table: LiteralString
    lock: LiteralString
    waiting: tuple[str, ...]

    def hold(self) -> LiteralString:
        """Return the SQL that lets a commit that wrote the table wait for whoever holds the lock of this number."""
        return f"""
            CREATE FUNCTION hold_{self.table}() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_advisory_xact_lock_shared({self.lock}); RETURN NULL; END';
            CREATE CONSTRAINT TRIGGER hold_{self.table} AFTER INSERT ON {self.table}
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold_{self.table}();
        """


WAITING = """
SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = database
WHERE datname = current_database() AND locktype = 'advisory' AND objid = %s::oid AND NOT granted
"""

POINTS = {
    "hub": Point("mdm", "changes", "41", ("mdm",)),
    "audit": Point("audit", "leaves", "42", ("audit",)),
    "relay": Point("mdm", "positions", "43", ("mdm", "relay")),
}


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """A mesh to be killed, each of whose commits can be held."""
    with running_mesh(tmp_path_factory.mktemp("kills")) as running:
        yield running


@pytest.fixture(scope="module")
def _commits_can_be_held(mesh: Mesh) -> None:
    for point in POINTS.values():
        with psycopg.connect(mesh.postgres.url(point.database)) as connection:
            connection.execute(point.hold())


@contextmanager
def held(postgres: PostgresServer, point: Point) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    """Hold the commits of a point; they go on when the block ends, or when PostgreSQL ends the holder."""
    with psycopg.connect(postgres.url(point.database), autocommit=True) as connection:
        connection.execute(f"SELECT pg_advisory_lock({point.lock})")
        try:
            yield connection
        finally:
            connection.close()


def created(mesh: Mesh, load: WriteLoad) -> Acknowledged:
    """Create a supplier, with the same request id until there is an answer."""
    content = supplier_pb2.Supplier(legal_name=f"Supplier {uuid.uuid4()}", entities=[ENTITY])
    asked = supplier_pb2.CreateSupplierRequest(supplier=content, request_id=str(uuid.uuid4()))
    answer = load.until_answered(lambda: mesh.clients[0].suppliers.CreateSupplier(asked, timeout=60))
    assert answer is not None
    assert load.wrong == []
    return Acknowledged(answer.supplier.name, answer.supplier.revision, content.legal_name, asked.request_id)


def require_whole(mesh: Mesh, written: Acknowledged) -> None:
    mesh.evidence.await_drained()
    mesh.evidence.require_whole()
    mesh.evidence.require_acknowledged(mesh.clients[0], [written])
    assert written.revision == 1


@pytest.mark.usefixtures("_commits_can_be_held")
@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS.keys())
def test_a_commit_that_is_killed_is_made_again_once(mesh: Mesh, point: Point) -> None:
    with ThreadPoolExecutor(1) as threads:
        with held(mesh.postgres, point) as holder:
            answer = threads.submit(created, mesh, WriteLoad())
            [(backend,)] = eventually(lambda: holder.execute(WAITING, (point.lock,)).fetchall())
            os.kill(int(str(backend)), signal.SIGKILL)
        require_whole(mesh, answer.result())


@pytest.mark.usefixtures("_commits_can_be_held")
@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS.keys())
def test_a_commit_that_nobody_heard_of_any_more_is_not_made_twice(mesh: Mesh, point: Point) -> None:
    with ThreadPoolExecutor(1) as threads:
        with held(mesh.postgres, point) as holder:
            answer = threads.submit(created, mesh, WriteLoad())
            [(backend,)] = eventually(lambda: holder.execute(WAITING, (point.lock,)).fetchall())
            mesh.kill_all(point.waiting)
        # What waited to commit does so now: who asked for it is gone.
        eventually(lambda: not runs(int(str(backend))))
        mesh.revive_all(point.waiting)
        require_whole(mesh, answer.result())


@pytest.mark.parametrize("who", EVERYBODY)
def test_what_was_answered_outlives_whoever_answered(mesh: Mesh, who: str) -> None:
    written = created(mesh, WriteLoad())
    mesh.kill_all([who])
    mesh.revive_all([who])
    require_whole(mesh, written)


def test_what_was_answered_outlives_the_backend_that_committed_it(mesh: Mesh) -> None:
    chance = random.Random(1)  # noqa: S311 - which backend
    written = created(mesh, WriteLoad())
    assert mesh.kill_backend(chance)
    require_whole(mesh, written)


def test_random_kills_under_load_lose_and_double_nothing(mesh: Mesh) -> None:
    figures = killed_at_random(mesh, KILLS, random.Random(7))  # noqa: S311 - which process
    assert figures.total == KILLS
    assert figures.checkpoints > 0
