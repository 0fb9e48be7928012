"""AppendLeaves as a relay sees it."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from concord.audit.v1.audit_pb2 import (
    AppendLeavesRequest,
    CountLeavesRequest,
    ListGapsRequest,
    ListLeavesRequest,
    Receipt,
)
from concord.audit.v1.audit_pb2_grpc import AuditServiceStub
from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.domain.leaf import leaf_hash
from services.development.issuer import DevelopmentIssuer
from services.mesh.postgres.database import Database, driver
from tests.service.audit.conftest import APPEND, READ, WRITER, Clients, refusal, replica
from tests.support.audit.leaves import history, leaf_bytes
from tests.support.database.databases import MigratedDatabase
from tests.support.waiting import eventually

RECORDS = 12
REVISIONS = 25


def append(audit: AuditServiceStub, *leaves: bytes) -> list[Receipt]:
    return list(audit.AppendLeaves(AppendLeavesRequest(leaves=leaves)).receipts)


def held(audit: AuditServiceStub, source_service: str = "") -> int:
    return sum(count.count for count in audit.CountLeaves(CountLeavesRequest(source_service=source_service)).counts)


def test_every_leaf_gets_a_receipt_in_the_order_of_the_request(audit: AuditServiceStub) -> None:
    leaves = history("suppliers/one", (2, 1, 3))
    receipts = append(audit, *leaves)
    assert [receipt.leaf_index for receipt in receipts] == [0, 1, 2]
    assert [receipt.leaf_hash for receipt in receipts] == [leaf_hash(leaf) for leaf in leaves]
    assert all(receipt.HasField("receive_time") for receipt in receipts)


def test_a_repeat_and_a_leaf_twice_in_a_request_get_the_first_receipt(audit: AuditServiceStub) -> None:
    one, two = history("suppliers/one", (1, 2))
    [first] = append(audit, one)
    assert append(audit, two, one, two) == [*append(audit, two), first, *append(audit, two)]
    assert held(audit) == 2


def test_other_bytes_for_a_held_key_are_a_conflict_and_an_alarm_and_append_nothing(
    audit: AuditServiceStub, caplog: pytest.LogCaptureFixture
) -> None:
    append(audit, *history("suppliers/one", (1, 2)))
    other = leaf_bytes("suppliers/one", 2, actor="somebody else")
    error = refusal(lambda: append(audit, leaf_bytes("suppliers/new"), other))
    assert error.reason == reasons.ERROR_REASON_LEAF_CONFLICT
    assert error.metadata["record"] == "suppliers/one"
    assert error.metadata["revision"] == "2"
    assert [violation.field for violation in error.violations] == ["leaves[1]"]
    assert held(audit, "mdm") == 2
    assert "alarm: mdm sent other bytes for suppliers/one revision 2 than are held at place 1" in caplog.messages


def test_a_conflict_is_evidence_once_for_each_caller_and_what_it_sent(
    audit: AuditServiceStub, clients: Clients
) -> None:
    append(audit, *history("suppliers/one", (1, 2)))
    forged, another = (leaf_bytes("suppliers/one", 2, actor=actor) for actor in ("forger", "another"))
    for sent in (forged, forged, another, forged):
        refusal(lambda sent=sent: append(audit, sent))  # type: ignore[misc]
    with clients.stub(clients.issuer.issue("mallory", WRITER, [APPEND], ["*"])) as mallory:
        refusal(lambda: append(mallory, forged))
    found = audit.ListLeaves(ListLeavesRequest(source_service="audit")).leaves
    denials = [each.leaf for each in found if each.leaf.HasField("denial")]
    assert [(leaf.actor, leaf.denial.sent_leaf_hash) for leaf in denials] == [
        ("tester", leaf_hash(forged)),
        ("tester", leaf_hash(another)),
        ("mallory", leaf_hash(forged)),
    ]
    assert {(leaf.denial.reason, leaf.denial.resource) for leaf in denials} == {("LEAF_CONFLICT", "leaves/1")}
    assert {leaf.method for leaf in denials} == {"/concord.audit.v1.AuditService/AppendLeaves"}


def test_leaves_in_another_services_name_are_refused_and_that_is_evidence(
    audit: AuditServiceStub, clients: Clients
) -> None:
    own, forged = leaf_bytes("suppliers/one"), leaf_bytes("leaves/one", source_service="audit")
    error = refusal(lambda: append(audit, own, forged, forged))
    assert error.reason == reasons.ERROR_REASON_SOURCE_NOT_OWNED
    assert error.metadata == {"source_service": "audit"}
    assert [violation.field for violation in error.violations] == ["leaves[1].source_service"]
    assert held(audit, "mdm") == 0
    with clients.stub(clients.granted(APPEND, client="erp-adapter")) as adapter:
        append(adapter, leaf_bytes("deliveries/x", source_service="erp_adapter"))
        assert refusal(lambda: append(adapter, own)).reason == reasons.ERROR_REASON_SOURCE_NOT_OWNED

    def denied() -> list[tuple[str, str, str]]:
        found = audit.ListLeaves(ListLeavesRequest(source_service="audit")).leaves
        leaves = [each.leaf for each in found if each.leaf.HasField("denial")]
        return sorted((leaf.client, leaf.denial.reason, leaf.denial.resource) for leaf in leaves)

    eventually(lambda: denied() == [("erp-adapter", "SOURCE_NOT_OWNED", "mdm"), ("mdm", "SOURCE_NOT_OWNED", "audit")])


def test_a_leaf_that_is_not_well_formed_is_named_and_nothing_is_appended(audit: AuditServiceStub) -> None:
    error = refusal(lambda: append(audit, leaf_bytes(), b"\xff\xff", leaf_bytes(revision=2, record_type="")))
    assert error.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED
    assert [violation.field for violation in error.violations] == ["leaves[1]", "leaves[2].record_type"]
    assert held(audit) == 0


def test_many_flawed_leaves_are_refused_in_an_answer_that_arrives(audit: AuditServiceStub) -> None:
    error = refusal(lambda: append(audit, *[leaf_bytes("x" * 1025, actor="")] * 500))
    assert error.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED
    assert error.violations[0].field == "leaves[0].record"


@pytest.mark.parametrize("count", [0, 5001])
def test_a_request_has_one_to_five_thousand_leaves(audit: AuditServiceStub, count: int) -> None:
    error = refusal(lambda: append(audit, *[leaf_bytes()] * count))
    assert error.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED
    assert [violation.field for violation in error.violations] == ["leaves"]


def test_five_thousand_leaves_are_appended_at_once(audit: AuditServiceStub) -> None:
    receipts = append(audit, *history("suppliers/one", range(1, 5001)))
    assert [receipt.leaf_index for receipt in receipts] == list(range(5000))


HOLD_COMMITS = """
CREATE FUNCTION hold_commit() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER hold_commit AFTER INSERT ON leaves
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold_commit();
"""


def test_no_receipt_is_given_before_the_commit(
    audit: AuditServiceStub, migrated: MigratedDatabase, database: Database
) -> None:
    with migrated.opened_by_owner() as owner, owner.transaction() as connection:
        driver(connection).execute(HOLD_COMMITS)
    with ThreadPoolExecutor(1) as threads, database.transaction() as blocker:
        driver(blocker).execute("SELECT pg_advisory_xact_lock(42)")
        answer = threads.submit(append, audit, leaf_bytes())
        eventually(lambda: _waits_for_lock(database))
        with pytest.raises(TimeoutError):
            answer.result(timeout=0.3)
        assert held(audit) == 0
        driver(blocker).rollback()
        assert answer.result()[0].leaf_index == 0


def _waits_for_lock(database: Database) -> bool:
    with database.reading() as connection:
        row = driver(connection).execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
    return row is not None and row[0] > 0


def test_two_replicas_take_shuffled_and_repeated_batches_without_loss_or_double(
    migrated: MigratedDatabase, issuer: DevelopmentIssuer, spans: InMemorySpanExporter
) -> None:
    leaves = [leaf for number in range(RECORDS) for leaf in history(f"items/{number}", range(1, REVISIONS + 1))]
    with replica(migrated, issuer, spans) as first, replica(migrated, issuer, spans) as second:
        token = first.granted(APPEND, READ)
        with first.stub(token) as one, second.stub(token) as two, ThreadPoolExecutor(6) as threads:
            told = [threads.submit(_append_shuffled, (one, two)[n % 2], leaves, n) for n in range(6)]
            receipts = [each.result() for each in told]
            assert held(one) == len(leaves)
            assert not one.ListGaps(ListGapsRequest()).gaps
    assert all(each == receipts[0] for each in receipts)
    assert sorted(receipts[0].values()) == list(range(len(leaves)))


def _append_shuffled(audit: AuditServiceStub, leaves: list[bytes], seed: int) -> dict[bytes, int]:
    chance = random.Random(seed)  # noqa: S311 - shuffling, not a secret
    waiting = chance.sample(leaves, len(leaves))
    told: dict[bytes, int] = {}
    while waiting:
        batch = [waiting.pop() for _ in range(min(len(waiting), chance.randint(1, 50)))]
        for _ in range(2 if chance.random() < 0.2 else 1):
            places = [receipt.leaf_index for receipt in append(audit, *batch)]
        told.update(zip(batch, places, strict=True))
    return told


TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_a_leaf_is_appended_in_the_trace_of_its_change_once(
    audit: AuditServiceStub, spans: InMemorySpanExporter
) -> None:
    sampled = leaf_bytes(revision=1, traceparent=f"00-{TRACE}-{SPAN}-01")
    for _ in range(2):
        append(audit, sampled, leaf_bytes(revision=2, traceparent=f"00-{TRACE}-{SPAN}-00"))
    found = [span for span in spans.get_finished_spans() if span.name == "append leaf"]
    assert [f"{span.context.trace_id:032x}" for span in found if span.context] == [TRACE]
    assert [f"{span.parent.span_id:016x}" for span in found if span.parent] == [SPAN]
    assert dict(found[0].attributes or {})["concord.record"] == "suppliers/one"
