"""The standard methods, as callers of the gRPC services meet them."""

import uuid

import pytest
from google.protobuf import field_mask_pb2, timestamp_pb2

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2, cost_center_pb2, party_pb2, supplier_pb2
from tests.support.hub import GROUP, statement
from tests.support.served_hub import READER, WRITER, Client, ServedHub, refused
from tests.support.submitting import submit
from tests.support.waiting import eventually

LEI = "529900T8BM49AURSDO55"


def rid() -> str:
    return str(uuid.uuid4())


def create(client: Client, **fields: object) -> supplier_pb2.Supplier:
    supplier = supplier_pb2.Supplier(entities=[GROUP], **fields)  # type: ignore[arg-type]
    request = supplier_pb2.CreateSupplierRequest(supplier=supplier, request_id=rid())
    return client.suppliers.CreateSupplier(request).supplier


def test_what_was_created_can_be_got_looked_up_listed_searched_and_explained(steward: Client) -> None:
    made = create(steward, legal_name="Becton Dickinson", lei=LEI)
    got = steward.suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=made.name)).supplier
    assert got == made
    looked_up = supplier_pb2.LookupSupplierRequest(system="systems/hub", key=made.name)
    assert steward.suppliers.LookupSupplier(looked_up).supplier == made
    listed = steward.suppliers.ListSuppliers(supplier_pb2.ListSuppliersRequest(filter='legal_name:"bect*"'))
    assert list(listed.suppliers) == [made]
    found = steward.suppliers.SearchSuppliers(supplier_pb2.SearchSuppliersRequest(identifier=LEI.lower()))
    assert [(hit.supplier, list(hit.paths)) for hit in found.hits] == [(made, ["lei"])]
    explained = steward.suppliers.ExplainSupplier(supplier_pb2.ExplainSupplierRequest(name=made.name)).explanation
    assert {value.path for value in explained.values} >= {"legal_name", "lei"}
    assert explained.source_revisions[0].startswith("systems/hub/sourceRecords/")


def test_an_update_changes_what_its_mask_names_and_the_history_keeps_both(steward: Client) -> None:
    made = create(steward, legal_name="Old", website="old.example.org")
    request = supplier_pb2.UpdateSupplierRequest(
        supplier=supplier_pb2.Supplier(name=made.name, legal_name="New", website="ignored.example.org"),
        update_mask=field_mask_pb2.FieldMask(paths=["legal_name"]),
        etag=made.etag,
        request_id=rid(),
    )
    updated = steward.suppliers.UpdateSupplier(request).supplier
    assert (updated.legal_name, updated.website, updated.revision) == ("New", "old.example.org", 2)
    assert steward.suppliers.UpdateSupplier(request).supplier == updated
    history = steward.suppliers.ListSupplierRevisions(supplier_pb2.ListSupplierRevisionsRequest(name=made.name))
    assert [revision.legal_name for revision in history.suppliers] == ["New", "Old"]


def test_a_read_as_of_a_time_says_what_was_published_then(mesh: ServedHub, steward: Client) -> None:
    made = create(steward, legal_name="Old")
    eventually(lambda: _unpublished(steward) == 0)
    then = mesh.hub.rows("SELECT max(published_at) FROM positions")[0][0]
    read_time = timestamp_pb2.Timestamp()
    read_time.FromDatetime(then)  # type: ignore[arg-type]
    update = supplier_pb2.UpdateSupplierRequest(
        supplier=supplier_pb2.Supplier(name=made.name, legal_name="New"), etag=made.etag, request_id=rid()
    )
    steward.suppliers.UpdateSupplier(update)
    eventually(lambda: _unpublished(steward) == 0)
    was = steward.suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=made.name, read_time=read_time))
    assert was.supplier.legal_name == "Old"
    assert was.read_position > 0
    listed = steward.suppliers.ListSuppliers(
        supplier_pb2.ListSuppliersRequest(read_time=read_time, filter='legal_name = "old"')
    )
    assert [supplier.name for supplier in listed.suppliers] == [made.name]
    later = timestamp_pb2.Timestamp(seconds=4_000_000_000)
    error = refused(
        lambda: steward.suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=made.name, read_time=later))
    )
    assert error.reason == reasons.ERROR_REASON_INVALID_READ_TIME


def test_restricted_fields_need_a_permission_of_their_own(mesh: ServedHub, steward: Client) -> None:
    tax_id = party_pb2.TaxId(country="US", scheme="ein", value="041234567")
    made = create(steward, legal_name="BD", tax_ids=[tax_id])
    reader = mesh.client(READER)
    seen = reader.suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=made.name)).supplier
    assert [(t.country, t.value) for t in seen.tax_ids] == [("US", "")]
    writer = mesh.client(WRITER)
    blind = supplier_pb2.UpdateSupplierRequest(
        supplier=seen, update_mask=field_mask_pb2.FieldMask(paths=["tax_ids"]), etag=seen.etag, request_id=rid()
    )
    assert refused(lambda: writer.suppliers.UpdateSupplier(blind)).metadata["permission"] == "mdm.restricted.read"
    seen.legal_name = "Becton"
    everything = supplier_pb2.UpdateSupplierRequest(
        supplier=seen, update_mask=field_mask_pb2.FieldMask(paths=["*"]), etag=seen.etag, request_id=rid()
    )
    after = writer.suppliers.UpdateSupplier(everything).supplier
    assert after.legal_name == "Becton"
    kept = steward.suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=made.name)).supplier
    assert kept.tax_ids[0].value == "041234567"


def test_what_is_out_of_scope_is_not_there(mesh: ServedHub, steward: Client) -> None:
    made = create(steward, legal_name="BD")
    south = mesh.client(entities=["entities/south"])
    error = refused(lambda: south.suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=made.name)))
    assert error.reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    assert not south.suppliers.ListSuppliers(supplier_pb2.ListSuppliersRequest()).suppliers
    error = refused(
        lambda: south.suppliers.CreateSupplier(
            supplier_pb2.CreateSupplierRequest(
                supplier=supplier_pb2.Supplier(legal_name="X", entities=[GROUP]), request_id=rid()
            )
        )
    )
    assert error.reason == reasons.ERROR_REASON_RECORD_NOT_FOUND


def test_an_effective_time_shows_what_is_true_then(steward: Client) -> None:
    pieces = [_slice("ICU", 2020, 2026), _slice("Intensive Care", 2026, None)]
    center = cost_center_pb2.CostCenter(entity="entities/north", code="100", slices=pieces)
    (answer,) = submit(steward, statement("systems/erp", "100", center))
    name = answer.golden_record

    def at(year: int) -> cost_center_pb2.CostCenter:
        moment = timestamp_pb2.Timestamp()
        moment.FromJsonString(f"{year}-06-01T00:00:00Z")
        request = cost_center_pb2.GetCostCenterRequest(name=name, effective_time=moment)
        return steward.cost_centers.GetCostCenter(request).cost_center

    assert [piece.display_name for piece in at(2025).slices] == ["ICU"]
    assert [piece.display_name for piece in at(2027).slices] == ["Intensive Care"]
    assert refused(lambda: at(2019)).reason == reasons.ERROR_REASON_NOT_IN_EFFECT
    moment = timestamp_pb2.Timestamp()
    moment.FromJsonString("2025-06-01T00:00:00Z")
    for text, hits in (('slices.display_name = "icu"', 1), ('slices.display_name:"intensive*"', 0)):
        listed = steward.cost_centers.ListCostCenters(
            cost_center_pb2.ListCostCentersRequest(effective_time=moment, filter=text)
        )
        assert len(listed.cost_centers) == hits
    before = at(2027)
    closing = timestamp_pb2.Timestamp()
    closing.FromJsonString("2028-01-01T00:00:00Z")
    closed = steward.cost_centers.CloseCostCenter(
        cost_center_pb2.CloseCostCenterRequest(name=name, etag=before.etag, request_id=rid(), effective_time=closing)
    ).cost_center
    assert closed.effective_period.end_date.year == 2028
    assert refused(lambda: at(2029)).reason == reasons.ERROR_REASON_NOT_IN_EFFECT


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (supplier_pb2.ListSuppliersRequest(page_size=-1), reasons.ERROR_REASON_INVALID_PAGE_SIZE),
        (supplier_pb2.ListSuppliersRequest(page_token="forged"), reasons.ERROR_REASON_INVALID_PAGE_TOKEN),
        (supplier_pb2.ListSuppliersRequest(filter="legal_name ="), reasons.ERROR_REASON_INVALID_FILTER),
        (supplier_pb2.ListSuppliersRequest(filter="nonsense = 1"), reasons.ERROR_REASON_UNKNOWN_FIELD),
        (supplier_pb2.ListSuppliersRequest(filter='etag = "1"'), reasons.ERROR_REASON_FIELD_NOT_FILTERABLE),
        (supplier_pb2.ListSuppliersRequest(order_by="nonsense"), reasons.ERROR_REASON_UNKNOWN_FIELD),
        (supplier_pb2.ListSuppliersRequest(filter="x" * 10_000), reasons.ERROR_REASON_CONSTRAINT_VIOLATED),
    ],
)
def test_a_wrong_list_request_is_refused_with_its_reason(
    steward: Client, request_: supplier_pb2.ListSuppliersRequest, reason: reasons.ErrorReason.ValueType
) -> None:
    assert refused(lambda: steward.suppliers.ListSuppliers(request_)).reason == reason


def test_a_million_row_page_is_clamped(steward: Client) -> None:
    create(steward, legal_name="A")
    listed = steward.suppliers.ListSuppliers(supplier_pb2.ListSuppliersRequest(page_size=1_000_000))
    assert len(listed.suppliers) == 1


def test_a_wrong_update_is_refused_with_reason_and_field(steward: Client) -> None:
    made = create(steward, legal_name="A")

    def update(path: str, etag: str = made.etag, name: str = made.name) -> reasons.ErrorReason.ValueType:
        request = supplier_pb2.UpdateSupplierRequest(
            supplier=supplier_pb2.Supplier(name=name, legal_name="B"),
            update_mask=field_mask_pb2.FieldMask(paths=[path]),
            etag=etag,
            request_id=rid(),
        )
        return refused(lambda: steward.suppliers.UpdateSupplier(request)).reason

    assert update("legal_nmae") == reasons.ERROR_REASON_UNKNOWN_FIELD
    assert update("state") == reasons.ERROR_REASON_FIELD_NOT_WRITABLE
    assert update("legal_name", etag='"old"') == reasons.ERROR_REASON_ETAG_MISMATCH
    assert update("legal_name", name=f"suppliers/{uuid.uuid4()}") == reasons.ERROR_REASON_RECORD_NOT_FOUND
    invalid = supplier_pb2.CreateSupplierRequest(
        supplier=supplier_pb2.Supplier(legal_name="A", lei="529900T8BM49AURSDO00", entities=[GROUP]), request_id=rid()
    )
    error = refused(lambda: steward.suppliers.CreateSupplier(invalid))
    assert error.reason == reasons.ERROR_REASON_INVALID_CONTENT
    assert error.violations[0].field == "lei"


def _slice(name: str, start: int, end: int | None) -> cost_center_pb2.CostCenterSlice:
    piece = cost_center_pb2.CostCenterSlice(display_name=name)
    piece.effective_period.start_date.year, piece.effective_period.start_date.month = start, 1
    piece.effective_period.start_date.day = 1
    if end:
        piece.effective_period.end_date.year, piece.effective_period.end_date.month = end, 1
        piece.effective_period.end_date.day = 1
    return piece


def _unpublished(client: Client) -> int:
    return client.changes.GetFeedState(change_pb2.GetFeedStateRequest()).unpublished_count
