"""Which tests go to one worker: tried on a tree with the names of this one."""

import subprocess
import sys
from pathlib import Path

from tests.support.sharing import turn

_FILES = ("mesh/test_one.py", "mesh/test_other.py", "test_tryton_one.py", "test_tryton_other.py", "test_alone.py")
_TEST = """
import pathlib
import pytest

@pytest.mark.parametrize("number", range(3))
def test_something(number, worker_id):
    with open({seen!r}, "a") as seen:
        print(pathlib.Path(__file__).name, worker_id, file=seen)
"""


def test_files_that_share_servers_go_to_one_worker(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_xdist_make_scheduler\n")
    for name in _FILES:
        file = tmp_path / "tests" / "system" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_TEST.format(seen=str(seen)))
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    ran = {(file, worker) for file, worker in (line.split() for line in seen.read_text().splitlines())}
    workers = dict(ran)
    assert len(ran) == len(workers) == len(_FILES)
    assert workers["test_one.py"] == workers["test_other.py"]
    assert workers["test_tryton_one.py"] == workers["test_tryton_other.py"]
    assert len(set(workers.values())) > 1


def test_what_takes_longest_begins_first_and_the_rest_as_it_comes() -> None:
    few = ["tests/unit/test_b.py::test", "tests/service/test_a.py::test"]
    long = [
        "tests/system/mesh/test_one.py::test",
        "tests/system/test_tryton_one.py::test",
        "tests/system/test_a.py::test",
    ]
    assert sorted([*few, *reversed(long)], key=turn) == [*long, *few]
