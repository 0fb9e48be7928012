"""Many at once: values compare as they do one by one, and a large population's candidates stay few."""

from collections import Counter
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.mdm.domain.matching.blocking.bulk_keys import all_keys_in_bulk, block_keys_of_each
from services.mdm.domain.matching.blocking.features import Features
from services.mdm.domain.matching.blocking.keys import all_keys, block_keys, features_of
from services.mdm.domain.matching.columns.hashing import hashed_in_bulk
from services.mdm.domain.matching.columns.lists import Lists, Numbers, starts_of
from services.mdm.domain.matching.columns.population import (
    candidates,
    common,
    holders,
    pairs_within,
    population,
    united,
)
from services.mdm.domain.matching.comparing.comparisons import likeness
from services.mdm.domain.matching.comparing.value_comparer import ValueComparer
from services.mdm.domain.matching.declaration import Comparison, Feature
from services.mdm.domain.matching.learning.defaults import default_model
from services.mdm.domain.matching.standardising.code_token import code_token
from services.mdm.domain.matching.standardising.profile import profile
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.types.supplier import SUPPLIER
from tests.support.samples.strategies import contents

MATCHED = [record_type for record_type in RECORD_TYPES if record_type.matching]
LETTERS = st.text("ab1 é\U0001f600", min_size=1, max_size=9).filter(lambda text: text == text.strip())
TEXTS = st.lists(st.text("ab12é\U0001f600", min_size=1, max_size=7), min_size=1, max_size=7).map(" ".join)
DIGITS = st.text("123", min_size=4, max_size=11)
SHORT_DIGITS = st.text("123", min_size=2, max_size=5)
VALUES: dict[Comparison, st.SearchStrategy[str]] = {
    Comparison.PHONE: DIGITS,
    Comparison.DATE: st.dates().map(lambda date: f"{date:%d%m}".rjust(8, "2")),
    Comparison.NUMBER: st.integers(1, 2000).map(str),
    Comparison.RESTRICTED_CODE: SHORT_DIGITS.map(
        lambda code: code_token(code, lambda text, purpose: f"{purpose}{text:>11}")
    ),
}


def rarity(token: str) -> int:
    return 900 + 7919 * len(token) + sum(map(ord, token)) % 4001


@pytest.mark.parametrize("comparison", Comparison, ids=lambda comparison: comparison.value)
@given(data=st.data())
def test_values_compare_in_bulk_as_they_do_one_by_one(comparison: Comparison, data: st.DataObject) -> None:
    words = data.draw(st.lists(VALUES.get(comparison, LETTERS), min_size=2, max_size=6, unique=True))
    ones, others = np.triu_indices(len(words))
    found = ValueComparer(comparison, words, rarity).likenesses(ones, others)
    in_bulk = list(zip(*(each.tolist() for each in found), strict=True))
    singly = [tuple(likeness(comparison, words[a], words[b], rarity)) for a, b in zip(ones, others, strict=True)]
    assert in_bulk == singly


@given(st.lists(LETTERS, min_size=2, max_size=6, unique=True))
def test_no_two_texts_are_more_alike_than_their_sketches_tell(words: list[str]) -> None:
    comparer = ValueComparer(Comparison.TEXT, words, rarity)
    ones, others = np.triu_indices(len(words))
    assert (comparer.ceilings(ones, others) >= comparer.likenesses(ones, others)[0]).all()


@pytest.mark.parametrize("feature", Feature, ids=lambda feature: feature.value)
@given(texts=st.lists(TEXTS, min_size=1, max_size=6, unique=True), limit=st.integers(1, 9))
@settings(max_examples=50)
def test_features_of_many_texts_are_those_of_each(feature: Feature, texts: list[str], limit: int) -> None:
    found = Features(texts, rarity).of(feature, limit)
    each = np.split(found.flat, found.starts[1:-1])
    singly = [hashed_in_bulk(features_of(text, feature, rarity)[:limit]) for text in texts]
    assert [keys.tolist() for keys in each] == [keys.tolist() for keys in singly]


@given(st.lists(contents(SUPPLIER), max_size=3))
@settings(max_examples=30)
def test_keys_in_bulk_are_the_keys_one_by_one(held: list[Any]) -> None:
    profiles = [profile(SUPPLIER, content, lambda value, _: value) for content in held]
    model = default_model(SUPPLIER)
    found = all_keys_in_bulk(population(profiles), model)
    each = np.split(found.flat, found.starts[1:-1]) if profiles else []
    assert [sorted(keys.tolist()) for keys in each] == [sorted(all_keys(one, model)) for one in profiles]


@pytest.mark.parametrize("times", [1, 20], ids=["few", "many"])
@pytest.mark.parametrize("record_type", MATCHED, ids=lambda record_type: record_type.name)
@given(data=st.data())
@settings(max_examples=10)
def test_keys_of_each_are_its_own_however_many_there_are(
    record_type: RecordType, times: int, data: st.DataObject
) -> None:
    held = data.draw(st.lists(contents(record_type), min_size=2, max_size=3)) * times
    profiles = [profile(record_type, content, lambda value, _: value) for content in held]
    plain = default_model(record_type)
    model = replace(plain, common_keys=frozenset(block_keys(profiles[0], plain)[::2]))
    assert block_keys_of_each(profiles, model) == [block_keys(one, model) for one in profiles]


def two_each(flat: Numbers) -> Lists:
    return Lists(flat, np.arange(0, len(flat) + 1, 2))


def test_the_rarest_keys_come_first_where_there_were_too_many_candidates() -> None:
    records = 30_000
    keys = np.asarray([(place // 2, 10**6 + place // 100) for place in range(records)]).ravel()
    alone = np.full(records, -1)
    few = candidates(two_each(keys), alone, cap=100)
    assert len(few) == records // 2
    assert set(Counter((few.other - few.one).tolist())) == {1}
    small = candidates(two_each(keys[:2000]), alone[:1000], cap=100)
    assert len(small) == 10 * (100 * 99 // 2)


HELD = st.lists(st.frozensets(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3), max_size=4), max_size=9)


@given(HELD, st.integers(1, 4))
def test_candidates_by_parts_of_the_keys_are_those_by_all(held: list[frozenset[int]], parts: int) -> None:
    flat = np.asarray([key for keys in held for key in sorted(keys)], dtype=np.int64)
    keys = Lists(flat, starts_of(np.asarray([len(each) for each in held], dtype=np.int64)))
    alone = np.full(len(held), -1)
    by_parts = [holders(keys, cap=5, part=(part, parts)) for part in range(parts)]
    found = united([pairs_within(each, alone, most=5) for each in by_parts], len(held))
    whole = candidates(keys, alone, cap=5)
    assert (found.one.tolist(), found.other.tolist()) == (whole.one.tolist(), whole.other.tolist())
    shared = Counter(key for each in held for key in each)
    together = [
        (one, other)
        for one, other in combinations(range(len(held)), 2)
        if any(shared[key] <= 5 for key in held[one] & held[other])
    ]
    assert list(zip(whole.one.tolist(), whole.other.tolist(), strict=True)) == together


def test_a_model_leaves_out_the_keys_that_bulk_matching_leaves_out() -> None:
    """Else ingest would compare records of a large population that bulk matching does not."""
    records = 30_000
    keys = np.asarray([(place // 2, 10**6 + place // 100) for place in range(records)]).ravel()
    alone = np.full(records, -1)
    left_out = common(two_each(keys), cap=100)
    assert left_out == {10**6 + hundred for hundred in range(records // 100)}
    kept = Lists(keys[::2], np.arange(records + 1))
    found, again = candidates(two_each(keys), alone, cap=100), candidates(kept, alone, cap=100)
    assert (found.one.tolist(), found.other.tolist()) == (again.one.tolist(), again.other.tolist())
    assert common(two_each(keys[:2000]), cap=100) == frozenset()
