from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from google.protobuf.message import Message
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from concord.mdm.v1 import cost_center_pb2, party_pb2, supplier_pb2
from services.mdm.domain.effective import period_of
from services.mdm.domain.rebasing import (
    Conflict,
    Side,
    SlotChange,
    Touch,
    applied,
    changed_fields,
    conflicts,
    rebased,
    slot_changes,
    touch,
)
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.slot import Slots, is_sliced, slots_of
from services.mdm.domain.survivorship.golden import canonical_digest
from services.mdm.domain.types.cost_center import COST_CENTER
from services.mdm.domain.types.supplier import SUPPLIER
from tests.support.samples.periods import period_message
from tests.support.samples.strategies import FIRST_DAY, contents

DAYS = [date.min, *(FIRST_DAY + timedelta(days=30 * number) for number in range(13))]
"""Days between which no drawn timeline changes."""

Two = tuple[RecordType, Message, Message]
Three = tuple[RecordType, Message, Message, Message]
typed = st.sampled_from(RECORD_TYPES)
twos = typed.flatmap(lambda kind: st.tuples(st.just(kind), contents(kind), contents(kind)))
"""What a record said, and what a request wants."""
threes = typed.flatmap(lambda kind: st.tuples(st.just(kind), contents(kind), contents(kind), contents(kind)))
"""What a record said, what it says now, and what a request wants."""
# Whole records of every type are slow to draw.
few = settings(max_examples=40)


def wants(record_type: RecordType, base: Message, wanted: Message) -> tuple[SlotChange, ...]:
    return slot_changes(slots_of(record_type, base), slots_of(record_type, wanted))


def for_all(side: Side, changes: tuple[SlotChange, ...]) -> Mapping[str, Side]:
    return {change.path: side for change in changes}


def on(record_type: RecordType, value: Message | None, day: date) -> Message | None:
    """Return what a sliced value says on a day, without its period."""
    for piece in getattr(value, record_type.slice_field or "") if value is not None else ():
        if period_of(piece).contains(day):
            bare: Message = type(piece)()
            bare.CopyFrom(piece)
            bare.ClearField("effective_period")
            return bare
    return None


def moments(record_type: RecordType, path: str, *values: Message | None) -> list[tuple[Message | None, ...]]:
    """Return the values of a slot; of a sliced one on every day between which nothing changes."""
    if not is_sliced(record_type, path):
        return [values]
    return [tuple(on(record_type, value, day) for value in values) for day in DAYS]


def differs(one: tuple[Message | None, ...]) -> bool:
    base, present, wanted = one
    return wanted not in (base, present) and present != base


@few
@given(twos)
def test_rebasing_on_a_record_that_nobody_changed_changes_nothing(case: Two) -> None:
    record_type, base, wanted = case
    changes, present = wants(record_type, base, wanted), slots_of(record_type, base)
    assert conflicts(record_type, changes, present) == ()
    assert {touch(record_type, change, present.get(change.path)) for change in changes} <= {Touch.NONE}
    assert rebased(record_type, changes, present, {}) == changes
    assert slots_of(record_type, applied(record_type, changes, base)) == slots_of(record_type, wanted)


@few
@given(threes)
def test_a_conflict_is_where_both_sides_changed_a_value_to_different_ones_and_nowhere_else(case: Three) -> None:
    record_type, base, present, wanted = case
    slots = [slots_of(record_type, content) for content in (base, present, wanted)]
    paths = {path for one in slots for path in one}
    expected = {
        path
        for path in paths
        if any(differs(one) for one in moments(record_type, path, *(each.get(path) for each in slots)))
    }
    found = conflicts(record_type, wants(record_type, base, wanted), slots[1])
    assert {conflict.path for conflict in found} == expected
    for conflict in found:
        for one in moments(record_type, conflict.path, conflict.base, conflict.present, conflict.wanted):
            assert differs(one) or one == (None, None, None)


@few
@given(threes, st.sampled_from(Side))
def test_what_one_side_left_alone_is_as_the_other_has_it_and_the_chosen_side_decides_the_rest(
    case: Three, side: Side
) -> None:
    record_type, base, present, wanted = case
    changes, now = wants(record_type, base, wanted), slots_of(record_type, present)
    moved = rebased(record_type, changes, now, for_all(side, changes))
    after = slots_of(record_type, applied(record_type, moved, present))
    before, desired = slots_of(record_type, base), slots_of(record_type, wanted)
    for path in before.keys() | now.keys() | desired.keys() | after.keys():
        values = [each.get(path) for each in (before, now, desired, after)]
        for was, current, asked, becomes in moments(record_type, path, *values):
            if asked == was:
                assert becomes == current
            elif current in (was, asked):
                assert becomes == asked
            else:
                assert becomes == (asked if side is Side.WANTED else current)


@few
@given(threes, st.sampled_from(Side))
def test_a_rebased_request_is_ready_and_stays_as_it_is_when_rebased_again(case: Three, side: Side) -> None:
    record_type, base, present, wanted = case
    changes, now = wants(record_type, base, wanted), slots_of(record_type, present)
    moved = rebased(record_type, changes, now, for_all(side, changes))
    assert all(touch(record_type, change, now.get(change.path)) is Touch.NONE for change in moved)
    assert rebased(record_type, moved, now, {}) == moved


@few
@given(threes, st.data())
def test_disjoint_requests_applied_in_either_order_make_records_of_one_digest(case: Three, data: st.DataObject) -> None:
    record_type, base, one, other = case
    paths = sorted({change.path for wanted in (one, other) for change in wants(record_type, base, wanted)})
    ours = set(data.draw(st.lists(st.sampled_from(paths), unique=True))) if paths else set()
    mine = tuple(change for change in wants(record_type, base, one) if change.path in ours)
    yours = tuple(change for change in wants(record_type, base, other) if change.path not in ours)

    def in_order(first: tuple[SlotChange, ...], second: tuple[SlotChange, ...]) -> bytes:
        between = applied(record_type, first, base)
        now = slots_of(record_type, between)
        assert {touch(record_type, change, now.get(change.path)) for change in second} <= {Touch.NONE}
        moved = rebased(record_type, second, now, {})
        return canonical_digest(record_type, applied(record_type, moved, between))

    assert in_order(mine, yours) == in_order(yours, mine)


@few
@given(twos)
def test_both_sides_agreeing_leave_nothing_to_ask_for(case: Two) -> None:
    record_type, base, wanted = case
    changes, now = wants(record_type, base, wanted), slots_of(record_type, wanted)
    assert {touch(record_type, change, now.get(change.path)) for change in changes} <= {Touch.AGREED}
    assert rebased(record_type, changes, now, {}) == ()


@few
@given(twos)
def test_changes_lie_in_the_fields_that_differ(case: Two) -> None:
    record_type, base, wanted = case
    changes = wants(record_type, base, wanted)
    assume(changes)
    fields = changed_fields(record_type, changes)
    assert slot_changes(slots_of(record_type, base, fields), slots_of(record_type, wanted, fields)) == changes


def test_a_path_that_is_no_slot_is_told() -> None:
    with pytest.raises(LookupError, match="no slot"):
        changed_fields(SUPPLIER, [SlotChange("legal_nmae", None, None)])


def supplier_slots(*sites: party_pb2.SupplierSite, legal_name: str = "Acme") -> Slots:
    return slots_of(SUPPLIER, supplier_pb2.Supplier(legal_name=legal_name, sites=sites))


def test_elements_are_told_apart_by_their_key_wherever_they_stand() -> None:
    east, west = (party_pb2.SupplierSite(code=code, display_name=code) for code in ("EAST", "WEST"))
    moved = party_pb2.SupplierSite(code="EAST", display_name="moved")
    changes = slot_changes(supplier_slots(east), supplier_slots(moved))
    assert [change.path for change in changes] == ["sites[EAST]"]
    now = supplier_slots(west, east, legal_name="Acme Inc.")
    (change,) = rebased(SUPPLIER, changes, now, {})
    content = applied(SUPPLIER, [change], supplier_pb2.Supplier(legal_name="Acme Inc.", sites=[west, east]))
    assert slots_of(SUPPLIER, content) == supplier_slots(moved, west, legal_name="Acme Inc.")


def test_an_element_that_others_removed_is_in_conflict_with_its_change() -> None:
    east, moved = (party_pb2.SupplierSite(code="EAST", display_name=name) for name in ("east", "moved"))
    changes = slot_changes(supplier_slots(east), supplier_slots(moved))
    (conflict,) = conflicts(SUPPLIER, changes, supplier_slots())
    assert (conflict.path, conflict.present) == ("sites[EAST]", None)
    assert rebased(SUPPLIER, changes, supplier_slots(), {"sites[EAST]": Side.PRESENT}) == ()
    with pytest.raises(KeyError):
        rebased(SUPPLIER, changes, supplier_slots(), {})


def managed(*periods: tuple[str, date | None, date | None]) -> Message:
    content = cost_center_pb2.CostCenter()
    for manager, start, end in periods:
        piece = content.slices.add(manager=manager)
        if start or end:
            piece.effective_period.CopyFrom(period_message(start, end))
    return content


JULY, AUGUST, SEPTEMBER = date(2026, 7, 1), date(2026, 8, 1), date(2026, 9, 1)


def test_who_changes_july_does_not_stand_in_the_way_of_who_changes_august() -> None:
    base = managed(("Ann", None, None))
    changes = wants(COST_CENTER, base, managed(("Ann", None, JULY), ("Bob", JULY, AUGUST), ("Ann", AUGUST, None)))
    now = slots_of(COST_CENTER, managed(("Ann", None, AUGUST), ("Cho", AUGUST, None)))
    assert touch(COST_CENTER, changes[0], now["slices.manager"]) is Touch.NONE
    (change,) = rebased(COST_CENTER, changes, now, {})
    assert change.wanted == managed(("Ann", None, JULY), ("Bob", JULY, AUGUST), ("Cho", AUGUST, None))


def test_of_a_timeline_only_the_contested_days_are_in_conflict() -> None:
    base = managed(("Ann", None, None))
    changes = wants(COST_CENTER, base, managed(("Ann", None, JULY), ("Bob", JULY, None)))
    now = slots_of(COST_CENTER, managed(("Ann", None, AUGUST), ("Cho", AUGUST, SEPTEMBER), ("Ann", SEPTEMBER, None)))
    (conflict,) = conflicts(COST_CENTER, changes, now)
    assert conflict == Conflict(
        "slices.manager",
        managed(("Ann", AUGUST, SEPTEMBER)),
        managed(("Cho", AUGUST, SEPTEMBER)),
        managed(("Bob", AUGUST, SEPTEMBER)),
    )
    (kept,) = rebased(COST_CENTER, changes, now, {"slices.manager": Side.PRESENT})
    assert kept.wanted == managed(
        ("Ann", None, JULY), ("Bob", JULY, AUGUST), ("Cho", AUGUST, SEPTEMBER), ("Bob", SEPTEMBER, None)
    )
