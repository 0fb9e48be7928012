"""The witness over TLS: its certificate rotates, its authority's file is followed, probes need neither."""

import http.client
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from services.audit.domain.cosignature import WitnessKey
from services.audit.witness_client import WitnessClient, WitnessSettings, WitnessUnreachableError
from services.mesh.configuration import ConfigurationError
from services.mesh.server import ServerTls
from services.mesh.server.http_server import Handler, HttpServer
from tests.support.audit.evidence import WITNESS, checkpoint
from tests.support.audit.witnesses import GRACE_S, witness
from tests.support.server.certificates import Authority
from tests.support.waiting import eventually

LEAVES = [str(number).encode() for number in range(20)]


def client_of(port: int, ca_file: Path) -> WitnessClient:
    key_file = ca_file.with_name("witness.vkey")
    settings = WitnessSettings(f"https://127.0.0.1:{port}", key_file, timeout=timedelta(seconds=10), ca_file=ca_file)
    return WitnessClient(settings, WitnessKey.parse(WITNESS.verifier_key))


def authority_in(folder: Path) -> Authority:
    folder.mkdir()
    return Authority(folder)


def test_a_checkpoint_is_cosigned_over_tls_also_after_certificate_and_authority_changed(tmp_path: Path) -> None:
    first, second = authority_in(tmp_path / "first"), authority_in(tmp_path / "second")
    trusted, identity = tmp_path / "ca.pem", first.issue("witness", "server")
    trusted.write_bytes(first.ca_file.read_bytes())
    tls = ServerTls(identity.certificate_file, identity.key_file)
    with witness(tmp_path, tls=tls) as server:
        client = client_of(server.port, trusted)
        note = checkpoint(LEAVES[:5]).decode()
        assert client.cosignature(0, [], note)
        fresh = second.issue("witness", "server")
        identity.key_file.write_bytes(fresh.key_file.read_bytes())
        identity.certificate_file.write_bytes(fresh.certificate_file.read_bytes())
        other = client_of(server.port, first.ca_file)
        with pytest.raises(WitnessUnreachableError):
            other.cosignature(5, [], note)
        trusted.write_bytes(second.ca_file.read_bytes())
        assert client.cosignature(5, [], note)
        client.close()
        other.close()


def test_a_connection_that_is_slow_at_its_handshake_keeps_nobody_waiting(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    identity = authority.issue("witness")
    with witness(tmp_path, tls=ServerTls(identity.certificate_file, identity.key_file)) as server:
        slow = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        slow.connect()

        def presented() -> str:
            pem = ssl.get_server_certificate(("127.0.0.1", server.port), timeout=60)
            return x509.load_pem_x509_certificate(pem.encode()).subject.rfc4514_string()

        assert presented() == "CN=witness"
        authority.issue("renewed", "witness")
        assert eventually(lambda: presented() == "CN=renewed")
        slow.close()


def test_probes_are_answered_in_plain_http_and_told_nothing_else(tmp_path: Path) -> None:
    identity = Authority(tmp_path).issue("witness")
    tls = ServerTls(identity.certificate_file, identity.key_file)
    server = HttpServer("127.0.0.1", 0, Handler, tls=tls, health_port=0)
    server.start()
    try:
        assert server.health_port is not None
        assert [asked(server.health_port, path) for path in ("/healthz", "/", "/add-checkpoint")] == [200, 404, 404]
    finally:
        server.stop(GRACE_S)


def asked(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_plain_http_that_others_could_read_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="plain HTTP"):
        HttpServer("0.0.0.0", 0, Handler)  # noqa: S104 - that is what is refused


def test_a_certificate_of_another_key_is_told_at_the_start(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.issue("one"), authority.issue("other")
    with pytest.raises(ConfigurationError, match="not the certificate"):
        HttpServer("127.0.0.1", 0, Handler, tls=ServerTls(one.certificate_file, other.key_file))


def test_an_authority_that_is_none_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(ConfigurationError, match="no certificate of an authority"):
        client_of(1, tmp_path / "ca.pem")
