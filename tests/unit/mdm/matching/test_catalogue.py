"""What training makes of real companies' names: the demo's suppliers, whose truth is known."""

from itertools import combinations

from services.mdm.domain.matching.grouping.clustering import Cuts, Node, clusters
from services.mdm.domain.matching.measuring.population_scores import Scoring
from tests.support.matching.catalogue_suppliers import companies, model, profiles

MOST_FOR_NOTHING = 500
"""What attributes in which two records differ may speak for them, millibits: no more than half a bit."""


def test_a_trained_model_links_what_is_one_company_and_nothing_else() -> None:
    trained, company = model(), companies()
    edges = [edge for part in Scoring(trained, profiles()).edges(10_000) for edge in part]
    nodes = [Node(code, "systems/erp") for code in profiles()]
    cuts = Cuts(trained.review_millibits, trained.link_millibits, trained.margin_millibits)
    groups = clusters(nodes, edges, cuts).groups
    assert all(len({company[code] for code in group}) == 1 for group in groups)
    assert sum(len(group) - 1 for group in groups) >= 50  # of 70 duplicates, without a look at identifiers


def test_what_hardly_any_pair_shows_does_not_speak_for_a_pair() -> None:
    """All telephones are of one exchange, categories are equal or have nothing in common: no level lifts the others."""
    trained, known = model(), profiles()
    for code, other in combinations(list(known)[:60], 2):
        parts = trained.score(known[code], known[other]).parts
        assert all(part.millibits <= MOST_FOR_NOTHING for part in parts if part.level == 0), (code, other)
    weights = trained.weights[trained.matching.index("classification")].millibits
    assert max(weights) < 4_000  # one pair in eight is of one category
