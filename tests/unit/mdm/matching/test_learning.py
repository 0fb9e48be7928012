"""Stewards' decisions move weights and cuts as far as they bear it out, and never do harm."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord.mdm.v1 import match_model_pb2, supplier_pb2
from services.mdm.domain.matching.columns.population import Pairs, Population, population
from services.mdm.domain.matching.learning.defaults import VETO, default_model
from services.mdm.domain.matching.learning.regression import Observations, fitted, rising
from services.mdm.domain.matching.learning.training import trained
from services.mdm.domain.matching.learning.weights import decided, even_odds, learnt
from services.mdm.domain.matching.measuring.labels import LabelledSet, decisions
from services.mdm.domain.matching.measuring.quality import measured
from services.mdm.domain.matching.model import MatchModel
from services.mdm.domain.matching.scoring.bulk import likenesses, scores
from services.mdm.domain.matching.standardising.profile import profile
from services.mdm.domain.types.supplier import SUPPLIER

NAMES = ("Acme Surgical", "Bolt Medical", "Cedar Labs", "Delta Implants", "Elm Devices", "Fir Pharma")
STREETS = ("Oak Street", "Main Street", "Lake Shore Drive", "Harbor Road")
PRECISION = 0.99


def token(value: str, purpose: str) -> str:
    return f"{purpose} {value}"


def firm(number: int, *, again: bool = False) -> supplier_pb2.Supplier:
    """A firm among many in few streets; `again` as a second system knows it."""
    name = f"{NAMES[number % 6]} {chr(97 + number // 6 % 26)}{chr(97 + number % 23)}ton"
    site: Any = {"address": {"address_lines": [f"{number % 9 + 1} {STREETS[number % 4]}"], "postal_code": "60601"}}
    phone = f"312-555-{1000 + 17 * number + (again and number % 3 == 0)}"
    return supplier_pb2.Supplier(legal_name=f"{name} Inc" if again else name, phone=phone, sites=[site])


FIRMS = [*(firm(number) for number in range(60)), *(firm(number, again=True) for number in range(60))]
POPULATION = population([profile(SUPPLIER, content, token) for content in FIRMS], [0] * 60 + [1] * 60)
MODEL, PAIRS = trained(SUPPLIER, POPULATION)
ONES, OTHERS = PAIRS.one.tolist(), PAIRS.other.tolist()


def above(model: MatchModel, of: Population = POPULATION, pairs: Pairs = PAIRS) -> list[int]:
    return [int(score) - even_odds(model) for score in scores(likenesses(of, pairs, model), model)]


def moved(model: MatchModel) -> int:
    """How far the weight that moved furthest did, millibits."""
    return max(
        abs(new - old)
        for ours, theirs in zip(MODEL.weights, model.weights, strict=True)
        for old, new in zip(ours.millibits, theirs.millibits, strict=True)
    )


def test_without_decisions_a_model_stays_as_it_is() -> None:
    assert learnt(MODEL, POPULATION, decided({}), PRECISION) == MODEL


@given(st.lists(st.sampled_from(range(len(PAIRS))), min_size=1, max_size=30, unique=True))
@settings(max_examples=30)
def test_decisions_that_the_model_expects_change_little(places: list[int]) -> None:
    sure = above(MODEL)
    known = {(ONES[place], OTHERS[place]): sure[place] > 0 for place in places if abs(sure[place]) > 6000}
    found = learnt(MODEL, POPULATION, decided(known), PRECISION)
    assert moved(found) <= 300
    assert abs(even_odds(found) - even_odds(MODEL)) <= 300


@given(
    st.dictionaries(st.sampled_from(range(len(PAIRS))), st.booleans(), min_size=1, max_size=40),
    st.randoms(use_true_random=False),
)
@settings(max_examples=40)
def test_whatever_was_decided_levels_keep_their_order_and_a_veto_stays(verdicts: dict[int, bool], mixed: Any) -> None:
    known = {(ONES[place], OTHERS[place]): same for place, same in verdicts.items()}
    found = learnt(MODEL, POPULATION, decided(known), PRECISION)
    for weights in found.weights:
        assert list(weights.millibits) == sorted(weights.millibits)
        assert all(type(each) is int for each in weights.millibits)
    assert found.weights[0].millibits[0] == MODEL.weights[0].millibits[0] == VETO
    assert found.decision_count == len(known)
    turned = [(pair[::-1], same) for pair, same in known.items()]
    mixed.shuffle(turned)
    assert learnt(MODEL, POPULATION, decided(dict(turned)), PRECISION) == found


@given(st.dictionaries(st.sampled_from(range(len(PAIRS))), st.booleans(), min_size=1, max_size=3))
@settings(max_examples=30)
def test_three_decisions_cannot_turn_a_model_round(verdicts: dict[int, bool]) -> None:
    known = {(ONES[place], OTHERS[place]): same for place, same in verdicts.items()}
    assert moved(learnt(MODEL, POPULATION, decided(known), PRECISION)) <= 1500


def test_an_attribute_that_misleads_loses_weight_by_what_stewards_decide() -> None:
    """Here a shared phone says nothing: it is the buying group's."""
    shared = [
        supplier_pb2.Supplier(legal_name=f"{NAMES[number % 6]} {chr(97 + number // 6)}", phone="312-555-0100")
        for number in range(48)
    ]
    of = population([profile(SUPPLIER, content, token) for content in shared])
    known = {(one, one + 6 * step): False for one in range(24) for step in (1, 2, 3)}
    before = default_model(SUPPLIER)
    found = learnt(before, of, decided(known), PRECISION)
    place = before.matching.index("phone")
    assert found.origin == match_model_pb2.MatchModel.ORIGIN_DECISIONS
    assert found.weights[place].millibits[-1] < before.weights[place].millibits[-1] - 500
    pairs = decided(known).pairs
    assert np.mean(above(found, of, pairs)) < np.mean(above(before, of, pairs)) - 2000


@pytest.mark.parametrize("seed", [2, 10, 17])
def test_what_would_link_decided_pairs_worse_than_before_is_not_learnt(seed: int) -> None:
    """Stewards who often contradict themselves: surer of most pairs, learning would find fewer of the links."""
    drawn = np.random.default_rng(seed)
    size = int(drawn.integers(20, len(PAIRS)))
    places = drawn.choice(len(PAIRS), size=size, replace=False)
    wrong = drawn.random(size) < drawn.choice([0.05, 0.15, 0.3])
    known = {
        (ONES[place], OTHERS[place]): (OTHERS[place] - ONES[place] == 60) != mistaken
        for place, mistaken in zip(places.tolist(), wrong.tolist(), strict=True)
    }
    found = learnt(MODEL, POPULATION, decided(known), PRECISION)
    assert found.weights == MODEL.weights
    assert found.review_millibits == MODEL.review_millibits
    assert found.decision_count == len(known)


def test_a_pair_that_a_rule_decides_teaches_nothing() -> None:
    leis = ("529900T8BM49AURSDO55", "5493001KJTIIGC8Y1R12")
    firms = [supplier_pb2.Supplier(legal_name="Acme Surgical", lei=lei) for lei in leis]
    of = population([profile(SUPPLIER, content, token) for content in firms])
    found = learnt(MODEL, of, decided({(0, 1): False}), PRECISION)
    assert found == replace(MODEL, decision_count=1)


def test_labels_of_half_raise_the_figure_of_the_other_half() -> None:
    """Names written so many ways that only what stewards linked tells which are one."""
    spoken = [("Columbia University", "Trustees of Columbia"), ("Stanford University", "Leland Junior Board")]
    left: list[supplier_pb2.Supplier] = []
    right: list[supplier_pb2.Supplier] = []
    truth: set[tuple[int, int]] = set()
    for number in range(60):
        word = f"{chr(97 + number % 26)}{chr(97 + number * 7 % 26)}{chr(97 + number * 3 % 26)}ville"
        known, other = (f"{name} {word}" for name in spoken[number % 2])
        right.append(supplier_pb2.Supplier(legal_name=known))
        for again in ("", " Office", " Division"):
            truth.add((len(left), number))
            left.append(supplier_pb2.Supplier(legal_name=f"{other}{again}"))
    pairs = frozenset((one, other + len(left)) for one, other in truth)
    labelled = LabelledSet(left, right, pairs)
    without, having = (measured(SUPPLIER, labelled, token, share) for share in (0.0, 0.5))
    assert having.f1 > without.f1 + 0.05
    assert having.candidate_recall >= without.candidate_recall


def test_the_figures_are_of_pairs_that_nobody_decided_on() -> None:
    labelled = LabelledSet(FIRMS[:60], FIRMS[60:], frozenset((number, number + 60) for number in range(60)))
    known = decisions(labelled, 0.5)
    asked, answers = known.truth(), dict.fromkeys(known.links(), True)
    assert asked | answers.keys() == labelled.truth
    assert 20 <= len(answers) <= 40
    assert known.across(labelled.truth) == asked
    assert decisions(labelled, 0.0).links() == []


def test_duplicates_of_one_thing_are_decided_on_together_or_not_at_all() -> None:
    truth = frozenset(pair for one in range(0, 120, 3) for pair in ((one, one + 1), (one + 1, one + 2)))
    known = decisions(LabelledSet(FIRMS, [], truth), 0.5)
    assert all(known.drawn[one] == known.drawn[other] for one, other in truth)
    assert 0 < len(known.links()) < len(truth)


def test_the_regression_finds_where_the_loss_is_least() -> None:
    columns = np.asarray([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    seen = Observations(columns, np.zeros(4), np.asarray([1.0, 0.0, 0.0, 1.0]))
    prior = np.asarray([0.5, -0.5])
    found = fitted(seen, prior, 2.0)
    residual = seen.target - 1 / (1 + np.exp(-(columns @ found)))
    assert found == pytest.approx(prior + columns.T @ residual / 2.0, abs=1e-6)


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 9)), min_size=1, max_size=12))
def test_values_that_fall_are_pooled_and_keep_their_mean(pairs: list[tuple[int, int]]) -> None:
    values, mass = (np.asarray(each, dtype=np.float64) for each in zip(*pairs, strict=True))
    found = rising(values, mass)
    assert (np.diff(found) >= -1e-9).all()
    assert float(found @ mass) == pytest.approx(float(values @ mass), abs=1e-6)
    assert rising(np.sort(values), mass) == pytest.approx(np.sort(values))
