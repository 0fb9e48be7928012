"""Check the house rules: `python -m tools.house.check [--json]`.

They hold for every file that git tracks or would track. Every broken rule is printed, as `file:line: message [rule]`,
and the exit status is 1 when there is one.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.finding import Finding, report
from tools.house.files import broken_texts, misnamed_modules, private_words, repository_files
from tools.house.purity import impure_domains, sleeping_tests

ROOT = Path(__file__).resolve().parents[2]


def check_house(root: Path) -> Iterator[Finding]:
    """Yield every broken rule in the repository at `root`."""
    names = repository_files(root)
    words = private_words(root)
    yield from misnamed_modules(names)
    for name in names:
        text = _text(root / name)
        yield from broken_texts(name, text, root, words)
        yield from impure_domains(name, text)
        yield from sleeping_tests(name, text)


def _text(path: Path) -> str:
    content = path.read_bytes()
    return "" if b"\0" in content else content.decode(errors="replace")


def main() -> int:
    """Check this repository and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.house.check", description="Check the house rules.")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    arguments = parser.parse_args()
    return report(check_house(ROOT), what="the house", as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(main())
