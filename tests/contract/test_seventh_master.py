"""A further master is one contract and one declaration: with these two files alone the suite over them passes."""

import re
import shutil
from pathlib import Path

from tests.support.project.checkout import copy_project, run_python

SEVENTH = Path(__file__).parent / "seventh_master"
PLACES = {"asset.proto": "protos/concord/mdm/v1", "asset.py": "services/mdm/domain/types"}
_PASSED = re.compile(r"(\d+) passed")


def _run(checkout: Path, *arguments: str) -> str:
    """Run Python in a checkout; return what it printed, or fail with it."""
    outcome = run_python(checkout, *arguments)
    assert outcome.returncode == 0, outcome.stdout
    return outcome.stdout


def test_a_seventh_master_needs_its_contract_and_its_declaration_and_nothing_else(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    copy_project(checkout, left_out=(SEVENTH.name,))
    for file, place in PLACES.items():
        assert not (checkout / place / file).exists()
        shutil.copy(SEVENTH / file, checkout / place)
    _run(checkout, "-m", "tools.contracts.generate")
    printed = _run(checkout, "-m", "pytest", "--quiet", "tests/service/mdm", "-k", "asset", "-p", "no:cacheprovider")
    passed = _PASSED.search(printed)
    assert passed is not None, printed
    assert int(passed[1]) > 80, printed
