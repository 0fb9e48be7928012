"""Findings of the checks that `make lint` runs, and how they are told."""

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One broken rule at one place; `element` is what a waiver would name."""

    path: str
    line: int
    rule: str
    message: str
    element: str = ""

    def __str__(self) -> str:
        """Return the finding as editors like to read it."""
        return f"{self.path}:{self.line}: {self.message} [{self.rule}]"


def report(findings: Iterable[Finding], *, what: str, as_json: bool = False) -> int:
    """Print every finding, sorted, and return the exit status: 1 when there is one, else 0."""
    ordered = sorted(set(findings))
    if as_json:
        print(json.dumps([dataclasses.asdict(finding) for finding in ordered], indent=2))
    else:
        for finding in ordered:
            print(finding)
        if ordered:
            print(f"{len(ordered)} findings in {what}")
    return 1 if ordered else 0
