"""Ingest over a real stream: one answer for each submission, whatever is wrong with it."""

import threading
from collections.abc import Iterator

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ingest_pb2, item_pb2, party_pb2, supplier_pb2, system_pb2
from services.mesh.errors import ConcordError, from_status
from tests.support.hub.masters import rid
from tests.support.hub.served import READER, WRITER, Client, ServedHub, refused
from tests.support.hub.stored import TestHub, decision, statement
from tests.support.hub.submitting import submit
from tests.support.waiting import eventually

Response = ingest_pb2.SubmitSourceRecordsResponse


def supplier(key: str, **fields: object) -> ingest_pb2.SourceRecord:
    return statement("systems/erp", key, supplier_pb2.Supplier(**{"legal_name": "S", **fields}))  # type: ignore[arg-type]


def unknown_type() -> ingest_pb2.SourceRecord:
    said = supplier("1")
    said.content.type_url = "type.googleapis.com/acme.Thing"
    return said


def overlapping_packs() -> ingest_pb2.SourceRecord:
    packs = [
        item_pb2.Item().pack_conversions.add(unit="CS", contained_unit="BX", numerator=4, denominator=1),
        item_pb2.Item().pack_conversions.add(unit="BX", contained_unit="CS", numerator=1, denominator=2),
    ]
    return statement("systems/erp", "1", item_pb2.Item(display_name="Glove", pack_conversions=packs))


@pytest.mark.parametrize(
    ("said", "reason", "field"),
    [
        (supplier("k" * 10_000), reasons.ERROR_REASON_CONSTRAINT_VIOLATED, "key"),
        (supplier(""), reasons.ERROR_REASON_CONSTRAINT_VIOLATED, "key"),
        (supplier("a\0b"), reasons.ERROR_REASON_INVALID_CONTENT, "key"),
        (
            statement("systems/nobody", "1", supplier_pb2.Supplier()),
            reasons.ERROR_REASON_SYSTEM_UNKNOWN,
            "system",
        ),
        (unknown_type(), reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE, "content"),
        (overlapping_packs(), reasons.ERROR_REASON_INVALID_CONTENT, "content.pack_conversions"),
    ],
)
def test_a_bad_record_is_quarantined_with_its_bytes_and_the_rest_goes_on(
    steward: Client,
    said: ingest_pb2.SourceRecord,
    reason: reasons.ErrorReason.ValueType,
    field: str,
) -> None:
    bad, good = submit(steward, said, supplier("good"))
    assert bad.outcome == Response.OUTCOME_QUARANTINED
    error: ConcordError = from_status(bad.error)
    assert error.reason == reason
    assert any(violation.field.startswith(field) for violation in error.violations)
    assert good.outcome == Response.OUTCOME_CREATED
    kept = steward.ingest.GetQuarantinedRecord(
        ingest_pb2.GetQuarantinedRecordRequest(name=bad.quarantined_record)
    ).quarantined_record
    assert kept.original == said.SerializeToString()
    assert kept.state == ingest_pb2.QuarantinedRecord.STATE_OPEN


def test_a_quarantined_record_is_replayed_corrected_and_settled(mesh: ServedHub, steward: Client) -> None:
    (bad,) = submit(steward, supplier("7", lei="wrong"))
    name = bad.quarantined_record
    as_it_was = ingest_pb2.ReplayQuarantinedRecordRequest(name=name, request_id=rid())
    assert not steward.ingest.ReplayQuarantinedRecord(as_it_was).source_record
    corrected = ingest_pb2.ReplayQuarantinedRecordRequest(name=name, corrected=supplier("7"), request_id=rid())
    replayed = steward.ingest.ReplayQuarantinedRecord(corrected)
    assert replayed.source_record.startswith("systems/erp/sourceRecords/")
    assert replayed.quarantined_record.state == ingest_pb2.QuarantinedRecord.STATE_SETTLED
    again = ingest_pb2.ReplayQuarantinedRecordRequest(name=name, request_id=rid())
    error = refused(lambda: steward.ingest.ReplayQuarantinedRecord(again))
    assert error.reason == reasons.ERROR_REASON_QUARANTINED_RECORD_SETTLED
    assert not steward.ingest.ListQuarantinedRecords(ingest_pb2.ListQuarantinedRecordsRequest()).quarantined_records
    shown = mesh.client(READER).ingest.GetQuarantinedRecord(ingest_pb2.GetQuarantinedRecordRequest(name=name))
    assert shown.quarantined_record.original == b""


def test_a_correction_of_another_record_settles_nothing(steward: Client) -> None:
    (bad,) = submit(steward, supplier("7", lei="wrong"))
    other = supplier("7")
    other.system = "systems/legacy"
    for corrected, field in ((supplier("8"), "key"), (other, "system")):
        request = ingest_pb2.ReplayQuarantinedRecordRequest(
            name=bad.quarantined_record, corrected=corrected, request_id=rid()
        )
        error = refused(lambda request=request: steward.ingest.ReplayQuarantinedRecord(request))  # type: ignore[misc]
        assert (error.reason, error.violations[0].field) == (
            reasons.ERROR_REASON_CONSTRAINT_VIOLATED,
            f"corrected.{field}",
        )
    waiting = steward.ingest.ListQuarantinedRecords(ingest_pb2.ListQuarantinedRecordsRequest()).quarantined_records
    assert [each.name for each in waiting] == [bad.quarantined_record]


def test_a_later_good_submission_settles_what_waited_under_its_key(steward: Client) -> None:
    submit(steward, supplier("7", lei="wrong"))
    submit(steward, supplier("7"))
    assert not steward.ingest.ListQuarantinedRecords(ingest_pb2.ListQuarantinedRecordsRequest()).quarantined_records


def test_who_may_not_speak_for_a_system_is_refused(mesh: ServedHub) -> None:
    (answer,) = submit(mesh.client(WRITER, entities=["entities/south"]), supplier("1"))
    assert from_status(answer.error).reason == reasons.ERROR_REASON_SYSTEM_UNKNOWN


def test_what_a_system_may_not_author_is_refused(mesh: ServedHub, steward: Client) -> None:
    _register_narrow_system(mesh.hub, "supplier.legal_name")
    allowed = statement("systems/narrow", "1", supplier_pb2.Supplier(legal_name="A"))
    refused_one = statement("systems/narrow", "2", supplier_pb2.Supplier(legal_name="A", website="a.org"))
    first, second = submit(steward, allowed, refused_one)
    assert first.outcome == Response.OUTCOME_CREATED
    error = from_status(second.error)
    assert (error.reason, error.metadata["field"]) == (reasons.ERROR_REASON_ATTRIBUTE_NOT_AUTHORED, "website")


def test_who_may_not_say_names_and_what_is_deleted_needs_none(mesh: ServedHub, steward: Client) -> None:
    _register_narrow_system(mesh.hub, "supplier.website")
    website = supplier_pb2.Supplier(website="a.org")
    told = submit(
        steward,
        statement("systems/narrow", "1", website),
        statement("systems/erp", "1", website),
        supplier("2"),
        statement("systems/erp", "2", supplier_pb2.Supplier(), deleted=True),
    )
    created, quarantined = Response.OUTCOME_CREATED, Response.OUTCOME_QUARANTINED
    assert [answer.outcome for answer in told] == [created, quarantined, created, Response.OUTCOME_UPDATED]


def test_a_stream_that_dies_half_way_loses_nothing_that_was_acknowledged(mesh: ServedHub, steward: Client) -> None:
    acknowledged: list[str] = []
    hold = threading.Event()

    def requests() -> Iterator[ingest_pb2.SubmitSourceRecordsRequest]:
        for number in range(20):
            yield ingest_pb2.SubmitSourceRecordsRequest(sequence=number, source_record=supplier(str(number)))
        hold.wait(60)

    stream = steward.ingest.SubmitSourceRecords(requests())
    for answer in stream:
        acknowledged.append(answer.source_record)
        if len(acknowledged) == 10:
            break
    stream.cancel()
    hold.set()
    stored = mesh.hub.rows("SELECT source_record FROM crosswalk")
    assert set(acknowledged) <= {name for (name,) in stored}
    missing = "SELECT count(*) FROM revisions r LEFT JOIN changes c USING (record, revision) WHERE c.seq IS NULL"
    eventually(lambda: mesh.hub.rows(missing) == [(0,)])
    answers = submit(steward, *(supplier(str(number)) for number in range(20)))
    assert {answer.source_record for answer in answers[:10]} == set(acknowledged)
    assert mesh.hub.rows("SELECT count(*) FROM records WHERE record_type = 'supplier'") == [(20,)]


def test_source_records_show_their_link_and_their_history(steward: Client) -> None:
    tax_id = party_pb2.TaxId(country="US", scheme="ein", value="041234567")
    (first,) = submit(steward, supplier("1", tax_ids=[tax_id]))
    submit(steward, supplier("1", legal_name="Other"))
    got = steward.ingest.GetSourceRecord(ingest_pb2.GetSourceRecordRequest(name=first.source_record)).source_record
    assert (got.golden_record, got.revision) == (first.golden_record, 2)
    listed = steward.ingest.ListSourceRecords(ingest_pb2.ListSourceRecordsRequest(golden_record=first.golden_record))
    assert [record.name for record in listed.source_records] == [first.source_record]
    history = steward.ingest.ListSourceRecordRevisions(
        ingest_pb2.ListSourceRecordRevisionsRequest(name=first.source_record)
    )
    said = supplier_pb2.Supplier()
    history.source_records[1].content.Unpack(said)
    assert said.tax_ids[0] == tax_id


def _register_narrow_system(hub: TestHub, *authored: str) -> None:
    system = system_pb2.System(
        name="systems/narrow",
        display_name="Narrow",
        kind="test",
        entity="entities/north",
        trust_rank=30,
        authored_attributes=authored,
    )
    hub.parts.registrations.create_system(system, decision(system))
