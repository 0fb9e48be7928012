"""The Tryton connector's cursor survives being kept as text."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.erp_adapter.connectors.tryton.cursor import Cursor

TIMES = st.none() | st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1))  # noqa: DTZ001 - hypothesis wants bounds without
IDS = st.frozensets(st.integers(1, 2**31 - 1)) | st.frozensets(st.integers(1, 30))
CURSORS = st.builds(
    Cursor,
    since=TIMES,
    began=TIMES,
    full=st.booleans(),
    model=st.sampled_from(["", "party.party"]),
    after=st.integers(0, 2**31 - 1),
    known=st.dictionaries(st.sampled_from(["party.party", "product.product"]), IDS),
)


@given(CURSORS)
def test_a_cursor_is_read_back(cursor: Cursor) -> None:
    assert Cursor.decode(cursor.encode()) == cursor


def test_no_text_is_the_beginning() -> None:
    assert Cursor.decode("") == Cursor()


@pytest.mark.parametrize("text", ["x", "7", "[]", "{}", '{"since": 3}', "null"])
def test_a_text_of_others_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Cursor.decode(text)


def test_a_hundred_thousand_rows_make_a_short_cursor() -> None:
    cursor = Cursor(datetime.now(UTC) - timedelta(days=1), known={"product.product": frozenset(range(1, 100_000))})
    assert len(cursor.encode()) < 200
