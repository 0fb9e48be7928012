"""The audit as its operators run it: a process told by its environment."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from concord.audit.v1.audit_pb2 import AppendLeavesRequest, ListGapsRequest
from concord.audit.v1.audit_pb2_grpc import AuditServiceStub
from services.audit.storage.pruning import JOB
from services.development.issuer import DevelopmentIssuer
from services.mesh.postgres.elected import election
from tests.service.audit.conftest import APPEND, READ, Clients
from tests.support.audit.checkpoints import recomputed
from tests.support.audit.leaves import history, leaf_bytes
from tests.support.audit.log_keys import KEY, ORIGIN
from tests.support.database.databases import OWNER, SERVICE, Databases, MigratedDatabase

COMMAND = (sys.executable, "-m", "services.audit")
KILLS = 2
KILL_AFTER = 40  # answers


def environment(issuer: DevelopmentIssuer, url: str, **told: object) -> dict[str, str]:
    settings = {
        "CONCORD_AUDIT_DATABASE_URL": url,
        "CONCORD_AUDIT_AUTHENTICATION_ISSUER": issuer.issuer,
        "CONCORD_AUDIT_AUTHENTICATION_JWKS_FILE": issuer.jwks_file,
        "CONCORD_AUDIT_LOG_ORIGIN": ORIGIN,
        "CONCORD_AUDIT_LOG_KEY_FILE": key_file(issuer.jwks_file.parent),
        **told,
    }
    return clean_environment() | {name: str(value) for name, value in settings.items()}


def key_file(directory: Path) -> Path:
    path = directory / "log.keys"
    path.touch(mode=0o600)
    path.write_text(f"{KEY.written()}\n")
    return path


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("CONCORD_")}


def completed(env: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], env=env, capture_output=True, text=True, timeout=180, check=False)


@contextmanager
def running(env: Mapping[str, str], issuer: DevelopmentIssuer) -> Iterator[tuple["subprocess.Popen[bytes]", Clients]]:
    """Run the process; yield it and clients of it once it serves."""
    with subprocess.Popen(COMMAND, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            assert told["service"] == "audit"
            yield process, Clients(told["port"], issuer)
        finally:
            process.kill()


def test_help_names_every_variable() -> None:
    shown = completed(clean_environment(), "--help")
    assert shown.returncode == 0
    assert "CONCORD_AUDIT_DATABASE_URL" in shown.stdout
    assert "CONCORD_MIGRATION_SERVICE_ROLE" in shown.stdout


def test_every_mistake_in_the_configuration_is_told_at_once() -> None:
    refused = completed(clean_environment() | {"CONCORD_AUDIT_DATABASE_POOL_SIZE": "many"})
    assert refused.returncode == 2
    for variable in ("DATABASE_URL", "DATABASE_POOL_SIZE", "AUTHENTICATION_ISSUER", "LOG_ORIGIN", "LOG_KEY_FILE"):
        assert f"CONCORD_AUDIT_{variable}" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[str]:
    databases.server.create_database("audit_by_hand", owner=OWNER)
    try:
        yield "audit_by_hand"
    finally:
        databases.server.drop_database("audit_by_hand")


def test_an_empty_database_is_refused_until_it_is_migrated(
    databases: Databases, issuer: DevelopmentIssuer, empty_database: str
) -> None:
    server = databases.server
    serving = environment(
        issuer,
        server.network_url(empty_database, SERVICE),
        CONCORD_AUDIT_DATABASE_PASSWORD_FILE=server.password_file(SERVICE),
    )
    refused = completed(serving)
    assert (refused.returncode, "not started: the schema is not there" in refused.stderr) == (2, True)
    in_vain = completed(serving, "await-schema", "--timeout", "0.1")
    assert (in_vain.returncode, "not there: waited 0.1 s in vain: the schema" in in_vain.stderr) == (2, True)
    migrating = clean_environment() | {
        "CONCORD_MIGRATION_DATABASE_URL": server.network_url(empty_database, OWNER),
        "CONCORD_MIGRATION_DATABASE_PASSWORD_FILE": str(server.password_file(OWNER)),
        "CONCORD_MIGRATION_SERVICE_ROLE": SERVICE,
    }
    with subprocess.Popen([*COMMAND, "await-schema"], env=serving, stderr=subprocess.PIPE) as waiting:
        assert waiting.stderr is not None
        assert b"waiting: the schema is not there" in waiting.stderr.readline()
        for _ in range(2):
            assert completed(migrating, "migrate").returncode == 0
        assert waiting.wait(60) == 0
    with running(serving, issuer) as (process, clients):
        with clients.stub(clients.granted(APPEND)) as audit:
            assert audit.AppendLeaves(AppendLeavesRequest(leaves=[leaf_bytes()])).receipts[0].leaf_index == 0
        process.terminate()
        assert process.wait(60) == 0


def test_a_database_that_does_not_answer_is_told(databases: Databases, issuer: DevelopmentIssuer) -> None:
    refused = completed(environment(issuer, databases.server.url("nobody_made_this", SERVICE)))
    assert refused.returncode == 2
    assert "database does not answer" in refused.stderr


def test_a_run_of_retention_is_told_and_never_meets_another(
    migrated: MigratedDatabase, issuer: DevelopmentIssuer
) -> None:
    env = environment(issuer, migrated.service.url)
    done = completed(env, "retain", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"service": "audit", "pruned": 0, "rows": []})
    with migrated.opened() as database, election(database, JOB):
        refused = completed(env, "retain")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "not done: another process is elected for pruning" in refused.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="asked of Linux' scheduler")
@pytest.mark.parametrize("own_core", [False, True])
def test_none_of_its_threads_interrupts_one_that_wakes_it_where_it_has_a_core_to_itself(
    migrated: MigratedDatabase, issuer: DevelopmentIssuer, *, own_core: bool
) -> None:
    env = environment(issuer, migrated.service.url, CONCORD_AUDIT_SERVER_OWN_CORE=str(own_core).lower())
    with running(env, issuer) as (process, clients):
        with clients.stub(clients.granted(APPEND)) as audit:
            audit.AppendLeaves(AppendLeavesRequest(leaves=[leaf_bytes()]))
        threads = [int(task.name) for task in Path(f"/proc/{process.pid}/task").iterdir()]
        assert len(threads) > 1
        policies = {os.sched_getscheduler(thread) for thread in threads}
        assert policies == {os.SCHED_BATCH if own_core else os.SCHED_OTHER}


def test_a_killed_process_kept_every_leaf_it_gave_a_receipt_for(
    migrated: MigratedDatabase, issuer: DevelopmentIssuer
) -> None:
    env = environment(issuer, migrated.service.url, CONCORD_AUDIT_TELEMETRY_ACCESS_LOG="false")
    receipted: dict[bytes, int] = {}
    for number in range(KILLS):
        with running(env, issuer) as (process, clients), clients.stub(clients.granted(APPEND)) as audit:
            writers = [
                threading.Thread(target=_append_until_it_dies, args=(audit, f"items/{number}-{w}", receipted, process))
                for w in range(4)
            ]
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join()
    with running(env, issuer) as (_, clients), clients.stub(clients.granted(APPEND, READ)) as audit:
        assert len(receipted) >= KILLS * KILL_AFTER
        leaves = list(receipted)
        again = audit.AppendLeaves(AppendLeavesRequest(leaves=leaves)).receipts
        assert [receipt.leaf_index for receipt in again] == list(receipted.values())
        assert len(set(receipted.values())) == len(receipted)
        assert not audit.ListGaps(ListGapsRequest()).gaps
    with migrated.opened() as database:
        assert recomputed(database) > KILLS


def _append_until_it_dies(
    audit: AuditServiceStub, record: str, receipted: dict[bytes, int], process: "subprocess.Popen[bytes]"
) -> None:
    """Append revision after revision; kill the process in the middle of everything."""
    for answers, leaf in enumerate(history(record, range(1, 10_000))):
        if answers == KILL_AFTER:
            process.kill()
        try:
            answer = audit.AppendLeaves(AppendLeavesRequest(leaves=[leaf]), timeout=60)
        except grpc.RpcError:
            return
        receipted[leaf] = answer.receipts[0].leaf_index
