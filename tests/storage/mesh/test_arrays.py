"""PostgreSQL reads array literals back to what they were made of."""

from hypothesis import given
from hypothesis import strategies as st

from services.mesh.postgres.arrays import number_array, text_array
from services.mesh.postgres.database import Database, driver

TEXTS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))


def test_texts_and_numbers_come_back(database: Database) -> None:
    with database.reading() as connection:
        raw = driver(connection)

        @given(TEXTS, st.lists(st.integers(-(2**63), 2**63 - 1)))
        def comes_back(texts: list[str], numbers: list[int]) -> None:
            question = "SELECT %s::text[], %s::bigint[]"
            assert raw.execute(question, (text_array(texts), number_array(numbers))).fetchone() == (texts, numbers)

        comes_back()
