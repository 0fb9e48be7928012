"""How a server proves who it is: certificates that rotate, or plaintext where nobody else can listen."""

import ipaddress
import threading
from pathlib import Path

import grpc

from services.mesh.configuration import ConfigurationError
from services.mesh.server.settings import ServerSettings, ServerTls


def credentials(tls: ServerTls) -> grpc.ServerCredentials:
    """Return credentials that follow the files: a changed certificate serves the next handshake.

    Raises OSError when a file can't be read now.
    """
    first = _Files(tls).read()
    reader = _Files(tls)
    return grpc.dynamic_ssl_server_credentials(
        first,
        reader.changed,  # type: ignore[arg-type] # None says "as before", which the stubs don't know
        require_client_authentication=tls.client_ca_file is not None,
    )


def require_safe(settings: ServerSettings) -> None:
    """Raise ConfigurationError for plaintext on an address that others can reach, unless it is allowed."""
    if settings.tls is None and not settings.allow_plaintext and not is_loopback(settings.host):
        raise ConfigurationError([f"plaintext on {settings.host} is refused: configure TLS or allow plaintext"])


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine and nobody else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class _Files:
    """The files of a server's identity, read again when one of them changes."""

    def __init__(self, tls: ServerTls) -> None:
        self._tls = tls
        self._lock = threading.Lock()
        self._seen = self._stamps()

    def read(self) -> grpc.ServerCertificateConfiguration:
        """Read the files. Raises OSError."""
        pair = (self._tls.key_file.read_bytes(), self._tls.certificate_file.read_bytes())
        ca_file = self._tls.client_ca_file
        return grpc.ssl_server_certificate_configuration([pair], ca_file.read_bytes() if ca_file else None)

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the configuration for the next handshake when it is a new one.

        Files that are missing or half replaced keep the old identity in service.
        """
        with self._lock:
            try:
                stamps = self._stamps()
                if stamps == self._seen:
                    return None
                fresh = self.read()
            except OSError:
                return None
            self._seen = stamps
            return fresh

    def _stamps(self) -> list[tuple[int, int]]:
        return [_stamp(path) for path in (self._tls.certificate_file, self._tls.key_file, self._tls.client_ca_file)]


def _stamp(path: Path | None) -> tuple[int, int]:
    if path is None:
        return (0, 0)
    status = path.stat()
    return (status.st_mtime_ns, status.st_ino)
