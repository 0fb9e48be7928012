"""promtool, Prometheus' own checker, from Debian's package `prometheus`."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from tools.alerts.rules import ROOT, RULES, TESTS, groups
from tools.dashboards.declared import expressions

_UNPACKED = ROOT / "build" / "prometheus"
_TESTED = "tested-"
_ASKED = "dashboards.yaml"


def find_promtool() -> Path | None:
    """Return promtool: the installed one, or one that Debian's package is unpacked for below build/; None = neither."""
    installed = shutil.which("promtool")
    if installed:
        return Path(installed)
    own = _UNPACKED / "usr" / "bin" / "promtool"
    if not own.exists():
        _unpack()
    return own if own.exists() else None


def run_promtool(promtool: Path, rules: Path = RULES, tests: Path = TESTS) -> list[str]:
    """Check the rules and what dashboards ask, run the rules' tests; return what promtool has against them."""
    with tempfile.TemporaryDirectory() as working:
        directory = Path(working)
        plain = [_plain(file, directory) for file in sorted(rules.glob("*.yaml"))]
        copied = [_copied(file, directory) for file in sorted(tests.glob("*.yaml"))]
        checks = (["check", "rules", *plain, _asked(directory)], ["test", "rules", *copied])
        return [told for check in checks for told in _told([str(promtool), *check], directory)]


def _told(command: Sequence[str], directory: Path) -> list[str]:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else [f"{done.stdout}{done.stderr}".strip()]


def _plain(file: Path, directory: Path) -> str:
    """Write a manifest's groups as a file of rules, which is all that promtool reads; return its name."""
    (directory / file.name).write_text(yaml.safe_dump({"groups": groups(file)}))
    return file.name


def _asked(directory: Path) -> str:
    """Write what dashboards ask as rules, so that promtool reads it; return the file's name."""
    asked = sorted(expressions())
    rules = [{"record": f"dashboard:{number}", "expr": each} for number, each in enumerate(asked)]
    (directory / _ASKED).write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    return _ASKED


def _copied(file: Path, directory: Path) -> str:
    """Put a file of tests beside the rules that it names; return its name there."""
    name = f"{_TESTED}{file.name}"
    (directory / name).write_text(file.read_text())
    return name


def _unpack() -> None:
    """Unpack Debian's package without installing it; leaves nothing behind where there is no Debian or no network."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return
    with tempfile.TemporaryDirectory() as working:
        subprocess.run(["apt-get", "download", "prometheus"], cwd=working, capture_output=True, check=False)
        for package in Path(working).glob("prometheus_*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, _UNPACKED], capture_output=True, check=False)
