"""What a service is told of another one: which mistakes are found before anything starts."""

from pathlib import Path

import pytest

from services.mesh.calling.client import ClientTls
from services.mesh.calling.peer import PeerSettings
from services.mesh.configuration import ConfigurationError, load
from services.mesh.identity.client_credentials import CredentialsSettings

CREDENTIALS = {
    "AUDIT_CREDENTIALS_TOKEN_URL": "https://issuer.example.org/token",
    "AUDIT_CREDENTIALS_CLIENT_ID": "mdm",
    "AUDIT_CREDENTIALS_CLIENT_SECRET_FILE": "secret",
}
TLS = {"AUDIT_TLS_CA_FILE": "ca", "AUDIT_TLS_CERTIFICATE_FILE": "crt", "AUDIT_TLS_KEY_FILE": "key"}


def test_a_peer_is_told_by_variables() -> None:
    peer = load(PeerSettings, {"AUDIT_TARGET": "dns:///audit:8443", **CREDENTIALS, **TLS}, "AUDIT")
    assert peer.credentials == CredentialsSettings("https://issuer.example.org/token", "mdm", Path("secret"))
    assert peer.tls == ClientTls(Path("ca"), Path("crt"), Path("key"))


@pytest.mark.parametrize(
    ("told", "mistake"),
    [
        ({"AUDIT_TARGET": "127.0.0.1:1"}, "exactly one"),
        ({"AUDIT_TARGET": "127.0.0.1:1", "AUDIT_TOKEN_FILE": "token", **CREDENTIALS}, "exactly one"),
        ({"AUDIT_TARGET": "dns:///audit:8443", **CREDENTIALS}, "plaintext"),
        ({"AUDIT_TARGET": "127.0.0.1:1", "AUDIT_TOKEN_FILE": "token", "AUDIT_TLS_KEY_FILE": "key"}, "belong together"),
        (
            {
                "AUDIT_TARGET": "127.0.0.1:1",
                **CREDENTIALS,
                "AUDIT_CREDENTIALS_TOKEN_URL": "http://issuer.example.org/token",
            },
            "https",
        ),
    ],
)
def test_what_can_not_work_or_would_tell_others_is_refused(told: dict[str, str], mistake: str) -> None:
    with pytest.raises(ConfigurationError, match=mistake):
        load(PeerSettings, told, "AUDIT")
