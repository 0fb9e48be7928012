import subprocess
from pathlib import Path

import pytest

from tools.upgrade.previous import ASKED, RECORDED, NoPreviousReleaseError, find


def git(repository: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(repository), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history of three commits."""
    monkeypatch.delenv(ASKED, raising=False)
    git(tmp_path, "init", "--quiet")
    for number in range(3):
        git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", f"commit {number}")
    return tmp_path


def test_it_is_the_newest_release_before_what_is_checked_out(repository: Path) -> None:
    for tag, commit in (("v0.1.0", "HEAD~2"), ("v0.2.0", "HEAD~1"), ("v0.3.0", "HEAD")):
        git(repository, "tag", tag, commit)
    assert find(repository) == git(repository, "rev-parse", "v0.2.0")


def test_another_one_can_be_asked_for(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(repository, "tag", "v0.2.0", "HEAD~1")
    monkeypatch.setenv(ASKED, "HEAD~2")
    assert find(repository) == git(repository, "rev-parse", "HEAD~2")


def test_a_history_that_does_not_reach_so_far_is_told(repository: Path) -> None:
    with pytest.raises(NoPreviousReleaseError, match=RECORDED.read_text().split()[0]):
        find(repository)
