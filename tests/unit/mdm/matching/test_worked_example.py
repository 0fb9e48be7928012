"""The worked example of docs/matching.md, computed anew: what the page tells is what the code does."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.mdm.domain.match_reasons import reasons
from services.mdm.domain.matching.blocking.keys import block_keys
from services.mdm.domain.matching.grouping.clustering import Cuts, Doubt, Node, clusters
from services.mdm.domain.matching.measuring.population_scores import Scoring
from services.mdm.domain.matching.standardising.profile import Profile
from tests.support.matching.catalogue_suppliers import companies, model, names, profiles

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "matching.md").read_text()
ONE, OTHER = "V100009", "V200114"
COMPANY, PARENT = "V100008", "V100416"


def test_the_page_tells_what_each_attribute_weighs() -> None:
    told = "\n".join(_table())
    assert told in PAGE, told


def test_the_page_tells_what_block_keys_the_two_share() -> None:
    told = "\n".join(_keys())
    assert told in PAGE, told


@pytest.mark.parametrize("place", range(3))
def test_the_page_tells_cuts_and_next_candidates(place: int) -> None:
    told = _sentences()[place]
    assert told in PAGE.replace("\n", " "), told


def test_the_two_are_linked_by_the_model_and_the_contradiction_waits() -> None:
    trained, known = model(), profiles()
    edges = [edge for part in Scoring(trained, known).edges(10_000) for edge in part]
    cuts = Cuts(trained.review_millibits, trained.link_millibits, trained.margin_millibits)
    partition = clusters([Node(code, "systems/erp") for code in known], edges, cuts)
    (together,) = (group for group in partition.groups if ONE in group)
    assert OTHER in together
    doubts = {frozenset((review.one, review.other)): review.doubt for review in partition.reviews}
    assert doubts[frozenset((COMPANY, PARENT))] is Doubt.CONTRADICTION
    assert companies()[OTHER] == ONE


def _table() -> Iterator[str]:
    one, other = profiles()[ONE], profiles()[OTHER]
    for reason in reasons(model(), model().score(one, other)):
        place = model().matching.index(reason.attribute)
        values = " | ".join(", ".join(each.values[place]) for each in (one, other))
        yield f"| {reason.attribute} | {values} | {reason.finding} | {_bits(reason.millibits, '+')} |"
    yield f"| **sum** | | | | **{_bits(model().score(one, other).millibits, '+')}** |"


def _keys() -> Iterator[str]:
    one, other = profiles()[ONE], profiles()[OTHER]
    for key in model().matching.keys:
        alone = replace(model(), matching=replace(model().matching, keys=(key,)))
        ours, theirs = (set(block_keys(_without_identifiers(each), alone)) for each in (one, other))
        if ours & theirs:
            parts = " × ".join(f"{attribute} ({feature.value})" for attribute, feature in key.parts)  # noqa: RUF001 - as printed
            yield f"| {parts} | {len(ours & theirs)} of {len(ours)} and {len(theirs)} |"


def _sentences() -> list[str]:
    trained, known = model(), profiles()
    assert trained.link_millibits is not None
    score = trained.score(known[COMPANY], known[PARENT])
    stranger = max(
        (trained.score(known[each], found).millibits, names()[code])
        for each in (ONE, OTHER)
        for code, found in known.items()
        if companies()[code] != ONE
    )
    cuts = (trained.link_millibits, trained.review_millibits, trained.margin_millibits)
    link, review, margin = map(_bits, cuts)
    pair, differing = f"*{names()[COMPANY]}* and *{names()[PARENT]}*", score.forbidden.upper()
    return [
        f"a link cut of {link} bits, a review cut of {review} and a margin of {margin}",
        f"the best stranger, {stranger[1]}, has {_bits(stranger[0])} bits",
        f"{pair} reach {_bits(score.millibits)} bits and differ in their {differing}",
    ]


def _without_identifiers(profile: Profile) -> Profile:
    return replace(profile, identifiers=())


def _bits(millibits: int, sign: str = "") -> str:
    return f"{millibits / 1000:{sign}.1f}".replace("-", "−")  # noqa: RUF001 - as printed
