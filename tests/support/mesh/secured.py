"""A mesh as a cluster runs it, in processes on loopback: TLS both ways, tokens by client credentials, a witness on TLS.

Its secrets are those that `bootstrap` makes, mounted as a kubelet mounts them.
"""

import base64
import contextlib
import json
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import grpc

from services.audit import storage as audit_storage
from services.development import databases, secrets_api
from services.development.bootstrap import Bootstrap
from services.development.workloads import AUDIT, MDM, Workload
from services.mdm.storage.schema import MIGRATIONS
from services.mesh.calling.client import ClientTls
from services.mesh.calling.peer import PeerSettings, open_peer
from services.mesh.identity.client_credentials import CredentialsSettings
from services.mesh.postgres.database import DatabaseSettings
from services.mesh.postgres.migrations import migrate
from services.mesh.telemetry import Telemetry
from tests.support.server.mounted_secrets import MountedSecrets
from tests.support.server.secrets_server import SecretsServer, secrets_server
from tools.guarded_process import GuardedProcess
from tools.leftovers import wait_until
from tools.mesh import PortTakenError
from tools.postgres import PostgresServer, free_port

LOG_ORIGIN = "audit.example.org/log"
WITNESS_NAME = "witness.example.org"

_READY_S = 180.0
_ATTEMPTS = 3  # another process may take a free port before a server does
_COMMANDS = {
    "issuer": ("services.development", "issuer"),
    "witness": ("services.witness", "serve"),
    "audit": ("services.audit", "serve"),
    "mdm": ("services.mdm", "serve"),
}


class SecuredMesh:
    """Issuer, witness, audit and hub on a PostgreSQL of their own; a context manager that stops them."""

    def __init__(self, directory: Path, postgres: PostgresServer) -> None:
        self.directory = directory
        self.postgres = postgres
        self.secrets = MountedSecrets(directory / "secrets")
        self.ports: dict[str, int] = {}
        self.processes: dict[str, GuardedProcess] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._bootstrap()
        self.set_passwords()
        for workload, migrations in ((AUDIT, audit_storage.MIGRATIONS), (MDM, MIGRATIONS)):
            owner = self._database(workload, workload.owner_role, f"{workload.name}-database-owner")
            migrate(owner, migrations, service_role=workload.service_role)
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(PortTakenError):
                return self._run()
        return self._run()

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def channel(self, service: str) -> grpc.Channel:
        """Open the steward's channel to a service."""
        credentials = CredentialsSettings(
            f"{self._url('issuer')}/token",
            "steward",
            self.secrets.file("steward-client", "secret"),
            self._ca("steward"),
        )
        tls = ClientTls(self._ca("steward"), *self._identity("steward"))
        peer = PeerSettings(f"127.0.0.1:{self.ports[service]}", credentials=credentials, tls=tls)
        return open_peer(peer, Telemetry.off())

    def set_passwords(self) -> None:
        """Make roles and databases, and set every role's password to what is mounted."""
        databases.prepare(self.postgres.url(), None, self.secrets.directory)

    def log(self, name: str) -> Path:
        """Return the file that a server's output goes to."""
        return self.directory / "logs" / f"{name}.log"

    def _run(self) -> Self:
        self.ports = {name: free_port() for name in _COMMANDS}
        with ExitStack() as stack:
            for name, environment in self._environments().items():
                self.processes[name] = stack.enter_context(self._started(name, environment))
            for name in _COMMANDS:
                self._wait(name)
            self._stack = stack.pop_all()
        return self

    def _bootstrap(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        with secrets_server(self.directory) as server, secrets_api.opened(server.url, server.account) as api:
            Bootstrap(api, log_origin=LOG_ORIGIN, witness_name=WITNESS_NAME).run()
            for name in server.held:
                self.secrets.put(name, _data(server, name))

    def _started(self, name: str, environment: Mapping[str, str]) -> GuardedProcess:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("CONCORD_")}
        command = [sys.executable, "-m", *_COMMANDS[name]]
        return GuardedProcess.start(command, log=self.log(name), environment={**inherited, **environment})

    def _wait(self, name: str) -> None:
        def ready() -> bool:
            return f'"port": {self.ports[name]}' in self.log(name).read_text()

        if not wait_until(ready, timeout_s=_READY_S, give_up=lambda: self.processes[name].poll() is not None):
            if f"can't listen on 127.0.0.1:{self.ports[name]}" in self.log(name).read_text():
                raise PortTakenError(name)
            raise AssertionError(f"{name} does not serve: {self.log(name).read_text()[-2000:]}")

    def _environments(self) -> dict[str, dict[str, str]]:
        issuer, witness = "CONCORD_DEVELOPMENT_ISSUER", "CONCORD_WITNESS"
        return {
            "issuer": {
                f"{issuer}_URL": self._url("issuer"),
                f"{issuer}_FOR_DEVELOPMENT_ONLY": "true",
                f"{issuer}_KEY_FILE": str(self.secrets.file("issuer-keys", "jwks-private")),
                f"{issuer}_CLIENTS_FILE": str(self.secrets.file("issuer-keys", "clients")),
                **self._server(issuer, "issuer"),
            },
            "witness": {
                f"{witness}_KEY_FILE": str(self.secrets.file("witness-key", "key")),
                f"{witness}_LOG_KEYS_FILE": str(self.secrets.file("audit-log-key", "vkey")),
                f"{witness}_STATE_DIRECTORY": str(self.directory / "witness"),
                **self._server(witness, "witness"),
            },
            "audit": {
                **self._service(AUDIT, "CONCORD_AUDIT"),
                "CONCORD_AUDIT_LOG_ORIGIN": LOG_ORIGIN,
                "CONCORD_AUDIT_LOG_KEY_FILE": str(self.secrets.file("audit-log-key", "key")),
                "CONCORD_AUDIT_WITNESS_URL": self._url("witness"),
                "CONCORD_AUDIT_WITNESS_KEY_FILE": str(self.secrets.file("witness-key", "vkey")),
                "CONCORD_AUDIT_WITNESS_CA_FILE": str(self._ca("audit")),
            },
            "mdm": {
                **self._service(MDM, "CONCORD_MDM"),
                "CONCORD_MDM_KEY_FILE": str(self.secrets.file("mdm-keys", "keys")),
                **self._peer("CONCORD_MDM_AUDIT", MDM, AUDIT),
            },
        }

    def _service(self, workload: Workload, prefix: str) -> dict[str, str]:
        database = self._database(workload, workload.service_role, f"{workload.name}-database")
        return {
            f"{prefix}_DATABASE_URL": database.url,
            f"{prefix}_DATABASE_PASSWORD_FILE": str(database.password_file),
            f"{prefix}_AUTHENTICATION_ISSUER": self._url("issuer"),
            f"{prefix}_AUTHENTICATION_JWKS_URL": f"{self._url('issuer')}/jwks.json",
            f"{prefix}_AUTHENTICATION_CA_FILE": str(self._ca(workload.name)),
            f"{prefix}_SERVER_TLS_CLIENT_CA_FILE": str(self._ca(workload.name)),
            **self._server(prefix, workload.name),
        }

    def _server(self, prefix: str, name: str) -> dict[str, str]:
        certificate, key = self._identity(name)
        return {
            f"{prefix}_SERVER_PORT": str(self.ports[name]),
            f"{prefix}_SERVER_TLS_CERTIFICATE_FILE": str(certificate),
            f"{prefix}_SERVER_TLS_KEY_FILE": str(key),
        }

    def _peer(self, prefix: str, caller: Workload, called: Workload) -> dict[str, str]:
        certificate, key = self._identity(caller.name)
        return {
            f"{prefix}_TARGET": f"dns:///localhost:{self.ports[called.name]}",
            f"{prefix}_TLS_CA_FILE": str(self._ca(caller.name)),
            f"{prefix}_TLS_CERTIFICATE_FILE": str(certificate),
            f"{prefix}_TLS_KEY_FILE": str(key),
            f"{prefix}_CREDENTIALS_TOKEN_URL": f"{self._url('issuer')}/token",
            f"{prefix}_CREDENTIALS_CLIENT_ID": caller.name,
            f"{prefix}_CREDENTIALS_CLIENT_SECRET_FILE": str(self.secrets.file(f"{caller.name}-client", "secret")),
            f"{prefix}_CREDENTIALS_CA_FILE": str(self._ca(caller.name)),
        }

    def _database(self, workload: Workload, role: str, secret: str) -> DatabaseSettings:
        url = self.postgres.network_url(workload.service, role)
        return DatabaseSettings(url, password_file=self.secrets.file(secret, "password"))

    def _url(self, name: str) -> str:
        return f"https://localhost:{self.ports[name]}"

    def _ca(self, name: str) -> Path:
        return self.secrets.file(f"{name}-tls", "ca.crt")

    def _identity(self, name: str) -> tuple[Path, Path]:
        return self.secrets.file(f"{name}-tls", "tls.crt"), self.secrets.file(f"{name}-tls", "tls.key")


def _data(server: SecretsServer, name: str) -> dict[str, bytes]:
    held: dict[str, str] = json.loads(json.dumps(server.held[name]["data"]))
    return {key: base64.b64decode(value) for key, value in held.items()}
