"""Rendered manifests against the schemas of Kubernetes' releases, by kubernetes-validate, whose warnings count."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from tools.manifests.manifests import Defect
from tools.systems.environment import Environment

RELEASES = ("1.34", "1.35", "1.36")

# No release has schemas for what operators bring; whatever else has none is gone from Kubernetes, or never was in it.
_CUSTOM = ("cert-manager.io/", "monitoring.coreos.com/", "postgresql.cnpg.io/")
_NO_SCHEMA = re.compile(r"WARN \S+ Couldn't find schema for kind (?P<kind>\S+) with api version (?P<version>\S+) .*")


class Validation(NamedTuple):
    """What is wrong, and the custom resources that no schema was there for."""

    defects: list[Defect]
    without_schema: set[str]


def validate(environment: Environment, rendered: Path, release: str) -> Validation:
    """Validate a file strictly against one release."""
    program = str(environment.program("kubernetes-validate"))
    command = [program, "--kubernetes-version", release, "--strict", str(rendered)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (result.stdout + result.stderr).splitlines()
    judged = judge(lines, release, rendered.stem)
    passed = any(line.startswith("INFO") for line in lines)
    if not judged.defects and (result.returncode != 0 or not passed):
        told = f"exit status {result.returncode}: {' '.join(lines) or 'nothing was said'}"
        judged.defects.append(Defect(rendered.stem, f"schema-{release}", told))
    return judged


def judge(lines: list[str], release: str, overlay: str) -> Validation:
    """Read kubernetes-validate's lines: all but passed ones and custom resources are defects."""
    validation = Validation([], set())
    for line in lines:
        met = _NO_SCHEMA.fullmatch(line)
        if met and met["version"].startswith(_CUSTOM):
            validation.without_schema.add(f"{met['kind']} ({met['version']})")
        elif line.startswith(("ERROR", "WARN", "FATAL")):
            validation.defects.append(Defect(overlay, f"schema-{release}", line))
    return validation
