"""Rules as data: what decides between two words, group by group, and pins before all of it."""

from collections.abc import Sequence
from datetime import date

from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1 import cost_center_pb2, location_pb2, party_pb2, supplier_pb2, survivorship_pb2
from concord.mdm.v1 import ingest_pb2 as pb
from concord.mdm.v1.record_pb2 import ValueExplanation
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.slot import is_sliced, slots_of
from services.mdm.domain.survivorship.explanation import explain
from services.mdm.domain.survivorship.golden import Golden, canonical_digest, survive
from services.mdm.domain.survivorship.pinning import Pin, fingerprint, pinned_violations, word
from services.mdm.domain.survivorship.ranking import DEFAULT, Criterion, Rules, group_names, rule_violations
from services.mdm.domain.types.cost_center import COST_CENTER
from services.mdm.domain.types.employee import EMPLOYEE
from services.mdm.domain.types.location import LOCATION
from services.mdm.domain.types.supplier import SUPPLIER
from tests.support.samples.families import TRUST, families, pin, pins, rules, source
from tests.support.samples.periods import period_message
from tests.support.samples.strategies import contents

BY_TRUST, BY_RECENCY = Criterion.CRITERION_TRUST, Criterion.CRITERION_RECENCY
BY_COMPLETENESS, BY_AGREEMENT = Criterion.CRITERION_COMPLETENESS, Criterion.CRITERION_AGREEMENT
Decided = tuple[RecordType, list[pb.SourceRecord], Rules, list[Pin]]


@st.composite
def decided(draw: st.DrawFn) -> Decided:
    record_type, sources = draw(families())
    return record_type, sources, draw(rules(record_type)), draw(pins(record_type))


def _made(record_type: RecordType, sources: Sequence[pb.SourceRecord], by: Rules, *held: Pin) -> Golden:
    golden = survive(record_type, sources, TRUST, by, held)
    assert golden is not None
    return golden


def _by(group: str, *criteria: Criterion.ValueType) -> Rules:
    return Rules({group: criteria}, "survivorshipRules/supplier@1")


def _named(name: str, system: str, second: int = 1, key: str = "1") -> pb.SourceRecord:
    return source(supplier_pb2.Supplier(legal_name=name), system, second, key)


def _name(by: Rules, *sources: pb.SourceRecord) -> tuple[str, int]:
    golden = _made(SUPPLIER, sources, by)
    (contest,) = golden.contests
    assert isinstance(golden.content, supplier_pb2.Supplier)
    return golden.content.legal_name, contest.rule


@given(decided(), st.randoms())
def test_the_order_of_sources_and_pins_does_not_matter_under_any_rules(case: Decided, random: object) -> None:
    record_type, sources, by, held = case
    golden = survive(record_type, sources, TRUST, by, held)
    random.shuffle(sources)  # type: ignore[attr-defined]
    random.shuffle(held)  # type: ignore[attr-defined]
    assert survive(record_type, sources, TRUST, by, held) == golden


@given(decided())
def test_a_pinned_value_is_the_golden_records_whatever_sources_and_rules_say(case: Decided) -> None:
    record_type, sources, by, held = case
    golden = _made(record_type, sources, by, *held)
    shown = slots_of(record_type, golden.content)
    for one in held:
        if not is_sliced(record_type, one.path):
            assert shown.get(one.path) == one.value
    unpinned = {path: value for path, value in shown.items() if path not in {one.path for one in held}}
    bare = slots_of(record_type, _made(record_type, sources, by).content)
    if not any(is_sliced(record_type, path) or path == record_type.period_field for path in shown):
        assert unpinned == {path: value for path, value in bare.items() if path in unpinned}


@given(families())
def test_the_default_written_down_as_rules_decides_like_the_default(
    family: tuple[RecordType, list[pb.SourceRecord]],
) -> None:
    record_type, sources = family
    spelt = Rules(dict.fromkeys(group_names(record_type), (BY_TRUST, BY_RECENCY)), "survivorshipRules/x@1")
    by_rules, by_default = _made(record_type, sources, spelt), _made(record_type, sources, DEFAULT)
    assert (by_rules.digest, by_rules.content) == (by_default.digest, by_default.content)


@given(decided())
def test_a_value_is_one_sources_as_a_whole(case: Decided) -> None:
    record_type, sources, by, held = case
    for contest in _made(record_type, sources, by, *held).contests:
        claims = (contest.winner, *contest.losers)
        assert contest.winner.value in [claim.value for claim in claims]
        assert len({(claim.source_record, claim.system, claim.key) for claim in claims}) == len(claims)


def test_each_criterion_decides_where_it_comes_first() -> None:
    old, new = _named("Old", "erp", 1), _named("New", "legacy", 2)
    assert _name(DEFAULT, old, new) == ("Old", ValueExplanation.RULE_TRUST)
    assert _name(_by("legal_name", BY_RECENCY), old, new) == ("New", ValueExplanation.RULE_RECENCY)
    assert _name(_by("legal_name", BY_RECENCY, BY_TRUST), old, new) == ("New", ValueExplanation.RULE_RECENCY)
    agreed = (_named("Lone", "erp", 9), _named("Both", "saas", 1), _named("Both", "legacy", 2))
    assert _name(_by("legal_name", BY_AGREEMENT), *agreed) == ("Both", ValueExplanation.RULE_AGREEMENT)
    # Two words of one system are one voice.
    doubled = (_named("Twice", "erp", 1, "1"), _named("Twice", "erp", 1, "2"), _named("Once", "saas", 2))
    assert _name(_by("legal_name", BY_AGREEMENT, BY_RECENCY), *doubled) == ("Once", ValueExplanation.RULE_RECENCY)


def test_another_groups_rule_says_nothing() -> None:
    assert _name(_by("website", BY_RECENCY), _named("Old", "erp"), _named("New", "legacy", 2))[0] == "Old"


def test_the_fuller_address_wins_and_travels_as_one() -> None:
    short, full = location_pb2.Location(code="1"), location_pb2.Location(code="1")
    short.slices.add().address.locality = "Springfield"
    address = full.slices.add().address
    address.locality, address.region_code, address.postal_code = "SPRINGFIELD", "US", "62701"
    by = Rules({"slices.address": (BY_COMPLETENESS, BY_TRUST)}, "survivorshipRules/location@1")
    content = _made(LOCATION, [source(short, "erp"), source(full, "legacy")], by).content
    assert isinstance(content, location_pb2.Location)
    assert content.slices[0].address == address


def test_a_bank_account_travels_as_one_and_any_value_is_fuller_than_a_withdrawal() -> None:
    erp, legacy = supplier_pb2.Supplier(), supplier_pb2.Supplier()
    erp.bank_accounts.add(code="1", account_number="111", currency_code="USD")
    legacy.bank_accounts.add(code="1", account_number="222", currency_code="USD", country="US")
    by = _by("bank_accounts", BY_COMPLETENESS)
    content = _made(SUPPLIER, [source(erp, "erp"), source(legacy, "legacy")], by).content
    assert isinstance(content, supplier_pb2.Supplier)
    assert content.bank_accounts[0] == legacy.bank_accounts[0]
    withdrawn = source(supplier_pb2.Supplier(), "erp", 5, "1", "bank_accounts[1]")
    content = _made(SUPPLIER, [withdrawn, source(legacy, "legacy")], by).content
    assert isinstance(content, supplier_pb2.Supplier)
    assert content.bank_accounts[0] == legacy.bank_accounts[0]


def test_manual_values_are_not_overwritten_whatever_the_rules() -> None:
    steward, agreed = _named("Steward", "hub", 1), (_named("Newer", "erp", 9), _named("Newer", "saas", 9))
    for criteria in ((BY_RECENCY,), (BY_AGREEMENT,), (BY_COMPLETENESS, BY_RECENCY)):
        assert _name(_by("legal_name", *criteria), steward, *agreed) == ("Steward", ValueExplanation.RULE_STEWARD)


def test_a_pin_stands_before_a_stewards_word_and_is_explained() -> None:
    pinned = supplier_pb2.Supplier(legal_name="Pinned")
    golden = _made(SUPPLIER, [_named("Steward", "hub", 9)], DEFAULT, pin("legal_name", pinned))
    assert golden.content == pinned
    explanation = explain(SUPPLIER, golden, "suppliers/1", 2)
    (value,) = explanation.values
    assert list(explanation.pin_revisions) == ["pins/1@1"]
    assert (value.rule, value.pin.name, value.pin.reason) == (ValueExplanation.RULE_PIN, "pins/1", "by phone")
    assert (value.winner.value, value.winner.system, value.winner.source_time.seconds) == ('"Pinned"', "", 2)
    assert [loser.value for loser in value.losers] == ['"Steward"']


def test_a_value_can_be_pinned_empty() -> None:
    golden = _made(SUPPLIER, [_named("Erp", "erp")], DEFAULT, pin("legal_name", None))
    assert golden.content == supplier_pb2.Supplier()
    (value,) = explain(SUPPLIER, golden, "suppliers/1", 2).values
    assert (value.pin.name, value.winner.withdrawn, len(value.losers)) == ("pins/1", True, 1)


def test_a_pinned_slice_holds_in_its_period_only() -> None:
    erp, held = cost_center_pb2.CostCenter(), cost_center_pb2.CostCenter()
    erp.slices.add(manager="Ann")
    july = period_message(date(2026, 7, 1), date(2026, 8, 1))
    held.slices.add(manager="Bea", effective_period=july)
    golden = _made(COST_CENTER, [source(erp, "erp")], DEFAULT, pin("slices.manager", held))
    assert isinstance(golden.content, cost_center_pb2.CostCenter)
    assert [piece.manager for piece in golden.content.slices] == ["Ann", "Bea", "Ann"]


@given(families(), st.data())
def test_a_digest_tells_a_pinned_value_from_the_same_value_said_by_a_source(
    family: tuple[RecordType, list[pb.SourceRecord]], data: st.DataObject
) -> None:
    record_type, sources = family
    bare = _made(record_type, sources, DEFAULT)
    offered = slots_of(record_type, bare.content)
    if not offered:
        return
    path = data.draw(st.sampled_from(sorted(offered)))
    held = _made(record_type, sources, DEFAULT, pin(path, offered[path]))
    assert held.digest != bare.digest
    assert canonical_digest(record_type, held.content) == canonical_digest(record_type, bare.content)


def test_rules_name_groups_of_their_type_once() -> None:
    kind = survivorship_pb2.GroupRule
    for record_type in RECORD_TYPES:
        named = [kind(group=name, criteria=[BY_TRUST]) for name in group_names(record_type)]
        assert not list(rule_violations(record_type, named))
    wrong = [kind(group="sites"), kind(group="sites"), kind(group="sites[HQ]"), kind(group="nothing")]
    assert [each.field for each in rule_violations(SUPPLIER, wrong)] == [f"groups[{n}].group" for n in (1, 2, 3)]


@given(st.sampled_from(RECORD_TYPES), st.data())
def test_what_a_slot_says_alone_can_be_pinned_and_nothing_else(record_type: RecordType, data: st.DataObject) -> None:
    content: Message = data.draw(contents(record_type))
    said = slots_of(record_type, content)
    for path, value in said.items():
        assert not list(pinned_violations(record_type, path, value))
        assert not list(pinned_violations(record_type, path, None))
        assert word(record_type, content, path) == value
        if len(said) > 1:
            assert [each.field for each in pinned_violations(record_type, path, content)] == ["content"]


def test_a_pin_names_a_group_or_an_element_as_a_whole() -> None:
    told = {path: [each.description for each in pinned_violations(EMPLOYEE, path, None)] for path in ("agency", "x")}
    assert told == {"agency": ["is part of engagement, which goes as a whole"], "x": ["is no value of a employee"]}
    (violation,) = pinned_violations(SUPPLIER, "sites", None)
    assert violation.description == "names no element: sites[…]"
    assert [each.field for each in pinned_violations(COST_CENTER, "slices", None)] == ["path"]
    assert [each.field for each in pinned_violations(SUPPLIER, "legal_name", supplier_pb2.Supplier())] == ["content"]


def test_a_fingerprint_tells_values_apart_and_pins() -> None:
    one, other = (supplier_pb2.Supplier(tax_ids=[party_pb2.TaxId(value=value)]) for value in ("1", "2"))
    empty = supplier_pb2.Supplier()
    prints = {fingerprint(name, value) for name in ("pins/1", "pins/2") for value in (one, other, empty, None)}
    assert len(prints) == 8
    assert fingerprint("pins/1", one) == fingerprint("pins/1", one)
