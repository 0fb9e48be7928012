"""Every house rule catches what is planted against it, in a repository made for it."""

import subprocess
from pathlib import Path

import pytest

from tools.finding import Finding, report
from tools.house.check import ROOT, check_house

# Written so that this file does not break the rules itself.
HOME = "/" + "home/somebody/project"
REGISTRY = "https://packages.example.org/" + "simple"
INDEX = "--index" + "-url https://packages.example.org"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    return tmp_path


def write(repository: Path, name: str, text: str) -> None:
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def findings(repository: Path) -> list[tuple[str, int, str]]:
    return [(finding.path, finding.line, finding.rule) for finding in check_house(repository)]


@pytest.mark.parametrize(
    ("name", "text", "line", "rule"),
    [
        ("services/mdm/utils.py", "", 1, "module-name"),
        ("services/common/names.py", "", 1, "module-name"),
        ("protos/concord/mdm/v1/common.proto", "", 1, "module-name"),
        ("services/mdm/long.py", "x = 1\n" * 501, 501, "file-length"),
        ("protos/long.proto", "// x\n" * 501, 501, "file-length"),
        ("docs/setup.md", f"Go\nto {HOME}.\n", 2, "machine-path"),
        ("requirements/service.txt", f"{INDEX}\n", 1, "registry"),
        ("Makefile", f"pip install -i {REGISTRY} x\n", 1, "registry"),
        ("tests/unit/test_slow.py", "import time\n\ntime.sleep(1)\n", 3, "sleep"),
        ("tests/unit/test_slow.py", "from time import sleep as rest\n\nrest(1)\n", 3, "sleep"),
        ("tests/unit/test_slow.py", "import asyncio as loop\nawait loop.sleep(1)\n", 2, "sleep"),
    ],
)
def test_a_broken_rule_is_found_where_it_is_broken(
    repository: Path, name: str, text: str, line: int, rule: str
) -> None:
    write(repository, name, text)
    assert findings(repository) == [(name, line, rule)]


@pytest.mark.parametrize(
    "text",
    [
        "import grpc",
        "import sqlalchemy.exc",
        "from sqlalchemy import text",
        "import time",
        "from random import choice",
        "import os.path",
        "from services.mesh.postgres import database",
        "from services.mesh.records.store import RecordStore",
        "from datetime import datetime; datetime.now()",
        "import datetime; datetime.datetime.now(datetime.UTC)",
        "import datetime as dt; dt.date.today()",
        "import uuid; uuid.uuid4()",
        "from uuid import uuid7; uuid7()",
        "open('x')",
        "print('x')",
    ],
)
def test_a_domain_has_no_clock_no_chance_and_no_input(repository: Path, text: str) -> None:
    write(repository, "services/mdm/domain/slots.py", f"{text}\n")
    assert findings(repository) == [("services/mdm/domain/slots.py", 1, "pure-domain")]


@pytest.mark.parametrize(
    "text",
    [
        "import datetime; datetime.timedelta(days=1)",
        "import uuid; uuid.UUID(int=1)",
        "from services.mesh.errors import ConcordError",
        "from concord.mdm.v1 import supplier_pb2",
        "def now(self): self.now(); [].open()",
    ],
)
def test_a_domain_may_compute(repository: Path, text: str) -> None:
    write(repository, "services/mdm/domain/slots.py", f"{text}\n")
    assert findings(repository) == []


def test_only_domains_have_to_be_pure(repository: Path) -> None:
    write(repository, "services/mdm/storage/clock.py", "import time\ntime.time()\n")
    write(repository, "tests/support/waiting.py", "import time\ntime.sleep(0.1)\n")
    write(repository, "tests/unit/test_clock.py", "import time\ntime.monotonic()\n")
    assert findings(repository) == []


def test_private_words_stand_outside_the_repository(repository: Path) -> None:
    write(repository, "docs/story.md", "Made for Saint Elsewhere,\nand for saint elsewhere only.\n")
    assert findings(repository) == []
    write(repository, ".git/info/private-words", "Saint Elsewhere\n\n")
    assert findings(repository) == [("docs/story.md", 1, "private-word"), ("docs/story.md", 2, "private-word")]


def test_the_path_of_the_checkout_itself_is_a_machine_path(repository: Path) -> None:
    write(repository, "deploy/run.sh", f"cd {repository}\n")
    assert findings(repository) == [("deploy/run.sh", 1, "machine-path")]


def test_what_git_ignores_and_what_is_no_text_is_left_alone(repository: Path) -> None:
    write(repository, ".gitignore", "gen/\n")
    write(repository, "gen/util.py", HOME)
    (repository / "picture.png").write_bytes(b"\0" + HOME.encode())
    assert findings(repository) == []


def test_a_finding_fails_the_check_and_none_passes_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([], what="the house") == 0
    finding = Finding("b.py", 2, "sleep", "asleep")
    assert report([finding, Finding("a.py", 1, "sleep", "asleep"), finding], what="the house") == 1
    assert capsys.readouterr().out == "a.py:1: asleep [sleep]\nb.py:2: asleep [sleep]\n2 findings in the house\n"


def test_the_repository_keeps_its_house_rules() -> None:
    assert [str(finding) for finding in check_house(ROOT)] == []
