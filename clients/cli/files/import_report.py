"""The report of an import: what became of every row, counted, and written to a file where one is asked for."""

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self, TextIO

from clients.cli.mistake import Mistake
from concord.mdm.v1 import import_pb2
from services.mesh.errors import from_status

OUTCOMES = {
    number: name.removeprefix("OUTCOME_").lower() for name, number in import_pb2.ImportedRow.Outcome.items() if number
}
"""The outcomes in words, by number."""

REFUSED = OUTCOMES[import_pb2.ImportedRow.OUTCOME_REFUSED]
_MOST_KEPT = 1000


@dataclass(frozen=True)
class Reported:
    """What became of one row; `column` and `message` say why it was refused, `reason` is the hub's."""

    line: int
    key: str
    outcome: str
    source_record: str = ""
    golden_record: str = ""
    quarantined_record: str = ""
    column: str = ""
    reason: str = ""
    message: str = ""

    @classmethod
    def refused_here(cls, line: int, key: str, column: str, message: str) -> "Reported":
        """Return a row that was never sent: the file itself does not say it."""
        return cls(line, key, REFUSED, column=column, message=message)


HEADER = tuple(each.name for each in fields(Reported))


class Report:
    """Counts every row once; a context manager that closes its file. Safe in threads."""

    def __init__(self, name: str, file: Path | None, column_of: Callable[[str], str]) -> None:
        self.name = name
        self._counted: Counter[str] = Counter()
        self.first_refused: list[Reported] = []
        self._column_of = column_of
        self._lock = Lock()
        self._file = _opened(file)
        self._writer = csv.writer(self._file) if self._file is not None else None
        if self._writer is not None:
            self._writer.writerow(HEADER)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows had each outcome that any had, in the contract's order."""
        return {outcome: count for outcome in OUTCOMES.values() if (count := self._counted[outcome])}

    @property
    def rows(self) -> int:
        """How many rows are accounted for."""
        return self._counted.total()

    @property
    def refused_count(self) -> int:
        """How many rows were refused."""
        return self._counted[REFUSED]

    def refused(self, problems: Sequence[Reported]) -> None:
        """Take a row that can't be sent, with all that is wrong with it."""
        self._count(problems)

    def answered(self, rows: Sequence[tuple[int, str]], answer: import_pb2.ImportSourceRecordsResponse) -> None:
        """Take what the hub says of a batch whose rows have these lines and keys. Raises ValueError for another one."""
        for (line, key), row in zip(rows, answer.rows, strict=True):
            if row.row != line:
                raise ValueError(f"line {line} was answered as {row.row}")
            self._count(self._reported(line, key, row))

    def document(self, *, rehearsal: bool) -> dict[str, Any]:
        """Return the report as JSON has it; refused rows up to a thousand."""
        refused = [{name: said for name, said in vars(each).items() if said} for each in self.first_refused]
        return {
            "source_import": "" if rehearsal else self.name,
            "dry_run": rehearsal,
            "row_count": self.rows,
            "outcome_counts": self.counts,
            "refused": refused,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def _count(self, lines: Sequence[Reported]) -> None:
        with self._lock:
            self._counted[lines[0].outcome] += 1
            if lines[0].outcome == REFUSED and len(self.first_refused) < _MOST_KEPT:
                self.first_refused += lines
            if self._writer is not None:
                self._writer.writerows(astuple(line) for line in lines)

    def _reported(self, line: int, key: str, row: import_pb2.ImportedRow) -> list[Reported]:
        outcome = OUTCOMES[row.outcome]
        if row.outcome != import_pb2.ImportedRow.OUTCOME_REFUSED:
            return [Reported(line, key, outcome, row.source_record, row.golden_record)]
        error = from_status(row.error)
        found = [(self._column_of(each.field), f"{each.field} {each.description}") for each in error.violations]
        return [
            Reported(line, key, outcome, "", "", row.quarantined_record, column, error.reason_name, message)
            for column, message in found or [("", error.message)]
        ]


def _opened(file: Path | None) -> TextIO | None:
    if file is None:
        return None
    try:
        return file.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise Mistake(f"{file} can't be written: {error.strerror}") from error
