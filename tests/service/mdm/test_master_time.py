"""Every master is read as of a time: what was published by then, and what is true then."""

from datetime import date, timedelta

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mdm.domain.effective import period_of
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES
from tests.service.mdm.test_master_decisions import moment
from tests.support.hub.masters import Master, numbers
from tests.support.hub.served import refused
from tests.support.samples.contents import BEGINNING, END, GAP, RETURN, values, wording

SLICED = [record_type for record_type in RECORD_TYPES if record_type.slice_field]
sliced = pytest.mark.parametrize("record_type", SLICED, ids=lambda record_type: record_type.name)
A_DAY = timedelta(days=1)


def test_every_read_as_of_a_time_says_the_same_whatever_comes_later(master: Master) -> None:
    number = next(numbers)
    words, one = wording(master.record_type), master.submitted(number)
    identifier = values(master.record_type, one, master.record_type.searchable[0])[0]
    then = master.published_time()
    asked = {
        "get": {"name": one.name},
        "batch_get": {"names": [one.name]},
        "lookup": {"system": "systems/erp", "key": master.key(number)},
        "list": {"filter": f'{words.path} = "{words.of(one)}"'},
        "search": {"identifier": identifier},
        "explain": {"name": one.name},
    }
    before = {verb: master.call(verb, read_time=then, **fields) for verb, fields in asked.items()}
    assert before["get"].read_position > 0
    assert getattr(before["get"], master.record_type.singular) == one
    changed = master.record("update", record=words.changed(one, "later"), update_mask=[words.top_field], etag=one.etag)
    gone = master.record("delete", name=one.name, etag=changed.etag)
    master.published_time()
    assert {verb: master.call(verb, read_time=then, **fields) for verb, fields in asked.items()} == before
    assert master.record("get", name=one.name) == gone
    assert one.name not in master.listed(filter=f'{words.path} = "{words.of(one)}"')


def test_before_it_was_published_a_record_was_not_there_and_nobody_knows_the_future(master: Master) -> None:
    master.created()
    then = master.published_time()
    one = master.created()
    master.published_time()
    error = refused(lambda: master.call("get", name=one.name, read_time=then))
    assert error.reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    assert one.name not in master.listed(read_time=then)
    for verb, fields in (("get", {"name": one.name}), ("list", {}), ("explain", {"name": one.name})):
        error = refused(
            lambda verb=verb, fields=fields: master.call(verb, read_time=moment(date(2200, 1, 1)), **fields)  # type: ignore[misc]
        )
        assert error.reason == reasons.ERROR_REASON_INVALID_READ_TIME
        assert [each.field for each in error.violations] == ["read_time"]


@sliced
@pytest.mark.parametrize(
    ("day", "start"),
    [
        (BEGINNING, BEGINNING),
        (GAP - A_DAY, BEGINNING),
        (RETURN, RETURN),
        (END - A_DAY, RETURN),
        (BEGINNING - A_DAY, None),
        (GAP, None),
        (RETURN - A_DAY, None),
        (END, None),
    ],
)
def test_a_slice_holds_from_its_first_day_to_the_day_before_its_last(
    master: Master, record_type: RecordType, day: date, start: date | None
) -> None:
    one = master.submitted()
    for seconds in (0, 24 * 3600 - 1):
        at = moment(day, seconds=seconds)
        if start is None:
            error = refused(lambda at=at: master.call("get", name=one.name, effective_time=at))  # type: ignore[misc]
            assert (error.reason, error.metadata["name"]) == (reasons.ERROR_REASON_NOT_IN_EFFECT, one.name)
            error = refused(lambda at=at: master.call("batch_get", names=[one.name], effective_time=at))  # type: ignore[misc]
            assert error.reason == reasons.ERROR_REASON_NOT_IN_EFFECT
        else:
            shown = master.record("get", name=one.name, effective_time=at)
            (piece,) = getattr(shown, record_type.slice_field or "")
            assert period_of(piece).start == start
    words = wording(record_type)
    for text, hits in ((f'{words.path} = "{words.of(one)}"', start is not None), (f'{words.path} = "no such"', False)):
        listed = master.records("list", effective_time=moment(day), filter=text, page_size=1000)
        assert (one.name in [record.name for record in listed]) is hits


@sliced
def test_a_change_from_a_day_on_leaves_the_days_before(master: Master, record_type: RecordType) -> None:
    words, one = wording(record_type), master.created()
    day = date(2026, 1, 1)
    desired = record_type.message(name=one.name)
    piece = getattr(one, record_type.slice_field or "")[1]
    getattr(desired, record_type.slice_field or "").append(piece)
    desired = words.changed(desired, "from then on")
    master.call(
        "update",
        record=desired,
        update_mask=[record_type.slice_field or ""],
        etag=one.etag,
        effective_time=moment(day),
    )
    before = master.record("get", name=one.name, effective_time=moment(day - A_DAY))
    after = master.record("get", name=one.name, effective_time=moment(day))
    assert (words.of(before), words.of(after)) == (words.of(one), "from then on")
