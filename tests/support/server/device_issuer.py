"""An issuer of access tokens that people log in to from a terminal: RFC 8628 over real HTTP on loopback."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from services.development.issuer import DevelopmentIssuer

DEVICE_CODE, USER_CODE, REFRESH_TOKEN = "device-1", "WDJB-MJHT", "refresh-1"


@dataclass
class DeviceIssuer:
    """What the issuer answers, and what it was asked."""

    issuer: DevelopmentIssuer
    permissions: Sequence[str]
    answers: list[str] = field(default_factory=list)
    """The errors that token requests get first, in order: `authorization_pending`, `slow_down` …; then the token."""
    asked: list[dict[str, str]] = field(default_factory=list)
    lifetime: timedelta = timedelta(hours=1)
    claimed_issuer: str = ""
    """What the metadata say the issuer is; empty = what it is."""
    url: str = ""

    def metadata(self) -> dict[str, Any]:
        """What RFC 8414 publishes."""
        return {
            "issuer": self.claimed_issuer or self.url,
            "device_authorization_endpoint": f"{self.url}/device",
            "token_endpoint": f"{self.url}/token",
        }

    def begin(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Begin an authorization."""
        self.asked.append(form)
        answer = {"device_code": DEVICE_CODE, "user_code": USER_CODE, "verification_uri": f"{self.url}/approve"}
        return 200, {**answer, "expires_in": 60, "interval": 0}

    def answer(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Answer a token request."""
        self.asked.append(form)
        if self.answers:
            return 400, {"error": self.answers.pop(0)}
        if (
            form.get("device_code", DEVICE_CODE) != DEVICE_CODE
            or form.get("refresh_token", REFRESH_TOKEN) != REFRESH_TOKEN
        ):
            return 400, {"error": "invalid_grant"}
        token = self.issuer.issue("person", "concord-cli", self.permissions, ("*",), lifetime=self.lifetime)
        return 200, {"access_token": token, "token_type": "Bearer", "refresh_token": REFRESH_TOKEN}


@contextmanager
def serving_devices(issuer: DeviceIssuer) -> Iterator[DeviceIssuer]:
    """Serve an issuer on loopback for the time of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/.well-known/oauth-authorization-server"
            self._send(*((200, issuer.metadata()) if known else (404, {})))

        def do_POST(self) -> None:
            read = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            form = {name: texts[0] for name, texts in read.items()}
            answer = issuer.begin if self.path == "/device" else issuer.answer
            self._send(*answer(form))

        def log_message(self, *_: object) -> None:
            """Stay silent."""

        def _send(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
