"""`bootstrap` against a server that answers as the API server of a cluster does: what it makes fits together."""

import base64
import re
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cryptography import x509

from clients.verifier.note import VerifierKey
from services.audit.domain.cosignature import WitnessKey
from services.audit.signing_keys import read_signer
from services.development import secrets_api
from services.development.__main__ import main
from services.development.bootstrap import Bootstrap, Row
from services.development.clients import Clients
from services.development.secrets_api import ApiError
from services.development.token_signer import TokenSigner
from services.development.workloads import MDM, WORKLOADS
from services.mesh.configuration import ConfigurationError
from services.mesh.records.keys import KeyRing
from services.witness.domain.signing_key import SigningKey
from tests.support.server.secrets_server import NAMESPACE, SecretsServer, secrets_server

ORIGIN, WITNESS = "audit.example.org/log", "witness.example.org"

EXPECTED = {
    "postgres-superuser": {"password"},
    "audit-log-key": {"key", "vkey"},
    "witness-key": {"key", "vkey"},
    "issuer-keys": {"jwks-private", "clients"},
    "development-authority": {"tls.crt", "tls.key"},
    **{f"{name}-database": {"password"} for name in ("mdm", "erp-adapter", "saas-adapter", "audit")},
    **{f"{name}-database-owner": {"password"} for name in ("mdm", "erp-adapter", "saas-adapter", "audit")},
    **{f"{name}-keys": {"keys"} for name in ("mdm", "erp-adapter", "saas-adapter")},
    **{f"{name}-client": {"secret"} for name in ("mdm", "erp-adapter", "saas-adapter", "steward")},
    **{
        f"{name}-tls": {"tls.crt", "tls.key", "ca.crt"}
        for name in ("mdm", "erp-adapter", "saas-adapter", "audit", "witness", "issuer", "steward")
    },
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SecretsServer]:
    with secrets_server(tmp_path) as running:
        yield running


def run(server: SecretsServer) -> list[Row]:
    with secrets_api.opened(server.url, server.account) as api:
        return Bootstrap(api, log_origin=ORIGIN, witness_name=WITNESS).run()


def data(server: SecretsServer, name: str) -> Mapping[str, bytes]:
    return {key: base64.b64decode(value) for key, value in server.held[name]["data"].items()}


def file_with(folder: Path, content: bytes) -> Path:
    path = folder / "content"
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def test_it_creates_every_secret_once_and_changes_none(server: SecretsServer) -> None:
    assert {row.name: row.created for row in run(server)} == dict.fromkeys(EXPECTED, True)
    assert {name: set(secret["data"]) for name, secret in server.held.items()} == EXPECTED
    before = {name: dict(secret["data"]) for name, secret in server.held.items()}
    assert not any(row.created for row in run(server))
    assert {name: secret["data"] for name, secret in server.held.items()} == before


def test_the_services_can_use_what_it_makes(server: SecretsServer, tmp_path: Path) -> None:
    run(server)
    log, witness = data(server, "audit-log-key"), data(server, "witness-key")
    signer = read_signer(ORIGIN, file_with(tmp_path, log["key"]))
    assert str(signer.verifiers[0]) == log["vkey"].decode().strip()
    assert VerifierKey.parse(log["vkey"].decode()).name == ORIGIN
    assert SigningKey.parse(witness["key"].decode()).verifier_key == witness["vkey"].decode().strip()
    assert WitnessKey.parse(witness["vkey"].decode()).name == WITNESS
    assert KeyRing.from_file(file_with(tmp_path, data(server, "mdm-keys")["keys"])).versions == (1,)
    issuer = data(server, "issuer-keys")
    TokenSigner("https://issuer:8443", issuer["jwks-private"].decode())
    clients = Clients.parse(issuer["clients"].decode())
    secret = data(server, "mdm-client")["secret"].decode()
    known = clients.authenticated("mdm", secret)
    assert known is not None
    assert known.permissions == MDM.permissions
    assert clients.authenticated("mdm", "x") is None
    assert clients.authenticated("nobody", secret) is None


def test_certificates_carry_the_names_of_services_and_are_the_authoritys(server: SecretsServer, tmp_path: Path) -> None:
    run(server)
    for workload in WORKLOADS:
        secret = data(server, f"{workload.name}-tls")
        certificate = x509.load_pem_x509_certificate(secret["tls.crt"])
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        service = f"{workload.name}.{NAMESPACE}.svc"
        assert {workload.name, service, f"{service}.cluster.local"} < set(names.get_values_for_type(x509.DNSName))
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(secret["ca.crt"]))
        assert secret["ca.crt"] == data(server, "development-authority")["tls.crt"]
        pair = tmp_path / f"{workload.name}.pem"
        pair.write_bytes(secret["tls.crt"] + secret["tls.key"])
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pair)


@pytest.mark.parametrize("lost", ["mdm-tls", "mdm-database", "erp-adapter-keys", "audit-log-key", "issuer-keys"])
def test_one_that_is_lost_is_made_anew_to_fit_the_rest(server: SecretsServer, lost: str) -> None:
    run(server)
    del server.held[lost]
    assert [row.name for row in run(server) if row.created] == [lost]


def test_certificates_of_another_authority_are_told(server: SecretsServer) -> None:
    run(server)
    del server.held["development-authority"]
    with pytest.raises(ConfigurationError, match="mdm-tls is not of development-authority: delete it"):
        run(server)


@pytest.mark.parametrize(
    ("name", "key", "told"),
    [
        ("development-authority", "tls.crt", "development-authority holds no authority"),
        ("development-authority", "tls.key", "development-authority holds no authority"),
        ("issuer-keys", "clients", "delete issuer-keys"),
    ],
)
@pytest.mark.parametrize("content", [b"nothing", b"\xff"])
def test_what_can_not_be_read_is_told(server: SecretsServer, name: str, key: str, told: str, content: bytes) -> None:
    run(server)
    server.held[name]["data"][key] = base64.b64encode(content).decode()
    with pytest.raises(ConfigurationError, match=told):
        run(server)


def test_a_client_whose_secret_the_issuer_does_not_know_is_told(server: SecretsServer) -> None:
    run(server)
    del server.held["mdm-client"]
    with pytest.raises(ConfigurationError, match="delete issuer-keys"):
        run(server)
    del server.held["issuer-keys"]
    run(server)


def test_a_secret_that_somebody_else_creates_meanwhile_is_kept(server: SecretsServer) -> None:
    run(server)
    kept = server.held["development-authority"]
    server.hidden_once.add("development-authority")
    del server.held["mdm-tls"]
    assert [row.name for row in run(server) if row.created] == ["mdm-tls"]
    assert server.held["development-authority"] is kept
    assert data(server, "mdm-tls")["ca.crt"] == data(server, "development-authority")["tls.crt"]


def test_a_secret_without_a_key_is_told_and_not_touched(server: SecretsServer) -> None:
    run(server)
    del server.held["audit-log-key"]["data"]["vkey"]
    with pytest.raises(ConfigurationError, match="audit-log-key is without vkey"):
        run(server)
    assert set(server.held["audit-log-key"]["data"]) == {"key"}


@pytest.mark.parametrize("verb", ["get", "create"])
def test_a_role_that_forbids_is_told_in_the_servers_words(server: SecretsServer, verb: str) -> None:
    server.verbs = tuple({"get", "create"} - {verb})
    with pytest.raises(ApiError, match=f"403 secrets is forbidden: User cannot {verb}"):
        run(server)


def test_a_server_of_another_authority_gets_no_token(server: SecretsServer, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with secrets_server(tmp_path / "other") as other:
        (server.account / "ca.crt").write_bytes((other.account / "ca.crt").read_bytes())
        with pytest.raises(ApiError, match="does not answer: ConnectError"):
            run(server)


def test_the_command_prints_what_it_did_and_no_secret(
    server: SecretsServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONCORD_DEVELOPMENT_BOOTSTRAP_API_URL", server.url)
    monkeypatch.setenv("CONCORD_DEVELOPMENT_BOOTSTRAP_ACCOUNT", str(server.account))
    assert main(["bootstrap"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"mdm-database +created +password", printed)
    assert not any(value in printed for secret in server.held for value in _texts(server, secret))
    server.verbs = ()
    assert main(["bootstrap"]) == 2
    assert "not started" in capsys.readouterr().err


def _texts(server: SecretsServer, name: str) -> list[str]:
    return [value.decode().strip() for value in data(server, name).values()]
