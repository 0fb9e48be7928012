"""A small HTTP server in threads: over TLS that rotates, or plain on loopback; and the one that answers probes."""

import logging
import ssl
import sys
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from typing import Any

from services.mesh.configuration import ConfigurationError
from services.mesh.identity.certificates import read_identity
from services.mesh.identity.followed_files import FollowedFiles
from services.mesh.server.settings import ServerTls
from services.mesh.server.transport_security import is_loopback

HEALTH_PATH = "/healthz"

_SLOWEST_READ_S = 10.0

_log = logging.getLogger(__name__)


class HttpServer:
    """A handler's class behind a port; `port` 0 takes a free one.

    Certificates that change serve the next handshake. `health_port` answers `/healthz` to probes, which hold no
    credentials, in plain HTTP. Raises OSError for an address or files that can't be had,
    ConfigurationError for a certificate without its key and for plain HTTP that others could read.
    """

    def __init__(
        self,
        host: str,
        port: int,
        handler: type["Handler"],
        *,
        tls: ServerTls | None = None,
        health_port: int | None = None,
    ) -> None:
        if tls is None and not is_loopback(host):
            raise ConfigurationError([f"plain HTTP on {host} is refused: configure TLS"])
        self._serving = _bound(host, port, handler, None if tls is None else _contexts(tls))
        self._probes = None if health_port is None else _bound(host, health_port, _HealthHandler)
        self._threads = [
            threading.Thread(target=each.serve_forever, name="http", daemon=True)
            for each in (self._serving, self._probes)
            if each is not None
        ]

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._serving.server_port

    @property
    def health_port(self) -> int | None:
        """The port that answers probes, if there is one."""
        return None if self._probes is None else self._probes.server_port

    def start(self) -> None:
        """Serve in threads."""
        for thread in self._threads:
            thread.start()

    def stop(self, grace_s: float) -> None:
        """Take no more requests, and let those under way be answered within the grace; later ones break off.

        A connection that waits for its next request keeps nobody waiting; whoever sends one is told to go elsewhere.
        """
        for server in (self._serving, self._probes):
            if server is not None:
                server.shutdown()
                server.server_close()
                server.requests.refuse()
        if not self._serving.requests.ended(grace_s):
            _log.warning("requests are under way after %g s", grace_s)


class _Requests:
    """How many requests are under way, and whether more are taken; safe in threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._under_way = 0
        self._refused = False

    def begin(self) -> bool:
        """Count one more, unless no more are taken; tell which."""
        with self._changed:
            self._under_way += not self._refused
            return not self._refused

    def refuse(self) -> None:
        """Take no more."""
        with self._changed:
            self._refused = True

    def end(self) -> None:
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

    def ended(self, timeout_s: float) -> bool:
        """Wait until none is under way; tell whether that came about in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._under_way, timeout_s)


class Handler(BaseHTTPRequestHandler):
    """One connection, which may carry several requests."""

    server: "_Server"
    protocol_version = "HTTP/1.1"
    server_version = "concord"
    sys_version = ""
    timeout = _SLOWEST_READ_S
    # A body that waits for its head to be acknowledged costs 40 ms.
    disable_nagle_algorithm = True

    _begun = False

    def parse_request(self) -> bool:
        """Count a request from its first line on: until then a connection may be idle."""
        self._begun = self.server.requests.begin()
        if not super().parse_request():
            return False
        if not self._begun:
            self.answer(HTTPStatus.SERVICE_UNAVAILABLE, "this server is stopping\n", headers={"Connection": "close"})
        return self._begun

    def handle_one_request(self) -> None:
        """Serve one request, and count it as ended whatever became of it."""
        try:
            super().handle_one_request()
        finally:
            if self._begun:
                self._begun = False
                self.server.requests.end()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log a request."""
        _log.debug(format, *args)

    def answer(
        self,
        status: int,
        text: str,
        content_type: str = "text/plain; charset=utf-8",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer a request."""
        body = text.encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _HealthHandler(Handler):
    """Answers probes, and nothing else."""

    def do_GET(self) -> None:
        """Answer `/healthz`."""
        if self.path == HEALTH_PATH:
            self.answer(HTTPStatus.OK, "ok\n")
        else:
            self.answer(HTTPStatus.NOT_FOUND, f"there is {HEALTH_PATH} here, nothing else\n")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], handler: type[Handler], contexts: FollowedFiles[ssl.SSLContext] | None
    ) -> None:
        super().__init__(address, handler)
        self._contexts = contexts
        self.requests = _Requests()

    def get_request(self) -> tuple[socket, Any]:
        accepted, address = super().get_request()
        if self._contexts is None:
            return accepted, address
        # The handshake is left to the connection's own thread: whoever is slow at it keeps nobody else waiting.
        context = self._contexts.present()
        return context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class's name
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            _log.info("a connection from %s ended: %s", client_address[0], error)
        else:
            _log.exception("a request from %s failed", client_address[0])


def _bound(
    host: str, port: int, handler: type[Handler], contexts: FollowedFiles[ssl.SSLContext] | None = None
) -> _Server:
    try:
        return _Server((host, port), handler, contexts)
    except OSError as error:
        raise OSError(f"can't listen on {host}:{port}") from error


def _contexts(tls: ServerTls) -> FollowedFiles[ssl.SSLContext]:
    def read() -> ssl.SSLContext:
        # Told apart from a broken pair here, with a message that shows no key.
        read_identity(tls.certificate_file, tls.key_file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate_file, tls.key_file)
        if tls.client_ca_file is not None:
            context.load_verify_locations(tls.client_ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    paths = [path for path in (tls.certificate_file, tls.key_file, tls.client_ca_file) if path is not None]
    return FollowedFiles("the server's TLS identity", paths, read)
