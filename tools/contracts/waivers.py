"""`protos/waivers.toml`: weakenings and breaks that somebody answers for, until a date."""

import datetime
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tools.finding import Finding

_TEXTS = ("rule", "element", "reviewer", "reason")


@dataclass(frozen=True)
class Waiver:
    """Lets `rule` be broken by `element`, on the word of `reviewer`, to the end of the day `expires`."""

    rule: str
    element: str
    reviewer: str
    reason: str
    expires: datetime.date


def read_waivers(path: Path) -> tuple[list[Waiver], list[Finding]]:
    """Return the complete waivers, and a finding for every incomplete one; no file means no waivers."""
    if not path.exists():
        return [], []
    waivers, findings = [], []
    for number, entry in enumerate(tomllib.loads(path.read_text()).get("waiver", []), start=1):
        missing = [name for name in _TEXTS if not str(entry.get(name, "")).strip()]
        if type(entry.get("expires")) is not datetime.date:  # a TOML date-time would be one too
            missing.append("expires (a date)")
        if missing:
            message = f"waiver {number} has no {', '.join(missing)}"
            findings.append(Finding(f"protos/{path.name}", 1, "waiver", message))
        else:
            waivers.append(Waiver(**{name: entry[name] for name in (*_TEXTS, "expires")}))
    return waivers, findings


def without_waived(findings: Iterable[Finding], waivers: Iterable[Waiver], today: datetime.date) -> list[Finding]:
    """Return the findings that no waiver covers; one whose waiver has expired says so."""
    by_key = {(waiver.rule, waiver.element): waiver for waiver in waivers}
    remaining = []
    for finding in findings:
        waiver = by_key.get((finding.rule, finding.element))
        if waiver is None:
            remaining.append(finding)
        elif waiver.expires < today:
            message = f"{finding.message} (its waiver expired on {waiver.expires})"
            remaining.append(replace(finding, message=message))
    return remaining
