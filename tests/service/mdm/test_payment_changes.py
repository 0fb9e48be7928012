"""What money follows over real channels: refused while the audit is behind, answered when the audit knows."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_request_pb2, import_pb2, ingest_pb2, pin_pb2, supplier_pb2
from concord.mdm.v1.party_pb2 import BankAccount, PaymentTerms
from concord.mdm.v1.supplier_pb2 import Supplier
from services.mdm.storage.hub_storage import hub_storage
from services.mdm.storage.schema import MIGRATIONS
from services.mesh.errors import from_rpc_error, from_status
from services.mesh.feed.news import News
from services.mesh.feed.receipts import Receipts, ReceiptSettings
from services.mesh.postgres.database import driver
from services.mesh.records.sealing import Sealer
from services.mesh.records.spool import backlog
from tests.support.database.databases import Databases
from tests.support.database.record_service import RING
from tests.support.hub.importing import batches, imported, new_import, outcomes
from tests.support.hub.masters import rid
from tests.support.hub.requesting import person
from tests.support.hub.served import Client, ServedHub, refused, served
from tests.support.hub.stored import TestHub, statement
from tests.support.hub.submitting import submit
from tests.support.waiting import eventually

Submitted = ingest_pb2.SubmitSourceRecordsResponse
Row = import_pb2.ImportedRow
LAGGING = {
    reasons.ERROR_REASON_SPOOL_FULL,
    reasons.ERROR_REASON_AUDIT_BEHIND,
    reasons.ERROR_REASON_AUDIT_RECEIPT_PENDING,
}
PATIENT = ReceiptSettings(lag_limit_s=600, patience_s=60)
IMPATIENT = ReceiptSettings(lag_limit_s=600, patience_s=0.05)
STRICT = ReceiptSettings(lag_limit_s=0.05, patience_s=0.05)


@dataclass(frozen=True)
class Payers:
    """A hub that holds payment-critical changes to the audit, and a steward of it."""

    served: ServedHub
    steward: Client

    @property
    def hub(self) -> TestHub:
        return self.served.hub

    def published(self) -> None:
        """Wait until everything is published."""
        eventually(lambda: self.unpublished() == 0)

    def unpublished(self) -> int:
        with self.hub.database.reading() as connection:
            return backlog(connection)

    def interrupted(self) -> None:
        """Take the audit away, once it has everything."""
        self.published()
        self.served.audit.up.clear()

    def create(self, name: str = "Acme") -> Supplier:
        """Create a supplier with a bank account, and have it published."""
        account = BankAccount(code="1", account_number="111")
        request = supplier_pb2.CreateSupplierRequest(
            supplier=Supplier(legal_name=name, entities=["entities/north"], bank_accounts=[account]), request_id=rid()
        )
        made = self.steward.suppliers.CreateSupplier(request).supplier
        self.published()
        return made

    def change(self, before: Supplier, **said: object) -> supplier_pb2.UpdateSupplierRequest:
        """Return a request that changes some fields."""
        return supplier_pb2.UpdateSupplierRequest(
            supplier=Supplier(name=before.name, **said),  # type: ignore[arg-type]
            update_mask=FieldMask(paths=list(said)),
            etag=before.etag,
            request_id=rid(),
        )

    def is_published(self, record: str, revision: int) -> bool:
        with self.hub.database.reading() as connection:
            published = "SELECT 1 FROM changes JOIN positions USING (seq) WHERE record = %s AND revision = %s"
            return driver(connection).execute(published, (record, revision)).fetchone() is not None

    def lag_s(self) -> float:
        """Return for how long the oldest unpublished change has waited."""
        lag = "SELECT extract(epoch FROM clock_timestamp() - min(occurred_at)) FROM changes JOIN spool USING (seq)"
        ((seconds,),) = self.hub.rows(lag)
        return float(str(seconds or 0))

    def revisions(self, name: str) -> Sequence[int]:
        request = supplier_pb2.ListSupplierRevisionsRequest(name=name)
        return [each.revision for each in self.steward.suppliers.ListSupplierRevisions(request).suppliers]


@contextmanager
def payers(
    databases: Databases, directory: Path, settings: ReceiptSettings, spool_limit: int = 100_000
) -> Iterator[Payers]:
    """Serve a hub with these receipts."""
    with databases.cloned(MIGRATIONS) as migrated, migrated.opened() as database:
        news = News(database)
        receipts = Receipts(database, news, settings)
        hub = TestHub(database, hub_storage(database, Sealer(RING), spool_limit, receipts))
        hub.register()
        news.start()
        try:
            with served(hub, directory) as mesh:
                yield Payers(mesh, mesh.client())
        finally:
            news.stop()


@pytest.fixture
def patient(databases: Databases, tmp_path: Path) -> Iterator[Payers]:
    """Answers wait for a minute."""
    with payers(databases, tmp_path, PATIENT) as found:
        yield found


@pytest.fixture
def impatient(databases: Databases, tmp_path: Path) -> Iterator[Payers]:
    """Answers hardly wait; nothing is refused beforehand."""
    with payers(databases, tmp_path, IMPATIENT) as found:
        yield found


@pytest.fixture
def strict(databases: Databases, tmp_path: Path) -> Iterator[Payers]:
    """Nothing that money follows is changed while the audit is away."""
    with payers(databases, tmp_path, STRICT) as found:
        yield found


def terms(code: str) -> PaymentTerms:
    return PaymentTerms(code=code, net_days=30)


def said(key: str, **values: object) -> ingest_pb2.SourceRecord:
    return statement("systems/erp", key, Supplier(legal_name=f"Supplier {key}", **values))  # type: ignore[arg-type]


def test_a_payment_critical_change_is_answered_when_the_audit_has_receipted_it(patient: Payers) -> None:
    acme = patient.create()
    patient.interrupted()
    answers: list[Supplier] = []
    request = patient.change(acme, payment_terms=terms("N30"))
    caller = threading.Thread(target=lambda: answers.append(patient.steward.suppliers.UpdateSupplier(request).supplier))
    caller.start()
    eventually(lambda: patient.revisions(acme.name) == [2, 1])
    assert (answers, patient.is_published(acme.name, 2)) == ([], False)
    patient.served.audit.up.set()
    caller.join(60)
    assert [answer.revision for answer in answers] == [2]
    assert patient.is_published(acme.name, 2)


def test_other_changes_never_wait(patient: Payers) -> None:
    acme, bolt = patient.create(), patient.create("Bolt")
    patient.interrupted()
    request = patient.change(acme, website="https://acme.example.com")
    assert patient.steward.suppliers.UpdateSupplier(request).supplier.revision == 2
    # What founds a supplier is nothing that somebody is paid by already.
    founding = supplier_pb2.CreateSupplierRequest(
        supplier=Supplier(legal_name="New", entities=["entities/north"]), request_id=rid()
    )
    assert patient.steward.suppliers.CreateSupplier(founding).supplier.revision == 1
    (answer,) = submit(patient.steward, said("1"))
    assert answer.outcome == Submitted.OUTCOME_CREATED
    assert patient.unpublished() > 0
    assert patient.revisions(bolt.name) == [1]


def test_others_in_the_same_transaction_do_not_wait_with_it(patient: Payers) -> None:
    """Decisions that come at once share transactions: some of these do, whichever."""
    suppliers = [patient.create(f"Supplier {number}") for number in range(12)]
    patient.interrupted()
    slow = patient.change(suppliers[0], payment_terms=terms("N30"))
    quick = [patient.change(each, website="https://supplier.example.com") for each in suppliers[1:]]
    answers: list[str] = []

    def ask(request: supplier_pb2.UpdateSupplierRequest) -> None:
        answers.append(patient.steward.suppliers.UpdateSupplier(request).supplier.name)

    callers = [threading.Thread(target=ask, args=(request,)) for request in (slow, *quick)]
    for caller in callers:
        caller.start()
    eventually(lambda: len(answers) == len(quick))
    eventually(lambda: patient.revisions(slow.supplier.name) == [2, 1])
    assert slow.supplier.name not in answers
    patient.served.audit.up.set()
    for caller in callers:
        caller.join(60)
    assert answers[-1] == slow.supplier.name


def test_a_change_without_a_receipt_stands_and_its_repeat_waits_again(impatient: Payers) -> None:
    acme = impatient.create()
    impatient.interrupted()
    request = impatient.change(acme, payment_terms=terms("N30"))
    for _ in range(2):
        pending = refused(lambda: impatient.steward.suppliers.UpdateSupplier(request))
        assert pending.reason == reasons.ERROR_REASON_AUDIT_RECEIPT_PENDING
        assert pending.metadata == {"name": acme.name, "revision": "2"}
        assert pending.retry_after is not None
    impatient.served.audit.up.set()
    impatient.published()
    assert impatient.steward.suppliers.UpdateSupplier(request).supplier.revision == 2
    assert impatient.revisions(acme.name) == [2, 1]


def test_a_pin_on_what_money_follows_waits_too(impatient: Payers) -> None:
    acme = impatient.create()
    impatient.interrupted()
    request = pin_pb2.PinValueRequest(
        golden_record=acme.name, etag=acme.etag, path="payment_terms", reason="told by phone", request_id=rid()
    )
    request.content.Pack(Supplier(payment_terms=terms("N60")))
    request.expire_time.FromDatetime(datetime.now(tz=UTC) + timedelta(days=1))
    for _ in range(2):
        pending = refused(lambda: impatient.steward.pins.PinValue(request))
        assert pending.reason == reasons.ERROR_REASON_AUDIT_RECEIPT_PENDING
        assert pending.metadata["name"] == acme.name
    impatient.served.audit.up.set()
    impatient.published()
    assert impatient.steward.pins.PinValue(request).pin.revision == 1


def test_the_approval_of_a_change_that_money_follows_waits_too_and_asking_for_it_does_not(impatient: Payers) -> None:
    acme = impatient.create()
    impatient.interrupted()
    asked = person(impatient.served, "buyer").ask(acme, Supplier(payment_terms=terms("N60")))
    request = change_request_pb2.ApproveChangeRequestRequest(name=asked.name, etag=asked.etag, request_id=rid())
    for _ in range(2):
        pending = refused(lambda: impatient.steward.change_requests.ApproveChangeRequest(request))
        assert pending.reason == reasons.ERROR_REASON_AUDIT_RECEIPT_PENDING
        assert pending.metadata["name"] == acme.name
    impatient.served.audit.up.set()
    impatient.published()
    approved = impatient.steward.change_requests.ApproveChangeRequest(request).change_request
    assert approved.applied_revision == 2


def test_what_money_follows_is_not_changed_while_the_audit_is_behind(strict: Payers) -> None:
    acme, bolt = strict.create(), strict.create("Bolt")
    strict.interrupted()
    strict.steward.suppliers.UpdateSupplier(strict.change(bolt, website="https://bolt.example.com"))
    request = strict.change(acme, payment_terms=terms("N30"))
    rehearsal = supplier_pb2.UpdateSupplierRequest()
    rehearsal.CopyFrom(request)
    rehearsal.validate_only, rehearsal.request_id = True, rid()
    eventually(lambda: strict.lag_s() > STRICT.lag_limit_s)
    for asked in (request, rehearsal):
        behind = refused(lambda asked=asked: strict.steward.suppliers.UpdateSupplier(asked))  # type: ignore[misc]
        assert behind.reason == reasons.ERROR_REASON_AUDIT_BEHIND
        assert behind.retry_after is not None
    assert strict.revisions(acme.name) == [1]
    again = strict.change(bolt, website="https://bolt.example.org")
    again.etag = strict.steward.suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=bolt.name)).supplier.etag
    assert strict.steward.suppliers.UpdateSupplier(again).supplier.revision == 3
    strict.served.audit.up.set()
    strict.published()
    eventually(lambda: _is_answered(strict, request))
    assert strict.revisions(acme.name) == [2, 1]


def test_a_system_is_told_record_by_record_what_has_to_be_submitted_again(strict: Payers) -> None:
    submit(strict.steward, *(said(key) for key in "123"))
    strict.interrupted()
    submit(strict.steward, said("4"))
    eventually(lambda: strict.lag_s() > STRICT.lag_limit_s)
    changed = [
        said("1", website="https://one.example.com"),
        said("2", payment_terms=terms("N30")),
        said("3", website="https://three.example.com"),
    ]
    answers = submit(strict.steward, *changed)
    assert [answer.outcome for answer in answers] == [
        Submitted.OUTCOME_UPDATED,
        Submitted.OUTCOME_POSTPONED,
        Submitted.OUTCOME_UPDATED,
    ]
    assert from_status(answers[1].error).reason == reasons.ERROR_REASON_AUDIT_BEHIND
    assert answers[1].source_record == ""
    strict.served.audit.up.set()
    strict.published()
    eventually(lambda: submit(strict.steward, changed[1])[0].outcome == Submitted.OUTCOME_UNCHANGED)
    found = strict.steward.suppliers.LookupSupplier(supplier_pb2.LookupSupplierRequest(system="systems/erp", key="2"))
    assert found.supplier.payment_terms.code == "N30"
    assert found.supplier.revision == 2


def test_a_systems_change_without_a_receipt_says_so_until_there_is_one(impatient: Payers) -> None:
    submit(impatient.steward, said("1"))
    impatient.interrupted()
    changed = said("1", payment_terms=terms("N30"))
    other = said("2")
    for outcome in (Submitted.OUTCOME_UPDATED, Submitted.OUTCOME_UNCHANGED):
        answer, beside = submit(impatient.steward, changed, other)
        assert answer.outcome == outcome
        assert answer.golden_revision == 2
        assert from_status(answer.error).reason == reasons.ERROR_REASON_AUDIT_RECEIPT_PENDING
        assert not beside.HasField("error")
    impatient.served.audit.up.set()
    impatient.published()
    (answer,) = submit(impatient.steward, changed)
    assert (answer.outcome, answer.HasField("error")) == (Submitted.OUTCOME_UNCHANGED, False)


def test_an_import_goes_on_when_the_audit_comes_back(patient: Payers) -> None:
    submit(patient.steward, said("1"))
    patient.interrupted()
    name = new_import()
    rows: list[Row] = []
    requests = list(batches(name, [said("1", payment_terms=terms("N30")), said("2")]))
    importer = threading.Thread(target=lambda: rows.extend(imported(patient.steward, requests)))
    importer.start()
    eventually(lambda: patient.unpublished() > 0)
    assert rows == []
    patient.served.audit.up.set()
    importer.join(60)
    assert outcomes(rows) == ["updated", "created"]
    assert outcomes(imported(patient.steward, requests)) == ["updated", "created"]


def test_writes_go_on_until_the_backlog_and_the_backlog_drains(databases: Databases, tmp_path: Path) -> None:
    with payers(databases, tmp_path, STRICT, spool_limit=12) as small:
        acme = small.create()
        small.interrupted()
        taken = 0
        full = None
        while full is None and taken < 100:
            request = supplier_pb2.CreateSupplierRequest(
                supplier=Supplier(legal_name=f"S{taken}", entities=["entities/north"]), request_id=rid()
            )
            try:
                small.steward.suppliers.CreateSupplier(request)
                taken += 1
            except grpc.RpcError as error:
                full = from_rpc_error(error)
        assert full is not None
        assert full.reason == reasons.ERROR_REASON_SPOOL_FULL
        assert full.retry_after is not None
        # Two changes each, and the guard's count may be 200 ms old.
        assert taken > 6
        assert small.unpublished() >= 2 * taken
        small.served.audit.up.set()
        small.published()
        eventually(lambda: _is_answered(small, request))
        small.published()
        assert len(small.served.audit.leaves) == len(small.hub.rows("SELECT 1 FROM changes"))
        assert small.revisions(acme.name) == [1]


def _is_answered(payers: Payers, request: Message) -> bool:
    """Tell whether a request that was refused is answered now."""
    suppliers = payers.steward.suppliers
    try:
        if isinstance(request, supplier_pb2.UpdateSupplierRequest):
            suppliers.UpdateSupplier(request)
        else:
            suppliers.CreateSupplier(request)  # type: ignore[arg-type]
    except grpc.RpcError as refusal:
        if from_rpc_error(refusal).reason not in LAGGING:
            raise
        return False
    return True
