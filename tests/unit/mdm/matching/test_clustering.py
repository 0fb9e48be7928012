"""The partition of connected components: decisions, identifiers, scores, in that order, whatever order they come in."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mdm.domain.matching.grouping.clustering import (
    MOST_REVIEWS,
    Cuts,
    Doubt,
    Edge,
    Join,
    Node,
    Partition,
    Reason,
    Review,
    clusters,
)

CUTS = Cuts(review=5_000, link=10_000, margin=2_000)
NAMES = "abcdefg"


def nodes(*names: str, **more: Any) -> list[Node]:
    return [Node(name, f"systems/{name}", **more) for name in names]


def one_system(*names: str) -> list[Node]:
    return [Node(name, "systems/erp", free_of_duplicates=True) for name in names]


def test_a_pair_above_the_link_cut_is_joined_by_the_model() -> None:
    found = clusters(nodes("a", "b", "c"), [Edge("a", "b", 10_000)], CUTS)
    assert found == Partition((("a", "b"), ("c",)), (Join("a", "b", Reason.MODEL),), ())


def test_a_pair_between_the_cuts_waits_for_a_steward() -> None:
    found = clusters(nodes("a", "b"), [Edge("a", "b", 9_999)], CUTS)
    assert found.groups == (("a",), ("b",))
    assert found.reviews == (Review("a", "b", 9_999, Doubt.WEAK),)


def test_without_a_link_cut_nothing_is_linked_and_everything_waits() -> None:
    found = clusters(nodes("a", "b"), [Edge("a", "b", 90_000)], Cuts(5_000, None, 2_000))
    assert (found.groups, len(found.reviews)) == ((("a",), ("b",)), 1)


def test_equal_strong_identifiers_join_without_a_score() -> None:
    found = clusters(nodes("a", "b"), [], CUTS, identifier_links=[("b", "a")])
    assert found.joins == (Join("a", "b", Reason.IDENTIFIER),)


def test_a_must_link_joins_what_the_model_would_not() -> None:
    both = one_system("a", "b")
    found = clusters(both, [], CUTS, must_links=[("a", "b")])
    assert found.joins == (Join("a", "b", Reason.DECISION),)


def test_a_cannot_link_beats_every_score_and_is_not_asked_again() -> None:
    found = clusters(nodes("a", "b"), [Edge("a", "b", 90_000)], CUTS, cannot_links=[("b", "a")])
    assert (found.groups, found.reviews) == ((("a",), ("b",)), ())


def test_a_third_record_that_bridges_a_broken_pair_is_asked_about() -> None:
    edges = [Edge("a", "c", 30_000), Edge("b", "c", 20_000)]
    found = clusters(nodes("a", "b", "c"), edges, CUTS, cannot_links=[("a", "b")])
    assert found.groups == (("a", "c"), ("b",))
    assert found.reviews == (Review("b", "c", 20_000, Doubt.DECISION),)


def test_different_exclusive_identifiers_are_never_joined_not_even_through_a_third() -> None:
    one = Node("a", "x", exclusive=frozenset({("lei", "1")}))
    other = Node("b", "y", exclusive=frozenset({("lei", "2")}))
    edges = [Edge("a", "c", 30_000), Edge("b", "c", 20_000), Edge("a", "b", 30_000, "lei")]
    found = clusters([one, other, *nodes("c")], edges, CUTS)
    assert found.groups == (("a", "c"), ("b",))
    assert found.reviews == (Review("a", "b", 30_000, Doubt.CONTRADICTION),)


def test_a_close_second_of_a_system_without_duplicates_makes_both_wait() -> None:
    edges = [Edge("a", "x", 15_000), Edge("b", "x", 14_000)]
    found = clusters([*one_system("a", "b"), *nodes("x")], edges, CUTS)
    assert found.groups == (("a",), ("b",), ("x",))
    assert {each.doubt for each in found.reviews} == {Doubt.CLOSE_SECOND}


def test_the_best_of_a_system_without_duplicates_is_joined_when_the_second_is_far() -> None:
    edges = [Edge("a", "x", 19_000), Edge("b", "x", 14_000)]
    found = clusters([*one_system("a", "b"), *nodes("x")], edges, CUTS)
    assert (found.groups, found.reviews) == ((("a", "x"), ("b",)), ())


def test_a_second_that_may_be_the_same_thing_too_is_no_rival() -> None:
    edges = [Edge("a", "x", 15_000), Edge("b", "x", 14_500), Edge("a", "b", 14_000)]
    assert clusters(nodes("a", "b", "x"), edges, CUTS).groups == (("a", "b", "x"),)


def test_a_chain_is_not_followed_where_its_ends_have_nothing_in_common() -> None:
    chain = [
        Edge(one, other, 20_000 - number) for number, (one, other) in enumerate(zip("abcde", "bcdef", strict=True))
    ]
    found = clusters(nodes(*"abcdef"), chain, CUTS)
    assert max(map(len, found.groups)) <= 3
    assert Doubt.LOOSE in {each.doubt for each in found.reviews}


def test_of_one_record_only_the_best_few_pairs_wait() -> None:
    edges = [Edge("x", name, 6_000 + place) for place, name in enumerate("abcdef")]
    found = clusters(nodes("x", *"abcdef"), edges, CUTS)
    assert [each.millibits for each in found.reviews] == [6_005, 6_004, 6_003][:MOST_REVIEWS]


def test_an_edge_of_an_unknown_record_is_refused() -> None:
    with pytest.raises(KeyError):
        clusters(nodes("a"), [Edge("a", "b", 20_000)], CUTS)


pairs = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] != pair[1])
some_pairs = st.lists(pairs, max_size=4)
exclusives = st.sampled_from([frozenset(), frozenset({("lei", "1")}), frozenset({("lei", "2")})])


@st.composite
def components(draw: st.DrawFn) -> dict[str, Any]:
    def node(name: str) -> Node:
        return Node(name, draw(st.sampled_from("xyz")), draw(st.booleans()), draw(exclusives))

    scored = draw(
        st.dictionaries(pairs.map(lambda pair: (min(pair), max(pair))), st.integers(5_000, 20_000), max_size=14)
    )
    return {
        "nodes": [node(name) for name in NAMES],
        "edges": [Edge(one, other, score) for (one, other), score in scored.items()],
        "identifier_links": draw(some_pairs),
        "must_links": draw(some_pairs),
        "cannot_links": draw(some_pairs),
    }


def partition(component: dict[str, Any]) -> Partition:
    return clusters(
        component["nodes"],
        component["edges"],
        CUTS,
        **{name: component[name] for name in ("identifier_links", "must_links", "cannot_links")},
    )


@given(components(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_and_the_direction_of_pairs_do_not_matter(component: dict[str, Any], chance: Any) -> None:
    turned = {name: list(values) for name, values in component.items()}
    turned["edges"] = [Edge(edge.other, edge.one, edge.millibits) for edge in turned["edges"]]
    turned["cannot_links"] = [pair[::-1] for pair in turned["cannot_links"]]
    for values in turned.values():
        chance.shuffle(values)
    assert partition(turned) == partition(component)


@given(components())
def test_every_record_is_in_exactly_one_group_and_no_group_holds_what_was_kept_apart(component: dict[str, Any]) -> None:
    found = partition(component)
    assert sorted(name for group in found.groups for name in group) == list(NAMES)
    group_of = {name: group for group in found.groups for name in group}
    assert all(group_of[one] != group_of[other] for one, other in component["cannot_links"])


@given(components())
def test_a_must_link_holds_unless_decisions_contradict_one_another(component: dict[str, Any]) -> None:
    component["cannot_links"] = []
    group_of = {name: group for group in partition(component).groups for name in group}
    assert all(group_of[one] == group_of[other] for one, other in component["must_links"])


@given(components())
def test_the_machine_joins_no_different_leis_and_no_two_records_of_a_system_without_duplicates(
    component: dict[str, Any],
) -> None:
    component["must_links"] = []
    by_name = {node.name: node for node in component["nodes"]}
    for group in partition(component).groups:
        members = [by_name[name] for name in group]
        systems = [node.system for node in members if node.free_of_duplicates]
        assert len(set(systems)) == len(systems)
        assert len({value for node in members for _, value in node.exclusive}) <= 1


@given(components())
def test_what_waits_was_neither_joined_nor_decided(component: dict[str, Any]) -> None:
    found = partition(component)
    group_of = {name: group for group in found.groups for name in group}
    apart = {frozenset(pair) for pair in component["cannot_links"]}
    for review in found.reviews:
        assert group_of[review.one] != group_of[review.other]
        assert frozenset((review.one, review.other)) not in apart
