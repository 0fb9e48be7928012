"""How a server proves who it is: certificates that rotate, or plaintext where nobody else can listen."""

import ipaddress

import grpc

from services.mesh.configuration import ConfigurationError
from services.mesh.identity.certificates import read_identity
from services.mesh.identity.followed_files import FollowedFiles
from services.mesh.server.settings import ServerSettings, ServerTls


def credentials(tls: ServerTls) -> grpc.ServerCredentials:
    """Return credentials that follow the files: a changed certificate serves the next handshake.

    Files that are missing or half replaced keep the old identity in service. Raises OSError, ConfigurationError when
    they are of no use now.
    """
    paths = [path for path in (tls.certificate_file, tls.key_file, tls.client_ca_file) if path is not None]
    files = FollowedFiles("the server's TLS identity", paths, lambda: _read(tls))
    given = files.present()

    def changed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal given
        fresh = files.present()
        if fresh is given:
            return None
        given = fresh
        return fresh

    return grpc.dynamic_ssl_server_credentials(
        given,
        changed,  # type: ignore[arg-type] # None says "as before", which the stubs don't know
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


def _read(tls: ServerTls) -> grpc.ServerCertificateConfiguration:
    pair = read_identity(tls.certificate_file, tls.key_file)
    ca_file = tls.client_ca_file
    return grpc.ssl_server_certificate_configuration([pair], ca_file.read_bytes() if ca_file else None)
