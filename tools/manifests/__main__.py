"""`make manifests`: render every overlay of deploy/k8s and check what comes out; exit status 1 for any defect.

`--fast` leaves out what needs an environment of its own: schemas and checkov.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tools.manifests import checkov, schemas
from tools.manifests.closure import closure_defects
from tools.manifests.closure.containers import without_digest
from tools.manifests.edges import read_edges
from tools.manifests.manifests import Defect, Manifests
from tools.manifests.rendering import OVERLAYS, RenderingError, parse, render
from tools.systems.environment import Environment, InstallationError, install

BUILD = Path(__file__).resolve().parents[2] / "build" / "manifests"


class Report:
    """Tells each check's defects as it ends, and remembers whether there were any."""

    def __init__(self) -> None:
        self.defects = 0

    def tell(self, check: str, defects: Iterable[Defect], note: str = "") -> None:
        """Print one check's outcome."""
        found = sorted(defects)
        self.defects += len(found)
        print(f"» {check}: {f'{len(found)} defects' if found else 'ok'}{note}")
        for defect in found:
            print(f"  {defect}")


def main() -> int:
    """Render and check; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.manifests", description="Render and check deploy/k8s.")
    parser.add_argument("--fast", action="store_true", help="only render, and check closure and edges")
    arguments = parser.parse_args()
    report = Report()
    try:
        files = {overlay: _written(overlay) for overlay in OVERLAYS}
        for overlay, file in files.items():
            _check_closure(report, parse(overlay, file.read_text()))
        if not arguments.fast:
            environment = install("manifests")
            _check_schemas(report, environment, files)
            _check_checkov(report, environment, files)
    except (RenderingError, InstallationError, checkov.CheckovError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"» {report.defects} defects; what was rendered is in {BUILD.relative_to(BUILD.parents[1])}")
    return 1 if report.defects else 0


def _written(overlay: str) -> Path:
    BUILD.mkdir(parents=True, exist_ok=True)
    file = BUILD / f"{overlay}.yaml"
    file.write_text(render(overlay))
    return file


def _check_closure(report: Report, manifests: Manifests) -> None:
    has_policies = bool(manifests.of("NetworkPolicy"))
    edges = read_edges() if has_policies else None
    note = f" ({len(manifests.objects)} objects, {len(manifests.pods)} kinds of pods"
    note += f", {len(edges.edges)} edges)" if edges else ", no network policies)"
    report.tell(f"closure of {manifests.overlay}", closure_defects(manifests, edges), note)
    for image in without_digest(manifests):
        print(f"  warning: {image} has no digest (docs/operations.md)")


def _check_schemas(report: Report, environment: Environment, files: dict[str, Path]) -> None:
    without: set[str] = set()
    for release in schemas.RELEASES:
        defects: list[Defect] = []
        for file in files.values():
            validation = schemas.validate(environment, file, release)
            defects += validation.defects
            without |= validation.without_schema
        report.tell(f"schemas of Kubernetes {release}", defects)
    print(f"  custom resources, which have no schema there: {', '.join(sorted(without)) or 'none'}")


def _check_checkov(report: Report, environment: Environment, files: dict[str, Path]) -> None:
    waivers = checkov.read_waivers()
    found: dict[str, Sequence[Defect]] = {
        overlay: checkov.findings(environment, file) for overlay, file in files.items()
    }
    waived = sum(len(each) for each in found.values())
    report.tell("checkov", checkov.unwaived(found, waivers), f" ({len(waivers)} waivers for {waived} findings)")


if __name__ == "__main__":
    sys.exit(main())
