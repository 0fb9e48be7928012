"""A further master is one contract and one declaration: with these two files alone the suite over them passes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.contracts.generate import ROOT

SEVENTH = Path(__file__).parent / "seventh_master"
PLACES = {"asset.proto": "protos/concord/mdm/v1", "asset.py": "services/mdm/domain/types"}
LEFT_OUT = shutil.ignore_patterns("__pycache__", "seventh_master")
_PASSED = re.compile(r"(\d+) passed")


def _run(checkout: Path, *arguments: str) -> str:
    """Run Python in a checkout, on its own code; return what it printed, or fail with it."""
    path = os.pathsep.join((str(checkout), str(checkout / "gen")))
    outcome = subprocess.run(
        [sys.executable, *arguments],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout
    return outcome.stdout


def test_a_seventh_master_needs_its_contract_and_its_declaration_and_nothing_else(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for folder in ("protos", "services", "tools", "tests"):
        shutil.copytree(ROOT / folder, checkout / folder, ignore=LEFT_OUT)
    shutil.copy(ROOT / "pyproject.toml", checkout)
    for file, place in PLACES.items():
        assert not (checkout / place / file).exists()
        shutil.copy(SEVENTH / file, checkout / place)
    _run(checkout, "-m", "tools.contracts.generate")
    printed = _run(checkout, "-m", "pytest", "--quiet", "tests/service/mdm", "-k", "asset", "-p", "no:cacheprovider")
    passed = _PASSED.search(printed)
    assert passed is not None, printed
    assert int(passed[1]) > 80, printed
