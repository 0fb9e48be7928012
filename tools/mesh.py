"""The local mesh: four services and the log's witness as processes, on a real PostgreSQL, with keys of their own.

Everything lives in one directory; secrets are files there, and every server listens on loopback.
"""

import contextlib
import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from services.audit import signing_keys
from services.development import workloads
from services.development.issuer import DevelopmentIssuer
from services.mesh.records.keys import write_key_file
from services.witness.domain.signing_key import SigningKey
from tools.guarded_process import GuardedProcess
from tools.leftovers import wait_until
from tools.postgres import PostgresServer, free_port

LOG_ORIGIN = "concord.local/audit"
WITNESS_NAME = "witness.concord.local"
READY_S = 180.0
TOKEN_LIFETIME = timedelta(days=1)

_TAKEN = "Address already in use"  # the port for metrics
_ONE_HEAP = {"MALLOC_ARENA_MAX": "1"}  # as deploy/k8s/base/config/audit.env says, and why
_ATTEMPTS = 3  # another process may take the free port before the service does


@dataclass(frozen=True)
class ServiceKind:
    """One of the mesh's services: its module, the prefix of its variables, what its own token may do."""

    name: str
    module: str
    prefix: str
    permissions: tuple[str, ...]


AUDIT = ServiceKind("audit", "services.audit", "CONCORD_AUDIT", ())
MDM = ServiceKind("mdm", "services.mdm", "CONCORD_MDM", workloads.MDM.permissions)
WITNESS = ServiceKind("witness", "services.witness", "CONCORD_WITNESS", ())
ERP_ADAPTER = ServiceKind(
    "erp_adapter", "services.erp_adapter", "CONCORD_ERP_ADAPTER", workloads.ERP_ADAPTER.permissions
)
SAAS_ADAPTER = ServiceKind(
    "saas_adapter", "services.saas_adapter", "CONCORD_SAAS_ADAPTER", workloads.SAAS_ADAPTER.permissions
)


class MeshError(Exception):
    """A service did not start; the message holds the end of its log."""


class PortTakenError(MeshError):
    """Another process took the service's port before the service did."""


@dataclass
class Running:
    """A service that was started: its process, its ports (of the witness no metrics), what starts it again.

    `source` is the checkout whose code it runs; None = this one.
    """

    kind: ServiceKind
    process: GuardedProcess
    port: int
    environment: Mapping[str, str] = field(repr=False)
    metrics_port: int | None = None
    source: Path | None = None

    @property
    def target(self) -> str:
        """Where clients reach it."""
        return f"127.0.0.1:{self.port}"


class LocalMesh:
    """Services on one PostgreSQL server; a context manager that stops what it started, newest first."""

    def __init__(
        self, directory: Path, postgres: PostgresServer, servers: Mapping[ServiceKind, PostgresServer] | None = None
    ) -> None:
        """Take where it lives and its PostgreSQL; `servers` are of services that have another one to themselves."""
        self.directory = directory
        self.postgres = postgres
        self._servers = servers or {}
        self.services: dict[str, Running] = {}
        self._beside: list[Running] = []
        self._prepared: set[ServiceKind] = set()
        self.issuer = DevelopmentIssuer(directory / "issuer")

    def token(
        self, subject: str, permissions: Sequence[str], entities: Sequence[str] = ("*",), client: str = "concord-local"
    ) -> str:
        """Return an access token of the development issuer."""
        return self.issuer.issue(
            subject,
            client=client,
            permissions=permissions,
            entities=entities,
            lifetime=TOKEN_LIFETIME,
        )

    def prepare(self, kind: ServiceKind, source: Path | None = None) -> None:
        """Make a service's database and migrate it; services can be prepared at the same time. Raises MeshError."""
        owner, role = roles(kind)
        for name in (owner, role):
            self._server(kind).create_role(name)
        self._server(kind).create_database(kind.name, owner=owner)
        self.migrate(kind, source)
        self._prepared.add(kind)

    def migrate(self, kind: ServiceKind, source: Path | None = None) -> None:
        """Migrate a service's database to what the code of a checkout needs; None = this one. Raises MeshError."""
        owner, role = roles(kind)
        environment = _inherited() | {
            "CONCORD_MIGRATION_DATABASE_URL": self._server(kind).network_url(kind.name, owner),
            "CONCORD_MIGRATION_DATABASE_PASSWORD_FILE": str(self._server(kind).password_file(owner)),
            "CONCORD_MIGRATION_SERVICE_ROLE": role,
        }
        log = self.directory / "logs" / f"{kind.name}-migrate.log"
        command = [sys.executable, "-m", kind.module, "migrate"]
        environment |= _path_to(source)
        with GuardedProcess.start(command, log=log, environment=environment, directory=source) as process:
            if process.wait(READY_S) != 0:
                raise MeshError(f"{kind.name} did not migrate its database:\n{_end_of(log)}")

    def start(self, kind: ServiceKind, extra: Mapping[str, str] | None = None) -> Running:
        """Start a service, prepared first if it is not yet, and wait until it serves. Raises MeshError.

        The services that it calls have to run: the audit before all others, the hub before the adapters. The audit's
        witness is started with it.
        """
        if kind is AUDIT:
            self._start_free(WITNESS, self.environment(WITNESS))
        if kind not in self._prepared:
            self.prepare(kind)
        return self._start_free(kind, {**self.environment(kind), **(extra or {})})

    def start_release(self, kind: ServiceKind, environment: Mapping[str, str], source: Path) -> Running:
        """Start a prepared service with the code of another checkout, and with these variables alone.

        Raises MeshError.
        """
        self.services[kind.name] = self._launch(kind, environment, free_port(), self.log(kind.name), source)
        return self.services[kind.name]

    def start_beside(self, name: str, port: int | None = None, extra: Mapping[str, str] | None = None) -> Running:
        """Start one more process of a running service, on a port that processes may share (None = a free one).

        It runs the code of this checkout.
        """
        before = self.services[name]
        shared = {**before.environment, f"{before.kind.prefix}_SERVER_REUSE_PORT": "true", **(extra or {})}
        log = self.log(f"{name}-{len(self._beside) + 2}")
        running = self._launch(before.kind, shared, free_port() if port is None else port, log)
        self._beside.append(running)
        return running

    def restart(self, name: str) -> Running:
        """Start a stopped or killed service again, on the same port."""
        return self.replace(self.services[name])

    def replace(self, running: Running, extra: Mapping[str, str] | None = None, *, upgrade: bool = False) -> Running:
        """Stop one process of a service and start it again, on the same port; return the new one.

        It runs the same code; `upgrade`: that of this checkout. Raises MeshError.
        """
        running.process.stop()
        environment = {**running.environment, **(extra or {})}
        source = None if upgrade else running.source
        new = self._launch(running.kind, environment, running.port, running.process.log, source)
        if self.services[running.kind.name] is running:
            self.services[running.kind.name] = new
        else:
            self._beside[self._beside.index(running)] = new
        return new

    def kill(self, name: str) -> None:
        """End a service with SIGKILL, as a crash would."""
        self.services[name].process.kill()

    def renew_tokens(self) -> None:
        """Give every service a new token; they read theirs again when its file changes."""
        for running in self.services.values():
            if running.kind.permissions:
                self._token_file(running.kind)

    def stop(self) -> None:
        """Stop every service, newest first."""
        for running in reversed([*self.services.values(), *self._beside]):
            running.process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def log(self, name: str) -> Path:
        """Return the file that a service's output goes to."""
        return self.directory / "logs" / f"{name}.log"

    def spans(self, name: str) -> Path:
        """Return the file that a service's spans go to."""
        return self.directory / "spans" / f"{name}.jsonl"

    def log_key_file(self) -> Path:
        """Return the file of the keys that the audits of this mesh sign with."""
        path = self._made(self.directory / "secrets" / "audit-log.keys")
        if not path.exists():
            verifier = signing_keys.write_key_file(LOG_ORIGIN, path)
            self._made(self.public_key("log")).write_text(f"{verifier}\n")
        return path

    def public_key(self, of: str) -> Path:
        """Return the file with the public key of the `log` or its `witness`, as auditors are given it."""
        return self.directory / "public" / f"{of}.vkey"

    def _server(self, kind: ServiceKind) -> PostgresServer:
        return self._servers.get(kind, self.postgres)

    def environment(self, kind: ServiceKind) -> dict[str, str]:
        """Return what a service is configured with; the services that it calls have to run."""
        if kind is WITNESS:
            return self._witness_environment()
        p, (_, role) = kind.prefix, roles(kind)
        own = {
            f"{p}_DATABASE_URL": self._server(kind).network_url(kind.name, role),
            f"{p}_DATABASE_PASSWORD_FILE": str(self._server(kind).password_file(role)),
            f"{p}_AUTHENTICATION_ISSUER": self.issuer.issuer,
            f"{p}_AUTHENTICATION_JWKS_FILE": str(self.issuer.jwks_file),
            f"{p}_TELEMETRY_SPANS_FILE": str(self._made(self.spans(kind.name))),
        }
        if kind.module == AUDIT.module:
            own |= {f"{p}_LOG_ORIGIN": LOG_ORIGIN, f"{p}_LOG_KEY_FILE": str(self.log_key_file())}
            own |= _ONE_HEAP
            return own | (self._witness_of_audit() if kind is AUDIT else {})
        key_file = self.directory / "secrets" / f"{kind.name}.keys"
        if not self._made(key_file).exists():
            write_key_file(key_file)
        own |= {
            f"{p}_KEY_FILE": str(key_file),
            f"{p}_AUDIT_TARGET": self.services["audit"].target,
            f"{p}_AUDIT_TOKEN_FILE": str(self._token_file(kind)),
        }
        if kind is not MDM:
            own |= {
                f"{p}_HUB_TARGET": self.services["mdm"].target,
                f"{p}_HUB_TOKEN_FILE": str(self._token_file(kind)),
            }
        return own

    def _witness_of_audit(self) -> dict[str, str]:
        return {
            f"{AUDIT.prefix}_WITNESS_URL": f"http://{self.services[WITNESS.name].target}",
            f"{AUDIT.prefix}_WITNESS_KEY_FILE": str(self.public_key("witness")),
        }

    def _witness_environment(self) -> dict[str, str]:
        p = WITNESS.prefix
        self.log_key_file()
        key_file = self._made(self.directory / "secrets" / "witness.key")
        if not key_file.exists():
            key = SigningKey(WITNESS_NAME, secrets.token_bytes(32))
            key_file.touch(mode=0o600)
            key_file.write_text(f"{key.written}\n")
            self._made(self.public_key("witness")).write_text(f"{key.verifier_key}\n")
        return {
            f"{p}_KEY_FILE": str(key_file),
            f"{p}_LOG_KEYS_FILE": str(self.public_key("log")),
            f"{p}_STATE_DIRECTORY": str(self.directory / "witness"),
        }

    def _token_file(self, kind: ServiceKind) -> Path:
        path = self._made(self.directory / "secrets" / f"{kind.name}.token")
        return self.issuer.write_token(path, self.token(subject_of(kind), kind.permissions, client=kind.name))

    def _start_free(self, kind: ServiceKind, environment: Mapping[str, str]) -> Running:
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(PortTakenError):
                return self._start(kind, environment, free_port())
        return self._start(kind, environment, free_port())

    def _start(self, kind: ServiceKind, environment: Mapping[str, str], port: int) -> Running:
        self.services[kind.name] = self._launch(kind, environment, port, self.log(kind.name))
        return self.services[kind.name]

    @staticmethod
    def _launch(
        kind: ServiceKind, environment: Mapping[str, str], port: int, log: Path, source: Path | None = None
    ) -> Running:
        begin = log.stat().st_size if log.exists() else 0
        ports = {f"{kind.prefix}_SERVER_PORT": str(port)}
        metrics_port = None if kind is WITNESS else free_port()
        if metrics_port is not None:
            ports[f"{kind.prefix}_TELEMETRY_METRICS_PORT"] = str(metrics_port)
        process = GuardedProcess.start(
            [sys.executable, "-m", kind.module],
            log=log,
            environment={**_inherited(), **_path_to(source), **environment, **ports},
            directory=source,
        )
        running = Running(kind, process, port, environment, metrics_port, source)
        _wait_until_ready(running, begin)
        return running

    @staticmethod
    def _made(path: Path) -> Path:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path


def subject_of(kind: ServiceKind) -> str:
    """Return the subject of a service's own token."""
    return f"{kind.name}@concord.local"


def roles(kind: ServiceKind) -> tuple[str, str]:
    """Return the PostgreSQL roles of a service: the owner of its schema, and the one that it runs in."""
    return f"{kind.name}_owner", f"{kind.name}_service"


def _inherited() -> dict[str, str]:
    """Return the environment without variables of services: a mesh is configured by us alone."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CONCORD_")}


def _path_to(source: Path | None) -> dict[str, str]:
    """Return what lets a process import a checkout's own code instead of this one's."""
    return {} if source is None else {"PYTHONPATH": os.pathsep.join((str(source), str(source / "gen")))}


def _wait_until_ready(running: Running, begin: int) -> None:
    """Wait for the line that a service prints once it serves."""
    log = running.process.log

    def ready() -> bool:
        said = log.read_text()[begin:]
        if running.process.poll() is not None:
            is_taken = f"can't listen on {running.target}" in said or _TAKEN in said
            failure = PortTakenError if is_taken else MeshError
            raise failure(f"{running.kind.name} did not start:\n{_end_of(log)}")
        return any(_is_readiness(line) for line in said.splitlines())

    if not wait_until(ready, timeout_s=READY_S):
        raise MeshError(f"{running.kind.name} is not ready after {READY_S:.0f} s:\n{_end_of(log)}")


def _is_readiness(line: str) -> bool:
    try:
        said = json.loads(line)
    except ValueError:
        return False
    return isinstance(said, dict) and said.keys() == {"service", "port"}


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text().splitlines()[-20:])
