"""Tables in files: rows of CSV or Parquet with the line that each begins in, read one after another."""

import codecs
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.cli.files.cells import Cell
from clients.cli.mistake import Mistake

PARQUET = ".parquet"
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}

_BYTE_ORDER_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_DEFAULT_ENCODING = "utf-8-sig"
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True)
class Row:
    """One row: the line that it begins in (of Parquet its number, from 1 on), its cells by column.

    `problem` says what is wrong with the row as a whole; then there are no cells.
    """

    line: int
    cells: Mapping[str, Cell]
    problem: str = ""


class CsvFile:
    """A CSV file as RFC 4180 has it; encoding and delimiter are found by byte-order mark and header, or declared."""

    def __init__(self, path: Path, encoding: str = "", delimiter: str = "") -> None:
        self._path = path
        self._encoding = encoding or self._marked()
        self._delimiter = delimiter or self._found_delimiter()
        self.header: Sequence[str] = self._header()

    def __iter__(self) -> Iterator[Row]:
        lines = self._lines()
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        next(reader, None)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                hint = "a quote that is not closed, or not doubled inside a quoted cell"
                raise Mistake(f"{self._path} line {line} is no CSV: {error}", hint) from error
            if cells is None:
                return
            if cells:
                yield self._row(line, cells)

    def _row(self, line: int, cells: list[str]) -> Row:
        if len(cells) != len(self.header):
            counted = f"has {len(cells)} cells where the header has {len(self.header)}"
            return Row(line, {}, f"{counted}: is a cell with {self._delimiter!r} not quoted?")
        return Row(line, dict(zip(self.header, cells, strict=True)))

    def _header(self) -> list[str]:
        names = [name.strip() for name in next(csv.reader(self._lines(), delimiter=self._delimiter), [])]
        if not any(names):
            raise Mistake(f"{self._path} has no header", "its first line has to name the columns")
        return names

    def _found_delimiter(self) -> str:
        """Return the delimiter that parts the header most often: it holds names of columns, seldom a second one."""
        first = next(self._lines(), "")
        return max(DELIMITERS.values(), key=first.count)

    def _marked(self) -> str:
        try:
            with self._path.open("rb") as file:
                return _BYTE_ORDER_MARKS.get(file.read(2), _DEFAULT_ENCODING)
        except OSError as error:
            raise Mistake(f"{self._path} can't be read: {error.strerror}") from error

    def _lines(self) -> Iterator[str]:
        """Yield the lines as text. Raises Mistake, which names the line that is in another encoding."""
        number = 0
        try:
            with self._path.open(encoding=self._encoding, newline="") as file:
                for number, line in enumerate(file, 1):  # noqa: B007 - told below
                    yield line
        except (OSError, LookupError) as error:
            raise Mistake(f"{self._path} can't be read: {error}", "see --encoding") from error
        except UnicodeError as error:
            broken = _undecodable(self._path, self._encoding, number)
            hint = "declare how it is written, such as --encoding cp1252"
            raise Mistake(f"{self._path} line {broken} is not in {self._encoding}", hint) from error


class ParquetFile:
    """A Parquet file; reading one takes DuckDB, which is not installed with the command line unless asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.header: Sequence[str] = [name for name, *_ in self._read().description]

    def __iter__(self) -> Iterator[Row]:
        found, number = self._read(), 0
        while rows := found.fetchmany(_ROWS_AT_ONCE):
            for cells in rows:
                number += 1
                yield Row(number, dict(zip(self.header, cells, strict=True)))

    def _read(self) -> Any:
        try:
            import duckdb  # noqa: PLC0415 - 70 MB that few need
        except ImportError as error:
            raise Mistake("Parquet files take DuckDB", "pip install 'concord[parquet]', or export CSV") from error
        # Nothing is fetched from anywhere: a file is a file.
        settings: dict[str, Any] = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        try:
            path = str(self._path.resolve(strict=True))
            return duckdb.connect(config=settings).execute("SELECT * FROM read_parquet([?])", [path])
        except (OSError, duckdb.Error) as error:
            raise Mistake(f"{self._path} can't be read as Parquet: {error}") from error


Table = CsvFile | ParquetFile


def opened(path: Path, encoding: str = "", delimiter: str = "") -> Table:
    """Open a table by its file's name. Raises Mistake."""
    if path.suffix.lower() == PARQUET:
        if encoding or delimiter:
            raise Mistake("Parquet has no encoding and no delimiter", "leave them out")
        return ParquetFile(path)
    return CsvFile(path, encoding, delimiter)


def _undecodable(path: Path, encoding: str, fallback: int) -> int:
    """Return the first line that is not in an encoding; the one after what was read where lines tell nothing."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode(encoding)
            except UnicodeError:
                return number
    return fallback + 1
