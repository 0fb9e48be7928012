"""The server that every storage test stands on: both versions, and nothing left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.support.waiting import eventually
from tools.leftovers import runs
from tools.postgres import PostgresServer, debian_binaries, embedded_binaries, free_port

INSTALLED = [binaries for binaries in (embedded_binaries(), debian_binaries()) if binaries]

HOLDER = """
import sys, time
from pathlib import Path
from tools.postgres import PostgresServer
server = PostgresServer.start(Path(sys.argv[1]))
print(server._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("binaries", INSTALLED, ids=lambda path: path.parent.name)
def test_a_database_is_created_cloned_and_dropped(tmp_path: Path, binaries: Path) -> None:
    with PostgresServer.start(tmp_path, binaries=binaries) as server:
        server.create_database("first")
        with psycopg.connect(server.url("first")) as connection:
            connection.execute("CREATE TABLE fact AS SELECT 42 AS answer")
        server.create_database("second", template="first")
        with psycopg.connect(server.url("second")) as connection:
            assert connection.execute("SELECT answer FROM fact").fetchone() == (42,)
            server.drop_database("first")
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(server.url("first"))


def test_the_network_needs_the_password_from_the_file(tmp_path: Path) -> None:
    with PostgresServer.start(tmp_path) as server:
        file = server.create_role("service")
        assert file.stat().st_mode & 0o077 == 0
        url = server.network_url("postgres", "service")
        with psycopg.connect(url, password=file.read_text()) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("service",)
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            psycopg.connect(url, password="guess")


def test_the_log_holds_no_value_of_a_refused_row(tmp_path: Path) -> None:
    with PostgresServer.start(tmp_path) as server:
        with psycopg.connect(server.url()) as connection:
            connection.execute("CREATE TABLE secret (value text PRIMARY KEY)")
            connection.execute("INSERT INTO secret VALUES ('planted-value')")
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("INSERT INTO secret VALUES ('planted-value')")
        log = (tmp_path / "server.log").read_text()
        assert "duplicate key" in log
        assert "planted-value" not in log


def test_commits_outlive_a_killed_server(tmp_path: Path) -> None:
    with PostgresServer.start(tmp_path, fsync=True) as server:
        with psycopg.connect(server.url()) as connection:
            connection.execute("CREATE TABLE fact AS SELECT 1")
        server.kill()
    with PostgresServer.start(tmp_path) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT * FROM fact").fetchone() == (1,)


def test_the_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    holder = _holder(tmp_path)
    pid = _pid_of_server(holder)
    holder.kill()
    holder.wait()
    eventually(lambda: not runs(pid, str(tmp_path)), describe="the server ends")


def test_the_server_ends_when_its_guardian_is_killed(tmp_path: Path) -> None:
    holder = _holder(tmp_path)
    pid = _pid_of_server(holder)
    os.kill(_parent(pid), signal.SIGKILL)
    eventually(lambda: not runs(pid, str(tmp_path)), describe="the server ends")
    holder.communicate()


def test_a_start_ends_what_an_interrupted_run_left(tmp_path: Path) -> None:
    holder = _holder(tmp_path)
    pid = _pid_of_server(holder)
    with PostgresServer.start(tmp_path) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert not runs(pid, str(tmp_path))
    holder.communicate()


def test_two_servers_listen_on_ports_of_their_own(tmp_path: Path) -> None:
    with PostgresServer.start(tmp_path / "a") as one, PostgresServer.start(tmp_path / "b") as other:
        assert one.port != other.port
        assert free_port() not in {one.port, other.port}


def test_nobody_is_told_of_a_port_that_somebody_was_told_of_before() -> None:
    told = [free_port() for _ in range(100)]
    assert len(set(told)) == len(told)


def _holder(directory: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", HOLDER, str(directory)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _pid_of_server(holder: "subprocess.Popen[bytes]") -> int:
    assert holder.stdout is not None
    return int(holder.stdout.readline())


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
