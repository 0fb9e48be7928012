"""What a drill measured: one line for each rehearsal, as a table and as JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.demo.story import table_lines

_WIDTH = 118
_HEADER = ("rehearsal", "recovery time", "acknowledged", "lost", "evidence names", "repeats", "held")


@dataclass(frozen=True)
class Figure:
    """One rehearsal: what was lost, how long nobody was answered, how many answers were broken.

    `recovery_s` is from the last good answer before to the first good one after; None where nobody was to be answered.
    `lost` counts acknowledged writes that the hub no longer has (the recovery point), `named` those of them that the
    comparison with the audit names. `held` says whether all that was promised held; `told` says it in words.
    """

    name: str
    recovery_s: float | None
    acknowledged: int
    lost: int
    named: int
    repeats: int
    held: bool
    told: str


def lines(figures: Sequence[Figure]) -> Iterator[str]:
    """Yield the table, then what each rehearsal says in words."""
    yield from table_lines(_HEADER, [_row(figure) for figure in figures], _WIDTH)
    for figure in figures:
        yield f"{figure.name}: {figure.told}"


def write(figures: Sequence[Figure], path: Path) -> None:
    """Write the figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")


def _row(figure: Figure) -> list[str]:
    recovery = "" if figure.recovery_s is None else f"{figure.recovery_s:.1f} s"
    counted = (figure.acknowledged, figure.lost, figure.named, figure.repeats)
    return [figure.name, recovery, *(f"{count:,}" for count in counted), "✓" if figure.held else "✗"]
