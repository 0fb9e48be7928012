"""Filters and sort orders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.contract.filters import (
    And,
    Comparison,
    Expression,
    Not,
    Or,
    Order,
    parse_filter,
    parse_order,
    render,
)
from services.mesh.errors import ConcordError

A, B, C = (Comparison(path, "=", "1") for path in "abc")

paths = st.lists(st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True), min_size=1, max_size=3).map(".".join)
literals = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
comparisons = st.builds(Comparison, paths, st.sampled_from(["=", "!=", "<", "<=", ">", ">=", ":"]), literals)
expressions: st.SearchStrategy[Expression] = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)


def refusal(text: str) -> ConcordError | None:
    try:
        parse_filter(text)
    except ConcordError as error:
        return error
    return None


def position_of_refusal(text: str) -> int:
    error = refusal(text)
    assert error is not None
    assert error.reason == reasons.ERROR_REASON_INVALID_FILTER
    assert error.violations[0].field == "filter"
    return int(error.metadata["position"])


@given(expressions)
def test_what_is_rendered_is_read_back_the_same(expression: Expression) -> None:
    assert parse_filter(render(expression)) == expression


@given(st.text(st.sampled_from("ab.()=<>!:*-\"'\\ ANDORT,1\n\0é"), max_size=40))
def test_any_text_is_read_or_refused_with_a_position_inside_it(text: str) -> None:
    error = refusal(text)
    assert error is None or 1 <= int(error.metadata["position"]) <= len(text) + 1


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_blank_filter_is_none(text: str) -> None:
    assert parse_filter(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1", A),
        (" a = '1' ", A),
        ("a = 1 AND b = 1 AND c = 1", And((A, B, C))),
        ("a = 1 AND b = 1 OR c = 1", And((A, Or((B, C))))),
        ("a = 1 OR b = 1 AND c = 1", And((Or((A, B)), C))),
        ("(a = 1 AND b = 1) OR c = 1", Or((And((A, B)), C))),
        ("NOT a = 1", Not(A)),
        ("-a = 1", Not(A)),
        ("NOT(a = 1 OR b = 1)", Not(Or((A, B)))),
        ("-(a = 1)", Not(A)),
        ("a = 1 AND NOT b = 1", And((A, Not(B)))),
        ("((a = 1))", A),
        ("tax_ids.value:12*", Comparison("tax_ids.value", ":", "12*")),
        ('name : "Ac me*"', Comparison("name", ":", "Ac me*")),
        ("name:*", Comparison("name", ":", "*")),
        ("n >= -5", Comparison("n", ">=", "-5")),
        ("t<2026-11-24T08:00:00.5+01:00", Comparison("t", "<", "2026-11-24T08:00:00.5+01:00")),
        ("n != Böhm", Comparison("n", "!=", "Böhm")),
        (r'n = "a\"b\\c\'"', Comparison("n", "=", "a\"b\\c'")),
        ("""n = 'say "x"'""", Comparison("n", "=", 'say "x"')),
        ("n = ''", Comparison("n", "=", "")),
        ('n = "AND"', Comparison("n", "=", "AND")),
        ("ANDROID = NOTE OR ORDER = 1", Or((Comparison("ANDROID", "=", "NOTE"), Comparison("ORDER", "=", "1")))),
        ("a=1\nAND\tb=1", And((A, B))),
    ],
)
def test_the_subset_of_aip_160_is_understood(text: str, expected: Expression) -> None:
    assert parse_filter(text) == expected


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("a", 2),
        ("a =", 4),
        ("a = AND b = 1", 5),
        ("a = 1 b = 1", 7),
        ("a = 1 AND", 10),
        ("a == 1", 4),
        ("a ~ 1", 3),
        ("(a = 1", 7),
        ("a = 1)", 6),
        ("a = (1 OR 2)", 5),
        ("f(a) = 1", 2),
        ("NOT NOT a = 1", 5),
        ("AND a = 1", 1),
        ("1a = 1", 1),
        ("a. = 1", 2),
        ("a..b = 1", 2),
        ('a = "open', 5),
        (r'a = "\n"', 5),
        ("a = 1\0", 6),
        ('"bare"', 1),
        ("a = x,y", 6),
        ("é = 1", 1),
    ],
)
def test_what_is_outside_the_subset_is_refused_at_its_position(text: str, position: int) -> None:
    assert position_of_refusal(text) == position


def test_depth_is_bounded() -> None:
    assert parse_filter("(" * 16 + "a = 1" + ")" * 16) == A
    assert position_of_refusal("(" * 2000 + "a = 1" + ")" * 2000) == 18


def test_the_number_of_comparisons_is_bounded() -> None:
    assert isinstance(parse_filter(" AND ".join(["a = 1"] * 100)), And)
    assert position_of_refusal(" AND ".join(["a = 1"] * 101)) > 1000


def test_length_is_bounded() -> None:
    assert position_of_refusal("a = " + "1" * 5000) == 4097


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        (" ", ()),
        ("a", (Order("a"),)),
        ("a desc", (Order("a", descending=True),)),
        (" a.b  desc , c ", (Order("a.b", descending=True), Order("c"))),
        ("desc desc", (Order("desc", descending=True),)),
    ],
)
def test_a_sort_order_is_understood(text: str, expected: tuple[Order, ...]) -> None:
    assert parse_order(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        ",",
        "a,",
        "a,,b",
        ",a",
        "a DESC",
        "a asc",
        "a desc desc",
        "a b",
        "a.",
        "é",
        "a, a desc",
        "a;b",
        "a,b,c,d,e,f,g,h,i",
    ],
)
def test_any_other_sort_order_is_refused(text: str) -> None:
    with pytest.raises(ConcordError) as caught:
        parse_order(text)
    assert caught.value.reason == reasons.ERROR_REASON_INVALID_FILTER
    assert caught.value.violations[0].field == "order_by"
    assert int(caught.value.metadata["position"]) >= 1
