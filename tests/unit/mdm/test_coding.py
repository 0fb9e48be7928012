from collections.abc import Mapping
from dataclasses import replace

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1 import employee_pb2, item_pb2, pack_pb2, party_pb2, supplier_pb2
from concord.mdm.v1 import ingest_pb2 as pb
from services.mdm.domain.assertions import restate, standing
from services.mdm.domain.codes.code_map import CodeMap, CodeMaps
from services.mdm.domain.codes.coding import Coding, coded
from services.mdm.domain.record_type import Coded, RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.slot import slots_of
from services.mdm.domain.survivorship.derivation import derive
from services.mdm.domain.survivorship.golden import Trust
from services.mdm.domain.types.employee import EMPLOYEE
from services.mdm.domain.types.item import ITEM
from services.mdm.domain.types.supplier import SUPPLIER
from tests.support.samples.strategies import submissions

ERP = "systems/erp"
TRUST = {ERP: Trust(1, f"{ERP}@1")}
CODES = ("EA", "BX", "CA", "US", "USD", "EUR", "night", "weekend", "1099", "unspsc", "1", "2")
LISTS = ("units", "countries", "currencies", "shift_differentials", "contractor_classifications", "unspsc")


def maps(**codes: Mapping[str, str]) -> dict[str, CodeMaps]:
    return {ERP: {name: CodeMap(f"codeMaps/erp:{name}@1", dict(one)) for name, one in codes.items()}}


def stored(record_type: RecordType, content: Message, *withdrawn: str) -> pb.SourceRecord:
    said = pb.SourceRecord(name=f"{ERP}/sourceRecords/1", system=ERP, key="1", withdrawn_paths=withdrawn)
    said.content.CopyFrom(record_type.pack(content))
    restated = restate(record_type, None, said)
    assert restated is not None
    return restated.statement


def canonical(record_type: RecordType, coding: Coding) -> dict[str, Message | None]:
    """What the only source says in canonical codes, by path."""
    (source,) = coding.statements
    return {path: one.value for path, one in standing(record_type, source).items()}


def marks(coding: Coding) -> set[tuple[str, str, str, bool]]:
    return {(each.path, each.code, each.canonical, each.applied) for each in coding.translations}


all_maps = st.fixed_dictionaries(
    {name: st.dictionaries(st.sampled_from(CODES), st.sampled_from(CODES)) for name in LISTS}
)
permutations = st.fixed_dictionaries(
    {name: st.permutations(CODES).map(lambda codes: dict(zip(CODES, codes, strict=True))) for name in LISTS}
)


@st.composite
def sources(draw: st.DrawFn) -> tuple[RecordType, pb.SourceRecord]:
    record_type = draw(st.sampled_from(RECORD_TYPES))
    restated = restate(record_type, None, draw(submissions(record_type, ERP)))
    assert restated is not None
    return record_type, restated.statement


def test_without_a_map_of_its_system_a_source_is_the_very_same() -> None:
    source = stored(ITEM, item_pb2.Item(base_unit="CA"))
    assert coded(ITEM, [source], {}).statements[0] is source
    assert coded(ITEM, [source], {"systems/saas": maps(units={"CA": "CS"})[ERP]}).statements[0] is source
    elsewhere = coded(ITEM, [source], maps(currencies={"CA": "CS"}))
    assert (elsewhere.statements[0], elsewhere.map_revisions) == (source, ())


def test_codes_are_translated_wherever_a_declaration_says_there_are_some() -> None:
    item = item_pb2.Item(
        base_unit="ST",
        hcpcs_codes=["A1234"],
        pack_conversions=[pack_pb2.PackConversion(unit="KT", contained_unit="ST", numerator=10, denominator=1)],
        trade_items=[pack_pb2.TradeItem(unit="KT", gtin="00380740000011")],
    )
    item.prices.add(kind="list", unit="KT").price.currency_code = "UKP"
    source = stored(ITEM, item)
    units = {"ST": "EA", "KT": "CS"}
    coding = coded(ITEM, [source], maps(units=units, currencies={"UKP": "GBP"}, hcpcs={"A1234": "B5678"}))
    said = canonical(ITEM, coding)
    assert sorted(said) == ["hcpcs_codes[B5678]", "packs", "prices[list/CS]", "trade_items[CS]"]
    assert said["packs"] == item_pb2.Item(
        base_unit="EA",
        pack_conversions=[pack_pb2.PackConversion(unit="CS", contained_unit="EA", numerator=10, denominator=1)],
    )
    assert said["prices[list/CS]"].prices[0].price.currency_code == "GBP"  # type: ignore[union-attr]
    assert coding.map_revisions == ("codeMaps/erp:currencies@1", "codeMaps/erp:hcpcs@1", "codeMaps/erp:units@1")
    assert source.content == ITEM.pack(item)


def test_a_classification_is_coded_by_the_list_of_its_own_scheme() -> None:
    classifications = [party_pb2.Classification(scheme=scheme, code="9") for scheme in ("naics", "unspsc")]
    source = stored(SUPPLIER, supplier_pb2.Supplier(classifications=classifications))
    said = canonical(SUPPLIER, coded(SUPPLIER, [source], maps(naics={"9": "42345"})))
    assert sorted(said) == ["classifications[naics/42345]", "classifications[unspsc/9]"]


def test_a_code_that_the_map_lacks_stays_and_is_marked() -> None:
    source = stored(ITEM, item_pb2.Item(base_unit="XX", stocking_unit="CA"))
    coding = coded(ITEM, [source], maps(units={"CA": "CS"}))
    assert canonical(ITEM, coding)["packs"] == item_pb2.Item(base_unit="XX")
    assert marks(coding) == {("packs", "XX", "", False), ("stocking_unit", "CA", "CS", True)}
    assert coding.digest(b"1") != b"1"
    assert coded(ITEM, [source], maps(units={"CA": "CS", "XX": "XX"})).digest(b"1") == b"1"


def test_what_is_known_of_a_source_in_its_own_codes_counts_only_while_those_are_canonical() -> None:
    source = stored(ITEM, item_pb2.Item(stocking_unit="CA"))
    said = item_pb2.Item(stocking_unit="KT")
    known = {source.name: standing(ITEM, stored(ITEM, said))}
    assert derive(ITEM, coded(ITEM, [source], {}), TRUST, known=known).content == said
    canonical_codes = coded(ITEM, [source], maps(units={"CA": "CS"}))
    assert derive(ITEM, canonical_codes, TRUST, known=known).content == item_pb2.Item(stocking_unit="CS")


def test_of_two_codes_that_lead_to_one_element_none_is_lost() -> None:
    content = item_pb2.Item(trade_items=[pack_pb2.TradeItem(unit=unit, udi_di=unit) for unit in ("CA", "CS", "KT")])
    source = stored(ITEM, content)
    coding = coded(ITEM, [source], maps(units={"CA": "CS", "CS": "CS", "KT": "CA"}))
    said = canonical(ITEM, coding)
    assert {path: one.trade_items[0].udi_di for path, one in said.items()} == {  # type: ignore[union-attr]
        "trade_items[CA]": "CA",
        "trade_items[CS]": "CS",
        "trade_items[KT]": "KT",
    }
    assert {mark for mark in marks(coding) if not mark[3]} == {
        ("trade_items[CA]", "CA", "CS", False),
        ("trade_items[KT]", "KT", "CA", False),
    }


def test_packs_that_would_contradict_themselves_keep_their_codes() -> None:
    conversions = [
        pack_pb2.PackConversion(unit=unit, contained_unit="EA", numerator=number, denominator=1)
        for unit, number in (("CA", 10), ("KT", 12))
    ]
    content = item_pb2.Item(base_unit="EA", pack_conversions=conversions)
    coding = coded(ITEM, [stored(ITEM, content)], maps(units={"CA": "CS", "KT": "CS", "EA": "EA"}))
    assert canonical(ITEM, coding)["packs"] == slots_of(ITEM, content)["packs"]
    assert {mark[3] for mark in marks(coding)} == {False}


def test_a_withdrawal_goes_where_its_code_leads_and_gives_way_to_a_value() -> None:
    content = item_pb2.Item(trade_items=[pack_pb2.TradeItem(unit="KT", gtin="00380740000011")])
    withdrawn = ("trade_items[CA]", "trade_items[BX]", "trade_items", "hcpcs_codes[A1234]")
    source = stored(ITEM, content, *withdrawn)
    coding = coded(ITEM, [source], maps(units={"CA": "CS", "KT": "CS", "BX": "BOX"}, hcpcs={"A1234": "B1234"}))
    said = canonical(ITEM, coding)
    assert {path for path, value in said.items() if value is None} == {
        "trade_items[BOX]",
        "trade_items",
        "hcpcs_codes[B1234]",
    }
    assert said["trade_items[CS]"] is not None


def test_codes_in_slices_are_told_with_their_time() -> None:
    employee = employee_pb2.Employee(employee_number="1")
    for code, year in (("N", 2024), ("W", 2025)):
        piece = employee.slices.add()
        piece.effective_period.start_date.year = year
        piece.effective_period.start_date.month = piece.effective_period.start_date.day = 1
        piece.effective_period.end_date.CopyFrom(piece.effective_period.start_date)
        piece.effective_period.end_date.year += 1
        piece.shift_differentials.add(code=code).percentage.value = "5"
    coding = coded(EMPLOYEE, [stored(EMPLOYEE, employee)], maps(shift_differentials={"N": "night"}))
    paths = {"slices.shift_differentials[night]", "slices.shift_differentials[W]"}
    assert {path for path in canonical(EMPLOYEE, coding) if "shift" in path} == paths
    periods = {each.code: each.period for each in coding.translations}
    assert {code: period.start.year for code, period in periods.items() if period.start} == {"N": 2024, "W": 2025}


@given(sources(), all_maps)
def test_no_value_is_lost_whatever_a_map_says(
    given_: tuple[RecordType, pb.SourceRecord], codes: Mapping[str, Mapping[str, str]]
) -> None:
    record_type, source = given_
    before = standing(record_type, source)
    after = standing(record_type, coded(record_type, [source], maps(**codes)).statements[0])
    valued = [one.assertion.source_time.seconds for one in before.values() if one.value is not None]
    assert valued == [one.assertion.source_time.seconds for one in after.values() if one.value is not None]
    assert all(one.value is not None or one.assertion.withdrawn for one in after.values())


@given(sources(), permutations)
def test_a_map_and_its_inverse_give_back_what_the_source_says(
    given_: tuple[RecordType, pb.SourceRecord], codes: Mapping[str, Mapping[str, str]]
) -> None:
    record_type, source = given_
    there = coded(record_type, [source], maps(**codes))
    # Only what canonical codes would make contradictory stays, and there a way back is no way back.
    if all(each.applied for each in there.translations):
        back = {name: {to: code for code, to in one.items()} for name, one in codes.items()}
        returned = coded(record_type, there.statements, maps(**back)).statements[0]
        assert standing(record_type, returned) == standing(record_type, source)


@given(sources(), all_maps)
def test_every_code_that_was_looked_up_is_told_with_what_became_of_it(
    given_: tuple[RecordType, pb.SourceRecord], codes: Mapping[str, Mapping[str, str]]
) -> None:
    record_type, source = given_
    coding = coded(record_type, [source], maps(**codes))
    for each in coding.translations:
        assert each.canonical == codes[each.code_list].get(each.code, "")
        assert each.canonical or not each.applied
        assert f"codeMaps/erp:{each.code_list}@1" in coding.map_revisions


@pytest.mark.parametrize(
    "wrong",
    [
        Coded("no_such_field", "units"),
        Coded("tax_ids.value", "units"),
        Coded("status", "units"),
        Coded("sites", "units"),
        Coded("legal_name"),
        Coded("classifications.code", "naics", scheme="scheme"),
        Coded("classifications.code", scheme="no_such_field"),
    ],
)
def test_a_field_that_is_not_to_be_coded_is_refused(wrong: Coded) -> None:
    with pytest.raises(ValueError, match="supplier"):
        replace(SUPPLIER, coded=(wrong,))
