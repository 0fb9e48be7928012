"""The note of an analytic account: lines `Label: value` for what Tryton has no fields for, among whatever else."""

from collections.abc import Mapping
from datetime import date

from services.erp_adapter.domain.tryton.held import Held

ENTITY, MANAGER, LOCATION, FROM, TO = "Entity", "Manager", "Location", "Valid from", "Valid to"

_LABELS = (ENTITY, MANAGER, LOCATION, FROM, TO)


def read(account: Held) -> dict[str, str]:
    """Return the lines that we know, by label. Raises UntranslatableError when a label comes twice."""
    found: dict[str, str] = {}
    for line in account.text("note").splitlines():
        label, value = _parts(line)
        if label in found:
            raise account.refused("note", f"has two lines {label}")
        if label and value:
            found[label] = value
    return found


def day(account: Held, lines: Mapping[str, str], label: str) -> date | None:
    """Return a line's date. Raises UntranslatableError when it is none."""
    try:
        return date.fromisoformat(lines[label]) if label in lines else None
    except ValueError:
        raise account.refused("note", f"{label} is not a date such as 2026-06-30") from None


def written(note: str | None, lines: Mapping[str, str | None]) -> str | None:
    """Return the note with these lines in the places where they stood, or at the end; None = without the line.

    Every other line is kept as it is.
    """
    left = dict(lines)
    result: list[str] = []
    for line in (note or "").splitlines():
        label, _ = _parts(line)
        value = left.pop(label) if label in left else None
        if label not in lines:
            result.append(line)
        elif value:
            result.append(f"{label}: {value}")
    result += [f"{label}: {value}" for label, value in left.items() if value]
    return "\n".join(result) or None


def _parts(line: str) -> tuple[str, str]:
    """Return label and value of a line; an unknown label is empty."""
    label, colon, value = line.partition(":")
    return (label.strip(), value.strip()) if colon and label.strip() in _LABELS else ("", "")
