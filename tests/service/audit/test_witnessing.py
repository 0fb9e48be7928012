"""The log and its witness: cosigned soon, served without, refused when behind or beside what was cosigned."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.app import started_witnessing
from services.audit.storage import MIGRATIONS
from services.audit.storage.leaf_log import LeafLog
from services.development.issuer import DevelopmentIssuer
from services.mesh.configuration import ConfigurationError
from services.mesh.errors import ConcordError
from services.mesh.postgres.database import Database, driver
from tests.service.audit.test_process import completed, environment
from tests.support.audit import witnesses
from tests.support.audit.leaves import history, incoming
from tests.support.audit.log_keys import SIGNER
from tests.support.database.databases import SERVICE, Databases
from tests.support.waiting import eventually
from tools.postgres import free_port


@contextmanager
def logged(databases: Databases, *batches: list[bytes]) -> Iterator[Database]:
    """Make a log with a checkpoint behind each batch: what a backup of such a log is, restored."""
    with databases.cloned(MIGRATIONS) as migrated, migrated.opened() as database:
        log = LeafLog(database, SIGNER)
        log.catch_up()
        for batch in batches:
            log.append([incoming(leaf) for leaf in batch])
        yield database


def cosigned(database: Database) -> list[int]:
    with database.reading() as connection:
        rows = driver(connection).execute("SELECT tree_size FROM cosignatures ORDER BY 1").fetchall()
    return [size for (size,) in rows]


FIRST, SECOND, OTHER = (history(name, range(1, 4)) for name in ("suppliers/one", "suppliers/two", "suppliers/x"))


def test_the_newest_checkpoint_is_cosigned_at_the_start_and_soon_after_each_commit(
    databases: Databases, tmp_path: Path
) -> None:
    with logged(databases, FIRST) as database, witnesses.witness(tmp_path) as witness:
        stop = started_witnessing(database, witnesses.settings(tmp_path, witness.port, pause_s=0.05))
        assert cosigned(database) == [3]
        LeafLog(database, SIGNER).append([incoming(leaf) for leaf in SECOND])
        eventually(lambda: cosigned(database) == [3, 6])
        stop()


def test_a_log_without_its_witness_is_served_and_cosigned_once_it_is_back(databases: Databases, tmp_path: Path) -> None:
    with logged(databases, FIRST) as database:
        port = free_port()
        stop = started_witnessing(database, witnesses.settings(tmp_path, port, pause_s=0.05))
        assert cosigned(database) == []
        with witnesses.witness(tmp_path, port=port):
            eventually(lambda: cosigned(database) == [3])
        stop()


def refused(database: Database, tmp_path: Path, port: int) -> ConcordError:
    with pytest.raises(ConcordError) as told:
        started_witnessing(database, witnesses.settings(tmp_path, port))
    assert told.value.reason == reasons.ERROR_REASON_LOG_CONTRADICTS_WITNESS
    return told.value


def test_a_restored_backup_that_is_behind_its_own_witness_is_not_served(databases: Databases, tmp_path: Path) -> None:
    with witnesses.witness(tmp_path) as witness:
        with logged(databases, FIRST, SECOND) as database:
            started_witnessing(database, witnesses.settings(tmp_path, witness.port))()
        with logged(databases, FIRST) as restored:
            error = refused(restored, tmp_path, witness.port)
        with logged(databases) as emptied:
            refused(emptied, tmp_path, witness.port)
    assert error.metadata == {"witness": "witness.example.org", "tree_size": "3", "witnessed_tree_size": "6"}
    assert "the log is shorter than what was cosigned" in error.message


def test_another_history_than_was_cosigned_is_not_served(databases: Databases, tmp_path: Path) -> None:
    with witnesses.witness(tmp_path) as witness:
        with logged(databases, FIRST) as database:
            started_witnessing(database, witnesses.settings(tmp_path, witness.port))()
        with logged(databases, OTHER, SECOND) as rewritten:
            refused(rewritten, tmp_path, witness.port)
        with logged(databases, OTHER) as forked:
            refused(forked, tmp_path, witness.port)


def test_a_witness_that_forgot_is_begun_anew(databases: Databases, tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    with logged(databases, FIRST) as database:
        with witnesses.witness(tmp_path / "before") as witness:
            started_witnessing(database, witnesses.settings(tmp_path, witness.port))()
        LeafLog(database, SIGNER).append([incoming(leaf) for leaf in SECOND])
        with witnesses.witness(tmp_path) as forgetful:
            started_witnessing(database, witnesses.settings(tmp_path, forgetful.port))()
        assert cosigned(database) == [3, 6]


def test_a_key_that_is_no_witness_key_is_told(databases: Databases, tmp_path: Path) -> None:
    settings = witnesses.settings(tmp_path, 1)
    settings.key_file.write_text(str(SIGNER.verifiers[0]))
    with logged(databases) as database, pytest.raises(ConfigurationError, match="of type 04"):
        started_witnessing(database, settings)


def test_the_process_that_finds_itself_behind_its_witness_says_so_and_ends(
    databases: Databases, issuer: DevelopmentIssuer, tmp_path: Path
) -> None:
    with witnesses.witness(tmp_path) as witness:
        with logged(databases, FIRST) as database:
            started_witnessing(database, witnesses.settings(tmp_path, witness.port))()
        with logged(databases) as restored:
            with restored.reading() as connection:
                name = driver(connection).execute("SELECT current_database()").fetchone()
            assert name is not None
            url = databases.server.url(name[0], SERVICE)
            told = {
                "CONCORD_AUDIT_WITNESS_URL": f"http://127.0.0.1:{witness.port}",
                "CONCORD_AUDIT_WITNESS_KEY_FILE": tmp_path / "witness.vkey",
            }
            done = completed(environment(issuer, url, **told))
    assert done.returncode == 2
    assert "not started: the log has 0 leaves and contradicts what witness.example.org cosigned at 3" in done.stderr
