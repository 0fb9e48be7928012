"""Profiles, block keys and scores: deterministic, symmetric, the same one by one and in bulk."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord.mdm.v1 import employee_pb2, match_model_pb2, supplier_pb2, workforce_pb2
from services.mdm.domain.matching import model as model_module
from services.mdm.domain.matching.blocking.keys import block_keys
from services.mdm.domain.matching.columns.population import Pairs, population
from services.mdm.domain.matching.comparing.comparisons import LEVELS, level, likeness
from services.mdm.domain.matching.declaration import Comparison
from services.mdm.domain.matching.learning.defaults import VETO, default_model
from services.mdm.domain.matching.learning.training import sampled, trained
from services.mdm.domain.matching.model import MISSING, MatchModel, Score
from services.mdm.domain.matching.scoring.bulk import Comparer, likenesses, scores
from services.mdm.domain.matching.scoring.weighing import Weighing
from services.mdm.domain.matching.standardising.profile import Profile, profile, said
from services.mdm.domain.matching.stored import from_message, to_message
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.types.account import ACCOUNT
from services.mdm.domain.types.employee import EMPLOYEE
from services.mdm.domain.types.supplier import SUPPLIER
from tests.support.samples.strategies import contents

MATCHED = [record_type for record_type in RECORD_TYPES if record_type.matching is not None]
LEIS = ("529900T8BM49AURSDO55", "5493001KJTIIGC8Y1R12")


def token(value: str, purpose: str) -> str:
    return f"token of {purpose} {len(value)}"


def supplier(**fields: Any) -> Profile:
    return profile(SUPPLIER, supplier_pb2.Supplier(**fields), token)


def score(one: Profile, other: Profile) -> Score:
    return default_model(SUPPLIER).score(one, other)


@pytest.mark.parametrize("record_type", MATCHED, ids=lambda record_type: record_type.name)
@given(data=st.data())
@settings(max_examples=15)
def test_a_profile_survives_its_bytes_and_equal_contents_have_equal_bytes(
    record_type: RecordType, data: st.DataObject
) -> None:
    content = data.draw(contents(record_type))
    found = profile(record_type, content, token)
    assert Profile.from_bytes(found.to_bytes()) == found
    again = record_type.message.FromString(content.SerializeToString())
    assert profile(record_type, again, token).to_bytes() == found.to_bytes()


@pytest.mark.parametrize("data", [b"", b"\xff", b"supplier", b"supplier\x1dnone\x1d", b"supplier\x1d1\x1dlei"])
def test_other_bytes_are_no_profile(data: bytes) -> None:
    with pytest.raises(ValueError, match="no profile"):
        Profile.from_bytes(data)


def test_a_type_without_a_declaration_has_no_profile() -> None:
    with pytest.raises(ValueError, match="declares no matching"):
        profile(ACCOUNT, ACCOUNT.message(), token)


def test_restricted_values_enter_a_profile_as_tokens_only() -> None:
    tax = {"country": "US", "scheme": "ein", "value": "123456789"}
    person = workforce_pb2.NationalId(country="US", scheme="ssn", value="123456789")
    for found in (
        supplier(tax_ids=[tax]),
        profile(EMPLOYEE, employee_pb2.Employee(national_ids=[person]), token),
    ):
        assert b"123456789" not in found.to_bytes()
        assert b"token of match 9" in found.to_bytes()


def test_a_score_is_the_sum_of_its_parts_and_says_why() -> None:
    found = score(
        supplier(legal_name="Acme Surgical, Inc.", phone="312-555-1234"),
        supplier(legal_name="ACME SURGICAL CORP", phone="(312) 555 1234"),
    )
    assert found.millibits == sum(part.millibits for part in found.parts)
    by_name = {part.attribute: part for part in found.parts}
    assert by_name["name"].level == len(LEVELS[Comparison.TEXT]) - 1
    assert by_name["legal_form"].millibits < 0 < by_name["phone"].millibits
    assert by_name["email"] == ("email", MISSING, 0)


def test_two_firms_in_one_house_with_one_phone_are_two() -> None:
    site = {"address": {"address_lines": ["128 Fremont St."], "locality": "Las Vegas"}}
    one, other = (supplier(legal_name=name, phone="702-382-1600", sites=[site]) for name in ("Binion's", "Steakhouse"))
    assert score(one, other).millibits < 0
    assert min(part.millibits for part in score(one, other).parts) == VETO


def test_two_different_valid_leis_forbid_and_an_invalid_one_does_not() -> None:
    one, other = (supplier(legal_name="Acme", lei=lei) for lei in LEIS)
    assert score(one, other).forbidden == "lei"
    assert score(one, supplier(legal_name="Acme", lei="0" * 20)).forbidden == ""
    assert score(one, one).forbidden == ""


def test_missing_values_weigh_nothing() -> None:
    assert score(supplier(legal_name="Acme"), supplier(phone="312-555-1234")).millibits == 0


@given(contents(SUPPLIER), contents(SUPPLIER))
def test_a_score_has_no_direction(one: Any, other: Any) -> None:
    ours, theirs = (profile(SUPPLIER, content, token) for content in (one, other))
    model = default_model(SUPPLIER)
    assert model.score(ours, theirs) == model.score(theirs, ours)


WORDS = ("acme", "acmee", "surgical", "north", "12", "a", "medical", "médical", "bx100", "bx-1000", "1 main st", "7.5")


@given(
    st.sampled_from(list(Comparison)),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join),
)
def test_a_likeness_has_no_direction_and_is_whole_only_for_what_is_the_same(
    comparison: Comparison, one: str, other: str
) -> None:
    if comparison is Comparison.NUMBER:
        one, other = str(len(one)), str(len(other))
    found = likeness(comparison, one, other, len)
    assert found == likeness(comparison, other, one, len)
    assert 0 <= found.similarity <= 1000
    assert 0 <= level(comparison, found.similarity) < len(LEVELS[comparison])
    assert likeness(comparison, one, one, len).similarity == 1000


def some_suppliers() -> list[Profile]:
    names = [
        "Acme Surgical",
        "Acme Surgicals Inc",
        "Bolt Medical",
        "Bolt Medcal LLC",
        "North Shore Labs",
        "Labs North Shore",
    ]
    return [
        supplier(
            legal_name=f"{name} {number % 7 or ''}",
            trading_names=[names[number % 5]] * (number % 3),
            phone=f"312-555-{1000 + number // 2}",
            sites=[{"address": {"address_lines": [f"{number // 2} Main St"], "postal_code": f"606{number % 4:02d}"}}],
        )
        for number, name in enumerate(names * 20)
    ]


@pytest.fixture(scope="module")
def population_and_model() -> tuple[list[Profile], MatchModel]:
    records = some_suppliers()
    return records, trained(SUPPLIER, population(records))[0]


def test_scores_in_bulk_are_the_scores_one_by_one(population_and_model: tuple[list[Profile], MatchModel]) -> None:
    records, model = population_and_model
    assert model.origin != match_model_pb2.MatchModel.ORIGIN_DEFAULT
    one, other = (np.asarray(places) for places in np.triu_indices(len(records), 1))
    pairs = Pairs(one[::7], other[::7])
    in_bulk = scores(likenesses(population(records), pairs, model), model).tolist()
    singly = [model.score(records[a], records[b]).millibits for a, b in zip(pairs.one, pairs.other, strict=True)]
    assert in_bulk == singly


@given(st.lists(contents(SUPPLIER), min_size=2, max_size=4))
@settings(max_examples=40)
def test_scores_in_bulk_are_the_scores_one_by_one_whatever_the_records_say(held: list[Any]) -> None:
    records = [profile(SUPPLIER, content, token) for content in held]
    one, other = np.triu_indices(len(records), 1)
    model = default_model(SUPPLIER)
    in_bulk = scores(likenesses(population(records), Pairs(one, other), model), model).tolist()
    assert in_bulk == [model.score(records[a], records[b]).millibits for a, b in zip(one, other, strict=True)]


@pytest.mark.parametrize("cut", [-20_000, 0, 5_000, 15_000])
def test_what_is_weighed_as_it_is_stored_scores_as_it_does_otherwise_or_is_below_the_cut(
    population_and_model: tuple[list[Profile], MatchModel], cut: int
) -> None:
    records, model = population_and_model
    for ours in records[:15]:
        found = Weighing(model, ours, cut).scores([other.to_bytes() for other in records])
        whole = [model.score(ours, other) for other in records]
        assert found == [score if score.millibits >= cut else None for score in whole]


@given(contents(SUPPLIER), st.lists(contents(SUPPLIER), min_size=1, max_size=4), st.integers(-30_000, 30_000))
@settings(max_examples=40)
def test_what_is_weighed_as_it_is_stored_scores_as_it_does_otherwise_whatever_the_records_say(
    said: Any, held: list[Any], cut: int
) -> None:
    model, ours = default_model(SUPPLIER), profile(SUPPLIER, said, token)
    others = [profile(SUPPLIER, content, token) for content in held]
    found = Weighing(model, ours, cut).scores([other.to_bytes() for other in others])
    whole = [model.score(ours, other) for other in others]
    assert found == [score if score.millibits >= cut else None for score in whole]


def test_what_stored_profiles_say_is_told_attribute_by_attribute() -> None:
    acme, other = supplier(legal_name="Acme Corp", phone="5085550161"), supplier(website="https://other.example")
    more = acme.to_bytes() + b"\x1dof a later declaration"
    told = said([acme.to_bytes(), other.to_bytes()], range(len(acme.values)))
    assert told == [["\x1e".join(values) for values in both] for both in zip(acme.values, other.values, strict=True)]
    assert said([more, other.to_bytes()], range(len(acme.values))) == told
    assert said([], [0, 1]) == [[], []]
    with pytest.raises(ValueError, match="same attributes"):
        said([acme.to_bytes(), b"supplier\x1d2\x1d\x1dacme"], range(len(acme.values)))


@pytest.mark.parametrize("cut", [-20_000, 0, 5_000, 15_000])
def test_pairs_given_up_early_are_those_below_the_cut(
    population_and_model: tuple[list[Profile], MatchModel], cut: int
) -> None:
    records, model = population_and_model
    of, pairs = population(records), Pairs(*np.triu_indices(len(records), 1))
    places, millibits = Comparer(of, model).strong(pairs, cut)
    whole = scores(likenesses(of, pairs, model), model)
    assert places.tolist() == np.flatnonzero(whole >= cut).tolist()
    assert millibits.tolist() == whole[places].tolist()
    assert 0 < len(places) < len(pairs)


@given(st.lists(contents(SUPPLIER), min_size=2, max_size=4), st.integers(-30_000, 30_000))
@settings(max_examples=40)
def test_pairs_given_up_early_are_those_below_the_cut_whatever_the_records_say(held: list[Any], cut: int) -> None:
    of, model = population([profile(SUPPLIER, content, token) for content in held]), default_model(SUPPLIER)
    pairs = Pairs(*np.triu_indices(len(held), 1))
    places, millibits = Comparer(of, model).strong(pairs, cut)
    whole = scores(likenesses(of, pairs, model), model)
    assert places.tolist() == np.flatnonzero(whole >= cut).tolist()
    assert millibits.tolist() == whole[places].tolist()


def test_a_model_survives_its_message_and_scores_the_same(
    population_and_model: tuple[list[Profile], MatchModel],
) -> None:
    records, model = population_and_model
    stored = match_model_pb2.MatchModel.FromString(to_message(model).SerializeToString())
    again = from_message(SUPPLIER, stored)
    assert again == model
    assert again.score(records[0], records[1]) == model.score(records[0], records[1])
    assert block_keys(records[0], again) == block_keys(records[0], model)


def test_a_model_of_another_type_or_declaration_is_refused(
    population_and_model: tuple[list[Profile], MatchModel],
) -> None:
    message = to_message(population_and_model[1])
    with pytest.raises(ValueError, match="the model is for supplier"):
        from_message(EMPLOYEE, message)
    message.declaration_version += 1
    with pytest.raises(ValueError, match="declaration"):
        from_message(SUPPLIER, message)


def test_block_keys_are_sorted_distinct_signed_and_without_the_common_ones(
    population_and_model: tuple[list[Profile], MatchModel],
) -> None:
    records, model = population_and_model
    found = block_keys(records[0], model)
    assert list(found) == sorted(set(found))
    assert all(-(2**63) <= key < 2**63 for key in found)
    assert model.common_keys.isdisjoint(found)


def test_records_that_differ_in_spelling_share_block_keys() -> None:
    model = default_model(SUPPLIER)
    one, other = (
        block_keys(supplier(legal_name=name), model) for name in ("Smith & Nephew, Inc.", "Smith and Nephew plc")
    )
    assert set(one) & set(other)


def test_a_population_that_says_too_little_links_nothing_automatically() -> None:
    names = [supplier(legal_name=f"Acme {number // 2} Surgical") for number in range(60)]
    assert trained(SUPPLIER, population(names))[0].link_millibits is None


def test_the_sample_of_a_large_population_follows_from_the_names_of_its_records() -> None:
    records = some_suppliers()
    names = [f"systems/erp/sourceRecords/{number}" for number in range(len(records))]
    pairs = Pairs(*np.triu_indices(len(records), 1))
    drawn, among = sampled(population(records, names=names), pairs, 40)
    backwards, _ = sampled(population(records[::-1], names=names[::-1]), pairs, 40)
    assert 20 < len(drawn) < 60
    assert list(drawn.profiles) == list(backwards.profiles)[::-1]
    assert list(zip(among.one.tolist(), among.other.tolist(), strict=True)) == list(combinations(range(len(drawn)), 2))
    assert sampled(population(records), pairs, len(records))[1] is pairs


def test_training_does_not_depend_on_chance() -> None:
    records = some_suppliers()
    assert trained(SUPPLIER, population(records))[0] == trained(SUPPLIER, population(records))[0]


def test_a_model_remembers_a_bounded_number_of_tokens_and_weighs_them_as_before(
    population_and_model: tuple[list[Profile], MatchModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "MOST_REMEMBERED", 10)
    model = replace(population_and_model[1])
    rarity = model.rarity_of(0)
    tokens = [f"token {number}" for number in range(100)]
    before = [rarity(token) for token in tokens]
    assert len(rarity.__self__) <= 10  # type: ignore[attr-defined] # what remembers is what is asked
    assert [rarity(token) for token in tokens] == before
