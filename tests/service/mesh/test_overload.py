"""More calls than a server can serve: those beyond its line are refused at once, with a reason, and health answers."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from concord.audit.v1 import audit_pb2, audit_pb2_grpc
from services.mesh.errors import from_rpc_error
from services.mesh.server import Call
from tests.support.server.serving import Tokens, service, serving

AUDIT = "concord.audit.v1.AuditService"
TOKENS = Tokens()
BOTH = TOKENS.grant("both", "audit.leaves.read", "audit.leaves.append")
REQUEST = audit_pb2.GetLeafRequest(name="leaves/0")
WORKERS, WAITING = 2, 3


class Gate:
    """Handlers that let nobody through until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.at_work = threading.Semaphore(0)

    def read(self, _request: audit_pb2.GetLeafRequest, _call: Call) -> audit_pb2.GetLeafResponse:
        self.at_work.release()
        assert self.opened.wait(60)
        return audit_pb2.GetLeafResponse()

    @staticmethod
    def append(_request: audit_pb2.AppendLeavesRequest, _call: Call) -> audit_pb2.AppendLeavesResponse:
        return audit_pb2.AppendLeavesResponse()


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.opened.set()


def outcomes(calls: Sequence[Any]) -> list[str]:
    """Return how calls end: OK or the reason."""
    found = []
    for call in calls:
        error = call.exception(60)
        found.append("OK" if error is None else from_rpc_error(error).reason_name)
    return found


def test_who_finds_the_line_full_is_refused_and_all_others_are_served(gate: Gate) -> None:
    audit = service(AUDIT, {"GetLeaf": gate.read, "AppendLeaves": gate.append})
    with serving(TOKENS, audit, workers=WORKERS, waiting=WAITING) as (_, channel):
        stub = audit_pb2_grpc.AuditServiceStub(channel)
        grpc.channel_ready_future(channel).result(60)
        served = [stub.GetLeaf.future(REQUEST, metadata=BOTH, timeout=60) for _ in range(WORKERS + WAITING)]
        for _ in range(WORKERS):
            assert gate.at_work.acquire(timeout=60)
        # Calls of a channel that is connected come in their order, so these find the line as full as it is.
        beyond = [stub.GetLeaf.future(REQUEST, metadata=BOTH, timeout=60) for _ in range(10)]
        assert outcomes(beyond) == ["OVERLOADED"] * 10
        refused = beyond[0].exception()
        assert isinstance(refused, grpc.RpcError)
        error = from_rpc_error(refused)
        assert (error.code, error.metadata) == (grpc.StatusCode.RESOURCE_EXHAUSTED, {"limit": str(WAITING)})
        assert error.retry_after is not None
        stranger = stub.GetLeaf.future(REQUEST, timeout=60)
        assert outcomes([stranger]) == ["CREDENTIALS_MISSING"]
        assert outcomes([stub.AppendLeaves.future(audit_pb2.AppendLeavesRequest(), metadata=BOTH)]) != ["OVERLOADED"]
        health: Any = health_pb2_grpc.HealthStub(channel)
        answer = health.Check(health_pb2.HealthCheckRequest(service="readiness"), timeout=60)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        gate.opened.set()
        assert outcomes(served) == ["OK"] * len(served)
        assert outcomes([stub.GetLeaf.future(REQUEST, metadata=BOTH)]) == ["OK"]
