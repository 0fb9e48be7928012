"""The audit is killed under load: writes go on until the backlog, what money follows stays, nothing is lost."""

import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from concord.evidence.v1 import evidence_pb2
from concord.evidence.v1.evidence_pb2_grpc import EvidenceServiceStub
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2, supplier_pb2
from concord.mdm.v1.party_pb2 import BankAccount, PaymentTerms
from concord.mdm.v1.supplier_pb2 import Supplier
from services.mesh.calling.client import FixedToken, open_channel
from services.mesh.errors import ConcordError, from_rpc_error
from tests.support.hub.served import EVERYTHING, Client, refused
from tests.support.processes.write_load import register
from tests.support.waiting import eventually
from tools.mesh import AUDIT, MDM, LocalMesh
from tools.postgres import PostgresServer

BACKLOG = 60
LIMITS = {
    "CONCORD_MDM_SPOOL_LIMIT": str(BACKLOG),
    # Longer than any machine takes to bring a receipt: what is refused here is refused for the audit that is away.
    "CONCORD_MDM_RECEIPTS_LAG_LIMIT_S": "15",
    "CONCORD_MDM_RECEIPTS_PATIENCE_S": "15",
}
WRITERS = 4


@dataclass
class Writer:
    """Creates suppliers, one after the other, until it is told to stop; keeps answers and refusals."""

    client: Client
    over: threading.Event
    taken: list[str] = field(default_factory=list)
    refusals: list[ConcordError] = field(default_factory=list)

    def run(self) -> None:
        """Go on after refusals with the same request, as clients do."""
        while not self.over.is_set():
            request = creation(f"Supplier {uuid.uuid4()}")
            while not self._is_taken(request) and not self.over.is_set():
                pass

    def _is_taken(self, request: supplier_pb2.CreateSupplierRequest) -> bool:
        try:
            self.taken.append(self.client.suppliers.CreateSupplier(request).supplier.name)
        except grpc.RpcError as error:
            self.refusals.append(from_rpc_error(error))
            return False
        return True


@dataclass(frozen=True)
class Pair:
    """A hub and an audit as processes of their own, and somebody who may do everything."""

    mesh: LocalMesh
    channel: grpc.Channel
    client: Client
    evidence: EvidenceServiceStub

    def terms(self, before: Supplier, code: str) -> supplier_pb2.UpdateSupplierRequest:
        """Return a request that changes what money follows."""
        return supplier_pb2.UpdateSupplierRequest(
            supplier=Supplier(name=before.name, payment_terms=PaymentTerms(code=code)),
            update_mask=FieldMask(paths=["payment_terms"]),
            etag=before.etag,
            request_id=str(uuid.uuid4()),
        )

    def revisions(self, name: str) -> Sequence[int]:
        request = supplier_pb2.ListSupplierRevisionsRequest(name=name)
        return [each.revision for each in self.client.suppliers.ListSupplierRevisions(request).suppliers]

    def reconciled(self) -> evidence_pb2.ReconcileEvidenceResponse:
        """Compare all evidence: what there is here fits one page."""
        page = self.evidence.ReconcileEvidence(evidence_pb2.ReconcileEvidenceRequest())
        assert page.next_page_token == ""
        return page


@pytest.fixture(scope="module")
def pair(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A hub with a small backlog, its audit, and one entity."""
    with ExitStack() as stack:
        mesh = stack.enter_context(LocalMesh(tmp_path_factory.mktemp("outage") / "mesh", postgres))
        mesh.start(AUDIT)
        target = mesh.start(MDM, LIMITS).target
        token = FixedToken(mesh.token("tester", (*EVERYTHING, "evidence.reconcile")))
        channel = stack.enter_context(open_channel(target, token=token))
        client = Client(channel)
        register(client)
        yield Pair(mesh, channel, client, EvidenceServiceStub(channel))


def creation(legal_name: str, *accounts: BankAccount) -> supplier_pb2.CreateSupplierRequest:
    content = Supplier(legal_name=legal_name, entities=["entities/group"], bank_accounts=accounts)
    return supplier_pb2.CreateSupplierRequest(supplier=content, request_id=str(uuid.uuid4()))


def test_a_killed_audit_stops_writes_at_the_backlog_and_loses_nothing(
    pair: Pair, request: pytest.FixtureRequest
) -> None:
    acme = pair.client.suppliers.CreateSupplier(creation("Acme", BankAccount(code="1", account_number="1"))).supplier
    over = threading.Event()
    writers = [Writer(pair.client, over) for _ in range(WRITERS)]
    threads = [threading.Thread(target=writer.run) for writer in writers]
    for thread in threads:
        thread.start()
    request.addfinalizer(over.set)
    eventually(lambda: all(writer.taken for writer in writers))
    pair.mesh.kill("audit")
    eventually(lambda: all(writer.refusals for writer in writers))
    eventually(lambda: pair.client.changes.GetFeedState(change_pb2.GetFeedStateRequest()).unpublished_count > BACKLOG)
    for writer in writers:
        assert {refusal.reason for refusal in writer.refusals} == {reasons.ERROR_REASON_SPOOL_FULL}
        assert all(refusal.retry_after for refusal in writer.refusals)
    change = pair.terms(acme, "N30")
    behind = refused(lambda: pair.client.suppliers.UpdateSupplier(change))
    assert behind.reason in {reasons.ERROR_REASON_SPOOL_FULL, reasons.ERROR_REASON_AUDIT_BEHIND}
    assert pair.revisions(acme.name) == [1]
    taken = sum(len(writer.taken) for writer in writers)
    pair.mesh.restart("audit")
    eventually(lambda: sum(len(writer.taken) for writer in writers) > taken)
    over.set()
    for thread in threads:
        thread.join(60)
    eventually(lambda: pair.reconciled().waiting_count == 0)
    page = pair.reconciled()
    written = sum(len(writer.taken) for writer in writers)
    assert list(page.differences) == []
    # A source revision and a golden one each, the entity, the system; a creation may be under way when it is over.
    assert page.compared_count >= 2 * (written + 1) + 2
    assert pair.client.suppliers.UpdateSupplier(change).supplier.revision == 2


def test_an_answer_that_was_lost_after_the_commit_is_given_again(pair: Pair) -> None:
    acme = pair.client.suppliers.CreateSupplier(creation("Acme", BankAccount(code="1", account_number="1"))).supplier
    eventually(lambda: pair.reconciled().waiting_count == 0)
    pair.mesh.kill("audit")
    change = pair.terms(acme, "N30")
    waiting = pair.client.suppliers.UpdateSupplier.future(change)
    eventually(lambda: pair.revisions(acme.name) == [2, 1])
    assert not waiting.done()
    waiting.cancel()
    pair.mesh.kill("mdm")
    pair.mesh.restart("audit")
    pair.mesh.restart("mdm")
    grpc.channel_ready_future(pair.channel).result(timeout=60)
    eventually(lambda: pair.reconciled().waiting_count == 0)
    assert pair.client.suppliers.UpdateSupplier(change).supplier.revision == 2
    assert pair.revisions(acme.name) == [2, 1]
    assert list(pair.reconciled().differences) == []
