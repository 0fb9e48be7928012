"""Every master is taken in from systems in the same way: one answer for each submission, a typed one for a bad one."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from google.type.date_pb2 import Date

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ingest_pb2
from services.mdm.domain import validity
from services.mdm.domain.record_type import METADATA, RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mesh.errors import from_status
from tests.support.hub.masters import Master, numbers, rid
from tests.support.hub.stored import statement
from tests.support.hub.submitting import submit
from tests.support.samples.contents import said, sample, wording

Spoil = Callable[[RecordType, Any], str]
Response = ingest_pb2.SubmitSourceRecordsResponse


def test_a_record_is_created_then_unchanged_then_updated(master: Master) -> None:
    words, number = wording(master.record_type), next(numbers)
    content = sample(master.record_type, number)
    same, changed = (
        statement("systems/erp", master.key(number), one) for one in (content, words.changed(content, "2"))
    )
    answers = submit(master.client, same, same, changed, changed)
    assert [answer.outcome for answer in answers] == [
        Response.OUTCOME_CREATED,
        Response.OUTCOME_UNCHANGED,
        Response.OUTCOME_UPDATED,
        Response.OUTCOME_UNCHANGED,
    ]
    assert len({(answer.source_record, answer.golden_record) for answer in answers}) == 1
    assert [answer.revision for answer in answers] == [1, 1, 2, 2]
    got = master.record("get", name=answers[0].golden_record)
    assert words.of(got) == "2"
    kept = master.client.ingest.GetSourceRecord(ingest_pb2.GetSourceRecordRequest(name=answers[0].source_record))
    assert master.record_type.unpack(kept.source_record.content) == words.changed(content, "2")


def test_what_its_only_system_deletes_is_deleted_and_comes_back(master: Master) -> None:
    number = next(numbers)
    content = sample(master.record_type, number)
    (alive,) = submit(master.client, statement("systems/erp", master.key(number), content))
    submit(master.client, statement("systems/erp", master.key(number), content, deleted=True))
    gone = master.record("get", name=alive.golden_record)
    assert gone.state == gone.STATE_DELETED
    submit(master.client, statement("systems/erp", master.key(number), content))
    back = master.record("get", name=alive.golden_record)
    assert (back.state, said(master.record_type, back)) == (back.STATE_ACTIVE, content)


def test_what_has_a_control_character_in_its_key_since_before_can_still_be_deleted(
    master: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, content = f"{master.key(next(numbers))}\tNorth", sample(master.record_type, next(numbers))
    with monkeypatch.context() as before:
        before.setattr(validity, "_CONTROL", validity._NUL)  # as the release before did
        (alive,) = submit(master.client, statement("systems/erp", key, content))
    changed, deleted = submit(
        master.client,
        statement("systems/erp", key, wording(master.record_type).changed(content, "2")),
        statement("systems/erp", key, content, deleted=True),
    )
    assert (changed.outcome, deleted.outcome) == (Response.OUTCOME_QUARANTINED, Response.OUTCOME_UPDATED)
    gone = master.record("get", name=alive.golden_record)
    assert gone.state == gone.STATE_DELETED


def _metadata(record_type: RecordType, content: Any) -> str:
    content.name = record_type.name_of("1")
    return "content.name"


def _control(record_type: RecordType, content: Any) -> str:
    content.CopyFrom(wording(record_type).changed(content, "a\tb"))
    slices = record_type.slice_field
    field = wording(record_type).field
    return f"content.{slices}[0].{field}" if slices else f"content.{field}"


def _nameless(record_type: RecordType, content: Any) -> str:
    for field, _ in content.ListFields():
        if field.name not in METADATA:
            content.ClearField(field.name)
    return f"content.{record_type.known_by[0]}"


def _twice(record_type: RecordType, content: Any) -> str:
    group = next(group for group in record_type.groups + record_type.slice_groups if group.keyed)
    holder, whole, path = content, sample(record_type, 1), "content."
    if group not in record_type.groups:
        holder, whole = (getattr(each, record_type.slice_field or "")[0] for each in (content, whole))
        path = f"content.{record_type.slice_field}[0]."
    del getattr(holder, group.name)[:]
    getattr(holder, group.name).extend([*getattr(whole, group.name)] * 2)
    return f"{path}{group.name}["


def _overlap(record_type: RecordType, content: Any) -> str:
    slices = getattr(content, record_type.slice_field or "")
    slices[1].effective_period.CopyFrom(slices[0].effective_period)
    return f"content.{record_type.slice_field}[1].effective_period"


def _no_day(record_type: RecordType, content: Any) -> str:
    getattr(content, record_type.period_field or "").start_date.CopyFrom(Date(year=2026, month=2, day=30))
    return f"content.{record_type.period_field}.start_date"


def _backwards(record_type: RecordType, content: Any) -> str:
    period = getattr(content, record_type.period_field or "")
    period.start_date.CopyFrom(period.end_date)
    return f"content.{record_type.period_field}"


def _too_long(record_type: RecordType, content: Any) -> str:
    content.CopyFrom(wording(record_type).changed(content, "x" * 10_000))
    return "content."


CONTRADICTIONS: Mapping[str, tuple[Spoil, reasons.ErrorReason.ValueType, Callable[[RecordType], object]]] = {
    "metadata": (_metadata, reasons.ERROR_REASON_INVALID_CONTENT, bool),
    "control": (_control, reasons.ERROR_REASON_INVALID_CONTENT, bool),
    "nameless": (_nameless, reasons.ERROR_REASON_INVALID_CONTENT, lambda kind: kind.known_by),
    "twice": (_twice, reasons.ERROR_REASON_INVALID_CONTENT, bool),
    "overlap": (_overlap, reasons.ERROR_REASON_INVALID_CONTENT, lambda kind: kind.slice_field),
    "no_day": (_no_day, reasons.ERROR_REASON_INVALID_CONTENT, lambda kind: kind.period_field),
    "backwards": (_backwards, reasons.ERROR_REASON_INVALID_CONTENT, lambda kind: kind.period_field),
    "too_long": (_too_long, reasons.ERROR_REASON_CONSTRAINT_VIOLATED, bool),
}
"""What contradicts itself: how to write it into a content (the function names the field), for which types."""

CASES = [
    pytest.param(record_type, spoil, reason, id=f"{record_type.name}-{name}")
    for name, (spoil, reason, fits) in CONTRADICTIONS.items()
    for record_type in RECORD_TYPES
    if fits(record_type)
]


@pytest.mark.parametrize(("record_type", "spoil", "reason"), CASES)
def test_a_content_that_contradicts_itself_is_quarantined_and_replayed_corrected(
    master: Master,
    record_type: RecordType,
    spoil: Spoil,
    reason: reasons.ErrorReason.ValueType,
) -> None:
    number, content = next(numbers), sample(record_type, next(numbers))
    field = spoil(record_type, content)
    wrong = statement("systems/erp", master.key(number), content)
    right = statement("systems/erp", master.key(number), sample(record_type, number))
    after = statement("systems/erp", master.key(next(numbers)), sample(record_type, next(numbers)))
    bad, good = submit(master.client, wrong, after)
    assert (bad.outcome, good.outcome) == (Response.OUTCOME_QUARANTINED, Response.OUTCOME_CREATED)
    error = from_status(bad.error)
    assert error.reason == reason
    assert [violation for violation in error.violations if violation.field.startswith(field)]
    ingest, name = master.client.ingest, bad.quarantined_record
    kept = ingest.GetQuarantinedRecord(ingest_pb2.GetQuarantinedRecordRequest(name=name)).quarantined_record
    assert kept.original == wrong.SerializeToString()
    replay = ingest_pb2.ReplayQuarantinedRecordRequest(name=name, corrected=right, request_id=rid())
    replayed = ingest.ReplayQuarantinedRecord(replay)
    assert replayed.quarantined_record.state == ingest_pb2.QuarantinedRecord.STATE_SETTLED
    got = master.record("lookup", system="systems/erp", key=master.key(number))
    assert said(record_type, got) == sample(record_type, number)


def test_broken_bytes_and_paths_that_are_none_are_quarantined(master: Master) -> None:
    garbage = statement("systems/erp", master.key(next(numbers)), master.record_type.message())
    garbage.content.value = b"\xff\xff\xff"
    nowhere = statement("systems/erp", master.key(next(numbers)), master.record_type.message(), withdrawn=["nowhere"])
    errors = [from_status(answer.error) for answer in submit(master.client, garbage, nowhere)]
    assert [(error.reason, error.violations[0].field) for error in errors] == [
        (reasons.ERROR_REASON_MALFORMED_MESSAGE, "content"),
        (reasons.ERROR_REASON_INVALID_CONTENT, "withdrawn_paths"),
    ]


def test_every_field_but_metadata_can_be_said(master: Master) -> None:
    content = sample(master.record_type, next(numbers))
    named = {field.name for field, _ in content.ListFields()}
    assert named == set(master.record_type.descriptor.fields_by_name) - METADATA
