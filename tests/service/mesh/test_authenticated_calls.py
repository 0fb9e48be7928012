"""Real tokens over a real channel: from the issuer's key to the caller that a handler sees."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from concord.audit.v1 import audit_pb2, audit_pb2_grpc
from concord.governance.v1 import error_reason_pb2 as reasons
from services.development.issuer import DevelopmentIssuer
from services.mesh.calling.client import FixedToken, TokenFile, TokenSource, open_channel
from services.mesh.contract.purpose import with_purpose
from services.mesh.errors import from_rpc_error
from services.mesh.identity.authentication import AuthenticationSettings, TokenAuthenticator
from services.mesh.server import Call, MeshServer, ServerSettings, build_server
from services.mesh.telemetry import Telemetry
from tests.support.server.serving import GRACE_S, service

READ = "audit.leaves.read"
REASON = "Überprüfung 50 %, ticket #7"


class Audit:
    """Remembers the calls that got through."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def get_leaf(self, _request: audit_pb2.GetLeafRequest, call: Call) -> audit_pb2.GetLeafResponse:
        self.calls.append(call)
        return audit_pb2.GetLeafResponse()


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentIssuer:
    return DevelopmentIssuer(tmp_path_factory.mktemp("issuer"))


@pytest.fixture
def audit() -> Audit:
    return Audit()


@pytest.fixture
def server(issuer: DevelopmentIssuer, audit: Audit) -> Iterator[MeshServer]:
    settings = AuthenticationSettings(issuer=issuer.issuer, jwks_file=issuer.jwks_file)
    running = build_server(
        [service("concord.audit.v1.AuditService", {"GetLeaf": audit.get_leaf})],
        settings=ServerSettings(),
        authenticator=TokenAuthenticator(settings),
        telemetry=Telemetry.off(),
    )
    running.start()
    yield running
    running.stop(GRACE_S)


def get_leaf(server: MeshServer, token: TokenSource | None, *, purpose: str = "", reason: str = "") -> None:
    with open_channel(f"127.0.0.1:{server.port}", token=token) as channel:
        stub = audit_pb2_grpc.AuditServiceStub(channel)
        stub.GetLeaf(audit_pb2.GetLeafRequest(name="1"), metadata=with_purpose(purpose, reason))


def refusal(server: MeshServer, token: str | None) -> reasons.ErrorReason.ValueType:
    with pytest.raises(grpc.RpcError) as caught:
        get_leaf(server, FixedToken(token) if token is not None else None)
    return from_rpc_error(caught.value).reason


def test_the_handler_sees_whom_the_token_stands_for_and_why_it_is_called(
    server: MeshServer, audit: Audit, issuer: DevelopmentIssuer, tmp_path: Path
) -> None:
    issued = issuer.issue("adapter", "erp", [READ], ["entities/north"], on_behalf_of=["alice"])
    get_leaf(server, TokenFile(issuer.write_token(tmp_path / "token", issued)), purpose="audit", reason=REASON)
    (call,) = audit.calls
    assert (call.caller.subject, call.caller.client, call.caller.on_behalf_of) == ("adapter", "erp", ("alice",))
    assert call.caller.permissions == {READ}
    assert call.caller.entities == ("entities/north",)
    assert (call.purpose, call.reason) == ("audit", REASON)


def test_what_a_token_lacks_is_refused_before_the_handler(
    server: MeshServer, audit: Audit, issuer: DevelopmentIssuer, tmp_path: Path
) -> None:
    stranger = DevelopmentIssuer(tmp_path / "stranger")
    assert refusal(server, None) == reasons.ERROR_REASON_CREDENTIALS_MISSING
    assert refusal(server, "rubbish") == reasons.ERROR_REASON_CREDENTIALS_INVALID
    assert refusal(server, stranger.issue("x", "x", [READ])) == reasons.ERROR_REASON_CREDENTIALS_INVALID
    expired = issuer.issue("x", "x", [READ], lifetime=timedelta(minutes=-1))
    assert refusal(server, expired) == reasons.ERROR_REASON_CREDENTIALS_EXPIRED
    elsewhere = issuer.issue("x", "x", [READ], audience="elsewhere")
    assert refusal(server, elsewhere) == reasons.ERROR_REASON_CREDENTIALS_INVALID
    assert refusal(server, issuer.issue("x", "x", ["audit.leaves.append"])) == reasons.ERROR_REASON_PERMISSION_MISSING
    assert not audit.calls


def test_callers_at_once_are_never_taken_for_one_another(
    server: MeshServer, audit: Audit, issuer: DevelopmentIssuer
) -> None:
    names = [f"caller-{number}" for number in range(8)]

    def call_often(name: str) -> None:
        token = FixedToken(issuer.issue(name, name, [READ]))
        with open_channel(f"127.0.0.1:{server.port}", token=token) as channel:
            stub = audit_pb2_grpc.AuditServiceStub(channel)
            for _ in range(10):
                stub.GetLeaf(audit_pb2.GetLeafRequest(name="1"), metadata=with_purpose(name))

    threads = [threading.Thread(target=call_often, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(call.purpose for call in audit.calls) == sorted(names * 10)
    assert all(call.caller.subject == call.caller.client == call.purpose for call in audit.calls)
