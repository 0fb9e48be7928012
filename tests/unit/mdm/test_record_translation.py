"""What goes out to a system in its own codes comes back as what it was."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1 import ingest_pb2 as pb
from concord.mdm.v1 import item_pb2, pack_pb2, supplier_pb2
from services.mdm.domain.assertions import restate
from services.mdm.domain.codes.code_map import CodeMap, CodeMaps
from services.mdm.domain.codes.coding import annotate, coded
from services.mdm.domain.codes.record_translation import Cause, Mark, RecordTranslation, marks, translated
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.slot import slots_of
from services.mdm.domain.survivorship.derivation import derive
from services.mdm.domain.survivorship.explanation import explain
from services.mdm.domain.survivorship.golden import Trust
from services.mdm.domain.types.item import ITEM
from services.mdm.domain.types.supplier import SUPPLIER
from tests.support.samples.strategies import submissions

ERP, LEGACY = "systems/erp", "systems/legacy"
TRUST = {ERP: Trust(1, f"{ERP}@1"), LEGACY: Trust(2, f"{LEGACY}@1")}
CODES = ("EA", "BX", "CA", "US", "USD", "EUR", "night", "weekend", "1099", "unspsc", "1", "2")
LISTS = ("units", "countries", "currencies", "shift_differentials", "contractor_classifications", "unspsc")


class Golden(NamedTuple):
    """A golden record's content and its codes that are not canonical."""

    content: Message
    marks: list[Mark]


def of(preferred: Collection[str] = (), **codes: Mapping[str, str]) -> CodeMaps:
    return {name: CodeMap(f"codeMaps/erp:{name}@1", one, frozenset(preferred)) for name, one in codes.items()}


def made(record_type: RecordType, said: Mapping[str, Message], maps: Mapping[str, CodeMaps]) -> Golden:
    """Return what systems' contents make together."""
    statements = []
    for system, content in said.items():
        source = pb.SourceRecord(name=f"{system}/sourceRecords/1", system=system, key="1")
        source.content.CopyFrom(record_type.pack(content))
        restated = restate(record_type, None, source)
        assert restated is not None
        statements.append(restated.statement)
    coding = coded(record_type, statements, maps)
    survived = derive(record_type, coding, TRUST).golden
    assert survived is not None
    explanation = explain(record_type, survived, "x", 1)
    annotate(explanation, coding)
    return Golden(survived.content, marks(explanation))


def item_going_out(content: item_pb2.Item, maps: CodeMaps) -> RecordTranslation:
    """Say an item that is canonical all through to the ERP."""
    return translated(ITEM, content, ERP, maps, [])


def left_out(found: RecordTranslation) -> list[tuple[str, str, str, Cause]]:
    return [(each.path, each.field, each.code, each.cause) for each in found.left_out]


permutations = st.fixed_dictionaries(
    {name: st.permutations(CODES).map(lambda codes: dict(zip(CODES, codes, strict=True))) for name in LISTS}
)
all_maps = st.fixed_dictionaries(
    {name: st.dictionaries(st.sampled_from(CODES), st.sampled_from(CODES)) for name in LISTS}
)


@st.composite
def contents(draw: st.DrawFn) -> tuple[RecordType, Message]:
    record_type = draw(st.sampled_from(RECORD_TYPES))
    return record_type, record_type.unpack(draw(submissions(record_type, ERP)).content)


def test_without_maps_and_marks_a_golden_record_is_the_very_same() -> None:
    content = item_pb2.Item(name="items/1", base_unit="CS")
    assert item_going_out(content, {}).content is content


def test_a_code_goes_out_as_the_systems_own_wherever_it_stands_and_metadata_stay() -> None:
    content = item_pb2.Item(name="items/1", revision=3, state=item_pb2.Item.STATE_ACTIVE, display_name="x")
    content.base_unit, content.stocking_unit = "EA", "CS"
    content.pack_conversions.add(unit="CS", contained_unit="EA", numerator=10, denominator=1)
    content.trade_items.add(unit="CS", gtin="1")
    found = item_going_out(content, of(units={"KT": "CS", "PCE": "EA"}))
    expected = item_pb2.Item()
    expected.CopyFrom(content)
    expected.base_unit, expected.stocking_unit = "PCE", "KT"
    expected.pack_conversions[0].unit, expected.pack_conversions[0].contained_unit = "KT", "PCE"
    expected.trade_items[0].unit = "KT"
    assert (found.content, found.left_out) == (expected, ())


def test_of_several_codes_the_preferred_one_goes_out_and_without_one_the_value_is_left_out() -> None:
    content = item_pb2.Item(display_name="x", stocking_unit="CS")
    codes = {"KT": "CS", "PK": "CS"}
    assert item_going_out(content, of(units=codes, preferred=["PK"])).content == item_pb2.Item(
        display_name="x", stocking_unit="PK"
    )
    found = item_going_out(content, of(units=codes))
    assert found.content == item_pb2.Item(display_name="x")
    assert left_out(found) == [("stocking_unit", "stocking_unit", "CS", Cause.AMBIGUOUS)]


def test_a_value_with_a_code_that_the_system_lacks_is_left_out_as_a_whole_and_others_are_said() -> None:
    content = item_pb2.Item(base_unit="EA")
    content.pack_conversions.add(unit="CS", contained_unit="EA", numerator=10, denominator=1)
    content.trade_items.extend([pack_pb2.TradeItem(unit="CS", gtin="1"), pack_pb2.TradeItem(unit="EA", gtin="2")])
    found = item_going_out(content, of(units={"PCE": "EA"}))
    assert found.content == item_pb2.Item(trade_items=[pack_pb2.TradeItem(unit="PCE", gtin="2")])
    assert left_out(found) == [
        ("packs", "pack_conversions.unit", "CS", Cause.MISSING),
        ("trade_items[CS]", "trade_items.unit", "CS", Cause.MISSING),
    ]


def test_a_code_that_another_systems_map_lacks_never_goes_out_even_if_it_looks_canonical() -> None:
    maps = {ERP: of(units={"KT": "CA"}), LEGACY: of(units={"X": "EA"})}
    golden = made(ITEM, {LEGACY: item_pb2.Item(stocking_unit="CA")}, maps)
    found = translated(ITEM, golden.content, ERP, maps[ERP], golden.marks)
    assert left_out(found) == [("stocking_unit", "stocking_unit", "CA", Cause.UNMAPPED)]
    # Nor to a system without a map.
    assert left_out(translated(ITEM, golden.content, "systems/other", {}, golden.marks)) == left_out(found)


def test_a_code_that_the_systems_own_map_lacks_stays_its_own() -> None:
    maps = {ERP: of(units={"KT": "CS"})}
    golden = made(ITEM, {ERP: item_pb2.Item(stocking_unit="ZZ", purchasing_unit="KT")}, maps)
    found = translated(ITEM, golden.content, ERP, maps[ERP], golden.marks)
    assert (found.content, found.left_out) == (item_pb2.Item(stocking_unit="ZZ", purchasing_unit="KT"), ())


def test_of_two_values_that_lead_to_one_element_the_systems_own_stays() -> None:
    said = item_pb2.Item(trade_items=[pack_pb2.TradeItem(unit="KT", gtin="1"), pack_pb2.TradeItem(unit="PK", gtin="2")])
    maps = {ERP: of(units={"KT": "CS", "PK": "CS"}, preferred=["PK"])}
    golden = made(ITEM, {ERP: said}, maps)
    found = translated(ITEM, golden.content, ERP, maps[ERP], golden.marks)
    assert found.content == item_pb2.Item(trade_items=[pack_pb2.TradeItem(unit="PK", gtin="2")])
    assert left_out(found) == [("trade_items[CS]", "trade_items.unit", "CS", Cause.AMBIGUOUS)]


def test_a_classification_goes_out_by_the_list_of_its_scheme() -> None:
    content = supplier_pb2.Supplier(legal_name="x")
    content.classifications.add(scheme="vendor_category", code="implants")
    content.classifications.add(scheme="other", code="implants")
    found = translated(SUPPLIER, content, ERP, of(vendor_category={"Implants": "implants"}), [])
    said = {(each.scheme, each.code) for each in found.content.classifications}  # type: ignore[attr-defined] # a supplier
    assert said == {("vendor_category", "Implants"), ("other", "implants")}


@given(contents(), permutations)
def test_where_each_code_has_one_of_its_own_a_source_gets_back_what_it_said(
    said: tuple[RecordType, Message], codes: Mapping[str, Mapping[str, str]]
) -> None:
    record_type, content = said
    maps = {ERP: of(**codes)}
    golden, own = made(record_type, {ERP: content}, maps), made(record_type, {ERP: content}, {})
    found = translated(record_type, golden.content, ERP, maps[ERP], golden.marks)
    # Values of a repeated field have no order of their own: the hub's is by what they are called there.
    assert (slots_of(record_type, found.content), found.left_out) == (slots_of(record_type, own.content), ())


@given(contents(), all_maps)
def test_what_goes_out_whole_means_the_same_when_it_comes_back(
    said: tuple[RecordType, Message], codes: Mapping[str, Mapping[str, str]]
) -> None:
    record_type, content = said
    maps = {ERP: of(**codes)}
    golden = made(record_type, {ERP: content}, maps)
    found = translated(record_type, golden.content, ERP, maps[ERP], golden.marks)
    if not found.left_out:
        assert made(record_type, {ERP: found.content}, maps).content == golden.content
    for each in found.left_out:
        assert len(maps[ERP][each.code_list].going_out(each.code)) != 1 or each.cause is Cause.AMBIGUOUS
