"""Calls that are not permitted are noted, whoever refuses them, and nothing else is."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from concord.audit.v1 import audit_pb2, audit_pb2_grpc
from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError, from_rpc_error
from services.mesh.server import Call
from tests.support.server.serving import Tokens, service, serving

AUDIT = "concord.audit.v1.AuditService"
FEED = "concord.mdm.v1.ChangeService"
TOKENS = Tokens()
READER = TOKENS.grant("reader", "audit.leaves.read", "mdm.changes.read")
STRANGER = TOKENS.grant("stranger")


class Notes:
    """What was noted: who called what, and why it was refused."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str, str]] = []

    def note(self, call: Call, error: ConcordError) -> None:
        self.made.append((call.caller.subject, call.policy.full_name, error.reason_name))


def get_leaf(request: audit_pb2.GetLeafRequest, _call: Call) -> audit_pb2.GetLeafResponse:
    if request.record:
        raise ConcordError(reasons.ErrorReason.Value(f"ERROR_REASON_{request.record}"), "refused")
    return audit_pb2.GetLeafResponse()


def watch(_request: Any, _call: Call) -> Iterator[Any]:
    raise ConcordError(reasons.ERROR_REASON_SYSTEM_NOT_OWNED, "not yours")


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def channel(notes: Notes) -> Iterator[grpc.Channel]:
    services = (service(AUDIT, {"GetLeaf": get_leaf}), service(FEED, {"WatchChanges": watch}))
    with serving(TOKENS, *services, note_denial=notes.note) as (_, opened):
        yield opened


def refused(channel: grpc.Channel, record: str, metadata: Any) -> str:
    """Ask for a leaf; return the reason of the refusal."""
    with pytest.raises(grpc.RpcError) as raised:
        audit_pb2_grpc.AuditServiceStub(channel).GetLeaf(audit_pb2.GetLeafRequest(record=record), metadata=metadata)
    return from_rpc_error(raised.value).reason_name


def test_a_call_without_the_permission_is_noted_and_refused_as_ever(channel: grpc.Channel, notes: Notes) -> None:
    assert refused(channel, "", STRANGER) == "PERMISSION_MISSING"
    assert notes.made == [("stranger", f"/{AUDIT}/GetLeaf", "PERMISSION_MISSING")]


def test_what_a_handler_does_not_permit_is_noted(channel: grpc.Channel, notes: Notes) -> None:
    assert refused(channel, "SECOND_PERSON_REQUIRED", READER) == "SECOND_PERSON_REQUIRED"
    stream: Any = channel.unary_stream(f"/{FEED}/WatchChanges")
    with pytest.raises(grpc.RpcError):
        list(stream(b"", metadata=READER))
    assert [reason for _, _, reason in notes.made] == ["SECOND_PERSON_REQUIRED", "SYSTEM_NOT_OWNED"]


def test_a_method_that_is_not_served_is_noted(channel: grpc.Channel, notes: Notes) -> None:
    unknown: Any = channel.unary_unary("/acme.v1.Thing/Do")
    with pytest.raises(grpc.RpcError):
        unknown(b"", metadata=READER)
    assert notes.made == [("reader", "/acme.v1.Thing/Do", "METHOD_NOT_GOVERNED")]


def test_other_failures_strangers_and_what_succeeds_are_not_noted(channel: grpc.Channel, notes: Notes) -> None:
    assert refused(channel, "RECORD_NOT_FOUND", READER) == "RECORD_NOT_FOUND"
    assert refused(channel, "", ()) == "CREDENTIALS_MISSING"
    audit_pb2_grpc.AuditServiceStub(channel).GetLeaf(audit_pb2.GetLeafRequest(), metadata=READER)
    assert notes.made == []
