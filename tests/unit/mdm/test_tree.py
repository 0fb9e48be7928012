from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from services.mdm.domain.tree import Member, Tree, Wrong, bare, differences

NORTH, SOUTH = "entities/north", "entities/south"


def tree(*edges: tuple[str, str]) -> Tree:
    return Tree(Member(f"costCenters/{key}", NORTH, key, f"Ward {key}", parent_key=parent) for key, parent in edges)


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
    whole = tree(*HOSPITAL)
    assert [node.member.key for node in whole.under((NORTH, "nurse"))] == ["NURSE", "ED", "ICU"]
    assert whole.find(NORTH, "Nurse ") == (NORTH, "nurse")
    assert whole.find(NORTH, "ALONE") is None


def test_a_tree_spans_scopes_and_a_key_is_found_in_its_own_scope_first() -> None:
    whole = Tree(
        [
            Member("costCenters/1", NORTH, "ALL"),
            Member("costCenters/2", SOUTH, "ALL", parent_scope=NORTH, parent_key="ALL"),
            Member("costCenters/3", SOUTH, "ICU", parent_key="ALL"),
        ]
    )
    assert [(node.member.scope, node.member.key, node.depth) for node in whole.nodes] == [
        (NORTH, "ALL", 0),
        (SOUTH, "ALL", 1),
        (SOUTH, "ICU", 2),
    ]
    assert (whole.find(NORTH, "all"), whole.find(SOUTH, "all")) == ((NORTH, "all"), (SOUTH, "all"))
    assert (whole.find(NORTH, "icu"), whole.find("entities/west", "all")) == ((SOUTH, "icu"), None)
    assert whole.find(NORTH, "icu", exactly=True) is None
    assert whole.problems == ()
    part = Tree(member for member in whole.places.values() if member.scope == SOUTH)
    assert [(node.member.key, node.depth) for node in part.nodes] == [("ALL", 0), ("ICU", 1)]
    assert part.problems == (), "what stands above is not of this tree"


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
    twins = Tree([Member("costCenters/1", NORTH, "A"), Member("costCenters/2", NORTH, "a", parent_key="B")])
    assert [problem.kind for problem in twins.problems] == [Wrong.AMBIGUOUS_KEY]


def test_amounts_add_up_along_the_tree() -> None:
    booked = {"icu": {"USD": 5}, "ed": {"USD": 7, "EUR": 1}, "nurse": {"USD": 1}, "alone": {"USD": 9}}
    totals = tree(*HOSPITAL).roll_up({(NORTH, key): amounts for key, amounts in booked.items()})
    assert {total.node.member.key: (dict(total.own), dict(total.total)) for total in totals} == {
        "ALL": ({}, {"USD": 13, "EUR": 1}),
        "NURSE": ({"USD": 1}, {"USD": 13, "EUR": 1}),
        "ICU": ({"USD": 5}, {"USD": 5}),
        "ED": ({"USD": 7, "EUR": 1}, {"USD": 7, "EUR": 1}),
    }


def test_a_comparison_tells_who_moved_came_and_went() -> None:
    after = tree(("ALL", ""), ("NURSE", "LAB"), ("ICU", "NURSE"), ("LAB", "ALL"), ("ALONE", "ALL"))
    told = [
        (each.member.key, each.before and each.before.parent_key, each.after and each.after.parent_key)
        for each in differences(tree(*HOSPITAL), after)
    ]
    assert told == [("ALONE", None, "ALL"), ("ED", "nurse ", None), ("NURSE", "ALL", "LAB")]


@given(edges)
def test_every_member_is_in_the_tree_once_or_named_in_a_cycle(found: list[tuple[str, str]]) -> None:
    whole = tree(*found)
    placed = Counter(node.member.name for node in whole.nodes)
    circling = {name for problem in whole.problems if problem.kind is Wrong.CYCLE for name in problem.records}
    assert set(placed.values()) <= {1}
    assert placed.keys() | circling == whole.places.keys()
    assert not placed.keys() & circling


@given(edges, amounts)
def test_roots_hold_everything_that_was_booked_in_the_tree(
    found: list[tuple[str, str]], booked: dict[str, dict[str, int]]
) -> None:
    whole = tree(*found)
    placed = {node.member.place for node in whole.nodes}
    expected: defaultdict[str, int] = defaultdict(int)
    for key, by_currency in booked.items():
        for currency, nanos in by_currency.items() if (NORTH, bare(key)) in placed else ():
            expected[currency] += nanos
    at_roots: defaultdict[str, int] = defaultdict(int)
    for total in whole.roll_up({(NORTH, bare(key)): by_currency for key, by_currency in booked.items()}):
        for currency, nanos in total.total.items() if total.node.depth == 0 else ():
            at_roots[currency] += nanos
    assert at_roots == expected


@given(edges)
def test_a_tree_does_not_differ_from_itself(found: list[tuple[str, str]]) -> None:
    assert differences(tree(*found), tree(*reversed(found))) == []
