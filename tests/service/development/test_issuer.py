"""The development issuer as a service meets it: over TLS, by client credentials, and verified by its JWKS."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from services.development.clients import Clients
from services.development.token_endpoint import TokenEndpoint, handler_of
from services.development.token_signer import TokenSigner, new_private_jwks
from services.development.workloads import ERP_ADAPTER, MDM
from services.mesh.errors import ConcordError
from services.mesh.identity import signing_keys
from services.mesh.identity.authentication import AuthenticationSettings, TokenAuthenticator
from services.mesh.identity.client_credentials import ClientCredentials, CredentialsSettings
from services.mesh.identity.followed_files import FollowedFiles
from services.mesh.identity.https import trusting
from services.mesh.server import ServerTls
from services.mesh.server.http_server import HttpServer
from tests.support.server.certificates import Authority

SECRETS = {MDM: "mdm's own", ERP_ADAPTER: "erp's own"}


@dataclass
class Issuer:
    """A served issuer, and the files that it follows."""

    url: str
    ca_file: Path
    keys: Path
    clients: Path

    def post(self, client: tuple[str, str], **form: str) -> httpx.Response:
        return httpx.post(f"{self.url}/token", data=form, auth=client, verify=trusting(self.ca_file))

    def authenticator(self) -> TokenAuthenticator:
        settings = AuthenticationSettings(self.url, jwks_url=f"{self.url}/jwks.json", ca_file=self.ca_file)
        return TokenAuthenticator(settings)


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    authority = Authority(tmp_path)
    identity = authority.issue("issuer")
    keys, clients = tmp_path / "jwks-private", tmp_path / "clients"
    keys.write_text(new_private_jwks())
    clients.write_text(Clients.of(SECRETS).written)
    served = Issuer("", authority.ca_file, keys, clients)
    endpoint = TokenEndpoint(
        FollowedFiles("keys", [keys], lambda: TokenSigner(served.url, keys.read_text())),
        FollowedFiles("clients", [clients], lambda: Clients.parse(clients.read_text())),
        audience="concord",
        lifetime=timedelta(minutes=15),
    )
    tls = ServerTls(identity.certificate_file, identity.key_file)
    server = HttpServer("127.0.0.1", 0, handler_of(endpoint), tls=tls)
    served.url = f"https://127.0.0.1:{server.port}"
    keys.write_text(new_private_jwks())
    server.start()
    yield served
    server.stop(5.0)


def test_a_service_gets_tokens_that_others_accept_as_its_own(issuer: Issuer, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRETS[MDM])
    credentials = CredentialsSettings(f"{issuer.url}/token", "mdm", tmp_path / "secret", issuer.ca_file)
    caller = issuer.authenticator().authenticate(ClientCredentials(credentials).token())
    assert (caller.subject, caller.client, caller.entities) == ("mdm", "mdm", ("*",))
    assert caller.permissions == frozenset(MDM.permissions)


@pytest.mark.parametrize(
    "keys", ["nothing", "[]", "{}", '{"keys": []}', '{"keys": ["x"]}', TokenSigner("x", new_private_jwks()).jwks]
)
def test_keys_that_sign_nothing_are_refused(keys: str) -> None:
    with pytest.raises(ValueError, match=r"not a JWKS with a private key first|Expecting value"):
        TokenSigner("https://issuer.example.org", keys)


def test_its_metadata_name_its_endpoints(issuer: Issuer) -> None:
    metadata = httpx.get(f"{issuer.url}/.well-known/openid-configuration", verify=trusting(issuer.ca_file)).json()
    assert metadata["issuer"] == issuer.url
    assert (metadata["token_endpoint"], metadata["jwks_uri"]) == (f"{issuer.url}/token", f"{issuer.url}/jwks.json")
    assert httpx.get(metadata["jwks_uri"], verify=trusting(issuer.ca_file)).json()["keys"][0].keys().isdisjoint({"d"})


@pytest.mark.parametrize(
    ("client", "form", "status", "error"),
    [
        (("mdm", "wrong"), {"grant_type": "client_credentials"}, 401, "invalid_client"),
        (("nobody", "x"), {"grant_type": "client_credentials"}, 401, "invalid_client"),
        (("mdm", "mdm's own"), {"grant_type": "password"}, 400, "unsupported_grant_type"),
        (("mdm", "mdm's own"), {"grant_type": "client_credentials", "scope": "mdm.goldens"}, 400, "invalid_scope"),
        (("mdm", "mdm's own"), {"grant_type": "client_credentials", "audience": "x"}, 400, "invalid_target"),
    ],
)
def test_who_is_not_entitled_gets_no_token(
    issuer: Issuer, client: tuple[str, str], form: dict[str, str], status: int, error: str
) -> None:
    answer = issuer.post((client[0], client[1].replace("'", "%27").replace(" ", "+")), **form)
    assert (answer.status_code, answer.json()) == (status, {"error": error})
    assert answer.headers["cache-control"] == "no-store"


def test_a_token_is_given_for_less_when_less_is_asked_for(issuer: Issuer, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRETS[MDM])
    asked = CredentialsSettings(
        f"{issuer.url}/token", "mdm", tmp_path / "secret", issuer.ca_file, scope=MDM.permissions[0]
    )
    caller = issuer.authenticator().authenticate(ClientCredentials(asked).token())
    assert caller.permissions == {MDM.permissions[0]}


def test_keys_and_clients_are_replaced_while_it_serves(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_keys, "_COOLDOWN_S", 0.0)
    (tmp_path / "secret").write_text(SECRETS[MDM])
    credentials = CredentialsSettings(f"{issuer.url}/token", "mdm", tmp_path / "secret", issuer.ca_file)
    accepted = issuer.authenticator()
    accepted.authenticate(ClientCredentials(credentials).token())
    issuer.keys.write_text(new_private_jwks())
    issuer.clients.write_text(Clients.of({**SECRETS, MDM: "new"}).written)
    with pytest.raises(ConcordError, match="invalid_client"):
        ClientCredentials(credentials).token()
    (tmp_path / "secret").write_text("new")
    assert accepted.authenticate(ClientCredentials(credentials).token()).subject == "mdm"


def test_it_starts_only_when_told_that_it_is_for_development(issuer: Issuer) -> None:
    told = {"URL": issuer.url, "KEY_FILE": str(issuer.keys), "CLIENTS_FILE": str(issuer.clients)}
    environment = {f"CONCORD_DEVELOPMENT_ISSUER_{name}": value for name, value in told.items()}
    done = subprocess.run(
        [sys.executable, "-m", "services.development", "issuer"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "for development only" in done.stderr
