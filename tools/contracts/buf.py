"""`buf lint` and `buf breaking`, offline, on descriptor images; configured in `protos/buf.yaml`."""

import json
import subprocess
import sys
from pathlib import Path

from tools.finding import Finding

CONFIGURATION = Path(__file__).resolve().parents[2] / "protos" / "buf.yaml"
_FOUND = 100  # buf's exit status when it found something


def lint(image: Path, prefix: str = "protos/") -> list[Finding]:
    """Return what `buf lint` finds in an image; raise RuntimeError when buf itself fails."""
    return _run("lint", image, prefix)


def breaking(image: Path, base: Path, prefix: str = "protos/") -> list[Finding]:
    """Return what breaks clients of the contracts in the image `base`."""
    return _run("breaking", image, prefix, "--against", str(base))


def _run(command: str, image: Path, prefix: str, *arguments: str) -> list[Finding]:
    buf = Path(sys.executable).parent / "buf"
    configuration = ("--config", str(CONFIGURATION), "--error-format", "json")
    done = subprocess.run(
        [buf, command, str(image), *configuration, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode not in {0, _FOUND}:
        raise RuntimeError(f"buf {command} failed: {done.stderr.strip() or done.stdout.strip()}")
    return [_finding(json.loads(line), prefix) for line in done.stdout.splitlines()]


def _finding(found: dict[str, str | int], prefix: str) -> Finding:
    path = str(found.get("path", ""))  # absent when a whole file or package has gone
    line = int(found.get("start_line", 1))
    return Finding(f"{prefix}{path}", line, str(found["type"]), str(found["message"]), path)
