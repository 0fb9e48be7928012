"""Files of codes: CSV with two named columns."""

import csv
from collections.abc import Iterator
from pathlib import Path

from clients.cli.mistake import Mistake


def rows(path: Path, *titles: str) -> Iterator[tuple[str, str]]:
    """Give two columns of a file, which its first line names; each key may come once. Raises Mistake with the line."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            places = _places(path, next(reader, []), titles)
            seen: dict[str, int] = {}
            for row in filter(None, reader):
                where = f"line {reader.line_num} of {path}"
                if len(row) <= max(places):
                    raise Mistake(f"{where} is too short", f"it needs {' and '.join(titles)}")
                key, value = (row[place].strip() for place in places)
                if not key:
                    raise Mistake(f"{where} has no {titles[0]}", "fill it in or leave the line out")
                if key in seen:
                    raise Mistake(f"{where} repeats {key!r}", f"line {seen[key]} has it as well")
                seen[key] = reader.line_num
                yield key, value
    except (UnicodeDecodeError, csv.Error) as error:
        raise Mistake(f"{path} can't be read: {error}", "save it as CSV in UTF-8") from error


def _places(path: Path, header: list[str], titles: tuple[str, ...]) -> list[int]:
    named = [cell.strip() for cell in header]
    if missing := [title for title in titles if title not in named]:
        raise Mistake(f"{path} has no column {missing[0]}", f"its first line has to name {' and '.join(titles)}")
    return [named.index(title) for title in titles]
