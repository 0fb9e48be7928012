"""Odd but decodable requests: each gets its typed error, none an internal failure, none takes others with it."""

import base64
import hashlib
from collections.abc import Callable

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import cost_center_pb2, ingest_pb2, supplier_pb2
from services.mesh.contract.pagination import PageToken
from services.mesh.errors import from_status
from tests.service.mdm.test_ingest import supplier
from tests.support.hub.masters import rid
from tests.support.hub.served import Client, refused
from tests.support.hub.stored import GROUP
from tests.support.hub.submitting import submit

Response = ingest_pb2.SubmitSourceRecordsResponse
NUL = "a\0b"
NO_TIMES = (
    Timestamp(seconds=10**18),
    Timestamp(seconds=-(10**18)),
    Timestamp(seconds=253402300800),
    Timestamp(nanos=-1),
    Timestamp(nanos=2 * 10**9),
)
NO_DAYS = ((0, 1, 1), (2026, 2, 30), (2026, 0, 0), (10000, 1, 1), (-5, 1, 1))


@pytest.mark.parametrize("moment", NO_TIMES, ids=str)
def test_a_record_of_no_time_is_quarantined_and_the_rest_goes_on(steward: Client, moment: Timestamp) -> None:
    said = supplier("1")
    said.source_time.CopyFrom(moment)
    bad, good = submit(steward, said, supplier("2"))
    assert [violation.field for violation in from_status(bad.error).violations] == ["source_time"]
    assert good.outcome == Response.OUTCOME_CREATED


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.ingest.ListSourceRecords(ingest_pb2.ListSourceRecordsRequest(golden_record=NUL)),
        lambda c: c.ingest.GetSourceRecord(ingest_pb2.GetSourceRecordRequest(name=f"systems/a/sourceRecords/{NUL}")),
        lambda c: c.ingest.ListQuarantinedRecords(ingest_pb2.ListQuarantinedRecordsRequest(system=f"systems/{NUL}")),
    ],
)
def test_a_character_that_no_text_holds_is_a_mistake_of_the_caller(
    steward: Client, call: Callable[[Client], Message]
) -> None:
    assert refused(lambda: call(steward)).reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED


def test_an_echo_of_a_name_that_cannot_be_takes_no_other_record_with_it(steward: Client) -> None:
    said = supplier("1")
    said.echo.CopyFrom(ingest_pb2.Echo(golden_record=f"suppliers/{NUL}", golden_revision=1))
    bad, good = submit(steward, said, supplier("2"))
    assert from_status(bad.error).violations[0].field == "echo.golden_record"
    assert good.outcome == Response.OUTCOME_CREATED


def test_a_key_and_a_label_have_no_control_characters(steward: Client) -> None:
    tabbed, labelled = supplier("1\t"), supplier("2")
    labelled.label = "V-2\n"
    for answer, said, field in zip(
        submit(steward, tabbed, labelled), (tabbed, labelled), ("key", "label"), strict=True
    ):
        assert [violation.field for violation in from_status(answer.error).violations] == [field]
        request = ingest_pb2.GetQuarantinedRecordRequest(name=answer.quarantined_record)
        kept = steward.ingest.GetQuarantinedRecord(request).quarantined_record
        assert kept.original == said.SerializeToString()


def piece(year: int, month: int, day: int) -> cost_center_pb2.CostCenterSlice:
    found = cost_center_pb2.CostCenterSlice(display_name="ICU")
    start = found.effective_period.start_date
    start.year, start.month, start.day = year, month, day
    return found


def center(steward: Client) -> cost_center_pb2.CostCenter:
    content = cost_center_pb2.CostCenter(
        entities=[GROUP], entity=GROUP, code="100", slices=[cost_center_pb2.CostCenterSlice(display_name="ICU")]
    )
    request = cost_center_pb2.CreateCostCenterRequest(cost_center=content, request_id=rid())
    return steward.cost_centers.CreateCostCenter(request).cost_center


@pytest.mark.parametrize("day", NO_DAYS)
def test_a_steward_names_days_of_the_calendar(steward: Client, day: tuple[int, int, int]) -> None:
    made = center(steward)
    content = cost_center_pb2.CostCenter(entities=[GROUP], entity=GROUP, code="200", slices=[piece(*day)])
    create = cost_center_pb2.CreateCostCenterRequest(cost_center=content, request_id=rid())
    error = refused(lambda: steward.cost_centers.CreateCostCenter(create))
    assert error.reason == reasons.ERROR_REASON_INVALID_CONTENT
    assert error.violations[0].field == "slices[0].effective_period.start_date"
    changed = cost_center_pb2.CostCenter(name=made.name, slices=[piece(*day), piece(2030, 1, 1)])
    for at in (None, Timestamp(seconds=1_800_000_000)):
        update = cost_center_pb2.UpdateCostCenterRequest(
            cost_center=changed, etag=made.etag, request_id=rid(), effective_time=at
        )
        error = refused(lambda update=update: steward.cost_centers.UpdateCostCenter(update))  # type: ignore[misc]
        assert error.reason == reasons.ERROR_REASON_INVALID_CONTENT


def forged(request: Message, keys: bytes) -> str:
    """A token with a right digest over keys that no page ends with."""
    genuine = base64.urlsafe_b64decode(PageToken.encode(["x"], request) + "==")
    parts = (request.DESCRIPTOR.full_name.encode(), request.SerializeToString(deterministic=True), keys)
    digest = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()[:16]
    assert len(genuine) > len(digest)
    return base64.urlsafe_b64encode(digest + keys).decode().rstrip("=")


@pytest.mark.parametrize("keys", [b"1", b"{}", b"[1]", b"[]", b"nonsense", b'["a","b","c"]', b'["a\\u0000"]', b"\xff"])
def test_a_forged_page_token_is_refused(steward: Client, keys: bytes) -> None:
    listing = supplier_pb2.ListSuppliersRequest(order_by="legal_name")
    listing.page_token = forged(listing, keys)
    search = supplier_pb2.SearchSuppliersRequest(identifier="1")
    search.page_token = forged(search, b"[]" if keys == b'["a\\u0000"]' else keys)
    for call in (
        lambda: steward.suppliers.ListSuppliers(listing),
        lambda: steward.suppliers.SearchSuppliers(search),
    ):
        assert refused(call).reason == reasons.ERROR_REASON_INVALID_PAGE_TOKEN


def test_a_filter_means_the_same_at_an_effective_time(steward: Client) -> None:
    made = center(steward)
    now = Timestamp(seconds=1_800_000_000)

    def found(text: str) -> list[str]:
        request = cost_center_pb2.ListCostCentersRequest(effective_time=now, filter=text)
        return [one.name for one in steward.cost_centers.ListCostCenters(request).cost_centers]

    for text in ("state = ACTIVE", "state:*", f'entities = "{GROUP}"', "NOT state = DELETED"):
        assert found(text) == [made.name]
    assert found("state = DELETED") == []
    for text, reason in (
        ('code = "none" AND nonsense = 1', reasons.ERROR_REASON_UNKNOWN_FIELD),
        ('code = "100" OR name = "x"', reasons.ERROR_REASON_FIELD_NOT_FILTERABLE),
    ):
        assert refused(lambda text=text: found(text)).reason == reason  # type: ignore[misc]
