"""GetLeaf, ListLeaves, ListGaps and CountLeaves as an auditor sees them."""

from datetime import datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from concord.audit.v1.audit_pb2 import (
    AppendLeavesRequest,
    CountLeavesRequest,
    Gap,
    GetLeafRequest,
    Leaf,
    LeafCount,
    LeafEntry,
    ListGapsRequest,
    ListLeavesRequest,
)
from concord.audit.v1.audit_pb2_grpc import AuditServiceStub
from concord.governance.v1 import error_reason_pb2 as reasons
from tests.service.audit.conftest import APPEND, READ, Clients, refusal
from tests.support.audit.leaves import BEGINNING, history, leaf_bytes

LEAVES = [
    *history("suppliers/one", (1, 2), at=BEGINNING, entities=["entities/east"]),
    *history("suppliers/one", (5,), at=BEGINNING + timedelta(hours=1), actor="erp", entities=["entities/west"]),
    *history("items/two", (3,), at=BEGINNING + timedelta(hours=2), record_type="item", entities=[]),
]
ADAPTERS = history("deliveries/x", (1,), at=BEGINNING + timedelta(hours=3), source_service="erp_adapter")


@pytest.fixture(autouse=True)
def _leaves(audit: AuditServiceStub, clients: Clients) -> None:
    audit.AppendLeaves(AppendLeavesRequest(leaves=LEAVES))
    with clients.stub(clients.granted(APPEND, client="erp_adapter")) as adapter:
        adapter.AppendLeaves(AppendLeavesRequest(leaves=ADAPTERS))


def at(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp


def listed(audit: AuditServiceStub, request: ListLeavesRequest) -> list[int]:
    """List page by page; return the places."""
    found: list[int] = []
    while True:
        page = audit.ListLeaves(request)
        found += [entry.receipt.leaf_index for entry in page.leaves]
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


def test_a_leaf_is_told_decoded_and_byte_for_byte(audit: AuditServiceStub) -> None:
    entry = audit.GetLeaf(GetLeafRequest(name="leaves/2")).leaf
    assert entry.name == "leaves/2"
    assert entry.leaf_bytes == LEAVES[2]
    assert entry.leaf == Leaf.FromString(LEAVES[2])
    again = audit.AppendLeaves(AppendLeavesRequest(leaves=[LEAVES[2]])).receipts[0]
    assert entry.receipt == again


def test_a_leaf_is_found_by_the_change_it_is_the_evidence_of(audit: AuditServiceStub) -> None:
    entry = audit.GetLeaf(GetLeafRequest(source_service="mdm", record="items/two", revision=3)).leaf
    assert entry.name == "leaves/3"


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (GetLeafRequest(name="leaves/5"), reasons.ERROR_REASON_RECORD_NOT_FOUND),
        (GetLeafRequest(source_service="mdm", record="items/two", revision=1), reasons.ERROR_REASON_RECORD_NOT_FOUND),
        (GetLeafRequest(name="suppliers/one"), reasons.ERROR_REASON_INVALID_NAME),
        (GetLeafRequest(), reasons.ERROR_REASON_CONSTRAINT_VIOLATED),
        (GetLeafRequest(record="items/two", revision=3), reasons.ERROR_REASON_CONSTRAINT_VIOLATED),
        (GetLeafRequest(name="leaves/1", revision=3), reasons.ERROR_REASON_CONSTRAINT_VIOLATED),
        (GetLeafRequest(name="x" * 65), reasons.ERROR_REASON_CONSTRAINT_VIOLATED),
    ],
)
def test_a_leaf_that_is_not_there_or_not_asked_for_properly_is_refused(
    audit: AuditServiceStub, request_: GetLeafRequest, reason: int
) -> None:
    assert refusal(lambda: audit.GetLeaf(request_)).reason == reason


def test_leaves_are_listed_by_record_actor_and_time_page_by_page(audit: AuditServiceStub) -> None:
    first, second = at(BEGINNING + timedelta(hours=1)), at(BEGINNING + timedelta(hours=3))
    assert listed(audit, ListLeavesRequest(page_size=2)) == [0, 1, 2, 3, 4]
    assert listed(audit, ListLeavesRequest(record="suppliers/one", page_size=1)) == [0, 1, 2]
    assert listed(audit, ListLeavesRequest(actor="erp")) == [2]
    assert listed(audit, ListLeavesRequest(start_time=first, end_time=second, page_size=1)) == [2, 3]
    assert listed(audit, ListLeavesRequest(source_service="erp_adapter", start_time=first)) == [4]
    assert listed(audit, ListLeavesRequest(page_size=1_000_000))[:5] == [0, 1, 2, 3, 4]


def test_a_page_of_large_leaves_arrives_and_the_next_one_continues(audit: AuditServiceStub) -> None:
    large = history("suppliers/large", range(1, 4), on_behalf_of=["x" * 1_000_000])
    for leaf in large:
        audit.AppendLeaves(AppendLeavesRequest(leaves=[leaf]))
    assert listed(audit, ListLeavesRequest(record="suppliers/large")) == [5, 6, 7]


def test_bad_pages_are_refused(audit: AuditServiceStub) -> None:
    token = audit.ListLeaves(ListLeavesRequest(page_size=1)).next_page_token
    size = refusal(lambda: audit.ListLeaves(ListLeavesRequest(page_size=-1)))
    assert (size.reason, size.metadata) == (reasons.ERROR_REASON_INVALID_PAGE_SIZE, {"page_size": "-1"})
    for request in (ListLeavesRequest(page_token="junk"), ListLeavesRequest(page_token=token, actor="erp")):
        assert refusal(lambda: audit.ListLeaves(request)).reason == reasons.ERROR_REASON_INVALID_PAGE_TOKEN  # noqa: B023
    gaps = refusal(lambda: audit.ListGaps(ListGapsRequest(page_token=token)))
    assert gaps.reason == reasons.ERROR_REASON_INVALID_PAGE_TOKEN


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (ListLeavesRequest(record="r" * 10_000), "record"),
        (ListLeavesRequest(actor="a\x00b"), "actor"),
        (ListLeavesRequest(end_time=Timestamp(seconds=2**50)), "end_time"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused_by_field(
    audit: AuditServiceStub, request_: ListLeavesRequest, field: str
) -> None:
    error = refusal(lambda: audit.ListLeaves(request_))
    assert error.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED
    assert [violation.field for violation in error.violations] == [field]


def test_gaps_are_listed_until_they_are_filled(audit: AuditServiceStub) -> None:
    items = Gap(source_service="mdm", record="items/two", first_revision=1, last_revision=2)
    suppliers = Gap(source_service="mdm", record="suppliers/one", first_revision=3, last_revision=4)
    page = audit.ListGaps(ListGapsRequest(page_size=1))
    assert list(page.gaps) == [items]
    page = audit.ListGaps(ListGapsRequest(page_size=1, page_token=page.next_page_token))
    assert (list(page.gaps), page.next_page_token) == ([suppliers], "")
    assert not audit.ListGaps(ListGapsRequest(source_service="erp_adapter")).gaps
    audit.AppendLeaves(AppendLeavesRequest(leaves=history("items/two", (1, 2), record_type="item")))
    assert list(audit.ListGaps(ListGapsRequest()).gaps) == [suppliers]


def test_leaves_are_counted_to_be_compared(audit: AuditServiceStub) -> None:
    adapter = LeafCount(source_service="erp_adapter", record_type="supplier", count=1)
    hub = [
        LeafCount(source_service="mdm", record_type="item", count=1),
        LeafCount(source_service="mdm", record_type="supplier", count=3),
    ]
    assert list(audit.CountLeaves(CountLeavesRequest()).counts) == [adapter, *hub]
    assert list(audit.CountLeaves(CountLeavesRequest(source_service="mdm")).counts) == hub


def test_a_caller_sees_the_evidence_of_its_entities_only(clients: Clients) -> None:
    with clients.stub(clients.granted(READ, entities=["entities/west"])) as scoped:
        assert listed(scoped, ListLeavesRequest()) == [2]
        hidden = refusal(lambda: scoped.GetLeaf(GetLeafRequest(name="leaves/0")))
        assert hidden.reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
        assert [gap.record for gap in scoped.ListGaps(ListGapsRequest()).gaps] == ["suppliers/one"]
        counted = scoped.CountLeaves(CountLeavesRequest(source_service="mdm")).counts
        assert [count.count for count in counted] == [1]
    with clients.stub(clients.granted(READ, entities=[])) as nobody:
        assert listed(nobody, ListLeavesRequest()) == []


def test_what_a_newer_contract_added_to_a_leaf_stays_in_its_bytes(audit: AuditServiceStub) -> None:
    newer = leaf_bytes("suppliers/newer") + b"\xf8\x07\x01"
    [receipt] = audit.AppendLeaves(AppendLeavesRequest(leaves=[newer])).receipts
    entry: LeafEntry = audit.GetLeaf(GetLeafRequest(name=f"leaves/{receipt.leaf_index}")).leaf
    assert entry.leaf_bytes == newer
