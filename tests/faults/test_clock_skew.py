"""The clocks of services are hours off their database's: times are the database's, and nothing is lost or doubled."""

import shutil
import subprocess
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from services.mesh.calling.client import FixedToken, open_channel
from tests.support.hub.served import EVERYTHING, Client
from tests.support.mesh.whole_evidence import Evidence
from tests.support.processes.write_load import WriteLoad, decide, register, tell, under_load
from tests.support.waiting import eventually
from tools.mesh import AUDIT, MDM, LocalMesh
from tools.postgres import PostgresServer

SKEW_S = 3 * 3600
WRITES = 60

# What comes before the C library in PostgreSQL. Its clock is the wrong one, and not the services', since gRPC waits
# until times that it takes from its clock and that the kernel compares with its own.
CLOCK = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long skew(void) {
    const char *told = getenv("SKEW_S");
    return told ? atol(told) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *told) {
    int status = syscall(SYS_clock_gettime, clock, told);
    if (status == 0 && clock == CLOCK_REALTIME)
        told->tv_sec += skew();
    return status;
}

int gettimeofday(struct timeval *told, void *zone) {
    int status = syscall(SYS_gettimeofday, told, zone);
    if (status == 0)
        told->tv_sec += skew();
    return status;
}
"""
_TIMES = """
SELECT extract(epoch FROM max(occurred_at))::float FROM changes
UNION ALL SELECT extract(epoch FROM max(published_at))::float FROM positions
"""
_RECEIVED = "SELECT extract(epoch FROM max(received_at))::float FROM leaves"
_SIGNED = "SELECT extract(epoch FROM max(signed_at))::float FROM checkpoints"
_BACKWARDS = """
SELECT count(*) FROM (SELECT published_at < lag(published_at) OVER (ORDER BY position) AS back FROM positions) AS p
WHERE back
"""


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that gives processes a wrong time."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("a clock that is wrong has to be compiled, and there is no C compiler")
    directory = tmp_path_factory.mktemp("clock")
    source, library = directory / "clock.c", directory / "clock.so"
    source.write_text(CLOCK)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return library


@pytest.mark.parametrize("skew_s", [SKEW_S, -SKEW_S])
def test_services_whose_clocks_are_hours_off_keep_every_promise(
    tmp_path: Path, clock: Path, skew_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        with monkeypatch.context() as environment:
            environment.setenv("LD_PRELOAD", str(clock))
            environment.setenv("SKEW_S", str(skew_s))
            postgres = stack.enter_context(PostgresServer.start(tmp_path / "postgres"))
        mesh = stack.enter_context(LocalMesh(tmp_path / "mesh", postgres))
        mesh.start(AUDIT)
        target = mesh.start(MDM).target
        token = FixedToken(mesh.token("tester", EVERYTHING))
        client = Client(stack.enter_context(open_channel(target, token=token)))
        register(client)
        load = WriteLoad()
        with under_load(load, [partial(decide, load, client), partial(tell, load, client)]):
            eventually(lambda: len(load.acknowledged) > WRITES // 2)
            mesh.kill("audit")
            mesh.restart("audit")
            eventually(lambda: len(load.acknowledged) > WRITES)
        evidence = Evidence(postgres, mesh.log_key_file())
        evidence.await_drained()
        assert load.wrong == []
        evidence.require_whole()
        evidence.require_acknowledged(client, load.acknowledged)
        for database, statement in (("mdm", _TIMES), ("audit", _RECEIVED), ("audit", _SIGNED)):
            for (told,) in rows(postgres, database, statement):
                assert told - time.time() == pytest.approx(skew_s, abs=300)
        assert rows(postgres, "mdm", _BACKWARDS) == [(0,)]


def rows(postgres: PostgresServer, database: str, statement: LiteralString) -> list[tuple[Any, ...]]:
    """Return what a query gives."""
    with psycopg.connect(postgres.url(database)) as connection:
        return connection.execute(statement).fetchall()
