"""Clocks of hub and audit that are hours apart: times are the database's; nothing is lost, doubled or out of order."""

import json
import shutil
import subprocess
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psycopg
import pytest

from services.mesh.client import FixedToken, open_channel
from services.mesh.development_issuer import DevelopmentIssuer
from tests.support.served_hub import EVERYTHING, Client
from tests.support.waiting import eventually
from tests.support.whole_evidence import Evidence
from tests.support.write_load import WriteLoad, decide, register, tell, under_load
from tools.mesh import AUDIT, MDM, LocalMesh
from tools.postgres import PostgresServer

SKEW_S = 3 * 3600
WRITES = 60

# What runs before the C library: everybody in the process gets the wrong time, but for gRPC's core, which waits until
# times that it takes from this clock and the kernel compares with its own.
CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/syscall.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *told) {
    Dl_info caller;
    int status = syscall(SYS_clock_gettime, clock, told);
    const char *skew = getenv("SKEW_S");
    if (status == 0 && clock == CLOCK_REALTIME && skew
        && dladdr(__builtin_return_address(0), &caller) && caller.dli_fname && !strstr(caller.dli_fname, "cygrpc"))
        told->tv_sec += atol(skew);
    return status;
}
"""
_TIMES = """
SELECT max(abs(extract(epoch FROM occurred_at - now()))) FROM changes
UNION ALL SELECT max(abs(extract(epoch FROM published_at - now()))) FROM positions
"""
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
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


class EarlyIssuer(DevelopmentIssuer):
    """Issues tokens that are valid by every clock of the test: a service refuses what was issued in its future."""

    def issue(self, *stated: object, **further: object) -> str:
        """Return a token that was issued before the slowest clock's present."""
        issued = int(time.time()) - SKEW_S - 60
        return super().issue(*stated, **further, iat=issued)  # type: ignore[arg-type]


@pytest.mark.parametrize(("audit_s", "hub_s"), [(SKEW_S, -SKEW_S), (-SKEW_S, SKEW_S)])
def test_clocks_that_are_six_hours_apart_change_nothing(tmp_path: Path, clock: Path, audit_s: int, hub_s: int) -> None:
    with ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer.start(tmp_path / "postgres"))
        mesh = stack.enter_context(LocalMesh(tmp_path / "mesh", postgres))
        mesh.issuer = EarlyIssuer(tmp_path / "issuer")
        mesh.start(AUDIT, skewed(clock, audit_s))
        target = mesh.start(MDM, skewed(clock, hub_s)).target
        token = FixedToken(mesh.token("tester", EVERYTHING))
        client = Client(stack.enter_context(open_channel(target, token=token)))
        register(client)
        load = WriteLoad()
        with under_load(load, [partial(decide, load, client), partial(tell, load, client)]):
            eventually(lambda: len(load.acknowledged) > WRITES // 2, timeout_s=60)
            mesh.kill("audit")
            mesh.restart("audit")
            eventually(lambda: len(load.acknowledged) > WRITES, timeout_s=60)
        evidence = Evidence(postgres, mesh.log_key_file())
        evidence.await_drained()
        assert load.wrong == []
        evidence.require_whole()
        evidence.require_acknowledged(client, load.acknowledged)
        for service, skew_s in (("audit", audit_s), ("mdm", hub_s)):
            assert newest_span_s(mesh, service) - time.time() == pytest.approx(skew_s, abs=120)
        with psycopg.connect(postgres.url("mdm")) as connection:
            assert all(seconds < 120 for (seconds,) in connection.execute(_TIMES))
            assert connection.execute(_BACKWARDS).fetchone() == (0,)


def skewed(clock: Path, skew_s: int) -> dict[str, str]:
    """Return the variables by which a process's clock is so many seconds off."""
    return {"LD_PRELOAD": str(clock), "SKEW_S": str(skew_s)}


def newest_span_s(mesh: LocalMesh, service: str) -> float:
    """Return when a service's newest span ended, by its own clock, in seconds since 1970."""
    ended_ns: int = json.loads(mesh.spans(service).read_text().splitlines()[-1])["end_ns"]
    return ended_ns / 1e9
