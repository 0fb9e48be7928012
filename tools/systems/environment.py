"""A Python environment of its own for one system, installed from hashed requirements and kept under `build/systems`."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SYSTEMS = ROOT / "build" / "systems"


class InstallationError(Exception):
    """A system's packages could not be installed; the message holds the installer's output."""


@dataclass(frozen=True)
class Environment:
    """An installed environment; `digest` changes with its requirements."""

    directory: Path
    digest: str

    def program(self, name: str) -> Path:
        """Return the path of a program of the environment, such as `python`."""
        return self.directory / "bin" / name


def install(name: str) -> Environment:
    """Install `requirements/{name}.txt` unless exactly that is installed; raises InstallationError."""
    requirements = ROOT / "requirements" / f"{name}.txt"
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    directory = SYSTEMS / name / f"environment-{digest}"
    with exclusive(SYSTEMS / name / "install.lock"):
        if not (directory / "complete").exists():
            shutil.rmtree(directory, ignore_errors=True)
            _uv("venv", "--quiet", "--python", sys.executable, str(directory))
            python = str(directory / "bin" / "python")
            _uv("pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", str(requirements))
            (directory / "complete").touch()
    return Environment(directory, digest)


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Keep other processes out that ask for the same lock file."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _uv(*arguments: str) -> None:
    result = subprocess.run([sys.executable, "-m", "uv", *arguments], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise InstallationError(result.stderr)
