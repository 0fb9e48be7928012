"""Which estimate counts: expectation maximisation alone, the mean of both, the anchored one alone, or none."""

from typing import Any

import numpy as np
import pytest

from concord.mdm.v1 import employee_pb2, match_model_pb2, supplier_pb2
from services.mdm.domain.matching.columns.population import Pairs, Population, population
from services.mdm.domain.matching.learning import estimation
from services.mdm.domain.matching.learning.estimation import estimated
from services.mdm.domain.matching.learning.training import trained
from services.mdm.domain.matching.model import MatchModel
from services.mdm.domain.matching.scoring.bulk import likenesses, scores
from services.mdm.domain.matching.standardising.profile import profile
from services.mdm.domain.types.employee import EMPLOYEE
from services.mdm.domain.types.supplier import SUPPLIER

Model = match_model_pb2.MatchModel
GIVEN = ("Ann", "Bob", "Carl", "Dora", "Emil", "Fay", "Gus", "Hal", "Ida", "Jon", "Kim", "Leo")
FAMILY = ("Abel", "Bauer", "Cohen", "Diaz", "Evans", "Fuchs", "Gomez", "Huang", "Ivanov", "Jones", "Klein", "Lopez")


def token(value: str, _purpose: str) -> str:
    return value


def people(size: int, *, days: int, twice: int = 0) -> Population:
    """People of two names and a date of birth; the first `twice` of them are there a second time."""
    drawn = np.random.default_rng(5).integers(0, (12, 12, days, 3), size=(size, 4)).tolist()
    said: list[Any] = [
        employee_pb2.Employee(
            given_name=GIVEN[first],
            family_name=FAMILY[last],
            birth_date={"year": 1950 + day // 336, "month": day // 28 % 12 + 1, "day": day % 28 + 1},
        )
        for first, last, day, _ in (*drawn, *drawn[:twice])
    ]
    return population([profile(EMPLOYEE, each, token) for each in said])


def linked(model: MatchModel, of: Population, pairs: Pairs) -> set[tuple[int, int]]:
    if model.link_millibits is None:
        return set()
    above = np.flatnonzero(scores(likenesses(of, pairs, model), model) >= model.link_millibits)
    return set(zip(pairs.one[above].tolist(), pairs.other[above].tolist(), strict=True))


def test_two_names_and_a_date_without_duplicates_do_not_collapse_into_links() -> None:
    """Blind expectation maximisation finds two classes here though there is one: it links strangers by the hundred."""
    of = people(400, days=8000)
    model, pairs = trained(EMPLOYEE, of)
    found = likenesses(of, pairs, model)
    evidence = estimation._evidence(model, of, pairs, found)
    defaults = [estimation._bits(weights.millibits) for weights in model.weights]
    blind = estimation._linked(evidence, estimation._expected(evidence, defaults))
    assert int(blind.sum()) > 20
    assert linked(model, of, pairs) == set()


def agreeing(monkeypatch: pytest.MonkeyPatch, share: float) -> tuple[MatchModel, list[Any]]:
    """Estimate with two estimates that agree on a share of what they link; return the model and both estimates."""
    of = people(60, days=4000, twice=40)
    before, pairs = trained(EMPLOYEE, of)
    seen: list[Any] = []

    def agreement(_: Any, *both: Any) -> float:
        seen.extend(both)
        return share

    monkeypatch.setattr(estimation, "_agreement", agreement)
    return estimated(before, of, pairs), seen


def prior(estimate: Any) -> int:
    return round(1000 * (float(estimate.prior) + 2))


@pytest.mark.parametrize("share", [0.95, 1.0])
def test_where_both_link_nearly_the_same_expectation_counts_alone(
    monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    model, (_, expected) = agreeing(monkeypatch, share)
    assert (model.origin, model.link_millibits) == (Model.ORIGIN_EXPECTATION, prior(expected))


@pytest.mark.parametrize("share", [0.5, 0.949])
def test_where_both_link_mostly_the_same_their_mean_counts(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    model, (anchored, expected) = agreeing(monkeypatch, share)
    assert model.origin == Model.ORIGIN_EXPECTATION
    assert model.link_millibits == pytest.approx((prior(anchored) + prior(expected)) / 2, abs=1)
    for place, weights in enumerate(model.weights):
        mean = 500 * (anchored.weights[place] + expected.weights[place])
        assert weights.millibits[1:] == pytest.approx(mean[1:], abs=1)


@pytest.mark.parametrize("share", [0.0, 0.499])
def test_where_expectation_links_something_else_the_anchored_estimate_counts_alone(
    monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    model, (anchored, _) = agreeing(monkeypatch, share)
    assert (model.origin, model.link_millibits) == (Model.ORIGIN_ANCHORED, prior(anchored))


def test_agreement_is_the_share_of_links_that_both_make() -> None:
    of = people(60, days=4000, twice=40)
    model, pairs = trained(EMPLOYEE, of)
    evidence = estimation._evidence(model, of, pairs, likenesses(of, pairs, model))
    weights = [estimation._bits(each.millibits) for each in model.weights]
    all_of_them, none = estimation._Estimate(weights, -999.0), estimation._Estimate(weights, 999.0)
    assert estimation._agreement(evidence, all_of_them, all_of_them) == 1
    assert estimation._agreement(evidence, all_of_them, none) == 0


def test_without_candidates_or_with_one_thing_said_nothing_is_linked() -> None:
    alone = population([profile(EMPLOYEE, employee_pb2.Employee(given_name="Ann", family_name="Abel"), token)])
    assert trained(EMPLOYEE, alone)[0].link_millibits is None
    named = [employee_pb2.Employee(given_name=GIVEN[number % 12]) for number in range(40)]
    assert trained(EMPLOYEE, population([profile(EMPLOYEE, each, token) for each in named]))[0].link_millibits is None


@pytest.mark.parametrize("firms", [8, 15, 30])
def test_what_all_records_agree_on_weighs_nothing_however_few_they_are(firms: int) -> None:
    said = [
        supplier_pb2.Supplier(
            legal_name=f"{GIVEN[number % 12]} {FAMILY[number * 5 % 12]} Devices {number}",
            phone=f"+1 312 555 {1000 + 17 * number}",
            website="https://portal.example",
        )
        for number in range(firms)
    ]
    of = population([profile(SUPPLIER, each, token) for each in (*said, *said)], [0] * firms + [1] * firms)
    model, _ = trained(SUPPLIER, of)
    assert max(model.weights[model.matching.index("website")].millibits) < 250
    assert model.weights[model.matching.index("phone")].millibits[-1] > 2000
