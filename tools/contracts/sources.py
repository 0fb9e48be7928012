"""What the text of the contracts must be like: short files, well commented."""

from collections.abc import Iterator
from pathlib import Path

from tools.contracts.generate import contract_files
from tools.finding import Finding

LONGEST_FILE = 500
THINNEST_COMMENT = 0.30


def long_files(protos: Path, prefix: str = "protos/") -> Iterator[Finding]:
    """Find contracts over 500 lines."""
    for name in contract_files(protos):
        lines = len((protos / name).read_text().splitlines())
        if lines > LONGEST_FILE:
            message = f"{lines} lines, at most {LONGEST_FILE} are allowed"
            yield Finding(f"{prefix}{name}", LONGEST_FILE + 1, "file-length", message)


def comment_share(contract: Path) -> float:
    """Return the share of a contract's non-blank lines that are comment lines, 0 to 1."""
    lines = [line.strip() for line in contract.read_text().splitlines() if line.strip()]
    return sum(line.startswith("//") for line in lines) / len(lines) if lines else 0.0


def thinly_commented(protos: Path) -> Iterator[tuple[str, float]]:
    """Yield the contracts whose comment share is below 30 %, with it: worth a look, no error."""
    for name in contract_files(protos):
        share = comment_share(protos / name)
        if share < THINNEST_COMMENT:
            yield name, share
