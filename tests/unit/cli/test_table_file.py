"""Tables in files: every row is read, whatever the file is written like, and what can't be read is told by its line."""

import csv
import io
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.cli.files.table_file import CsvFile, opened
from clients.cli.mistake import Mistake

HEADER = ["No", "Name", "Straße"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def written(directory: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path = directory / "table.csv"
    path.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
    return path


def as_csv(rows: Sequence[Sequence[str]], delimiter: str, ends: str) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=ends, quoting=csv.QUOTE_ALL)
    writer.writerows([HEADER, *rows])
    return text.getvalue()


@given(
    st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=8),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_every_row_is_read_as_it_was_written(
    rows: list[tuple[str, str, str]], delimiter: str, ends: str, encoding: str
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        table = CsvFile(written(Path(directory), as_csv(rows, delimiter, ends), encoding))
        assert table.header == HEADER
        assert [tuple(row.cells.values()) for row in table] == rows


def test_a_row_has_the_line_that_it_begins_in(tmp_path: Path) -> None:
    table = CsvFile(written(tmp_path, 'a,b\n1,"x\ny"\n\n2,z\n'))
    assert [(row.line, row.cells["a"]) for row in table] == [(2, "1"), (5, "2")]


def test_an_encoding_is_declared_where_it_is_another(tmp_path: Path) -> None:
    path = written(tmp_path, "No;Name\n1;Ä\n2;Müller\n", "cp1252")
    with pytest.raises(Mistake, match="line 2 is not in utf-8") as raised:
        list(CsvFile(path))
    assert "--encoding" in raised.value.hint
    assert [row.cells["Name"] for row in CsvFile(path, "cp1252")] == ["Ä", "Müller"]
    with pytest.raises(Mistake, match="unknown encoding"):
        CsvFile(path, "klingon")


def test_a_row_with_too_many_cells_is_a_problem_of_that_row(tmp_path: Path) -> None:
    good, broken, also_good = CsvFile(written(tmp_path, "a,b\n1,2\n1,2,3\n3,4\n"))
    assert (good.problem, also_good.problem, also_good.line) == ("", "", 4)
    assert "has 3 cells where the header has 2" in broken.problem


def test_a_quote_that_is_not_closed_is_told_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="line 3 is no CSV"):
        list(CsvFile(written(tmp_path, 'a,b\n1,2\n3,"4\n5,6\n')))


@pytest.mark.parametrize("content", ["", "\n", ",,\n1,2,3\n"])
def test_a_file_without_a_header_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(Mistake, match="has no header"):
        CsvFile(written(tmp_path, content))


def test_parquet_is_read_with_its_types(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    made = duckdb.sql(
        "SELECT n AS no, 1.50::DECIMAL(9, 2) AS price, DATE '2026-03-04' AS day, true AS on_hold, NULL AS nothing, "
        "TIMESTAMP '2026-03-04 10:00:00' AT TIME ZONE 'UTC' AS at FROM range(1, 2502) r(n)"
    )
    assert made is not None
    made.write_parquet(str(path))
    table = opened(path)
    rows = list(table)
    assert table.header == ["no", "price", "day", "on_hold", "nothing", "at"]
    assert [row.line for row in rows] == list(range(1, 2502))
    *values, at = rows[-1].cells.values()
    assert values == [2501, Decimal("1.50"), date(2026, 3, 4), True, None]
    assert isinstance(at, datetime)
    assert at.astimezone(UTC) == datetime(2026, 3, 4, 10, tzinfo=UTC)


def test_what_is_no_parquet_is_told(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    path.write_bytes(b"no parquet")
    with pytest.raises(Mistake, match="can't be read as Parquet"):
        opened(path)
    with pytest.raises(Mistake, match="no encoding"):
        opened(path, encoding="cp1252")
