"""A container engine: podman, buildah or docker, spoken to by its command line, in words that all three know."""

import re
import resource
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ENGINES = ("podman", "buildah", "docker")
BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}
AMPLE = 16_384  # open files, or processes

_LIMITS = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}


class ImageError(Exception):
    """An image could not be made; the message says why, and what helps."""


@dataclass(frozen=True)
class Recipe:
    """What an image is made by: a Containerfile, one target of it, its context, arguments and files kept out of it."""

    containerfile: Path
    context: Path
    target: str = ""
    arguments: Mapping[str, str] | None = None
    secrets: Mapping[str, Path] | None = None

    def options(self) -> list[str]:
        """Return the recipe as options of `build`, the context last."""
        target = ["--target", self.target] if self.target else []
        arguments = [f"--build-arg={name}={value}" for name, value in (self.arguments or {}).items()]
        secrets = [f"--secret=id={name},src={path}" for name, path in (self.secrets or {}).items()]
        return ["--file", str(self.containerfile), *target, *arguments, *secrets, str(self.context)]


@dataclass(frozen=True)
class Engine:
    """One engine, by the name of its command."""

    name: str

    def build(self, recipe: Recipe, image: str) -> None:
        """Make an image of that name. Raises ImageError."""
        self._run([*self._build(), "--tag", image, *recipe.options()])

    def export(self, recipe: Recipe, directory: Path) -> None:
        """Write the files of the recipe's target to a directory, without an image. Raises ImageError."""
        directory.mkdir(parents=True, exist_ok=True)
        self._run([*self._build(), "--output", f"type=local,dest={directory}", *recipe.options()])

    def size(self, image: str) -> int | None:
        """Return an image's size in bytes, to the digits that engines print; None if the engine doesn't hold it."""
        listed = subprocess.run(
            [self.name, "images", "--format", "{{.Size}}", image], check=False, capture_output=True, text=True
        )
        printed = listed.stdout.split("\n")[0]
        return parse_size(printed) if listed.returncode == 0 and printed else None

    def _build(self) -> list[str]:
        if self.name == "docker":
            return ["docker", "build"]
        return [self.name, "build", "--layers", *limits()]

    def _run(self, command: Sequence[str]) -> None:
        if subprocess.run(command, check=False).returncode != 0:
            raise ImageError(f"`{' '.join(command[:2])}` failed; it says above why")


def find(wanted: str = "") -> Engine:
    """Return the wanted engine, or else the first one that is installed. Raises ImageError."""
    if wanted and wanted not in ENGINES:
        raise ImageError(f"ENGINE={wanted} is none of {', '.join(ENGINES)}")
    for name in (wanted,) if wanted else ENGINES:
        if shutil.which(name):
            return Engine(name)
    raise ImageError(f"{wanted or ', '.join(ENGINES)}: not installed; `apt-get install podman runc` is enough")


def limits() -> list[str]:
    """Return options that let containers open only as many files, and start only as many processes, as they need.

    Podman asks for a million of each, which is refused where even root may not raise a limit.
    """
    hard = {name: resource.getrlimit(limit)[1] for name, limit in _LIMITS.items()}
    allowed = {name: AMPLE if most == resource.RLIM_INFINITY else min(most, AMPLE) for name, most in hard.items()}
    return [f"--ulimit={name}={most}:{most}" for name, most in allowed.items()]


def parse_size(printed: str) -> int:
    """Return the bytes that `413 MB` or `1.2GB` says. Raises ImageError."""
    found = re.fullmatch(r"([\d.]+)\s*([kMG]?B)", printed.strip())
    if not found:
        raise ImageError(f"{printed!r} is no size of an image")
    return round(float(found[1]) * BYTES[found[2]])
