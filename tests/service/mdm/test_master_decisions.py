"""Stewards decide on every master in the same way: Create, Update, Delete, Undelete and Close."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mdm.domain import validity
from services.mdm.domain.record_type import METADATA, RecordType
from services.mdm.domain.registry import RECORD_TYPES
from tests.support.hub.masters import Master, numbers, rid
from tests.support.hub.served import refused
from tests.support.samples.contents import BEGINNING, END, for_stewards, known, said, wording

PERIODIC = [record_type for record_type in RECORD_TYPES if record_type.period_field]
periodic = pytest.mark.parametrize("record_type", PERIODIC, ids=lambda record_type: record_type.name)


def moment(day: date, *, seconds: int = 0) -> Timestamp:
    time = Timestamp()
    time.FromDatetime(datetime(day.year, day.month, day.day, tzinfo=UTC))
    time.seconds += seconds
    return time


def decisions(master: Master) -> dict[str, Callable[[Any], Message]]:
    """Every decision on an existing record that a steward can make, as requests with the etag still to be set."""
    words = wording(master.record_type)
    found: dict[str, Callable[[Any], Message]] = {
        "update": lambda one: master.request("update", record=words.changed(one, "decided"), etag=one.etag),
        "delete": lambda one: master.request("delete", name=one.name, etag=one.etag),
    }
    if "close" in master.verbs:
        found["close"] = lambda one: master.request(
            "close", name=one.name, etag=one.etag, effective_time=moment(date(2026, 1, 1))
        )
    return found


def test_what_a_steward_created_is_as_they_said(master: Master) -> None:
    desired = for_stewards(master.record_type, next(numbers))
    made = master.record("create", record=desired)
    assert said(master.record_type, made) == said(master.record_type, desired)
    assert (made.revision, list(made.entities)) == (1, ["entities/north"])
    assert master.record("get", name=made.name) == made
    assert master.record("lookup", system="systems/hub", key=made.name) == made


def test_an_update_changes_what_its_mask_names_and_nothing_else(master: Master) -> None:
    words, one = wording(master.record_type), master.created()
    other = for_stewards(master.record_type, next(numbers))
    desired = words.changed(one, "named")
    for field in master.record_type.descriptor.fields:
        if field.name not in {*METADATA, words.top_field}:
            desired.ClearField(field.name)
    desired.name = one.name
    changed = master.record("update", record=desired, update_mask=[words.top_field], etag=one.etag)
    assert said(master.record_type, changed) == said(master.record_type, words.changed(one, "named"))
    assert changed.revision == 2
    other.name = one.name
    other.ClearField("entities")
    whole = master.record("update", record=other, update_mask=["*"], etag=changed.etag)
    assert said(master.record_type, whole) == said(master.record_type, other)
    emptied = master.record_type.message(name=one.name)
    part = words.changed(emptied, "populated")
    after = master.record("update", record=part, etag=whole.etag)
    assert words.of(after) == "populated"
    for field in master.record_type.descriptor.fields:
        if field.name not in {*METADATA, words.top_field}:
            assert getattr(after, field.name) == getattr(whole, field.name)


def test_with_a_star_what_is_left_out_goes(master: Master) -> None:
    words, one = wording(master.record_type), master.created()
    bare = known(master.record_type, words.changed(master.record_type.message(), "alone"))
    bare.name = one.name
    after = master.record("update", record=bare, update_mask=["*"], etag=one.etag)
    bare.ClearField("name")
    assert said(master.record_type, after) == bare


def test_a_repeated_request_gets_the_first_answer_and_another_with_its_id_is_refused(master: Master) -> None:
    words = wording(master.record_type)
    create = master.request("create", record=for_stewards(master.record_type, next(numbers)))
    made = getattr(master.send("create", create), master.record_type.singular)
    update = master.request("update", record=words.changed(made, "once"), etag=made.etag)
    updated = master.send("update", update)
    assert getattr(master.send("create", create), master.record_type.singular) == made
    assert master.send("update", update) == updated
    assert master.record("get", name=made.name).revision == 2
    for verb, again in (("create", create), ("update", update)):
        record = getattr(again, master.record_type.singular)
        record.CopyFrom(words.changed(record, "another"))
        error = refused(lambda verb=verb, again=again: master.send(verb, again))  # type: ignore[misc]
        assert error.reason == reasons.ERROR_REASON_REQUEST_ID_REUSED


def test_a_rehearsal_answers_as_the_decision_would_and_changes_nothing(master: Master) -> None:
    one = master.created()
    desired = for_stewards(master.record_type, next(numbers))
    before = master.listed(show_deleted=True)
    rehearsed = master.record("create", record=desired, validate_only=True)
    assert said(master.record_type, rehearsed) == said(master.record_type, desired)
    assert master.listed(show_deleted=True) == before
    for verb, request in decisions(master).items():
        rehearsal, real = request(one), request(one)
        rehearsal.validate_only = True  # type: ignore[attr-defined]
        promised = getattr(master.send(verb, rehearsal), master.record_type.singular)
        assert master.record("get", name=one.name) == one
        assert promised.revision == one.revision + 1
        again = getattr(master.send(verb, rehearsal), master.record_type.singular)
        assert said(master.record_type, again) == said(master.record_type, promised)
        if verb == "update":
            decided = getattr(master.send(verb, real), master.record_type.singular)
            assert said(master.record_type, decided) == said(master.record_type, promised)
            one = decided


def test_a_rehearsal_fails_where_the_decision_fails(master: Master) -> None:
    one = master.created()
    stale: Any = master.record_type.message()
    stale.CopyFrom(one)
    stale.etag = '"stale"'
    for verb, request in decisions(master).items():
        for rehearsal in (True, False):
            wrong: Any = request(stale)
            wrong.request_id, wrong.validate_only = rid(), rehearsal
            error = refused(lambda verb=verb, wrong=wrong: master.send(verb, wrong))  # type: ignore[misc]
            assert error.reason == reasons.ERROR_REASON_ETAG_MISMATCH
            assert error.metadata["etag"] == one.etag
    nowhere = for_stewards(master.record_type, next(numbers))
    nowhere.ClearField("entities")
    for rehearsal in (True, False):
        error = refused(lambda rehearsal=rehearsal: master.call("create", record=nowhere, validate_only=rehearsal))  # type: ignore[misc]
        assert (error.reason, error.violations[0].field) == (reasons.ERROR_REASON_INVALID_CONTENT, "entities")


def test_what_another_record_carries_can_not_be_created_again(master: Master) -> None:
    desired = for_stewards(master.record_type, next(numbers))
    made = master.record("create", record=desired)
    error = refused(lambda: master.call("create", record=desired))
    assert error.reason == reasons.ERROR_REASON_STRONG_IDENTIFIER_TAKEN
    assert error.metadata["name"] == made.name


def test_a_deleted_record_is_kept_with_its_history_and_comes_back(master: Master) -> None:
    one = master.created()
    gone = master.record("delete", name=one.name, etag=one.etag)
    assert (gone.state, gone.revision) == (one.STATE_DELETED, 2)
    assert master.record("get", name=one.name) == gone
    assert one.name not in master.listed()
    assert one.name in master.listed(show_deleted=True)
    assert one.name in master.listed(show_deleted=True, filter="state = DELETED")
    for verb in decisions(master):
        error = refused(lambda verb=verb: master.send(verb, decisions(master)[verb](gone)))  # type: ignore[misc]
        assert error.reason == reasons.ERROR_REASON_RECORD_DELETED
    back = master.record("undelete", name=one.name, etag=gone.etag)
    assert (back.state, back.revision) == (one.STATE_ACTIVE, 3)
    assert said(master.record_type, back) == said(master.record_type, one)
    assert one.name in master.listed()
    error = refused(lambda: master.call("undelete", name=one.name, etag=back.etag))
    assert error.reason == reasons.ERROR_REASON_INVALID_CONTENT
    assert [record.state for record in master.records("list_revisions", name=one.name)] == [
        one.STATE_ACTIVE,
        one.STATE_DELETED,
        one.STATE_ACTIVE,
    ]


def test_a_record_from_before_control_characters_were_refused_is_deleted_and_comes_back(
    master: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = wording(master.record_type)
    with monkeypatch.context() as before:
        before.setattr(validity, "_CONTROL", validity._NUL)  # as the release before did
        one = master.record("create", record=words.changed(for_stewards(master.record_type, next(numbers)), "a\tb"))
    gone = master.record("delete", name=one.name, etag=one.etag)
    back = master.record("undelete", name=one.name, etag=gone.etag)
    assert words.of(back) == "a\tb"
    anew = master.request("update", record=words.changed(back, "c\td"), etag=back.etag)
    assert refused(lambda: master.send("update", anew)).reason == reasons.ERROR_REASON_INVALID_CONTENT
    master.send("update", decisions(master)["update"](back))


@periodic
def test_a_closed_record_ends_on_the_day_and_stays_as_it_was_before(master: Master, record_type: RecordType) -> None:
    one = master.created()
    day = date(2026, 1, 1)
    closed = master.record("close", name=one.name, etag=one.etag, effective_time=moment(day, seconds=5))
    end = getattr(closed, record_type.period_field or "").end_date
    assert (end.year, end.month, end.day) == (2026, 1, 1)
    until = master.record("get", name=one.name, effective_time=moment(day, seconds=-1))
    assert wording(record_type).of(until) == wording(record_type).of(one)
    error = refused(lambda: master.call("get", name=one.name, effective_time=moment(day)))
    assert (error.reason, error.metadata["effective_date"]) == (reasons.ERROR_REASON_NOT_IN_EFFECT, "2026-01-01")


@pytest.mark.usefixtures("record_type")
@periodic
@pytest.mark.parametrize("day", [BEGINNING, END, date(1990, 1, 1), date(2100, 1, 1)])
def test_only_what_is_in_effect_until_then_can_be_closed(master: Master, day: date) -> None:
    one = master.created()
    error = refused(lambda: master.call("close", name=one.name, etag=one.etag, effective_time=moment(day)))
    assert (error.reason, error.violations[0].field) == (reasons.ERROR_REASON_INVALID_CONTENT, "effective_time")
    error = refused(lambda: master.call("close", name=one.name, etag=one.etag))
    assert (error.reason, error.violations[0].field) == (reasons.ERROR_REASON_CONSTRAINT_VIOLATED, "effective_time")
    assert master.record("get", name=one.name) == one
