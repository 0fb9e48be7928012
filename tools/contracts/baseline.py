"""The revision that the contracts are compared with, and its descriptor image."""

import io
import subprocess
import tarfile
import tempfile
from pathlib import Path

from tools.contracts.image import compile_image

UPSTREAM = "origin/main"


class NoBaselineError(Exception):
    """There is nothing to compare with; the message says why."""


def find_base(repository: Path, asked: str = "") -> str:
    """Return the commit to compare with: the one asked for, else where this branch left upstream, else the last one.

    Raises NoBaselineError in a history with a single commit, and LookupError when the one asked for does not exist.
    """
    if asked:
        commit = _git(repository, "rev-parse", "--verify", "--quiet", f"{asked}^{{commit}}")
        if not commit:
            raise LookupError(f"BASE={asked} is no commit of this repository")
        return commit
    head = _git(repository, "rev-parse", "--verify", "--quiet", "HEAD")
    left_upstream = _git(repository, "merge-base", "HEAD", UPSTREAM)
    if left_upstream and left_upstream != head:
        return left_upstream
    before = _git(repository, "rev-parse", "--verify", "--quiet", "HEAD~")
    if not before:
        raise NoBaselineError("the history has no earlier commit")
    return before


def write_base_image(repository: Path, commit: str, target: Path) -> None:
    """Compile the contracts of `commit` into `target`; raise NoBaselineError when it has none, or none that compile."""
    if not _git(repository, "ls-tree", commit, "protos/concord"):
        raise NoBaselineError(f"{commit[:12]} has no contracts")
    archive = subprocess.run(
        ["git", "-C", str(repository), "archive", "--format=tar", commit, "protos"], capture_output=True, check=True
    )
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            tar.extractall(folder, filter="data")
        try:
            compile_image(Path(folder) / "protos", target)
        except subprocess.CalledProcessError as error:
            raise NoBaselineError(f"the contracts of {commit[:12]} do not compile") from error


def _git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
