"""What a task of a service tells when it has run to its end: a table for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CLEAN = 0
FOUND = 1

Row = Mapping[str, str | int]


@dataclass(frozen=True)
class Report:
    """The sums of a run, and its rows, all with the same keys; `alarming` when somebody has to look."""

    sums: Row
    rows: Sequence[Row]
    alarming: bool = False

    @property
    def exit_code(self) -> int:
        """The exit code of the command that tells it."""
        return FOUND if self.alarming else CLEAN

    def table(self) -> str:
        """Return the rows in columns, and a line of the sums."""
        sums = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.sums.items())
        return "\n".join([*self._columns(), sums])

    def as_json(self) -> str:
        """Return one JSON object: the sums, and the rows as `rows`."""
        return json.dumps({**self.sums, "rows": [dict(row) for row in self.rows]}, ensure_ascii=False)

    def _columns(self) -> list[str]:
        if not self.rows:
            return []
        names = list(self.rows[0])
        heads = [name.upper().replace("_", " ") for name in names]
        lines = [heads, *([str(row[name]) for name in names] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
