import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1 import cost_center_pb2, supplier_pb2
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.slot import assembled, differing_fields, element_path, slots_of
from services.mdm.domain.types.cost_center import COST_CENTER
from services.mdm.domain.types.supplier import SUPPLIER
from tests.support.samples.periods import period_message
from tests.support.samples.strategies import FIRST_DAY, contents

pairs_of_contents = st.sampled_from(RECORD_TYPES).flatmap(
    lambda record_type: st.tuples(st.just(record_type), contents(record_type), contents(record_type))
)
typed_contents = st.sampled_from(RECORD_TYPES).flatmap(
    lambda record_type: st.tuples(st.just(record_type), contents(record_type))
)


@given(typed_contents)
def test_a_content_is_the_sum_of_its_slots(case: tuple[RecordType, Message]) -> None:
    record_type, content = case
    slots = slots_of(record_type, content)
    assert slots_of(record_type, assembled(record_type, slots)) == slots


@given(pairs_of_contents)
def test_slots_differ_only_where_fields_do(case: tuple[RecordType, Message, Message]) -> None:
    record_type, one, other = case
    fields = differing_fields(one, other)
    ours, theirs = slots_of(record_type, one), slots_of(record_type, other)
    within = slots_of(record_type, one, fields).keys() | slots_of(record_type, other, fields).keys()
    assert {path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path)} <= within


@given(typed_contents, st.randoms())
def test_the_order_of_slots_does_not_matter(case: tuple[RecordType, Message], random: object) -> None:
    record_type, content = case
    slots = list(slots_of(record_type, content).items())
    whole = assembled(record_type, dict(slots))
    random.shuffle(slots)  # type: ignore[attr-defined]
    assert assembled(record_type, dict(slots)) == whole


@given(st.lists(st.tuples(st.text("a/[]%", max_size=4), st.text("a/[]%", max_size=4)), min_size=2, unique=True))
def test_different_keys_have_different_paths(keys: list[tuple[str, str]]) -> None:
    group = SUPPLIER.group_by_field["classifications"]
    content = supplier_pb2.Supplier()
    for scheme, code in keys:
        content.classifications.add(scheme=scheme, code=code)
    assert len({element_path(group, element) for element in content.classifications}) == len(keys)


def test_paths_read_as_the_contract_says() -> None:
    content = supplier_pb2.Supplier(legal_name="Acme", trading_names=["A/B"])
    content.tax_ids.add(country="US", scheme="ein", value="1")
    content.sites.add(code="HQ")
    assert set(slots_of(SUPPLIER, content)) == {"legal_name", "trading_names[A%2FB]", "tax_ids[US/ein]", "sites[HQ]"}


def test_a_timeline_joins_slices_that_say_the_same() -> None:
    content = cost_center_pb2.CostCenter()
    content.slices.add(display_name="Ward", manager="Ann", effective_period=period_message(None, FIRST_DAY))
    content.slices.add(display_name="Ward", manager="Bob", effective_period=period_message(FIRST_DAY, None))
    slots = slots_of(COST_CENTER, content)
    assert [piece.display_name for piece in slots["slices.display_name"].slices] == ["Ward"]  # type: ignore[attr-defined]
    assert [piece.manager for piece in slots["slices.manager"].slices] == ["Ann", "Bob"]  # type: ignore[attr-defined]
    assert assembled(COST_CENTER, slots) == content


def test_metadata_is_in_no_slot() -> None:
    content = supplier_pb2.Supplier(name="suppliers/1", etag="x", revision=3, entities=["entities/mercy"])
    assert slots_of(SUPPLIER, content) == {}


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_an_empty_content_has_no_slot(record_type: RecordType) -> None:
    assert slots_of(record_type, record_type.message()) == {}
    assert assembled(record_type, {}) == record_type.message()
