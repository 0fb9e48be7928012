"""checkov's findings in rendered manifests, less those that are waived with a reason."""

import fnmatch
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from tools.manifests.manifests import Defect
from tools.systems.environment import Environment

_WAIVERS = Path(__file__).with_name("checkov_waivers.yaml")


class CheckovError(Exception):
    """checkov did not run to its end; the message holds its output."""


@dataclass(frozen=True)
class Waiver:
    """A check that some elements need not pass, in one overlay or (None) in all of them, and why."""

    check: str
    elements: tuple[str, ...]
    overlay: str | None
    reason: str

    def meets(self, overlay: str, finding: Defect) -> bool:
        """Tell whether it is for a finding."""
        if self.overlay not in (None, overlay) or self.check != finding.rule:
            return False
        return any(fnmatch.fnmatchcase(finding.element, pattern) for pattern in self.elements)


def read_waivers() -> tuple[Waiver, ...]:
    """Read the waivers, each of which has to give a reason. Raises KeyError."""
    entries = yaml.safe_load(_WAIVERS.read_text())
    return tuple(
        Waiver(entry["check"], tuple(entry["elements"]), entry.get("overlay"), entry["reason"]) for entry in entries
    )


def findings(environment: Environment, rendered: Path) -> list[Defect]:
    """Return what checkov finds in a file. Raises CheckovError."""
    program = str(environment.program("checkov"))
    options = ["--framework", "kubernetes", "--compact", "--quiet", "--skip-download", "--output", "json"]
    result = subprocess.run([program, *options, "--file", str(rendered)], capture_output=True, text=True, check=False)
    try:
        failed = json.loads(result.stdout)["results"]["failed_checks"]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckovError(f"{result.stdout}\n{result.stderr}") from error
    return sorted({Defect(_element(each["resource"]), each["check_id"], each["check_name"]) for each in failed})


def unwaived(found: dict[str, Sequence[Defect]], waivers: Sequence[Waiver]) -> Iterator[Defect]:
    """Yield the findings, by overlay, that nobody waived, and the waivers that meet none."""
    used: set[Waiver] = set()
    for overlay, defects in found.items():
        for defect in defects:
            meeting = [waiver for waiver in waivers if waiver.meets(overlay, defect)]
            used.update(meeting)
            if not meeting:
                yield defect
    for waiver in waivers:
        if waiver not in used:
            yield Defect("checkov_waivers.yaml", waiver.check, "waives what is not found: take it away")


def _element(resource: str) -> str:
    """Turn `Job.concord.bootstrap-0.1.0` into `Job/bootstrap-0.1.0`; a pod's is its workload's and more."""
    kind, _, name = resource.split(".", 2)
    return f"{kind}/{name}"
