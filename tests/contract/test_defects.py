"""The defects that `make faults` plants can be planted in the sources as they are now, for tests that are there."""

import shutil
from pathlib import Path

import pytest

from tests.support.project.defects import DEFECTS, Defect
from tools.contracts.generate import ROOT


@pytest.mark.parametrize("defect", DEFECTS, ids=[defect.name for defect in DEFECTS])
def test_a_defect_has_one_place_and_a_test(tmp_path: Path, defect: Defect) -> None:
    (tmp_path / defect.file).parent.mkdir(parents=True)
    shutil.copy(ROOT / defect.file, tmp_path / defect.file)
    assert defect.plant(tmp_path) != (tmp_path / defect.file).read_text()
    file, _, test = defect.found_by.partition("::")
    assert f"def {test}(" in (ROOT / file).read_text()
