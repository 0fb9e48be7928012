"""What a command says: tables and outlines for people on stdout, JSON for programs; everything else on stderr.

Colours only where a terminal shows them and NO_COLOR does not forbid them. Tables keep to the terminal's width, or to
COLUMNS; where the output goes to a file or another program and COLUMNS is not set, nothing is cut.
"""

import json
import os
import re
import sys
import textwrap
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from google.protobuf import json_format
from google.protobuf.message import Message
from rich.cells import cell_len
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from clients.cli.display import outline
from clients.cli.display.columns import GAP, Column, columns, fitting

_HEADING, _LABEL, _FAINT = "bold", "cyan", "dim"
_WIDEST_LABELS = 32
_UNLIMITED = 1_000_000
_INDENT = "  "
# What JSON itself leaves as it is.
_CONTROLS = re.compile("[\x7f-\x9f]")
# Beside a name that leaves less room than this, columns are of no use: each record becomes a block of lines.
_ROOM_BESIDE_NAME = 26


class Output:
    """Says things the way that one command was asked to."""

    def __init__(self, *, as_json: bool = False, wide: bool = False) -> None:
        self.as_json = as_json
        self.width = None if wide else _width(sys.stdout)
        self._out = _console(sys.stdout, self.width)
        self._err = _console(sys.stderr, None)

    def document(self, document: Any) -> None:
        """Print one JSON document."""
        print(json_text(document, indent=2))

    def event(self, document: Any) -> None:
        """Print one JSON document on one line, at once."""
        print(json_text(document), flush=True)

    def record(self, message: Message) -> None:
        """Print one message: as JSON, or as an outline."""
        if self.as_json:
            self.document(as_document(message))
        else:
            self.outline(outline.lines(message))

    def outline(self, lines: Iterable[outline.Line], indent: int = 0) -> None:
        """Print labels and values; long values go on below themselves."""
        rows = [(_harmless(f"{_INDENT * (line.depth + indent)}{line.label}"), line.value) for line in lines]
        labels = min(max((cell_len(label) for label, _ in rows), default=0), _WIDEST_LABELS)
        for label, value in rows:
            self._labelled(label, value, labels)

    def records(
        self,
        messages: Iterable[Message],
        nouns: str,
        paths: Sequence[str] = (),
        default: Sequence[str] = (),
        *,
        whole: bool = False,
    ) -> None:
        """Print a list of messages: as a JSON array, element by element, or as a table; see `columns` for which."""
        found: list[Message] = []
        try:
            with self.progress(nouns) as counted:
                if self.as_json:
                    self._array(counted(messages))
                    return
                found.extend(counted(messages))
        finally:
            # What has come before a failure is shown all the same.
            table = columns(found, paths, default)
            self.table(table, [column.title for column in table] if whole else ())
        if not found:
            self.note(f"no {nouns}")

    def table(self, found: Sequence[Column], whole: Collection[str] = ()) -> None:
        """Print columns beside one another; below the first one where there is no room beside it.

        Also where there is none for all of a column whose title is in `whole`: what people compare, or came to see.
        """
        if not found:
            return
        shown = fitting(found, self.width, whole)
        is_cut = [column.cells for column in shown] != [column.cells for column in found]
        is_left_out = not {column.title for column in shown} >= {column.title for column in found} & {*whole}
        room = _UNLIMITED if self.width is None else self.width - found[0].width
        if len(found) > 1 and (room < GAP + _ROOM_BESIDE_NAME or is_left_out):
            self._blocks(found)
            return
        self._row([column.title for column in shown], shown, _HEADING)
        for cells in zip(*(column.cells for column in shown), strict=True):
            self._row(cells, shown, "")
        if is_cut:
            self.hint("not everything fits: --wide shows all, --columns chooses, --json has everything")

    def line(self, text: str, style: str = "") -> None:
        """Print a line; a long one goes on in the next."""
        self._out.print(Text(_harmless(text), style), soft_wrap=self.width is None)

    def note(self, text: str) -> None:
        """Tell something beside the result."""
        if not self.as_json:
            self._err.print(Text(_harmless(text)))

    def hint(self, text: str) -> None:
        """Tell a person at a terminal what else there is."""
        if not self.as_json and self._err.is_terminal and self._out.is_terminal:
            self._err.print(Text(text, _FAINT))

    @contextmanager
    def progress(self, nouns: str) -> Iterator[Callable[[Iterable[Any]], Iterator[Any]]]:
        """Show on a terminal's stderr how many have come; yields what counts them as they pass."""
        parts = (SpinnerColumn(), TextColumn("{task.completed:,} {task.description}"), TimeElapsedColumn())
        with Progress(*parts, console=self._err, transient=True, disable=not self._err.is_terminal) as shown:
            task = shown.add_task(nouns, total=None)

            def counted(passing: Iterable[Any]) -> Iterator[Any]:
                for one in passing:
                    shown.advance(task)
                    yield one

            yield counted

    @contextmanager
    def bar(self, nouns: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show on a terminal's stderr how many of so many are done; yields what takes the number that are."""
        parts = (
            TextColumn("{task.completed:,} of {task.total:,} {task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*parts, console=self._err, transient=True, disable=not self._err.is_terminal) as shown:
            task = shown.add_task(nouns, total=total)
            yield lambda done: shown.update(task, completed=done)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show on a terminal's stderr that something takes its time."""
        if self._err.is_terminal:
            with self._err.status(what):
                yield
        else:
            yield

    def _array(self, messages: Iterable[Message]) -> None:
        before = "[\n"
        try:
            for message in messages:
                print(before, json_text(as_document(message), indent=2), sep="", end="")
                before = ",\n"
        except BaseException:
            # What has come before a failure is a whole document all the same.
            print("" if before == "[\n" else "\n]\n", end="")
            raise
        print("[]" if before == "[\n" else "\n]")

    def _blocks(self, found: Sequence[Column]) -> None:
        first, *others = found
        for number, name in enumerate(first.cells):
            self.line(name, _HEADING)
            filled = [column for column in others if column.cells[number]]
            self.outline((outline.Line(0, column.title.lower(), column.cells[number]) for column in filled), indent=1)

    def _row(self, cells: Sequence[str], shown: Sequence[Column], style: str) -> None:
        padded = [f"{cell}{' ' * (column.width - cell_len(cell))}" for cell, column in zip(cells, shown, strict=True)]
        self._out.print(Text(_harmless((" " * GAP).join(padded).rstrip()), style), soft_wrap=True)

    def _goes_below(self, value: str, room: int) -> bool:
        """Tell whether a value holds a word, such as a name to copy, that stays whole below its label only."""
        longest = max(map(cell_len, value.split()), default=0)
        return room < longest <= (self.width or _UNLIMITED) - len(_INDENT)

    def _labelled(self, label: str, value: str, labels: int) -> None:
        shown = Text(f"{label}{' ' * max(labels - cell_len(label), 0)}", _LABEL)
        room, before = (self.width or _UNLIMITED) - labels - GAP, " " * labels
        goes_below = self._goes_below(value, room)
        if value and (cell_len(label) > labels or goes_below):
            self._out.print(Text(label, _LABEL), soft_wrap=True)
            shown = Text(before)
        if goes_below:
            shown, before, room = Text(), "", (self.width or _UNLIMITED) - GAP
        if not value:
            shown.rstrip()
            self._out.print(shown, soft_wrap=True)
        for part in Text(_harmless(value)).wrap(self._out, room) if value else ():
            part.rstrip()
            self._out.print(Text.assemble(shown, " " * GAP, part), soft_wrap=True)
            shown = Text(before)


class _Console(Console):
    """A console that tells its caller when nobody reads any more."""

    def on_broken_pipe(self) -> None:
        """Leave it to the command's end."""
        raise BrokenPipeError


def complain(text: str) -> None:
    """Tell on stderr what went wrong, within the terminal's width; the next lines of a long one are indented."""
    width = _width(sys.stderr)
    for line in _harmless(text).splitlines():
        folded = textwrap.wrap(line, width, subsequent_indent=_INDENT, break_on_hyphens=False) if width else [line]
        print("\n".join(folded), file=sys.stderr)


def json_text(document: Any, indent: int | None = None) -> str:
    """Return a document as JSON in which nothing controls the terminal."""
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def as_document(message: Message) -> Any:
    """Return a message as JSON has it, with the names of the contract."""
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def _width(stream: TextIO) -> int | None:
    stated = os.environ.get("COLUMNS", "")
    if stated.isdigit() and int(stated):
        return int(stated)
    return Console(file=stream).width if stream.isatty() else None


def _console(file: Any, width: int | None) -> Console:
    return _Console(file=file, width=width, highlight=False, markup=False, emoji=False)


def _harmless(text: str) -> str:
    """Return a text without what would control the terminal: values come from other people's systems."""
    return "".join("�" if unicodedata.category(each) == "Cc" and each not in "\n\t" else each for each in text)
