"""What the API server of a cluster does with Secrets, over real HTTPS: as much of it as `bootstrap` asks for.

It stands in for a cluster where none runs: it knows names, conflicts, service accounts and what a Role forbids.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from services.mesh.server import ServerTls
from services.mesh.server.http_server import Handler, HttpServer
from tests.support.server.certificates import Authority

NAMESPACE = "concord-test"
TOKEN = "service-account-token"

_PATH = re.compile(rf"/api/v1/namespaces/{NAMESPACE}/secrets(?:/([a-z0-9.-]+))?")


@dataclass
class SecretsServer:
    """The Secrets of one namespace, and what the Role of who asks permits."""

    url: str
    account: Path
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    verbs: tuple[str, ...] = ("get", "create")
    hidden_once: set[str] = field(default_factory=set)
    """Secrets that somebody else creates between the first look and the creation."""

    def answer(self, verb: str, name: str, authorization: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer a request as the API server does."""
        if authorization != f"Bearer {TOKEN}":
            return _status(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        if verb not in self.verbs:
            message = f"secrets is forbidden: User cannot {verb} resource"
            return _status(HTTPStatus.FORBIDDEN, message)
        if verb == "get":
            known = name in self.held and name not in self.hidden_once
            self.hidden_once.discard(name)
            return (200, self.held[name]) if known else _status(HTTPStatus.NOT_FOUND, f'secrets "{name}" not found')
        name = body["metadata"]["name"]
        if name in self.held:
            return _status(HTTPStatus.CONFLICT, f'secrets "{name}" already exists')
        self.held[name] = body
        return 201, body


@contextmanager
def secrets_server(folder: Path) -> Iterator[SecretsServer]:
    """Serve for the time of the block, with a service account below `folder`."""
    authority = Authority(folder)
    identity = authority.issue("kubernetes.default.svc")
    account = folder / "serviceaccount"
    account.mkdir()
    (account / "ca.crt").write_bytes(authority.ca_file.read_bytes())
    (account / "token").write_text(TOKEN)
    (account / "namespace").write_text(NAMESPACE)
    state = SecretsServer("", account)

    class Answering(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the base class's name
            self._answer("get")

        def do_POST(self) -> None:  # noqa: N802 - the base class's name
            self._answer("create")

        def _answer(self, verb: str) -> None:
            size = int(self.headers.get("Content-Length", "0"))
            body = json.loads(self.rfile.read(size) or b"{}")
            match = _PATH.fullmatch(self.path)
            if match is None:
                status, document = _status(HTTPStatus.NOT_FOUND, "the server could not find the requested resource")
            else:
                status, document = state.answer(verb, match[1] or "", self.headers.get("Authorization", ""), body)
            self.answer(status, json.dumps(document), "application/json")

    tls = ServerTls(identity.certificate_file, identity.key_file)
    server = HttpServer("127.0.0.1", 0, Answering, tls=tls)
    server.start()
    state.url = f"https://127.0.0.1:{server.port}"
    try:
        yield state
    finally:
        server.stop(5.0)


def _status(code: HTTPStatus, message: str) -> tuple[int, dict[str, Any]]:
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": int(code)}
