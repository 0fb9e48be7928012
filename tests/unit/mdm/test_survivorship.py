from datetime import date

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1 import cost_center_pb2, supplier_pb2
from concord.mdm.v1 import ingest_pb2 as pb
from concord.mdm.v1.record_pb2 import ValueExplanation
from services.mdm.domain.assertions import paths, restate
from services.mdm.domain.effective import at
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.survivorship import Golden, Trust, canonical_digest, survive
from services.mdm.domain.types.cost_center import COST_CENTER
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.domain.validity import violations
from tests.support.periods import period_message
from tests.support.strategies import FIRST_DAY, contents, days, submissions

TRUST = {
    "systems/hub": Trust(1, "systems/hub@1"),
    "systems/erp": Trust(2, "systems/erp@4"),
    "systems/saas": Trust(2, "systems/saas@2"),
}


@st.composite
def families(
    draw: st.DrawFn, record_types: tuple[RecordType, ...] = RECORD_TYPES
) -> tuple[RecordType, list[pb.SourceRecord]]:
    """Draw stored source records of one golden record, two of them of one system."""
    record_type = draw(st.sampled_from(record_types))
    keys = [("systems/erp", "1"), ("systems/erp", "2"), ("systems/saas", "1"), ("systems/hub", "1")]
    chosen = draw(st.lists(st.sampled_from(keys), min_size=1, unique=True))
    return record_type, [_stored(record_type, draw(submissions(record_type, *key))) for key in chosen]


def _stored(
    record_type: RecordType, submitted: pb.SourceRecord, previous: pb.SourceRecord | None = None
) -> pb.SourceRecord:
    restated = restate(record_type, previous, submitted)
    stored = restated.statement if restated is not None else previous
    assert stored is not None
    return stored


def _source(content: Message, system: str, second: int = 1, key: str = "1", *withdrawn: str) -> pb.SourceRecord:
    record_type = next(one for one in RECORD_TYPES if isinstance(content, one.message))
    record = pb.SourceRecord(
        name=f"systems/{system}/sourceRecords/{key}",
        system=f"systems/{system}",
        key=key,
        content=record_type.pack(content),
        withdrawn_paths=withdrawn,
    )
    record.source_time.seconds = second
    return _stored(record_type, record)


def _named(name: str, system: str, second: int = 1, key: str = "1") -> pb.SourceRecord:
    return _source(supplier_pb2.Supplier(legal_name=name), system, second, key)


def _golden(record_type: RecordType, *sources: pb.SourceRecord) -> Golden:
    golden = survive(record_type, sources, TRUST)
    assert golden is not None
    return golden


def _supplier(*sources: pb.SourceRecord) -> supplier_pb2.Supplier:
    content = _golden(SUPPLIER, *sources).content
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
    for source in sources:
        said |= set(paths(record_type, record_type.unpack(source.content)))
    assert set(paths(record_type, _golden(record_type, *sources).content)) <= said


@given(families())
def test_a_golden_record_is_as_valid_as_its_sources(family: tuple[RecordType, list[pb.SourceRecord]]) -> None:
    record_type, sources = family
    if any(violations(record_type, record_type.unpack(source.content), strict=False) for source in sources):
        return
    found = violations(record_type, _golden(record_type, *sources).content, strict=False)
    assert not [one for one in found if "parents" not in one.field]


@given(families())
def test_after_push_and_pull_nothing_has_changed(family: tuple[RecordType, list[pb.SourceRecord]]) -> None:
    record_type, sources = family
    golden = _golden(record_type, *sources)
    pulled = []
    for source in sources:
        again = pb.SourceRecord()
        again.CopyFrom(source)
        delivered = paths(record_type, golden.content)
        again.content.CopyFrom(record_type.pack(golden.content))
        again.echo.paths.extend({*delivered, *(one.path for one in source.standing_assertions)})
        del again.withdrawn_paths[:]
        again.source_time.seconds = 1000
        pulled.append(_stored(record_type, again, source))
    after = _golden(record_type, *pulled)
    assert (after.digest, after.content) == (golden.digest, golden.content)


@given(families(), st.data())
def test_any_new_word_of_a_winner_changes_the_digest(
    family: tuple[RecordType, list[pb.SourceRecord]], data: st.DataObject
) -> None:
    record_type, sources = family
    golden = _golden(record_type, *sources)
    changed = data.draw(st.sampled_from(sources))
    submitted = pb.SourceRecord()
    submitted.CopyFrom(changed)
    submitted.content.CopyFrom(record_type.pack(data.draw(contents(record_type))))
    others = [source for source in sources if source is not changed]
    after = _golden(record_type, *others, _stored(record_type, submitted, changed))
    assert after.digest != golden.digest or after.content == golden.content


@given(families((COST_CENTER,)), days)
def test_on_every_day_the_values_are_those_that_win_among_what_holds_that_day(
    family: tuple[RecordType, list[pb.SourceRecord]], day: date
) -> None:
    _, sources = family
    golden = _golden(COST_CENTER, *sources)
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
    assert _supplier(_named("Hub", "hub", 1), _named("Erp", "erp", 2)).legal_name == "Hub"


def test_among_equals_the_newer_word_wins_then_the_order_of_names() -> None:
    assert _supplier(_named("Erp", "erp", 1), _named("Saas", "saas", 2)).legal_name == "Saas"
    assert _supplier(_named("Saas", "saas", 1), _named("Erp", "erp", 1)).legal_name == "Erp"
    assert _supplier(_named("Two", "erp", 1, "2"), _named("One", "erp", 1, "1")).legal_name == "One"


def test_the_rule_that_decided_is_named() -> None:
    rules = [
        ([_named("A", "erp")], ValueExplanation.RULE_ONLY_SOURCE),
        ([_named("A", "hub"), _named("B", "erp", 2)], ValueExplanation.RULE_TRUST),
        ([_named("A", "saas", 2), _named("B", "erp")], ValueExplanation.RULE_RECENCY),
        ([_named("A", "saas"), _named("B", "erp")], ValueExplanation.RULE_ORDER),
    ]
    for sources, rule in rules:
        assert [contest.rule for contest in _golden(SUPPLIER, *sources).contests] == [rule]


def test_each_element_survives_on_its_own() -> None:
    erp, saas = supplier_pb2.Supplier(), supplier_pb2.Supplier()
    erp.sites.add(code="HQ", display_name="erp")
    erp.sites.add(code="B", display_name="erp")
    saas.sites.add(code="HQ", display_name="saas")
    saas.sites.add(code="A", display_name="saas")
    content = _supplier(_source(erp, "erp", 1), _source(saas, "saas", 2))
    assert [(site.code, site.display_name) for site in content.sites] == [("A", "saas"), ("B", "erp"), ("HQ", "saas")]


def test_a_withdrawal_may_win() -> None:
    withdrawal = _source(supplier_pb2.Supplier(), "hub", 1, "1", "legal_name")
    golden = _golden(SUPPLIER, _named("Erp", "erp"), withdrawal)
    assert golden.content == supplier_pb2.Supplier()
    assert golden.contests[0].winner.value is None


def test_a_withdrawn_collection_beats_elements_that_only_others_name() -> None:
    erp, hub = supplier_pb2.Supplier(), supplier_pb2.Supplier()
    erp.sites.add(code="HQ")
    erp.sites.add(code="B")
    hub.sites.add(code="HQ", display_name="the only one")
    content = _supplier(_source(erp, "erp"), _source(hub, "hub", 1, "1", "sites"))
    assert [site.code for site in content.sites] == ["HQ"]


def test_a_deleted_source_does_not_count_and_without_sources_there_is_nothing() -> None:
    deleted = _named("Erp", "erp", 2)
    deleted.deleted = True
    assert _supplier(deleted, _named("Saas", "saas", 1)).legal_name == "Saas"
    assert survive(SUPPLIER, [deleted], TRUST) is None
    assert survive(SUPPLIER, [], TRUST) is None


def test_a_system_that_nobody_registered_is_an_error() -> None:
    with pytest.raises(ValueError, match="systems/nobody"):
        survive(SUPPLIER, [_named("X", "nobody")], TRUST)


def test_a_golden_record_names_the_revisions_that_it_was_made_from() -> None:
    golden = _golden(SUPPLIER, _named("A", "saas"), _named("B", "erp"), _named("C", "erp", key="2"))
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
    content = _golden(COST_CENTER, _source(erp, "erp", 1), _source(saas, "saas", 2)).content
    expected = cost_center_pb2.CostCenter(code="1")
    expected.slices.add(display_name="Ward", manager="Ann", effective_period=period_message(None, FIRST_DAY))
    expected.slices.add(display_name="Ward 7", manager="Ann", effective_period=period_message(FIRST_DAY, None))
    assert content == expected


def test_parents_in_different_hierarchies_survive_side_by_side() -> None:
    erp, saas = cost_center_pb2.CostCenter(), cost_center_pb2.CostCenter()
    erp.slices.add().parents.add(hierarchy="management", parent_code="1")
    saas.slices.add().parents.add(hierarchy="legal", parent_code="2")
    content = _golden(COST_CENTER, _source(erp, "erp"), _source(saas, "saas")).content
    assert isinstance(content, cost_center_pb2.CostCenter)
    assert [parent.hierarchy for parent in content.slices[0].parents] == ["legal", "management"]


@pytest.mark.parametrize("withdrawn", ["slices", "slices.parents", "slices.parents[legal]"])
def test_where_a_source_is_silent_about_what_it_withdraws_there_is_nothing(withdrawn: str) -> None:
    erp, hub = cost_center_pb2.CostCenter(), cost_center_pb2.CostCenter()
    erp.slices.add().parents.add(hierarchy="legal", parent_code="erp")
    hub.slices.add(effective_period=period_message(None, FIRST_DAY)).parents.add(hierarchy="legal", parent_code="hub")
    content = _golden(COST_CENTER, _source(erp, "erp"), _source(hub, "hub", 1, "1", withdrawn)).content
    assert content == hub


def test_slices_are_cut_to_the_effective_period_that_wins() -> None:
    erp = cost_center_pb2.CostCenter(code="1")
    erp.slices.add(display_name="Ward")
    hub = cost_center_pb2.CostCenter(effective_period=period_message(None, FIRST_DAY))
    content = _golden(COST_CENTER, _source(erp, "erp"), _source(hub, "hub")).content
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
