"""Reconciliation of a service with the audit over real channels: every planted difference by its name, nothing else."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from concord.audit.v1 import audit_pb2, completeness_pb2
from concord.audit.v1.completeness_pb2_grpc import CompletenessServiceStub
from concord.evidence.v1 import evidence_pb2 as pb
from concord.evidence.v1.evidence_pb2_grpc import EvidenceServiceStub
from concord.governance.v1 import error_reason_pb2 as reasons
from services.development.issuer import DevelopmentIssuer
from services.mesh.calling.client import FixedToken, open_channel
from services.mesh.evidence.audited import AuditedEvidence
from services.mesh.evidence.comparison import RecordRange
from services.mesh.evidence.own import OwnEvidence
from services.mesh.evidence.service import EvidenceMethods
from services.mesh.evidence.watch import EvidenceWatch
from services.mesh.identity.authentication import AuthenticationSettings, TokenAuthenticator
from services.mesh.records.act import Place, act_leaf
from services.mesh.records.evidence import append_to_audit
from services.mesh.records.relay import Relay
from services.mesh.server import ServerSettings, build_server
from services.mesh.telemetry import Telemetry, TelemetrySettings
from tests.service.audit.conftest import APPEND, READ, Clients, refusal
from tests.storage.mesh.conftest import MIGRATIONS
from tests.support.audit.acts import denial
from tests.support.audit.leaves import BEGINNING, leaf_bytes
from tests.support.command_line import CommandLine
from tests.support.database.databases import Databases, MigratedDatabase
from tests.support.database.record_service import ORIGIN, Ledger
from tests.support.waiting import eventually

RECONCILE, ASK = "audit.leaves.reconcile", "evidence.reconcile"
SERVICE = "tests"
Difference = pb.EvidenceDifference


@dataclass
class Reconciled:
    """A service with evidence, a real audit, and what can be done to both behind their backs."""

    ledger: Ledger
    relay: Relay
    owner: MigratedDatabase
    audit_owner: MigratedDatabase
    own: OwnEvidence
    audited: AuditedEvidence
    clients: Clients
    port: int = 0
    stack: ExitStack = field(default_factory=ExitStack, repr=False)

    def publish(self) -> None:
        eventually(lambda: self.relay.backlog() == 0)

    def evidence(self, *permissions: str, entities: tuple[str, ...] = ("*",)) -> EvidenceServiceStub:
        token = self.clients.granted(*permissions, entities=entities)
        channel = self.stack.enter_context(open_channel(f"127.0.0.1:{self.port}", token=FixedToken(token)))
        return EvidenceServiceStub(channel)

    def differences(self) -> list[tuple[str, int, str]]:
        """Compare everything; return the differences in words."""
        stub, request = self.evidence(ASK), pb.ReconcileEvidenceRequest(page_size=1)
        found: list[tuple[str, int, str]] = []
        compared = 0
        while True:
            page = stub.ReconcileEvidence(request)
            assert page.source_service == SERVICE
            compared += page.compared_count
            found += [(each.record, each.revision, Difference.Kind.Name(each.kind)) for each in page.differences]
            request.page_token = page.next_page_token
            if not request.page_token:
                assert compared == sum(each.count for each in self.own.summaries([RecordRange()]))
                return found

    def tamper(self, database: MigratedDatabase, table: str, *statements: str) -> None:
        """Do what only somebody who owns the database can."""
        with database.opened_by_owner() as opened, closing(opened.connect("intruder")) as connection:
            for statement in (
                f"ALTER TABLE {table} DISABLE TRIGGER USER",
                *statements,
                f"ALTER TABLE {table} ENABLE TRIGGER USER",
            ):
                connection.execute(statement.encode())


@contextmanager
def reconciled(
    databases: Databases, clients: Clients, audit_owner: MigratedDatabase, issuer: DevelopmentIssuer
) -> Iterator[Reconciled]:
    """Serve the evidence of a small ledger that relays to the audit."""
    telemetry = Telemetry(TelemetrySettings(access_log=False), SERVICE)
    with ExitStack() as stack:
        migrated = stack.enter_context(databases.cloned(MIGRATIONS))
        database = stack.enter_context(migrated.opened())
        token = FixedToken(clients.granted(APPEND, RECONCILE, client=SERVICE))
        channel = stack.enter_context(open_channel(f"127.0.0.1:{clients.port}", token=token))
        own, audited = OwnEvidence(database), AuditedEvidence(channel, SERVICE)
        server = build_server(
            [EvidenceMethods(SERVICE, own, audited).service()],
            settings=ServerSettings(),
            authenticator=TokenAuthenticator(AuthenticationSettings(issuer.issuer, jwks_file=issuer.jwks_file)),
            telemetry=telemetry,
        )
        relay = Relay(database, append_to_audit(channel))
        relay.start()
        stack.callback(relay.stop)
        server.start()
        stack.callback(server.stop, 2.0)
        found = Reconciled(Ledger(database), relay, migrated, audit_owner, own, audited, clients, server.port)
        stack.enter_context(found.stack)
        yield found


@pytest.fixture
def service(
    databases: Databases, clients: Clients, migrated: MigratedDatabase, issuer: DevelopmentIssuer
) -> Iterator[Reconciled]:
    """Twelve records with three revisions each, all of them receipted."""
    with reconciled(databases, clients, migrated, issuer) as found:
        for _ in range(3):
            found.ledger.write(*(f"suppliers/{number:02}" for number in range(12)))
        found.publish()
        yield found


def metrics(reader: InMemoryMetricReader) -> dict[str, float]:
    """Return the last value of every gauge."""
    data = reader.get_metrics_data()
    assert data is not None
    return {
        metric.name: metric.data.data_points[0].value  # type: ignore[union-attr]
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_what_was_relayed_does_not_differ(service: Reconciled) -> None:
    assert service.differences() == []


def test_each_planted_difference_is_named_and_no_other(service: Reconciled) -> None:
    for source in (SERVICE, "other"):
        with service.clients.stub(service.clients.granted(APPEND, client=source)) as audit:
            unknown = leaf_bytes("suppliers/99", source_service=source)
            audit.AppendLeaves(audit_pb2.AppendLeavesRequest(leaves=[unknown]))
    service.tamper(
        service.audit_owner,
        "leaves",
        "DELETE FROM leaves WHERE record = 'suppliers/03' AND revision = 2",
        "UPDATE leaves SET leaf = leaf || '\\x00', leaf_hash = sha256('\\x00'::bytea || leaf || '\\x00')"
        " WHERE record = 'suppliers/05' AND revision = 1",
    )
    service.tamper(
        service.owner,
        "changes",
        "UPDATE changes SET leaf = leaf || '\\x01' WHERE record = 'suppliers/07' AND revision = 3",
    )
    assert service.differences() == [
        ("suppliers/03", 2, "KIND_MISSING_AT_AUDIT"),
        ("suppliers/05", 1, "KIND_OTHER_BYTES"),
        ("suppliers/07", 3, "KIND_OTHER_BYTES"),
        ("suppliers/99", 1, "KIND_UNKNOWN_TO_SERVICE"),
    ]


def test_acts_of_a_service_are_no_changes_of_its_records(service: Reconciled) -> None:
    refused = act_leaf(Place(SERVICE, "1", 1), denial(), ORIGIN, (), BEGINNING)
    with service.clients.stub(service.clients.granted(APPEND, client=SERVICE)) as audit:
        audit.AppendLeaves(audit_pb2.AppendLeavesRequest(leaves=[refused]))
    assert service.differences() == []


def test_a_change_that_was_taken_out_of_the_spool_unpublished_is_missing(service: Reconciled) -> None:
    service.relay.stop()
    service.ledger.write("suppliers/03")
    page = service.evidence(ASK).ReconcileEvidence(pb.ReconcileEvidenceRequest())
    assert (list(page.differences), page.waiting_count) == ([], 1)
    with service.ledger.database.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM spool")
    assert service.differences() == [("suppliers/03", 4, "KIND_MISSING_AT_AUDIT")]


def test_the_watch_raises_the_alarm_and_counts(service: Reconciled, caplog: pytest.LogCaptureFixture) -> None:
    reader = InMemoryMetricReader()
    watch = EvidenceWatch(SERVICE, service.own, service.audited, MeterProvider([reader]).get_meter("tests"))
    service.tamper(service.audit_owner, "leaves", "DELETE FROM leaves WHERE record = 'suppliers/03'")
    with caplog.at_level(logging.INFO):
        assert not watch.work()
        assert not watch.work()
    alarm = "alarm: evidence of tests differs: suppliers/03 revision 2: missing_at_audit"
    assert caplog.messages.count(alarm) == 2
    assert caplog.messages.count("36 changes compared with the audit, 3 differ") == 2
    assert metrics(reader) == {"concord.evidence.differences": 3, "concord.evidence.compared": 36}


def test_it_is_for_callers_of_every_entity(service: Reconciled) -> None:
    scoped = service.evidence(ASK, entities=("entities/a",))
    request = pb.ReconcileEvidenceRequest()
    assert refusal(lambda: scoped.ReconcileEvidence(request)).reason == reasons.ERROR_REASON_PERMISSION_MISSING
    assert refusal(lambda: service.evidence("x").ReconcileEvidence(request)).reason == (
        reasons.ERROR_REASON_PERMISSION_MISSING
    )
    token = service.clients.granted(RECONCILE, entities=("entities/a",))
    with open_channel(f"127.0.0.1:{service.clients.port}", token=FixedToken(token)) as channel:
        asked = completeness_pb2.ListLeafDigestsRequest(source_service="mdm", range=completeness_pb2.RecordRange())
        answer = refusal(lambda: CompletenessServiceStub(channel).ListLeafDigests(asked))
    assert answer.reason == reasons.ERROR_REASON_PERMISSION_MISSING


def test_a_service_asks_for_its_own_leaves_and_who_reads_all_of_them_for_anybodys(clients: Clients) -> None:
    def asked(token: str, source_service: str) -> completeness_pb2.ListLeafDigestsResponse:
        everything = completeness_pb2.RecordRange()
        request = completeness_pb2.ListLeafDigestsRequest(source_service=source_service, range=everything)
        sums = completeness_pb2.SummarizeLeavesRequest(source_service=source_service, ranges=[everything])
        with open_channel(f"127.0.0.1:{clients.port}", token=FixedToken(token)) as channel:
            audit = CompletenessServiceStub(channel)
            audit.SummarizeLeaves(sums)
            return audit.ListLeafDigests(request)

    with clients.stub(clients.granted(APPEND, client="erp-adapter")) as audit:
        audit.AppendLeaves(audit_pb2.AppendLeavesRequest(leaves=[leaf_bytes("e/1", source_service="erp_adapter")]))
    adapter = clients.issuer.issue("erp", "erp-adapter", [RECONCILE], ["*"])
    auditor = clients.issuer.issue("auditor", "tests", [RECONCILE, READ], ["*"])
    for permitted in (adapter, auditor):
        assert [leaf.record for leaf in asked(permitted, "erp_adapter").leaves] == ["e/1"]
    refused = refusal(lambda: asked(adapter, "mdm"))
    assert refused.reason == reasons.ERROR_REASON_PERMISSION_MISSING
    assert refused.metadata == {"permission": READ, "source_service": "mdm"}


def test_odd_input_is_refused_by_name(service: Reconciled) -> None:
    stub = service.evidence(ASK)
    negative = refusal(lambda: stub.ReconcileEvidence(pb.ReconcileEvidenceRequest(page_size=-1)))
    forged = refusal(lambda: stub.ReconcileEvidence(pb.ReconcileEvidenceRequest(page_token="nonsense")))
    assert (negative.reason, forged.reason) == (
        reasons.ERROR_REASON_INVALID_PAGE_SIZE,
        reasons.ERROR_REASON_INVALID_PAGE_TOKEN,
    )
    token = FixedToken(service.clients.granted(RECONCILE, client=SERVICE))
    with open_channel(f"127.0.0.1:{service.clients.port}", token=token) as channel:
        audit = CompletenessServiceStub(channel)
        empty = completeness_pb2.SummarizeLeavesRequest(source_service=SERVICE)
        no_text = completeness_pb2.SummarizeLeavesRequest(
            source_service=SERVICE, ranges=[completeness_pb2.RecordRange(after="\0")]
        )
        for asked in (empty, no_text):
            refused = refusal(lambda asked=asked: audit.SummarizeLeaves(asked))  # type: ignore[misc]
            assert refused.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED


def test_leaves_in_a_range_come_page_by_page(service: Reconciled) -> None:
    with open_channel(
        f"127.0.0.1:{service.clients.port}", token=FixedToken(service.clients.granted(RECONCILE, client=SERVICE))
    ) as channel:
        audit = CompletenessServiceStub(channel)
        request = completeness_pb2.ListLeafDigestsRequest(
            source_service=SERVICE,
            range=completeness_pb2.RecordRange(after="suppliers/03", through="suppliers/05"),
            page_size=4,
        )
        first = audit.ListLeafDigests(request)
        request.page_token = first.next_page_token
        second = audit.ListLeafDigests(request)
    found = [(leaf.record, leaf.revision) for leaf in (*first.leaves, *second.leaves)]
    assert found == [(f"suppliers/0{number}", revision) for number in (4, 5) for revision in (1, 2, 3)]
    assert (len(first.leaves), second.next_page_token) == (4, "")


def test_the_command_lists_differences_and_says_so_in_its_status(service: Reconciled, tmp_path: Path) -> None:
    concord = CommandLine(tmp_path)
    concord.configure(hub=f"127.0.0.1:{service.port}")
    concord.log_in(service.clients.issuer, (ASK,))
    assert "36 changes were compared, 0 differ, 0 wait" in concord("audit", "reconcile").err
    service.tamper(service.audit_owner, "leaves", "DELETE FROM leaves WHERE record = 'suppliers/03' AND revision = 2")
    said = concord("audit", "reconcile", "hub", "--json")
    assert said.status == 1
    assert [(each["record"], each["revision"], each["kind"]) for each in said.json] == [
        ("suppliers/03", "2", "KIND_MISSING_AT_AUDIT")
    ]
    shown = concord("audit", "reconcile")
    assert (shown.status, "suppliers/03" in shown.out) == (1, True)
    assert concord("audit", "reconcile", "nobody").status == 2
    concord.configure(adapter=[f"erp=127.0.0.1:{service.port}"])
    assert concord("audit", "reconcile", "erp").status == 1
