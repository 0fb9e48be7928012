"""A primary PostgreSQL and its streaming standby, as an operator of high availability keeps them.

What here is done by hand is CloudNativePG's work in a cluster: it clones, watches, promotes, and moves the name that
clients know. Servers write to disk for good (`fsync`).
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import LiteralString

import psycopg

from tools.leftovers import wait_until
from tools.postgres import SUPERUSER, PostgresError, PostgresServer

STANDBY = "standby"

_TIMEOUT_S = 60.0
_STREAMING = "SELECT sync_state FROM pg_stat_replication WHERE application_name = %s AND state = 'streaming'"
_SENDER = "SELECT pid FROM pg_stat_replication WHERE application_name = %s"


def start_primary(directory: Path, archive: Path | None = None) -> PostgresServer:
    """Start a new server that others may follow; its write-ahead log goes to `archive`. Raises PostgresError."""
    return PostgresServer.start(directory, fsync=True, settings=_settings(archive))


def start_standby(primary: PostgresServer, directory: Path, archive: Path | None = None) -> PostgresServer:
    """Copy a running server, follow it, and return the standby once the stream runs. Raises PostgresError."""
    base_backup(primary, directory / "cluster")
    source = f"host={primary.socket_directory} port={primary.port} user={SUPERUSER} application_name={STANDBY}"
    with (directory / "cluster" / "postgresql.auto.conf").open("a") as file:
        file.write(f"primary_conninfo = '{source}'\n")
    (directory / "cluster" / "standby.signal").touch()
    standby = PostgresServer.start(directory, fsync=True, settings=_settings(archive))
    if not wait_until(lambda: sync_state(primary) is not None, timeout_s=_TIMEOUT_S):
        raise PostgresError(f"{directory} does not follow {primary.directory}")
    return standby


def base_backup(server: PostgresServer, target: Path) -> None:
    """Copy a running server's cluster with the write-ahead log that makes the copy whole. Raises PostgresError."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = ["-h", str(server.socket_directory), "-p", str(server.port), "-U", SUPERUSER]
    options = ["-D", str(target), "--wal-method=stream", "--checkpoint=fast"]
    run(server, "pg_basebackup", *connection, *options)


def restored(directory: Path, archive: Path | None) -> PostgresServer:
    """Start a server on the base backup in `directory`, brought forward by the write-ahead log in `archive`.

    None = to where the backup itself ends. Returns when it takes writes. Raises PostgresError.
    """
    fetch = "false" if archive is None else f"cp {archive}/%f %p"
    with (directory / "cluster" / "postgresql.auto.conf").open("a") as file:
        file.write(f"restore_command = '{fetch}'\nsynchronous_standby_names = ''\n")
    (directory / "cluster" / "recovery.signal").touch()
    server = PostgresServer.start(directory, fsync=True)
    if not wait_until(lambda: not server.is_standby(), timeout_s=_TIMEOUT_S):
        server.stop()
        raise PostgresError(f"{directory} does not come out of recovery")
    return server


def run(server: PostgresServer, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs, of the server's version. Raises PostgresError with what it said."""
    done = subprocess.run([server.binaries / program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PostgresError(f"{program} failed: {done.stderr[-2000:]}")


def sync_state(primary: PostgresServer) -> str | None:
    """Return how the standby follows: `sync`, `async`; None when it does not."""
    with psycopg.connect(primary.url()) as connection:
        row = connection.execute(_STREAMING, (STANDBY,)).fetchone()
    return row[0] if row else None


def set_synchronous(primary: PostgresServer) -> None:
    """Let commits wait for the standby to have them on disk; return when it is so. Raises PostgresError.

    The setting is the primary's alone: a promoted standby that had it would wait for a standby that it has not.
    """
    _set_synchronous_standby(primary, STANDBY)
    if not wait_until(lambda: sync_state(primary) == "sync", timeout_s=_TIMEOUT_S):
        raise PostgresError(f"the standby of {primary.directory} does not become synchronous")


def clear_synchronous(primary: PostgresServer) -> None:
    """Let commits wait for nobody."""
    _set_synchronous_standby(primary, "")


def _set_synchronous_standby(primary: PostgresServer, name: LiteralString) -> None:
    with psycopg.connect(primary.url(), autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        connection.execute("SELECT pg_reload_conf()")


def stall(primary: PostgresServer) -> None:
    """Freeze the stream to the standby, as a network does that loses everything from now on."""
    with psycopg.connect(primary.url()) as connection:
        row = connection.execute(_SENDER, (STANDBY,)).fetchone()
    if row is None:
        raise PostgresError(f"nobody follows {primary.directory}")
    os.kill(row[0], signal.SIGSTOP)


def lose(server: PostgresServer) -> None:
    """End every process of a server at once, as the loss of its machine does; nothing is flushed, nobody is told."""
    backends = server.processes()[1:]
    server.kill()
    for pid in backends:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def promote(standby: PostgresServer) -> None:
    """Make the standby a primary; return when it takes writes. Raises PostgresError."""
    with psycopg.connect(standby.url(), autocommit=True) as connection:
        promoted = connection.execute("SELECT pg_promote(wait => true, wait_seconds => 60)").fetchone()
    if promoted != (True,):
        raise PostgresError(f"{standby.directory} does not become a primary")


def primary_url(database: str, user: str, servers: Sequence[PostgresServer]) -> str:
    """Return the URL that finds whichever of the servers is the primary: libpq tries one after the other.

    Not `read-write`, which asks the session: those that a service reads with are read-only on a primary as well.
    """
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    return f"postgresql://{user}@{hosts}/{database}?target_session_attrs=primary"


def _settings(archive: Path | None) -> list[str]:
    # A promoted standby archives again what the primary has: the same file is no mistake, another one is.
    kept = f"{archive}/%f"
    command = f"cmp -s %p {kept} || (test ! -f {kept} && cp %p {archive}/.%f && mv {archive}/.%f {kept})"
    return [] if archive is None else ["archive_mode=on", f"archive_command={command}"]
