"""What every call passes on its way to a handler and back, over real channels."""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from concord.audit.v1 import audit_pb2, audit_pb2_grpc
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import party_pb2, supplier_pb2, supplier_pb2_grpc
from services.mesh.errors import ConcordError, from_rpc_error
from services.mesh.server import Call, Handler
from tests.support.server.serving import Tokens, service, serving
from tests.support.waiting import eventually

AUDIT = "concord.audit.v1.AuditService"
SUPPLIERS = "concord.mdm.v1.SupplierService"
TAX_NUMBER = "98-7654321"
TOKENS = Tokens()
READER = TOKENS.grant("reader", "audit.leaves.read", "mdm.suppliers.read")
CLEARED = TOKENS.grant("cleared", "mdm.suppliers.read", "mdm.restricted.read")
WRITER = TOKENS.grant("writer", "mdm.suppliers.write")
STRANGER = TOKENS.grant("stranger")
GET_LEAF = f"/{AUDIT}/GetLeaf"
UNKNOWN = "/acme.v1.Thing/Do"


class Handlers:
    """Handlers in memory, which remember the last call."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def get_leaf(self, request: audit_pb2.GetLeafRequest, call: Call) -> Any:
        self.calls.append(call)
        if request.record == "suppliers/crash":
            raise KeyError(TAX_NUMBER)
        if request.record == "suppliers/huge":
            return audit_pb2.GetLeafResponse(leaf=audit_pb2.LeafEntry(leaf_bytes=b"x" * 16_777_216))
        if request.record == "suppliers/wrong":
            return audit_pb2.ListGapsResponse()
        if request.record == "suppliers/none":
            raise ConcordError(reasons.ERROR_REASON_RECORD_NOT_FOUND, "no such leaf", resource=("leaf", request.record))
        return audit_pb2.GetLeafResponse()

    def get_supplier(self, request: supplier_pb2.GetSupplierRequest, _call: Call) -> supplier_pb2.GetSupplierResponse:
        supplier = supplier_pb2.Supplier(name=request.name, legal_name="Northwind Medical")
        supplier.tax_ids.append(party_pb2.TaxId(scheme="us-ein", value=TAX_NUMBER))
        return supplier_pb2.GetSupplierResponse(supplier=supplier)


@pytest.fixture(scope="module")
def handlers() -> Handlers:
    return Handlers()


@pytest.fixture(scope="module")
def channel(handlers: Handlers) -> Iterator[grpc.Channel]:
    audit = service(AUDIT, {"GetLeaf": handlers.get_leaf})
    suppliers = service(SUPPLIERS, {"GetSupplier": handlers.get_supplier})
    with serving(TOKENS, audit, suppliers) as (_, opened):
        yield opened


@pytest.fixture
def audit(channel: grpc.Channel) -> audit_pb2_grpc.AuditServiceStub:
    return audit_pb2_grpc.AuditServiceStub(channel)


@pytest.fixture
def suppliers(channel: grpc.Channel) -> supplier_pb2_grpc.SupplierServiceStub:
    return supplier_pb2_grpc.SupplierServiceStub(channel)


def unary(channel: grpc.Channel, method: str) -> Any:
    """Return the method without serialisers: it takes and gives bytes."""
    return channel.unary_unary(method)


def failure(act: Callable[[], object]) -> ConcordError:
    with pytest.raises(grpc.RpcError) as raised:
        act()
    return from_rpc_error(raised.value)


def test_a_handler_learns_who_calls_and_why(audit: audit_pb2_grpc.AuditServiceStub, handlers: Handlers) -> None:
    why = (("x-concord-purpose", "audit"), ("x-concord-reason", "year%20end"))
    audit.GetLeaf(audit_pb2.GetLeafRequest(name="1"), metadata=(*READER, *why), timeout=60)
    call = handlers.calls[-1]
    assert (call.caller.subject, call.purpose, call.reason) == ("reader", "audit", "year end")
    assert call.client_address == "127.0.0.1"
    assert call.policy.permission == "audit.leaves.read"
    remaining = call.time_remaining()
    assert remaining is not None
    assert 0 < remaining < 61
    assert call.traceparent.startswith("00-")


def test_undecodable_bytes_are_malformed_and_never_reach_the_handler(channel: grpc.Channel, handlers: Handlers) -> None:
    before = len(handlers.calls)
    error = failure(lambda: unary(channel, GET_LEAF)(b"\xff\xff\xff", metadata=READER))
    assert error.reason == reasons.ERROR_REASON_MALFORMED_MESSAGE
    assert error.metadata == {"type": "concord.audit.v1.GetLeafRequest"}
    assert len(handlers.calls) == before


def test_without_a_token_nothing_is_told(channel: grpc.Channel) -> None:
    errors = [failure(lambda: unary(channel, GET_LEAF)(b"\xff")), failure(lambda: unary(channel, UNKNOWN)(b"\xff"))]
    assert {error.reason for error in errors} == {reasons.ERROR_REASON_CREDENTIALS_MISSING}


def test_a_method_that_is_not_served_is_refused_whatever_its_shape(channel: grpc.Channel) -> None:
    stream: Any = channel.stream_stream(UNKNOWN)
    single = failure(lambda: unary(channel, UNKNOWN)(b"", metadata=READER))
    streamed = failure(lambda: list(stream(iter([b""]), metadata=READER)))
    for error in (single, streamed):
        assert error.reason == reasons.ERROR_REASON_METHOD_NOT_GOVERNED
        assert error.metadata == {"method": UNKNOWN}


def test_a_missing_permission_comes_before_a_broken_request(channel: grpc.Channel) -> None:
    error = failure(lambda: unary(channel, GET_LEAF)(b"\xff\xff", metadata=STRANGER))
    assert error.reason == reasons.ERROR_REASON_PERMISSION_MISSING
    assert error.metadata == {"permission": "audit.leaves.read"}


def test_a_broken_constraint_names_the_field(audit: audit_pb2_grpc.AuditServiceStub) -> None:
    error = failure(lambda: audit.GetLeaf(audit_pb2.GetLeafRequest(revision=-1), metadata=READER))
    assert error.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED
    assert [violation.field for violation in error.violations] == ["revision"]


@pytest.mark.parametrize(
    ("key", "longest"), [("x-concord-purpose", 255), ("x-concord-reason", 1024), ("x-request-id", 128)]
)
def test_a_statement_that_no_leaf_can_hold_is_refused(
    audit: audit_pb2_grpc.AuditServiceStub, key: str, longest: int
) -> None:
    audit.GetLeaf(audit_pb2.GetLeafRequest(name="1"), metadata=(*READER, (key, "x" * longest)))
    longer = (*READER, (key, "x" * (longest + 1)))
    error = failure(lambda: audit.GetLeaf(audit_pb2.GetLeafRequest(name="1"), metadata=longer))
    assert error.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED
    assert [violation.field for violation in error.violations] == [key]


def test_an_error_keeps_its_details_on_the_wire(audit: audit_pb2_grpc.AuditServiceStub) -> None:
    error = failure(lambda: audit.GetLeaf(audit_pb2.GetLeafRequest(record="suppliers/none"), metadata=READER))
    assert error.reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    assert error.resource == ("leaf", "suppliers/none")


@pytest.mark.parametrize("record", ["suppliers/crash", "suppliers/wrong"])
def test_an_unhandled_failure_leaks_nothing_but_its_correlation_id(
    audit: audit_pb2_grpc.AuditServiceStub, record: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        error = failure(lambda: audit.GetLeaf(audit_pb2.GetLeafRequest(record=record), metadata=READER))
    assert error.reason == reasons.ERROR_REASON_INTERNAL_FAILURE
    assert TAX_NUMBER not in error.message
    assert "Leaf" not in error.message
    correlation_id = error.metadata["correlation_id"]
    assert correlation_id in caplog.text


def test_an_answer_beyond_the_limit_is_refused_with_the_limit(audit: audit_pb2_grpc.AuditServiceStub) -> None:
    error = failure(lambda: audit.GetLeaf(audit_pb2.GetLeafRequest(record="suppliers/huge"), metadata=READER))
    assert error.reason == reasons.ERROR_REASON_MESSAGE_TOO_LARGE


def test_a_request_beyond_the_limit_is_refused(channel: grpc.Channel, handlers: Handlers) -> None:
    before = len(handlers.calls)
    error = failure(lambda: unary(channel, GET_LEAF)(b"x" * 5_000_000, metadata=READER))
    assert error.reason == reasons.ERROR_REASON_MESSAGE_TOO_LARGE
    assert len(handlers.calls) == before


def test_restricted_fields_are_left_out_without_the_permission_for_them(
    suppliers: supplier_pb2_grpc.SupplierServiceStub,
) -> None:
    request = supplier_pb2.GetSupplierRequest(name="suppliers/1")
    shown = suppliers.GetSupplier(request, metadata=CLEARED).supplier
    hidden = suppliers.GetSupplier(request, metadata=READER).supplier
    assert shown.tax_ids[0].value == TAX_NUMBER
    assert hidden.tax_ids[0].value == ""
    assert hidden.tax_ids[0].scheme == "us-ein"
    assert hidden.legal_name == "Northwind Medical"


def test_a_call_that_waited_past_its_deadline_does_no_work() -> None:
    entered, leave, served = threading.Event(), threading.Event(), []

    def slow(request: audit_pb2.GetLeafRequest, _call: Call) -> audit_pb2.GetLeafResponse:
        served.append(request.name)
        entered.set()
        leave.wait(60)
        return audit_pb2.GetLeafResponse()

    with serving(TOKENS, service(AUDIT, {"GetLeaf": slow}), workers=1) as (_, opened):
        stub = audit_pb2_grpc.AuditServiceStub(opened)
        first = stub.GetLeaf.future(audit_pb2.GetLeafRequest(name="first"), metadata=READER)
        assert entered.wait(60)
        late = failure(lambda: stub.GetLeaf(audit_pb2.GetLeafRequest(name="late"), metadata=READER, timeout=0.05))
        # The server counts a call's time from its arrival, and may hear later than its client that it is over.
        over_for_the_server = time.monotonic() + 1.0
        eventually(lambda: time.monotonic() > over_for_the_server)
        leave.set()
        first.result(60)
        stub.GetLeaf(audit_pb2.GetLeafRequest(name="next"), metadata=READER)
    assert late.reason == reasons.ERROR_REASON_DEADLINE_TOO_SHORT
    assert served == ["first", "next"]


def test_readers_do_not_wait_for_calls_that_change_records() -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(_request: supplier_pb2.DeleteSupplierRequest, _call: Call) -> supplier_pb2.DeleteSupplierResponse:
        entered.set()
        leave.wait(60)
        return supplier_pb2.DeleteSupplierResponse()

    served: dict[str, Handler] = {"DeleteSupplier": slow, "GetSupplier": Handlers().get_supplier}
    with serving(TOKENS, service(SUPPLIERS, served), workers=1, writers=1) as (_, opened):
        stub = supplier_pb2_grpc.SupplierServiceStub(opened)
        request = supplier_pb2.DeleteSupplierRequest(name="suppliers/1", etag="1", request_id=str(uuid.uuid4()))
        changing = stub.DeleteSupplier.future(request, metadata=WRITER)
        assert entered.wait(60)
        asked = supplier_pb2.GetSupplierRequest(name="suppliers/2")
        assert stub.GetSupplier(asked, metadata=READER, timeout=60).supplier.name == "suppliers/2"
        assert not changing.done()
        leave.set()
        changing.result(60)
