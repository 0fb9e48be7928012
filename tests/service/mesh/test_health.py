"""What probes are told: startup, readiness and liveness, each by its own name."""

import threading
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from concord.audit.v1 import audit_pb2, audit_pb2_grpc
from services.mesh.server import Call, MeshServer
from tests.support.server.serving import Tokens, service, serving
from tests.support.waiting import eventually

AUDIT = "concord.audit.v1.AuditService"
TOKENS = Tokens()
READER = TOKENS.grant("reader", "audit.leaves.read")
FOLLOWING = ("readiness", "", AUDIT)
STANDING = ("startup", "liveness")


class Probe:
    """Asks health as the kubelet does: in plaintext, without a token, each time anew."""

    def __init__(self, server: MeshServer) -> None:
        self._target = f"127.0.0.1:{server.health_port}"

    def serving(self, name: str) -> bool:
        with grpc.insecure_channel(self._target) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=60)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def leaf(_request: audit_pb2.GetLeafRequest, _call: Call) -> audit_pb2.GetLeafResponse:
    return audit_pb2.GetLeafResponse()


def test_readiness_follows_what_the_server_stands_on_and_nothing_else_does() -> None:
    with serving(TOKENS, service(AUDIT, {"GetLeaf": leaf}), health_port=0) as (server, _):
        probe = Probe(server)
        assert all(probe.serving(name) for name in (*FOLLOWING, *STANDING))
        server.health.support(False)
        assert not any(probe.serving(name) for name in FOLLOWING)
        assert all(probe.serving(name) for name in STANDING)
        server.health.support(True)
        assert all(probe.serving(name) for name in FOLLOWING)
        server.close()


def test_a_misspelt_name_is_not_found() -> None:
    with serving(TOKENS, service(AUDIT, {"GetLeaf": leaf}), health_port=0) as (server, _):
        with pytest.raises(grpc.RpcError) as raised:
            Probe(server).serving("rediness")
        server.close()
    assert raised.value.code() == grpc.StatusCode.NOT_FOUND


def test_a_draining_server_is_live_and_not_ready_until_its_process_ends() -> None:
    arrived, leave = threading.Event(), threading.Event()

    def slow(_request: audit_pb2.GetLeafRequest, _call: Call) -> audit_pb2.GetLeafResponse:
        arrived.set()
        leave.wait(60)
        return audit_pb2.GetLeafResponse()

    with serving(TOKENS, service(AUDIT, {"GetLeaf": slow}), health_port=0) as (server, channel):
        probe = Probe(server)
        stub = audit_pb2_grpc.AuditServiceStub(channel)
        under_way = stub.GetLeaf.future(audit_pb2.GetLeafRequest(name="leaves/0"), metadata=READER)
        assert arrived.wait(60)
        stopping = threading.Thread(target=server.stop, args=(60.0,))
        stopping.start()
        eventually(lambda: not probe.serving("readiness"))
        server.health.support(True)
        assert not any(probe.serving(name) for name in FOLLOWING)
        assert probe.serving("liveness")
        leave.set()
        under_way.result(60)
        stopping.join(60)
        assert probe.serving("liveness")
        server.close()
        with pytest.raises(grpc.RpcError):
            probe.serving("liveness")
