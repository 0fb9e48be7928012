"""Check the contracts: `python -m tools.contracts.check [--json] [--base REVISION]`.

Reads the descriptor image that `make proto` wrote. Every broken rule is printed, as `file:line: message [rule]`, and
the exit status is 1 when there is one. Policies and wire format are compared with an earlier revision: see baseline.
"""

import argparse
import datetime
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.contracts import buf, policies, reasons, shapes, sources
from tools.contracts.baseline import NoBaselineError, find_base, write_base_image
from tools.contracts.downgrade import downgrades
from tools.contracts.generate import GENERATED, IMAGE, PROTOS, ROOT
from tools.contracts.image import Contracts, read_contracts
from tools.contracts.waivers import read_waivers, without_waived
from tools.finding import Finding, report

RULES: tuple[Callable[[Contracts], Iterator[Finding]], ...] = (
    policies.incomplete_services,
    policies.incomplete_methods,
    policies.incomplete_messages,
    policies.unclassified_fields,
    policies.homeless_fields,
    policies.exposed_fields,
    shapes.misnamed_methods,
    shapes.unsafe_mutations,
    shapes.unguarded_changes,
    shapes.unpaged_lists,
    reasons.undescribed_reasons,
    reasons.unnamed_reasons,
)


def check_contracts(image: Path, protos: Path) -> list[Finding]:
    """Return what is wrong with the contracts in themselves, before any waiver."""
    contracts = read_contracts(image)
    findings = [finding for rule in RULES for finding in rule(contracts)]
    return [*findings, *sources.long_files(protos), *buf.lint(image)]


def compare_contracts(image: Path, base: Path) -> list[Finding]:
    """Return what breaks clients of the image `base`, and what its policies forbade, before any waiver."""
    return [*buf.breaking(image, base), *downgrades(read_contracts(image), read_contracts(base))]


def compare_with_revision(image: Path, repository: Path, asked: str = "") -> tuple[list[Finding], str]:
    """Compare with the base revision; return the findings and a line that says what was compared with, or why not.

    A base that was asked for must be usable: NoBaselineError is not swallowed then.
    """
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / IMAGE
        try:
            commit = find_base(repository, asked)
            write_base_image(repository, commit, base)
        except NoBaselineError as error:
            if asked:
                raise
            return [], f"contracts compared with nothing: {error}"
        return compare_contracts(image, base), f"contracts compared with those of {commit[:12]}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.contracts.check", description="Check the contracts.")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument("--base", default=os.environ.get("BASE", ""), help="the revision to compare with")
    return parser.parse_args()


def main() -> int:
    """Check the repository's contracts and return the exit status."""
    arguments = _arguments()
    image = GENERATED / IMAGE
    waivers, findings = read_waivers(PROTOS / "waivers.toml")
    compared, line = compare_with_revision(image, ROOT, arguments.base)
    today = datetime.datetime.now(datetime.UTC).date()
    found = without_waived([*check_contracts(image, PROTOS), *compared], waivers, today)
    if not arguments.json:
        for name, share in sources.thinly_commented(PROTOS):
            print(f"  thin: protos/{name} is {share:.0%} comment, 35-60 % is what public contracts have")
        print(f"  {line}")
    return report([*findings, *found], what="the contracts", as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(main())
