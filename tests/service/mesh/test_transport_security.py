"""TLS from files: identities that are proved both ways, and that rotate while calls go on."""

import ssl
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc

from concord.audit.v1 import audit_pb2, audit_pb2_grpc
from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import from_rpc_error
from services.mesh.server import Call, ServerSettings, ServerTls, build_server, contract
from services.mesh.telemetry import Telemetry
from tests.support.server.certificates import Authority, Identity
from tests.support.server.serving import Tokens, service, serving
from tests.support.waiting import eventually

AUDIT = "concord.audit.v1.AuditService"
TOKENS = Tokens()
READER = TOKENS.grant("reader", "audit.leaves.read")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def who(_request: audit_pb2.GetLeafRequest, call: Call) -> audit_pb2.GetLeafResponse:
    return audit_pb2.GetLeafResponse(leaf=audit_pb2.LeafEntry(name=call.peer_identity))


def get_leaf(port: int, authority: Authority, client: Identity | None = None) -> str:
    pair = (client.key_file.read_bytes(), client.certificate_file.read_bytes()) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.ca_file.read_bytes(), *pair)
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
        stub = audit_pb2_grpc.AuditServiceStub(channel)
        return stub.GetLeaf(audit_pb2.GetLeafRequest(), metadata=READER, timeout=60).leaf.name


def test_a_client_is_known_by_its_certificate_and_refused_without_one(authority: Authority) -> None:
    server = authority.issue("audit")
    tls = ServerTls(server.certificate_file, server.key_file, authority.ca_file)
    with serving(TOKENS, service(AUDIT, {"GetLeaf": who}), tls=tls) as (served, _):
        assert "mdm" in get_leaf(served.port, authority, authority.issue("mdm")).split(",")
        with pytest.raises(grpc.RpcError):
            get_leaf(served.port, authority)


def test_a_certificate_with_more_names_than_a_leaf_may_say_is_refused(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = authority.issue("audit")
    tls = ServerTls(server.certificate_file, server.key_file, authority.ca_file)
    monkeypatch.setattr(contract, "LONGEST_PEER_IDENTITY", 60)
    with serving(TOKENS, service(AUDIT, {"GetLeaf": who}), tls=tls) as (served, _):
        assert "mdm" in get_leaf(served.port, authority, authority.issue("mdm"))
        with pytest.raises(grpc.RpcError) as refused:
            get_leaf(served.port, authority, authority.issue("m" * 61))
    error = from_rpc_error(refused.value)
    assert (error.reason, error.metadata) == (reasons.ERROR_REASON_CREDENTIALS_INVALID, {"check": "certificate"})


def test_a_new_certificate_serves_the_next_handshake(authority: Authority) -> None:
    server = authority.issue("first", "server")
    with serving(TOKENS, service(AUDIT, {"GetLeaf": who}), tls=ServerTls(server.certificate_file, server.key_file)) as (
        served,
        _,
    ):

        def presented() -> str:
            pem = ssl.get_server_certificate(("127.0.0.1", served.port))
            return x509.load_pem_x509_certificate(pem.encode()).subject.rfc4514_string()

        get_leaf(served.port, authority)
        assert presented() == "CN=first"
        authority.issue("second", "server")
        assert eventually(lambda: presented() == "CN=second")
        get_leaf(served.port, authority)


def test_probes_reach_health_and_nothing_else_in_plaintext(authority: Authority) -> None:
    identity = authority.issue("audit")
    tls = ServerTls(identity.certificate_file, identity.key_file, authority.ca_file)
    server = build_server(
        [service(AUDIT, {"GetLeaf": who})],
        settings=ServerSettings(tls=tls, health_port=0),
        authenticator=TOKENS,
        telemetry=Telemetry.off(),
    )
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{server.health_port}") as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            answer = health.Check(health_pb2.HealthCheckRequest(), timeout=60)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
            with pytest.raises(grpc.RpcError) as raised:
                audit_pb2_grpc.AuditServiceStub(channel).GetLeaf(audit_pb2.GetLeafRequest(), metadata=READER)
        assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
    finally:
        server.stop(1.0)
