"""Another service of the mesh, as one that calls it is told of it."""

from dataclasses import dataclass
from pathlib import Path

import grpc

from services.mesh.calling.client import ClientTls, TokenFile, TokenSource, open_channel, require_loopback
from services.mesh.identity.client_credentials import ClientCredentials, CredentialsSettings
from services.mesh.telemetry import Telemetry


@dataclass(frozen=True)
class PeerSettings:
    """Where a service is, which token it is shown (one from a file, or ones from the issuer), and the TLS to it.

    Without `tls` the target has to be on this machine.
    """

    target: str
    token_file: Path | None = None
    credentials: CredentialsSettings | None = None
    tls: ClientTls | None = None

    def __post_init__(self) -> None:
        """Refuse two tokens, none, and plaintext that others could read."""
        if (self.token_file is None) == (self.credentials is None):
            raise ValueError("exactly one of token_file and credentials says where the access token comes from")
        if self.tls is None:
            require_loopback(self.target)

    def token(self) -> TokenSource:
        """Return where the token comes from."""
        if self.token_file is not None:
            return TokenFile(self.token_file)
        assert self.credentials is not None  # noqa: S101 - one of the two is there
        return ClientCredentials(self.credentials)


def open_peer(peer: PeerSettings, telemetry: Telemetry) -> grpc.Channel:
    """Open a channel to a service; the caller closes it. Raises OSError, ConfigurationError for TLS files of no use."""
    return open_channel(peer.target, token=peer.token(), tls=peer.tls, telemetry=telemetry)
