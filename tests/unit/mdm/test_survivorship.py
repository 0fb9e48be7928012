from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1 import cost_center_pb2, supplier_pb2
from concord.mdm.v1 import ingest_pb2 as pb
from concord.mdm.v1.record_pb2 import ValueExplanation
from services.mdm.domain.assertions import paths
from services.mdm.domain.effective import at
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.survivorship.golden import canonical_digest, survive
from services.mdm.domain.types.cost_center import COST_CENTER
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.domain.validity import violations
from tests.support.samples.families import TRUST, families, golden_of, named, source, stored
from tests.support.samples.periods import period_message
from tests.support.samples.strategies import FIRST_DAY, contents, days


def _supplier(*sources: pb.SourceRecord) -> supplier_pb2.Supplier:
    content = golden_of(SUPPLIER, *sources).content
    assert isinstance(content, supplier_pb2.Supplier)
    return content


@given(families(), st.randoms())
def test_the_order_of_sources_does_not_matter(family: tuple[RecordType, list[pb.SourceRecord]], random: object) -> None:
    record_type, sources = family
    golden = survive(record_type, sources, TRUST)
    random.shuffle(sources)  # type: ignore[attr-defined]
    assert survive(record_type, sources, TRUST) == golden


@given(families())
def test_a_golden_record_says_only_what_some_source_says(family: tuple[RecordType, list[pb.SourceRecord]]) -> None:
    record_type, sources = family
    said = set()
    for each in sources:
        said |= set(paths(record_type, record_type.unpack(each.content)))
    assert set(paths(record_type, golden_of(record_type, *sources).content)) <= said


@given(families())
def test_a_golden_record_is_as_valid_as_its_sources(family: tuple[RecordType, list[pb.SourceRecord]]) -> None:
    record_type, sources = family
    if any(violations(record_type, record_type.unpack(each.content), strict=False) for each in sources):
        return
    found = violations(record_type, golden_of(record_type, *sources).content, strict=False)
    assert not [one for one in found if "parents" not in one.field]


@given(families())
def test_after_push_and_pull_nothing_has_changed(family: tuple[RecordType, list[pb.SourceRecord]]) -> None:
    record_type, sources = family
    golden = golden_of(record_type, *sources)
    pulled = []
    for each in sources:
        again = pb.SourceRecord()
        again.CopyFrom(each)
        delivered = paths(record_type, golden.content)
        again.content.CopyFrom(record_type.pack(golden.content))
        again.echo.paths.extend({*delivered, *(one.path for one in each.standing_assertions)})
        del again.withdrawn_paths[:]
        again.source_time.seconds = 1000
        pulled.append(stored(record_type, again, each))
    after = golden_of(record_type, *pulled)
    assert (after.digest, after.content) == (golden.digest, golden.content)


@given(families(), st.data())
def test_any_new_word_of_a_winner_changes_the_digest(
    family: tuple[RecordType, list[pb.SourceRecord]], data: st.DataObject
) -> None:
    record_type, sources = family
    golden = golden_of(record_type, *sources)
    changed = data.draw(st.sampled_from(sources))
    submitted = pb.SourceRecord()
    submitted.CopyFrom(changed)
    submitted.content.CopyFrom(record_type.pack(data.draw(contents(record_type))))
    others = [each for each in sources if each is not changed]
    after = golden_of(record_type, *others, stored(record_type, submitted, changed))
    assert after.digest != golden.digest or after.content == golden.content


@given(families((COST_CENTER,)), days)
def test_on_every_day_the_values_are_those_that_win_among_what_holds_that_day(
    family: tuple[RecordType, list[pb.SourceRecord]], day: date
) -> None:
    _, sources = family
    golden = golden_of(COST_CENTER, *sources)
    now = at(COST_CENTER, golden.content, day)
    expected = {
        contest.path: contest.winner.value
        for contest in golden.contests
        if contest.path.startswith("slices.") and contest.period.contains(day) and contest.winner.value is not None
    }
    whole = cost_center_pb2.CostCenterSlice()
    for path in sorted(expected):
        value = expected[path]
        assert value is not None
        whole.MergeFrom(value)  # type: ignore[arg-type]
    shown = cost_center_pb2.CostCenterSlice()
    if isinstance(now, cost_center_pb2.CostCenter) and now.slices:
        shown.CopyFrom(now.slices[0])
        shown.ClearField("effective_period")
    assert shown == whole


def test_the_more_trusted_system_wins_though_another_is_newer() -> None:
    assert _supplier(named("Hub", "hub", 1), named("Erp", "erp", 2)).legal_name == "Hub"


def test_among_equals_the_newer_word_wins_then_the_order_of_names() -> None:
    assert _supplier(named("Erp", "erp", 1), named("Saas", "saas", 2)).legal_name == "Saas"
    assert _supplier(named("Saas", "saas", 1), named("Erp", "erp", 1)).legal_name == "Erp"
    assert _supplier(named("Two", "erp", 1, "2"), named("One", "erp", 1, "1")).legal_name == "One"


def test_the_rule_that_decided_is_named() -> None:
    rules = [
        ([named("A", "erp")], ValueExplanation.RULE_ONLY_SOURCE),
        ([named("A", "hub"), named("B", "erp", 2)], ValueExplanation.RULE_TRUST),
        ([named("A", "saas", 2), named("B", "erp")], ValueExplanation.RULE_RECENCY),
        ([named("A", "saas"), named("B", "erp")], ValueExplanation.RULE_ORDER),
    ]
    for sources, rule in rules:
        assert [contest.rule for contest in golden_of(SUPPLIER, *sources).contests] == [rule]


def test_each_element_survives_on_its_own() -> None:
    erp, saas = supplier_pb2.Supplier(), supplier_pb2.Supplier()
    erp.sites.add(code="HQ", display_name="erp")
    erp.sites.add(code="B", display_name="erp")
    saas.sites.add(code="HQ", display_name="saas")
    saas.sites.add(code="A", display_name="saas")
    content = _supplier(source(erp, "erp", 1), source(saas, "saas", 2))
    assert [(site.code, site.display_name) for site in content.sites] == [("A", "saas"), ("B", "erp"), ("HQ", "saas")]


def test_a_withdrawal_may_win() -> None:
    withdrawal = source(supplier_pb2.Supplier(), "hub", 1, "1", "legal_name")
    golden = golden_of(SUPPLIER, named("Erp", "erp"), withdrawal)
    assert golden.content == supplier_pb2.Supplier()
    assert golden.contests[0].winner.value is None


def test_a_withdrawn_collection_beats_elements_that_only_others_name() -> None:
    erp, hub = supplier_pb2.Supplier(), supplier_pb2.Supplier()
    erp.sites.add(code="HQ")
    erp.sites.add(code="B")
    hub.sites.add(code="HQ", display_name="the only one")
    content = _supplier(source(erp, "erp"), source(hub, "hub", 1, "1", "sites"))
    assert [site.code for site in content.sites] == ["HQ"]


def test_a_deleted_source_does_not_count_and_without_sources_there_is_nothing() -> None:
    deleted = named("Erp", "erp", 2)
    deleted.deleted = True
    assert _supplier(deleted, named("Saas", "saas", 1)).legal_name == "Saas"
    assert survive(SUPPLIER, [deleted], TRUST) is None
    assert survive(SUPPLIER, [], TRUST) is None


def test_a_system_that_nobody_registered_is_an_error() -> None:
    with pytest.raises(ValueError, match="systems/nobody"):
        survive(SUPPLIER, [named("X", "nobody")], TRUST)


def test_a_golden_record_names_the_revisions_that_it_was_made_from() -> None:
    golden = golden_of(SUPPLIER, named("A", "saas"), named("B", "erp"), named("C", "erp", key="2"))
    assert golden.source_revisions == (
        "systems/erp/sourceRecords/1@1",
        "systems/erp/sourceRecords/2@1",
        "systems/saas/sourceRecords/1@1",
    )
    assert golden.rule_revisions == ("systems/erp@4", "systems/saas@2")


def test_slices_survive_per_interval_and_value() -> None:
    erp, saas = cost_center_pb2.CostCenter(code="1"), cost_center_pb2.CostCenter(code="1")
    erp.slices.add(display_name="Ward", manager="Ann")
    saas.slices.add(display_name="Ward 7", effective_period=period_message(FIRST_DAY, None))
    content = golden_of(COST_CENTER, source(erp, "erp", 1), source(saas, "saas", 2)).content
    expected = cost_center_pb2.CostCenter(code="1")
    expected.slices.add(display_name="Ward", manager="Ann", effective_period=period_message(None, FIRST_DAY))
    expected.slices.add(display_name="Ward 7", manager="Ann", effective_period=period_message(FIRST_DAY, None))
    assert content == expected


def test_parents_in_different_hierarchies_survive_side_by_side() -> None:
    erp, saas = cost_center_pb2.CostCenter(), cost_center_pb2.CostCenter()
    erp.slices.add().parents.add(hierarchy="management", parent_code="1")
    saas.slices.add().parents.add(hierarchy="legal", parent_code="2")
    content = golden_of(COST_CENTER, source(erp, "erp"), source(saas, "saas")).content
    assert isinstance(content, cost_center_pb2.CostCenter)
    assert [parent.hierarchy for parent in content.slices[0].parents] == ["legal", "management"]


@pytest.mark.parametrize("withdrawn", ["slices", "slices.parents", "slices.parents[legal]"])
def test_where_a_source_is_silent_about_what_it_withdraws_there_is_nothing(withdrawn: str) -> None:
    erp, hub = cost_center_pb2.CostCenter(), cost_center_pb2.CostCenter()
    erp.slices.add().parents.add(hierarchy="legal", parent_code="erp")
    hub.slices.add(effective_period=period_message(None, FIRST_DAY)).parents.add(hierarchy="legal", parent_code="hub")
    content = golden_of(COST_CENTER, source(erp, "erp"), source(hub, "hub", 1, "1", withdrawn)).content
    assert content == hub


def test_slices_are_cut_to_the_effective_period_that_wins() -> None:
    erp = cost_center_pb2.CostCenter(code="1")
    erp.slices.add(display_name="Ward")
    hub = cost_center_pb2.CostCenter(effective_period=period_message(None, FIRST_DAY))
    content = golden_of(COST_CENTER, source(erp, "erp"), source(hub, "hub")).content
    assert isinstance(content, cost_center_pb2.CostCenter)
    assert [piece.effective_period for piece in content.slices] == [period_message(None, FIRST_DAY)]
    assert at(COST_CENTER, content, FIRST_DAY) is None


@given(families(), st.randoms())
def test_the_canonical_digest_does_not_see_metadata_nor_order(
    family: tuple[RecordType, list[pb.SourceRecord]], random: object
) -> None:
    record_type, (source, *_) = family
    content = record_type.unpack(source.content)
    digest = canonical_digest(record_type, content)
    for field, values in content.ListFields():
        if field.is_repeated and field.message_type is not None:
            shuffled = list(values)
            random.shuffle(shuffled)  # type: ignore[attr-defined]
            content.ClearField(field.name)
            getattr(content, field.name).extend(shuffled)
    content.etag = "other"  # type: ignore[attr-defined]
    assert canonical_digest(record_type, content) == digest
