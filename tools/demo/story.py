"""How the demo tells its story: chapters, steps with their durations, tables; and the figures behind it."""

import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO, TypeAlias

WIDTH = 100
_INDENT = "   "
_GAP = "  "

Figure: TypeAlias = "int | float | str | bool | Sequence[str] | dict[str, Figure]"


class DisagreementError(Exception):
    """A figure is not what it has to be."""


class Story:
    """Prints as it goes and keeps the figures; safe in threads.

    `figures` maps a chapter's key to its figures by name; `seconds` maps it to how long it took.
    """

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self.figures: dict[str, dict[str, Figure]] = {}
        self.seconds: dict[str, float] = {}
        self._out = out
        self._lock = threading.Lock()
        self._chapter = ""
        self._began = self._last = time.monotonic()

    @contextmanager
    def chapter(self, key: str, title: str) -> Iterator[None]:
        """Tell a chapter and how long it took."""
        self._chapter = key
        self.figures[key] = {}
        self._say(f"\n{len(self.figures)}. {title}")
        began = self._last = time.monotonic()
        yield
        self.seconds[key] = round(time.monotonic() - began, 2)
        self._say(f"{_INDENT}— {self.seconds[key]:.1f} s".rjust(WIDTH))

    @property
    def total_s(self) -> float:
        """How long the story has taken so far."""
        return round(time.monotonic() - self._began, 2)

    def tell(self, text: str) -> None:
        """Tell a paragraph."""
        self._say(textwrap.fill(text, WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT))

    def done(self, what: str) -> None:
        """Tell that a step is done, and when since the chapter before it began or its last step."""
        with self._lock:
            now = time.monotonic()
            took, self._last = now - self._last, now
        self._say(f"{_INDENT}✓ {what}".ljust(WIDTH - 8) + f"{took:6.1f} s")

    def close(self, text: str) -> None:
        """Tell the end."""
        self._say(f"\n✓ {text}")

    def table(self, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Tell a table; numbers stand right, and what is too long for the page is cut."""
        for line in table_lines(header, rows, WIDTH - len(_INDENT)):
            self._say(_INDENT + line)

    def figure(self, name: str, value: Figure) -> None:
        """Keep a figure of this chapter."""
        self.figures[self._chapter][name] = value

    def expect(self, what: str, actual: Figure, expected: Figure) -> None:
        """Keep a figure that has to be as expected. Raises DisagreementError when it is not."""
        self.figure(what, actual)
        if actual != expected:
            raise DisagreementError(f"{what}: {actual}, expected {expected}")

    def _say(self, text: str) -> None:
        with self._lock:
            print(text, file=self._out, flush=True)


def table_lines(header: Sequence[str], rows: Sequence[Sequence[object]], width: int) -> list[str]:
    """Lay a table out in at most `width` columns; the widest column gives way."""
    texts = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *texts, strict=True)]
    available = width - len(_GAP) * (len(widths) - 1)
    while sum(widths) > available:
        widths[widths.index(max(widths))] -= 1
    right = [bool(rows) and all(isinstance(row[place], int) for row in rows) for place in range(len(header))]
    rule = _GAP.join("─" * each for each in widths)
    return [_line(header, widths, right), rule, *(_line(row, widths, right) for row in texts)]


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    fitted = [
        _cut(cell, width).rjust(width) if is_right else _cut(cell, width).ljust(width)
        for cell, width, is_right in zip(cells, widths, right, strict=True)
    ]
    return _GAP.join(fitted).rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"
