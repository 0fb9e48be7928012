"""The same file of source records, submitted by two processes at once to two replicas of the hub."""

import sys
from pathlib import Path

from tests.storage.mdm.test_concurrency import catalogue, links
from tests.support.database.databases import Databases
from tests.support.hub.served import EVERYTHING, ServedHub, served
from tests.support.hub.stored import TestHub, test_hub
from tests.support.processes.submitter import write_records
from tools.guarded_process import GuardedProcess

_LONGEST_S = 180.0


def submitting(replica: ServedHub, records: Path, directory: Path) -> GuardedProcess:
    token = replica.issuer.issue("submitter", client="tests", permissions=EVERYTHING, entities=["*"])
    token_file = replica.issuer.write_token(directory / f"{replica.port}.token", token)
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "tests.support.processes.submitter",
        f"127.0.0.1:{replica.port}",
        token_file,
        records,
    ]
    return GuardedProcess.start(command, log=directory / f"{replica.port}.log")


def values(hub: TestHub) -> set[tuple[object, ...]]:
    """Every value of every golden record, by the smallest key that belongs to it."""
    statement = """
        SELECT (SELECT min(system || ' ' || key) FROM crosswalk WHERE golden = record), path, value
        FROM record_index WHERE to_revision IS NULL AND record_type = 'supplier'
    """
    return set(hub.rows(statement))


def test_two_processes_make_the_same_golden_records_as_one(databases: Databases, tmp_path: Path) -> None:
    records = tmp_path / "records"
    write_records(records, catalogue())
    with test_hub(databases) as alone, served(alone, tmp_path / "alone") as replica:
        with submitting(replica, records, tmp_path) as only:
            assert only.wait(_LONGEST_S) == 0
        expected = links(alone), values(alone)
    with (
        test_hub(databases) as shared,
        served(shared, tmp_path / "shared") as first,
        served(shared, tmp_path / "shared") as second,
        submitting(first, records, tmp_path) as one,
        submitting(second, records, tmp_path) as other,
    ):
        assert (one.wait(_LONGEST_S), other.wait(_LONGEST_S)) == (0, 0)
        assert (links(shared), values(shared)) == expected
        twice = "SELECT system, key FROM crosswalk GROUP BY 1, 2 HAVING count(DISTINCT golden) > 1"
        assert shared.rows(twice) == []
