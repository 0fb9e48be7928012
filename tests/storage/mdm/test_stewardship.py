"""Stewards' decisions: etags, idempotency, rehearsals, withdrawals, deletion, closing."""

import uuid
from collections.abc import Sequence
from datetime import date

import pytest
from google.protobuf.message import Message

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import cost_center_pb2, party_pb2, supplier_pb2
from services.mdm.domain.types.cost_center import COST_CENTER
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.writing.write_path import Applied
from services.mesh.errors import ConcordError
from tests.support.hub.stored import GROUP, TestHub, decision, statement

LEI = "529900T8BM49AURSDO55"


def wanted(**fields: object) -> supplier_pb2.Supplier:
    return supplier_pb2.Supplier(entities=[GROUP], **fields)  # type: ignore[arg-type]


def create(hub: TestHub, desired: supplier_pb2.Supplier, decided: Decision | None = None) -> supplier_pb2.Supplier:
    made = hub.parts.stewardship.create(SUPPLIER, desired, decided or decision(desired))
    assert isinstance(made, supplier_pb2.Supplier)
    return made


def update(hub: TestHub, before: supplier_pb2.Supplier, **fields: object) -> supplier_pb2.Supplier:
    def merge(present: Message) -> tuple[Message, Sequence[str]]:
        assert isinstance(present, supplier_pb2.Supplier)
        desired = supplier_pb2.Supplier()
        desired.CopyFrom(present)
        for name, value in fields.items():
            desired.ClearField(name)  # type: ignore[arg-type]
            desired.MergeFrom(supplier_pb2.Supplier(**{name: value}))  # type: ignore[arg-type]
        return desired, list(fields)

    made = hub.parts.stewardship.update(SUPPLIER, before.name, before.etag, merge, None, decision(before))
    assert isinstance(made, supplier_pb2.Supplier)
    return made


def test_a_created_record_reads_back_with_its_sealed_values(hub: TestHub) -> None:
    account = party_pb2.BankAccount(code="main", account_number="DE02120300000000202051", account_holder="BD")
    made = create(hub, wanted(legal_name="BD", bank_accounts=[account]))
    assert made.revision == 1
    assert hub.supplier(made.name).bank_accounts[0] == account
    assert list(made.entities) == [GROUP]


def test_a_strong_identifier_is_taken_once(hub: TestHub) -> None:
    first = create(hub, wanted(legal_name="BD", lei=LEI))
    with pytest.raises(ConcordError) as refused:
        create(hub, wanted(legal_name="Other", lei=LEI))
    assert refused.value.reason == reasons.ERROR_REASON_STRONG_IDENTIFIER_TAKEN
    assert refused.value.metadata["name"] == first.name


def test_a_repeat_returns_the_first_answer_and_another_body_is_refused(hub: TestHub) -> None:
    request_id = str(uuid.uuid4())
    first = create(hub, wanted(legal_name="BD"), decision(wanted(legal_name="BD"), request_id))
    made = hub.rows("SELECT count(*) FROM revisions")
    again = create(hub, wanted(legal_name="BD"), decision(wanted(legal_name="BD"), request_id))
    assert again == first
    assert hub.rows("SELECT count(*) FROM revisions") == made
    with pytest.raises(ConcordError) as refused:
        create(hub, wanted(legal_name="X"), decision(wanted(legal_name="X"), request_id))
    assert refused.value.reason == reasons.ERROR_REASON_REQUEST_ID_REUSED


def test_a_rehearsal_changes_nothing(hub: TestHub) -> None:
    before = hub.rows("SELECT count(*) FROM revisions")
    made = create(hub, wanted(legal_name="BD"), decision(wanted(), rehearsal=True))
    assert made.legal_name == "BD"
    assert hub.rows("SELECT count(*) FROM revisions") == before


def test_a_stewards_correction_beats_the_systems_and_a_stale_etag_is_refused(hub: TestHub) -> None:
    (answer,) = hub.submit(statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="Bekton", website="b.com")))
    assert isinstance(answer, Applied)
    before = hub.supplier(answer.golden)
    after = update(hub, before, legal_name="Becton")
    assert (after.legal_name, after.website, after.revision) == ("Becton", "b.com", 2)
    with pytest.raises(ConcordError) as refused:
        update(hub, before, legal_name="Again")
    assert refused.value.reason == reasons.ERROR_REASON_ETAG_MISMATCH
    assert refused.value.metadata["etag"] == after.etag


def test_a_withdrawn_element_is_gone_until_a_steward_says_otherwise(hub: TestHub) -> None:
    sites = [party_pb2.SupplierSite(code="A", display_name="a"), party_pb2.SupplierSite(code="B", display_name="b")]
    said = supplier_pb2.Supplier(legal_name="BD", sites=sites)
    (answer,) = hub.submit(statement("systems/erp", "1", said))
    assert isinstance(answer, Applied)
    after = update(hub, hub.supplier(answer.golden), sites=sites[1:])
    assert [site.code for site in after.sites] == ["B"]


def test_a_deleted_record_is_not_updated_and_comes_back_by_undelete(hub: TestHub) -> None:
    made = create(hub, wanted(legal_name="BD"))
    deleted = hub.parts.stewardship.delete(SUPPLIER, made.name, made.etag, decision(made), deleted=True)
    assert isinstance(deleted, supplier_pb2.Supplier)
    assert deleted.state == supplier_pb2.Supplier.STATE_DELETED
    with pytest.raises(ConcordError) as refused:
        update(hub, deleted, legal_name="X")
    assert refused.value.reason == reasons.ERROR_REASON_RECORD_DELETED
    back = hub.parts.stewardship.delete(SUPPLIER, made.name, deleted.etag, decision(deleted), deleted=False)
    assert isinstance(back, supplier_pb2.Supplier)
    assert (back.state, back.legal_name) == (supplier_pb2.Supplier.STATE_ACTIVE, "BD")


def test_a_closed_cost_center_ends_on_its_day(hub: TestHub) -> None:
    piece = cost_center_pb2.CostCenterSlice(display_name="ICU")
    said = cost_center_pb2.CostCenter(entity="entities/north", code="100", slices=[piece])
    (answer,) = hub.submit(statement("systems/erp", "100", said))
    assert isinstance(answer, Applied)
    before = hub.golden(answer.golden)
    etag: str = before.etag  # type: ignore[attr-defined]
    closed = hub.parts.stewardship.close(COST_CENTER, answer.golden, etag, date(2027, 1, 1), decision(before))
    assert isinstance(closed, cost_center_pb2.CostCenter)
    end = closed.effective_period.end_date
    assert (end.year, end.month, end.day) == (2027, 1, 1)
    assert closed.slices[0].effective_period.end_date == end
    with pytest.raises(ConcordError) as refused:
        hub.parts.stewardship.close(COST_CENTER, answer.golden, closed.etag, date(2028, 1, 1), decision(closed))
    assert refused.value.reason == reasons.ERROR_REASON_INVALID_CONTENT


def test_no_value_of_a_restricted_field_lies_in_clear(hub: TestHub) -> None:
    account = party_pb2.BankAccount(code="main", account_number="PLANTEDACCOUNT", account_holder="PLANTEDHOLDER")
    tax_id = party_pb2.TaxId(country="US", scheme="ein", value="041234567")
    made = create(hub, wanted(legal_name="BD", bank_accounts=[account], tax_ids=[tax_id]))
    kept = hub.supplier(made.name)
    assert (kept.bank_accounts[0].account_number, kept.tax_ids[0].value) == ("PLANTEDACCOUNT", "041234567")
    hub.submit(statement("systems/erp", "1", supplier_pb2.Supplier(lei="x", bank_accounts=[account], tax_ids=[tax_id])))
    tables = [str(name) for (name,) in hub.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    planted = (b"PLANTEDACCOUNT", b"PLANTEDHOLDER", b"041234567")
    for table in tables:
        for row in hub.rows(f"TABLE {table}") if table != "alembic_version" else ():
            for value in row:
                stored = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                assert not any(secret in stored for secret in planted), table
