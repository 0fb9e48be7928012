"""Defects planted in a copy of the project, one after the other: a named test fails for each, and for none without."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.project.checkout import copy_project, run_python
from tests.support.project.defects import DEFECTS, Defect

_SOME_FAILED = 1


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with its generated code."""
    copy = tmp_path_factory.mktemp("defects") / "checkout"
    copy_project(copy, "gen")
    return copy


@pytest.fixture
def planted(checkout: Path, request: pytest.FixtureRequest) -> Iterator[Defect]:
    """The copy with a defect."""
    defect: Defect = request.param
    sound = defect.plant(checkout)
    yield defect
    (checkout / defect.file).write_text(sound)


def outcome_of(checkout: Path, *tests: str) -> tuple[int, str]:
    outcome = run_python(checkout, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", *tests)
    return outcome.returncode, outcome.stdout


def test_without_a_defect_the_named_tests_pass(checkout: Path) -> None:
    status, printed = outcome_of(checkout, *sorted({defect.found_by for defect in DEFECTS}))
    assert status == 0, printed


@pytest.mark.parametrize("planted", DEFECTS, ids=[defect.name for defect in DEFECTS], indirect=True)
def test_a_planted_defect_is_found(checkout: Path, planted: Defect) -> None:
    status, printed = outcome_of(checkout, "--exitfirst", planted.found_by)
    assert status == _SOME_FAILED, printed
    assert f"FAILED {planted.found_by}" in printed, printed
