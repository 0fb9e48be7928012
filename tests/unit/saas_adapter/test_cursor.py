"""The SCIM connector's cursor survives being kept as text."""

import json
from datetime import UTC
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.saas_adapter.connectors.scim.cursor import Cursor

TIMES = st.none() | st.datetimes(timezones=st.just(UTC))
KEYS = st.frozensets(st.text())


@given(
    st.builds(
        Cursor, TIMES, TIMES, st.booleans(), st.sampled_from(["", "/Users"]), st.text(), KEYS, KEYS, st.booleans()
    )
)
def test_a_cursor_is_read_back(cursor: Cursor) -> None:
    assert Cursor.decode(cursor.encode()) == cursor


def test_a_cursor_from_before_employees_says_so() -> None:
    old = json.loads(Cursor(known=frozenset({"CostCenters/1"})).encode())
    del old["employees"]
    assert Cursor.decode(json.dumps(old)) == Cursor(known=frozenset({"CostCenters/1"}), employees=False)


def test_no_text_is_the_beginning() -> None:
    assert Cursor.decode("") == Cursor()


@pytest.mark.parametrize("text", ["x", "7", "[]", "{}", '{"since": 3}', "null"])
def test_a_text_of_others_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Cursor.decode(text)


@pytest.mark.parametrize("known", ["x", "AAAA"])
def test_keys_that_were_spoilt_are_refused(known: str) -> None:
    text = Cursor(known=frozenset({"CostCenters/1"})).encode()
    kept = text.split('"known":"')[1].split('"')[0]
    with pytest.raises(ValueError, match="not a cursor"):
        Cursor.decode(text.replace(kept, known))


def test_ten_thousand_cost_centers_make_a_cursor_that_a_database_takes() -> None:
    known = frozenset(f"CostCenters/{uuid4().hex}" for _ in range(10_000))
    assert len(Cursor(known=known).encode()) < 300_000
