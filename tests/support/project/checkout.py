"""A copy of the project to change something in, and running Python on it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.contracts.generate import ROOT

_FOLDERS = ("protos", "services", "tools", "tests")


def copy_project(checkout: Path, *further: str, left_out: tuple[str, ...] = ()) -> None:
    """Copy what the services and their tests are, and `further` folders; names in `left_out` stay behind.

    Bytecode comes along, as times of files do: compiling all of it again is most of what a run in the copy costs.
    """
    unfinished = "*.pyc.*"  # another test's process may be about to write it
    ignored = shutil.ignore_patterns(unfinished, *left_out)
    for folder in (*_FOLDERS, *further):
        shutil.copytree(ROOT / folder, checkout / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", checkout)


def run_python(checkout: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in a checkout, on its own code; stdout holds stderr, too."""
    path = os.pathsep.join((str(checkout), str(checkout / "gen")))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
