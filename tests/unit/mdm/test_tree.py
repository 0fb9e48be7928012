from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from services.mdm.domain.tree import Difference, Member, Tree, Wrong, bare, differences


def tree(*edges: tuple[str, str]) -> Tree:
    return Tree(Member(f"costCenters/{key}", key, f"Ward {key}", parent) for key, parent in edges)


def drawn(found: Tree) -> list[str]:
    return ["  " * node.depth + node.member.key for node in found.nodes]


HOSPITAL = (("ALL", ""), ("NURSE", "ALL"), ("ICU", "NURSE"), ("ED", "nurse "), ("LAB", "ALL"), ("ALONE", ""))

edges = st.lists(
    st.tuples(st.sampled_from("ABCDEFGH"), st.sampled_from(["", *"ABCDEFGHX"])), unique_by=lambda edge: edge[0]
)
amounts = st.dictionaries(
    st.sampled_from("ABCDEFGHXY"), st.dictionaries(st.sampled_from(["USD", "EUR"]), st.integers(-(10**12), 10**12))
)


def test_what_hangs_together_is_drawn_parents_first_and_siblings_by_key() -> None:
    assert drawn(tree(*HOSPITAL)) == ["ALL", "  LAB", "  NURSE", "    ED", "    ICU"]
    assert tree(*HOSPITAL).problems == ()


def test_a_part_is_a_node_with_what_is_below_it() -> None:
    part = tree(*HOSPITAL).under("Nurse")
    assert part is not None
    assert [node.member.key for node in part] == ["NURSE", "ED", "ICU"]
    assert tree(*HOSPITAL).under("ALONE") is None


def test_an_orphan_stays_visible_and_is_a_problem() -> None:
    found = tree(("A", "GONE"), ("B", "A"))
    assert drawn(found) == ["A", "  B"]
    assert [(problem.kind, problem.key) for problem in found.problems] == [(Wrong.ORPHAN, "A")]


def test_a_cycle_is_named_once_with_everything_that_hangs_in_it() -> None:
    found = tree(("A", "C"), ("B", "A"), ("C", "B"), ("D", "C"), ("R", ""), ("S", "R"))
    assert drawn(found) == ["R", "  S"]
    (problem,) = found.problems
    assert (problem.kind, problem.key, problem.description) == (Wrong.CYCLE, "A", "hangs below itself: A → C → B → A")
    assert set(problem.records) == {f"costCenters/{key}" for key in "ABCD"}


def test_two_records_with_one_key_are_a_problem() -> None:
    twins = Tree([Member("costCenters/1", "A", "", ""), Member("costCenters/2", "a", "", "B")])
    assert [problem.kind for problem in twins.problems] == [Wrong.AMBIGUOUS_KEY]


def test_amounts_add_up_along_the_tree_and_what_has_no_place_is_told() -> None:
    totals, unplaced = tree(*HOSPITAL).roll_up(
        {"ICU": {"USD": 5}, "ed": {"USD": 7, "EUR": 1}, "NURSE": {"USD": 1}, "ALONE": {"USD": 9}, "?": {"USD": 1}}
    )
    assert {total.node.member.key: (dict(total.own), dict(total.total)) for total in totals} == {
        "ALL": ({}, {"USD": 13, "EUR": 1}),
        "NURSE": ({"USD": 1}, {"USD": 13, "EUR": 1}),
        "ICU": ({"USD": 5}, {"USD": 5}),
        "ED": ({"USD": 7, "EUR": 1}, {"USD": 7, "EUR": 1}),
    }
    assert unplaced == ("ALONE", "?")


def test_a_comparison_tells_who_moved_came_and_went() -> None:
    after = tree(("ALL", ""), ("NURSE", "LAB"), ("ICU", "NURSE"), ("LAB", "ALL"), ("ALONE", "ALL"))
    assert differences(tree(*HOSPITAL), after) == [
        Difference("costCenters/ALONE", "ALONE", None, "ALL"),
        Difference("costCenters/ED", "ED", "nurse ", None),
        Difference("costCenters/NURSE", "NURSE", "ALL", "LAB"),
    ]


@given(edges)
def test_every_member_is_in_the_tree_once_or_named_in_a_cycle(found: list[tuple[str, str]]) -> None:
    whole = tree(*found)
    placed = Counter(node.member.name for node in whole.nodes)
    circling = {name for problem in whole.problems if problem.kind is Wrong.CYCLE for name in problem.records}
    assert set(placed.values()) <= {1}
    assert placed.keys() | circling == whole.places().keys()
    assert not placed.keys() & circling


@given(edges, amounts)
def test_roots_hold_everything_that_was_booked_in_the_tree(
    found: list[tuple[str, str]], booked: dict[str, dict[str, int]]
) -> None:
    totals, unplaced = tree(*found).roll_up(booked)
    at_roots: defaultdict[str, int] = defaultdict(int)
    for total in totals:
        for currency, nanos in total.total.items() if total.node.depth == 0 else ():
            at_roots[currency] += nanos
    expected: defaultdict[str, int] = defaultdict(int)
    for key, by_currency in booked.items():
        for currency, nanos in by_currency.items() if key not in unplaced else ():
            expected[currency] += nanos
    assert {c: n for c, n in at_roots.items() if n} == {c: n for c, n in expected.items() if n}
    assert {bare(key) for key in unplaced}.isdisjoint(bare(node.member.key) for node in tree(*found).nodes)


@given(edges)
def test_a_tree_does_not_differ_from_itself(found: list[tuple[str, str]]) -> None:
    assert differences(tree(*found), tree(*reversed(found))) == []
