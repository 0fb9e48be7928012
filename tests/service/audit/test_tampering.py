"""Nine ways to falsify the evidence, by somebody who holds the database and the log's key: each found, and named.

They disable what the database refuses, change what they want, and have the log build and sign its tree anew: every
proof that the log then gives holds. What they can't have is the witness's word for it, and the services' receipts.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clients.verifier.verdict import Falsehood, Verdict
from services.audit.app import started_witnessing
from services.audit.domain.leaf import leaf_hash
from services.audit.storage.leaf_log import LeafLog
from services.mesh.postgres.database import Database, DatabaseSettings, driver
from tests.service.audit.auditing import Auditor, Service
from tests.service.audit.conftest import Clients
from tests.support.audit import witnesses
from tests.support.audit.leaves import history, incoming, leaf_bytes
from tests.support.audit.log_keys import SIGNER
from tests.support.database.databases import Databases
from tests.support.waiting import eventually

FIRST, SECOND = history("suppliers/one", range(1, 7)), history("suppliers/two", range(1, 5))
SIZE = len(FIRST) + len(SECOND)
QUESTION = 1
"""The auditor's first export is a leaf, too."""

_ALL_COSIGNED = "SELECT (SELECT max(tree_size) FROM cosignatures) = (SELECT count(*) FROM leaves)"


class Forger:
    """Holds the database as its administrator, and the log's signing key."""

    def __init__(self, databases: Databases, name: str, database: Database) -> None:
        self._administrator = Database(DatabaseSettings(databases.server.url(name)))
        self._database = database
        self._log = LeafLog(database, SIGNER)

    def change(self, *statements: str) -> None:
        """Change what the database protects, with its protection switched off, and have everything signed anew.

        It waits for the witness first: a cosignature under way would end in the log that comes after.
        """
        eventually(lambda: rows(self._database, _ALL_COSIGNED) == [(True,)])
        with self._administrator.transaction() as connection:
            execute = driver(connection).execute
            execute("SET session_replication_role = replica")
            execute("ALTER TABLE leaves DROP CONSTRAINT IF EXISTS leaves_leaf_hash_check")
            for statement in (*statements, "DELETE FROM tiles", "DELETE FROM checkpoints", "DELETE FROM cosignatures"):
                execute(statement.encode())
        self._log.catch_up()

    def append(self, leaf: bytes) -> None:
        """Append a leaf that no service ever sent."""
        self._log.append([incoming(leaf)])

    def close(self) -> None:
        self._administrator.close()


@pytest.fixture
def auditor(clients: Clients, tmp_path: Path) -> Auditor:
    return Auditor(tmp_path, Service(clients))


@pytest.fixture
def cosigned(database: Database, tmp_path: Path) -> Iterator[Callable[[int], None]]:
    """Have the log witnessed; yield what waits until a size is cosigned."""
    with witnesses.witness(tmp_path) as witness:
        stop = started_witnessing(database, witnesses.settings(tmp_path, witness.port, pause_s=0.05))

        def wait(size: int) -> None:
            eventually(lambda: rows(database, "SELECT max(tree_size) FROM cosignatures") == [(size,)])

        yield wait
        stop()


def rows(database: Database, statement: str) -> list[tuple[object, ...]]:
    with database.reading() as connection:
        return driver(connection).execute(statement.encode()).fetchall()


@pytest.fixture
def forger(
    databases: Databases,
    database: Database,
    auditor: Auditor,
    cosigned: Callable[[int], None],
) -> Iterator[Forger]:
    """Come to a log of ten leaves that is witnessed and holds."""
    auditor.service.record(FIRST)
    cosigned(len(FIRST))
    auditor.service.record(SECOND)
    cosigned(SIZE)
    assert auditor.verdict(auditor.exported(auditor.service.clients)).holds
    cosigned(SIZE + QUESTION)
    forger = Forger(databases, str(rows(database, "SELECT current_database()")[0][0]), database)
    yield forger
    forger.close()


def found(auditor: Auditor, **more: object) -> Verdict:
    """Check what the log hands out now."""
    verdict = auditor.verdict(auditor.exported(auditor.service.clients), **more)
    assert not verdict.holds
    return verdict


def kinds(verdict: Verdict) -> list[tuple[Falsehood, int | None]]:
    return [(finding.falsehood, finding.index) for finding in verdict.findings]


def as_bytes(data: bytes) -> str:
    return f"'\\x{data.hex()}'::bytea"


def shifted(behind: int, by: int) -> list[str]:
    """Return the statements that move all leaves behind a place."""
    away = f"UPDATE leaves SET leaf_index = leaf_index + 1000 WHERE leaf_index > {behind}"  # noqa: S608 - the forger's own
    return [away, f"UPDATE leaves SET leaf_index = leaf_index - 1000 + {by} WHERE leaf_index > 1000"]  # noqa: S608


def replaced(index: int, leaf: bytes) -> str:
    """Return the statement that puts other bytes in the place of a leaf's, with the hash that belongs to them."""
    values = f"leaf = {as_bytes(leaf)}, leaf_hash = {as_bytes(leaf_hash(leaf))}"
    return f"UPDATE leaves SET {values} WHERE leaf_index = {index}"  # noqa: S608 - the forger's own


def test_an_edited_leaf_is_named(forger: Forger, auditor: Auditor) -> None:
    forger.change(replaced(2, leaf_bytes("suppliers/one", 3, actor="somebody else")))
    assert kinds(found(auditor)) == [(Falsehood.EDITED_LEAF, 2), (Falsehood.UNWITNESSED_CHECKPOINT, None)]
    assert found(auditor).sentence.startswith(
        "Refuted: edited leaf 2: suppliers/one revision 3 of mdm was receipted with"
    )


def test_a_truncated_leaf_is_named(forger: Forger, auditor: Auditor) -> None:
    forger.change(replaced(2, FIRST[2][:-7]))
    assert kinds(found(auditor))[0] == (Falsehood.TRUNCATED_LEAF, 2)
    assert (Falsehood.UNWITNESSED_CHECKPOINT, None) in kinds(found(auditor))


def test_a_deleted_leaf_is_named(forger: Forger, auditor: Auditor) -> None:
    forger.change("DELETE FROM leaves WHERE leaf_index = 2", *shifted(behind=2, by=-1))
    verdict = found(auditor)
    assert (Falsehood.DELETED_LEAF, 2) in kinds(verdict)
    assert (Falsehood.UNWITNESSED_CHECKPOINT, None) in kinds(verdict)


def test_an_inserted_leaf_is_named(forger: Forger, auditor: Auditor) -> None:
    other = leaf_bytes("suppliers/three")
    copied = "source_service, 'suppliers/three', 1, record_type, actor, entities, occurred_at"
    forger.change(
        *shifted(behind=2, by=1),
        f"INSERT INTO leaves SELECT 3, {copied}, {as_bytes(other)}, {as_bytes(leaf_hash(other))}, received_at "  # noqa: S608
        "FROM leaves WHERE leaf_index = 0",
    )
    assert kinds(found(auditor)) == [(Falsehood.INSERTED_LEAF, 3), (Falsehood.UNWITNESSED_CHECKPOINT, None)]


def test_reordered_leaves_are_named(forger: Forger, auditor: Auditor) -> None:
    forger.change(
        "UPDATE leaves SET leaf_index = 1009 - leaf_index WHERE leaf_index IN (1, 8)",
        "UPDATE leaves SET leaf_index = leaf_index - 1000 WHERE leaf_index > 1000",
    )
    verdict = found(auditor)
    assert (Falsehood.REORDERED_LEAVES, 1) in kinds(verdict)
    assert (Falsehood.UNWITNESSED_CHECKPOINT, None) in kinds(verdict)


def test_a_rewritten_history_is_named_without_any_receipt(forger: Forger, auditor: Auditor) -> None:
    kept = auditor.checkpoint(auditor.exported(auditor.service.clients, tree_size=len(FIRST)))
    forger.change(*(replaced(index, leaf_bytes("suppliers/one", index + 1, actor="x")) for index in range(6)))
    verdict = found(auditor, earlier=kept, receipts=None)
    assert kinds(verdict) == [(Falsehood.REWRITTEN_HISTORY, None), (Falsehood.UNWITNESSED_CHECKPOINT, None)]


def test_a_forked_view_is_named_without_any_receipt(forger: Forger, auditor: Auditor) -> None:
    shown_to_others = auditor.checkpoint(auditor.exported(auditor.service.clients))
    forged = replaced(SIZE - 1, leaf_bytes("suppliers/two", 4, actor="somebody else"))
    forger.change(forged, f"DELETE FROM leaves WHERE leaf_index = {SIZE + QUESTION}")  # noqa: S608 - the forger's own
    verdict = found(auditor, earlier=shown_to_others, receipts=None)
    assert kinds(verdict) == [(Falsehood.FORKED_VIEW, None), (Falsehood.UNWITNESSED_CHECKPOINT, None)]


@pytest.mark.usefixtures("forger")
def test_a_replayed_old_checkpoint_is_named_though_its_witness_cosigned_it(auditor: Auditor) -> None:
    newest = auditor.checkpoint(auditor.exported(auditor.service.clients))
    replayed = auditor.exported(auditor.service.clients, tree_size=len(FIRST))
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    by_receipts = auditor.verdict(replayed, asked_at=in_an_hour)
    assert kinds(by_receipts) == [(Falsehood.REPLAYED_CHECKPOINT, len(FIRST))]
    assert by_receipts.cosignatures
    assert kinds(auditor.verdict(replayed, receipts=None, earlier=newest)) == [(Falsehood.REPLAYED_CHECKPOINT, None)]


def test_a_forged_append_is_named_though_the_witness_cosigned_it(
    forger: Forger, auditor: Auditor, cosigned: Callable[[int], None]
) -> None:
    forger.append(leaf_bytes("suppliers/two", 5))
    cosigned(SIZE + QUESTION + 1)
    assert kinds(found(auditor)) == [(Falsehood.FORGED_APPEND, SIZE + QUESTION)]
