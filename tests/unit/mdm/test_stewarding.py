from datetime import date, timedelta

import pytest
from google.protobuf.message import Message
from hypothesis import assume, given
from hypothesis import strategies as st

from concord.mdm.v1 import cost_center_pb2, supplier_pb2
from concord.mdm.v1 import ingest_pb2 as pb
from services.mdm.domain.effective import at
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.slot import slots_of
from services.mdm.domain.stewarding import Word, assert_fields, close, writable_fields
from services.mdm.domain.survivorship.golden import survive
from services.mdm.domain.types.cost_center import COST_CENTER
from services.mdm.domain.types.supplier import SUPPLIER
from tests.support.samples.families import TRUST, families, golden_of, named, source
from tests.support.samples.periods import period_message
from tests.support.samples.strategies import FIRST_DAY, contents, days, names

LATER = FIRST_DAY + timedelta(days=90)


def _hub(sources: list[pb.SourceRecord]) -> pb.SourceRecord | None:
    return next((source for source in sources if source.system == "systems/hub"), None)


def _decided(record_type: RecordType, sources: list[pb.SourceRecord], said: Word) -> Message:
    """Return the golden record after the hub's new word."""
    content, withdrawn, _ = said
    hub = source(content, "hub", 2000, "1", *withdrawn)
    others = [source for source in sources if source.system != "systems/hub"]
    golden = survive(record_type, [*others, hub], TRUST)
    assert golden is not None
    return golden.content


@given(families(), st.data())
def test_a_decision_comes_true_on_every_masked_field_and_changes_nothing_else(
    family: tuple[RecordType, list[pb.SourceRecord]], data: st.DataObject
) -> None:
    record_type, sources = family
    golden = golden_of(record_type, *sources).content
    desired = data.draw(contents(record_type))
    masked = set(data.draw(st.lists(st.sampled_from(writable_fields(record_type)), unique=True)))
    # A longer effective period would also uncover what sources say beyond the old one.
    assume(not ("effective_period" in masked and golden.HasField("effective_period")))
    said = assert_fields(record_type, _hub(sources), golden, desired, sorted(masked), None)
    after = _decided(record_type, sources, said)
    expected = record_type.message()
    for origin, fields in ((desired, masked), (golden, set(writable_fields(record_type)) - masked)):
        part = record_type.message()
        part.CopyFrom(origin)
        for field in set(record_type.descriptor.fields_by_name) - fields:
            part.ClearField(field)
        expected.MergeFrom(part)
    assert slots_of(record_type, after) == _as_survived(record_type, expected)


def _as_survived(record_type: RecordType, content: Message) -> dict[str, Message]:
    """Return the slots as a golden record has them: cut to the effective period."""
    return slots_of(record_type, golden_of(record_type, source(content, "hub")).content)


@given(families((COST_CENTER,)), names, names, days)
def test_a_change_from_a_day_on_leaves_the_days_before_as_they_were(
    family: tuple[RecordType, list[pb.SourceRecord]], display_name: str, manager: str, day: date
) -> None:
    _, sources = family
    golden = golden_of(COST_CENTER, *sources).content
    desired = cost_center_pb2.CostCenter()
    desired.slices.add(display_name=display_name, manager=manager)
    said = assert_fields(COST_CENTER, _hub(sources), golden, desired, ["slices"], day)
    after = _decided(COST_CENTER, sources, said)
    assert isinstance(after, cost_center_pb2.CostCenter)
    for number in range(-2, 16):
        earlier = FIRST_DAY + timedelta(days=30 * number)
        if earlier < day:
            assert _values(after, earlier) == _values(golden, earlier)
    if (display_name or manager) and _in_effect_at_all(golden, day):
        assert _values(after, day) == (display_name, manager, 0)


def _in_effect_at_all(content: Message, day: date) -> bool:
    bare = cost_center_pb2.CostCenter()
    bare.CopyFrom(content)  # type: ignore[arg-type]
    del bare.slices[:]
    return at(COST_CENTER, bare, day) is not None


def _values(content: Message, day: date) -> tuple[str, str, int]:
    now = at(COST_CENTER, content, day)
    if not isinstance(now, cost_center_pb2.CostCenter) or not now.slices:
        return ("", "", 0)
    return (now.slices[0].display_name, now.slices[0].manager, len(now.slices[0].parents))


@given(families((COST_CENTER,)), days)
def test_a_closed_record_is_in_effect_until_the_day_before_and_as_it_was(
    family: tuple[RecordType, list[pb.SourceRecord]], day: date
) -> None:
    _, sources = family
    golden = golden_of(COST_CENTER, *sources).content
    assert isinstance(golden, cost_center_pb2.CostCenter)
    after = _decided(COST_CENTER, sources, close(COST_CENTER, _hub(sources), golden, day))
    for number in range(-2, 16):
        other = FIRST_DAY + timedelta(days=30 * number)
        if other >= day:
            assert at(COST_CENTER, after, other) is None
        elif not golden.effective_period.HasField("end_date"):
            assert _values(after, other) == _values(golden, other)


def test_the_first_decision_asserts_everything_that_is_set() -> None:
    desired = supplier_pb2.Supplier(legal_name="Acme", trading_names=["a"])
    content, withdrawn, _ = assert_fields(
        SUPPLIER, None, supplier_pb2.Supplier(), desired, writable_fields(SUPPLIER), None
    )
    assert (content, withdrawn) == (desired, [])


def test_what_is_equal_is_not_asserted_and_what_is_missing_is_withdrawn() -> None:
    golden = supplier_pb2.Supplier(legal_name="Acme", website="a.example")
    golden.sites.add(code="HQ")
    golden.sites.add(code="B")
    desired = supplier_pb2.Supplier(legal_name="Acme")
    desired.sites.add(code="HQ", display_name="new")
    fields = ("legal_name", "website", "sites")
    content, withdrawn, _ = assert_fields(SUPPLIER, None, golden, desired, fields, None)
    expected = supplier_pb2.Supplier()
    expected.sites.add(code="HQ", display_name="new")
    assert (content, withdrawn) == (expected, ["sites[B]", "website"])


def test_earlier_decisions_stay_and_a_withdrawal_ends_when_there_is_a_value_again() -> None:
    hub = source(supplier_pb2.Supplier(legal_name="Acme"), "hub", 1, "1", "website", "phone")
    golden = supplier_pb2.Supplier(legal_name="Acme")
    desired = supplier_pb2.Supplier(website="a.example")
    content, withdrawn, _ = assert_fields(SUPPLIER, hub, golden, desired, ["website"], None)
    assert (content, withdrawn) == (supplier_pb2.Supplier(legal_name="Acme", website="a.example"), ["phone"])


def test_a_decision_for_what_is_already_so_changes_nothing() -> None:
    hub = named("Acme", "hub")
    golden = supplier_pb2.Supplier(legal_name="Acme", website="a.example")
    content, withdrawn, _ = assert_fields(SUPPLIER, hub, golden, golden, ["legal_name", "website"], None)
    assert (content, withdrawn) == (supplier_pb2.Supplier(legal_name="Acme"), [])


def test_the_rest_of_a_group_stays_as_the_golden_record_has_it() -> None:
    golden = cost_center_pb2.CostCenter(entity="entities/mercy", code="1")
    desired = cost_center_pb2.CostCenter(code="2")
    content, *_ = assert_fields(COST_CENTER, None, golden, desired, ["code"], None)
    assert content == cost_center_pb2.CostCenter(entity="entities/mercy", code="2")


def test_a_change_from_a_day_on_asserts_only_what_changes() -> None:
    golden = cost_center_pb2.CostCenter(code="1")
    golden.slices.add(display_name="Ward", manager="Ann")
    desired = cost_center_pb2.CostCenter()
    desired.slices.add(display_name="Ward", manager="Bob", effective_period=period_message(FIRST_DAY, LATER))
    content, withdrawn, _ = assert_fields(COST_CENTER, None, golden, desired, ["slices"], LATER)
    expected = cost_center_pb2.CostCenter()
    expected.slices.add(manager="Bob", effective_period=period_message(LATER, None))
    assert (content, withdrawn) == (expected, [])


def test_metadata_can_not_be_written() -> None:
    assert "etag" not in writable_fields(SUPPLIER)
    with pytest.raises(ValueError, match="etag"):
        assert_fields(SUPPLIER, None, supplier_pb2.Supplier(), supplier_pb2.Supplier(), ["etag"], None)


def test_only_effective_dated_records_can_be_closed() -> None:
    with pytest.raises(ValueError, match="supplier"):
        close(SUPPLIER, None, supplier_pb2.Supplier(), FIRST_DAY)
