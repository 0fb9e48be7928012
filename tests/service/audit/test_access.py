"""Who may ask and who may append."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from concord.audit.v1 import audit_pb2 as messages
from concord.audit.v1.audit_pb2_grpc import AuditServiceStub
from concord.governance.v1 import error_reason_pb2 as reasons
from services.development.issuer import DevelopmentIssuer
from tests.service.audit.conftest import APPEND, READ, Clients, refusal
from tests.support.audit.leaves import leaf_bytes

APPEND_LEAVES = "/concord.audit.v1.AuditService/AppendLeaves"
CALLS: dict[str, Callable[[AuditServiceStub], object]] = {
    "AppendLeaves": lambda audit: audit.AppendLeaves(messages.AppendLeavesRequest(leaves=[leaf_bytes()])),
    "GetLeaf": lambda audit: audit.GetLeaf(messages.GetLeafRequest(name="leaves/0")),
    "ListLeaves": lambda audit: audit.ListLeaves(messages.ListLeavesRequest()),
    "ListGaps": lambda audit: audit.ListGaps(messages.ListGapsRequest()),
    "CountLeaves": lambda audit: audit.CountLeaves(messages.CountLeavesRequest()),
}
NEEDED = {method: APPEND if method == "AppendLeaves" else READ for method in CALLS}


def test_each_rpc_needs_its_own_permission(clients: Clients) -> None:
    for granted in (APPEND, READ):
        with clients.stub(clients.granted(granted, "mdm.suppliers.read")) as audit:
            for method, call in CALLS.items():
                if NEEDED[method] == granted:
                    continue
                error = refusal(lambda: call(audit))  # noqa: B023 - called at once
                assert error.reason == reasons.ERROR_REASON_PERMISSION_MISSING
                assert error.metadata == {"permission": NEEDED[method]}


def test_permission_comes_before_validation_and_existence(clients: Clients) -> None:
    with clients.stub(clients.granted("mdm.suppliers.read")) as audit:
        for request in (messages.GetLeafRequest(), messages.GetLeafRequest(name="leaves/99")):
            error = refusal(lambda: audit.GetLeaf(request))  # noqa: B023 - called at once
            assert error.reason == reasons.ERROR_REASON_PERMISSION_MISSING


@pytest.mark.parametrize("method", CALLS)
def test_tokens_that_are_missing_expired_or_foreign_are_refused(
    clients: Clients, issuer: DevelopmentIssuer, tmp_path: Path, method: str
) -> None:
    stranger = DevelopmentIssuer(tmp_path)
    all_of = (APPEND, READ)
    expected = {
        "": reasons.ERROR_REASON_CREDENTIALS_MISSING,
        "junk": reasons.ERROR_REASON_CREDENTIALS_INVALID,
        stranger.issue("tester", "tests", all_of, ["*"]): reasons.ERROR_REASON_CREDENTIALS_INVALID,
        issuer.issue("tester", "tests", all_of, audience="others"): reasons.ERROR_REASON_CREDENTIALS_INVALID,
        issuer.issue("tester", "tests", all_of, lifetime=timedelta(hours=-1)): (
            reasons.ERROR_REASON_CREDENTIALS_EXPIRED
        ),
    }
    for token, reason in expected.items():
        with clients.stub(token) as audit:
            assert refusal(lambda: CALLS[method](audit)).reason == reason


def test_bytes_that_are_no_request_are_refused_as_malformed(clients: Clients) -> None:
    metadata = (("authorization", f"Bearer {clients.granted(APPEND)}"),)
    with grpc.insecure_channel(f"127.0.0.1:{clients.port}") as channel:
        raw: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/concord.audit.v1.AuditService/AppendLeaves"
        )
        assert refusal(lambda: raw(b"\xff\xff", metadata=metadata)).reason == reasons.ERROR_REASON_MALFORMED_MESSAGE
