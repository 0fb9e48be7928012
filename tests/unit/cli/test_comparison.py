"""Revisions side by side."""

from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from clients.cli.display.comparison import Difference, compare
from concord.mdm.v1.cost_center_pb2 import CostCenter, CostCenterSlice, HierarchyParent
from concord.mdm.v1.ingest_pb2 import SourceRecord
from concord.mdm.v1.party_pb2 import TaxId
from concord.mdm.v1.record_pb2 import EffectivePeriod
from concord.mdm.v1.supplier_pb2 import Supplier

FILLED = st.sampled_from(["a", "b"])
SMALL = st.sampled_from(["", "a", "b"])
PARENTS = st.lists(st.builds(HierarchyParent, hierarchy=SMALL, parent_code=SMALL), max_size=2)
SLICES = st.lists(st.builds(CostCenterSlice, display_name=SMALL, manager=SMALL, parents=PARENTS), max_size=3)
CENTERS = st.builds(
    CostCenter, code=SMALL, revision=st.integers(0, 3), entities=st.lists(FILLED, max_size=2), slices=SLICES
)


@given(CENTERS)
def test_a_record_does_not_differ_from_itself(center: CostCenter) -> None:
    assert compare(center, center) == []


@given(CENTERS, CENTERS)
def test_records_differ_in_what_is_told_and_in_nothing_else(before: CostCenter, after: CostCenter) -> None:
    assert (compare(before, after) == []) == (_bare(before) == _bare(after))


def test_bookkeeping_is_no_difference() -> None:
    assert compare(Supplier(etag="1", revision=1), Supplier(etag="2", revision=2)) == []


def test_parts_are_laid_beside_their_own_kind_whatever_their_place() -> None:
    before = Supplier(tax_ids=[TaxId(country="US", scheme="ein"), TaxId(country="DE", scheme="vat")])
    after = Supplier(tax_ids=[TaxId(country="DE", scheme="ust"), TaxId(country="US", scheme="ein")])
    assert compare(before, after) == [
        Difference("tax_ids[DE].scheme", "vat", "ust"),
        Difference("tax_ids", "order: US, DE", "order: DE, US"),
    ]


def test_a_part_that_came_is_told_whole() -> None:
    after = CostCenter(slices=[CostCenterSlice(effective_period=EffectivePeriod(), display_name="ED")])
    assert compare(CostCenter(), after) == [
        Difference("slices[always]", "", "effective_period: always, display_name: ED")
    ]


def test_what_is_packed_is_compared_value_by_value() -> None:
    before, after = SourceRecord(), SourceRecord()
    before.content.Pack(Supplier(legal_name="A"))
    after.content.Pack(Supplier(legal_name="B"))
    assert compare(before, after) == [Difference("content.legal_name", "A", "B")]


def _bare(message: CostCenter) -> Message:
    bare = CostCenter()
    bare.CopyFrom(message)
    bare.ClearField("revision")
    return bare
