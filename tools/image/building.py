"""Concord's own images: what they are called, what they are made of, and what is said about them."""

import os
import re
import ssl
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tools.image.engine import Engine, ImageError, Recipe

ROOT = Path(__file__).resolve().parents[2]
CONTAINERFILE = ROOT / "deploy" / "image" / "Containerfile"
BILLS = ROOT / "build" / "image"
DEFAULT_BASE = "docker.io/library/debian:bookworm-slim"
TARGETS = ("concord", "concord-postgres")
JOB_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""What a Job may be called, as its pods carry its name as a label, too. Migrations are named by their image's tag."""

_LONGEST_TAG = 40
LIMIT_MB = 200  # what `concord` may take above its base


@dataclass(frozen=True)
class Origin:
    """Where an image comes from: the project's version, the commit, and when it was built, as OCI's labels say it."""

    version: str
    revision: str
    created: str

    @classmethod
    def here(cls) -> "Origin":
        """Return the origin of what is built from this checkout now."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        return cls(project["version"], _revision(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


@dataclass(frozen=True)
class Naming:
    """What the images are called: `repository/target:tag`. Raises ImageError for a tag that no Job can be named by."""

    repository: str
    tag: str

    def __post_init__(self) -> None:
        """Refuse here what Kubernetes would only refuse when the release is applied."""
        if not JOB_NAME.fullmatch(self.tag) or len(self.tag) > _LONGEST_TAG:
            told = f"small letters and digits, - and . between them, {_LONGEST_TAG} at most"
            raise ImageError(f"TAG={self.tag} is refused, as migration Jobs are named by it: {told}")

    def image(self, target: str) -> str:
        """Return the full name of a target's image."""
        return f"{self.repository}/{target}:{self.tag}"


def build(engine: Engine, base: str, naming: Naming, origin: Origin) -> None:
    """Build every image on that base, write their bills of materials, print names and sizes. Raises ImageError."""
    for target in TARGETS:
        print(f"» {engine.name} builds {naming.image(target)} on {base}")
        engine.build(recipe(target, base, origin), naming.image(target))
    print(f"» bills of materials, as in the images: {BILLS.relative_to(ROOT)}/*.cdx.json")
    engine.export(recipe("bills", base, origin), BILLS)
    for target in TARGETS:
        print(f"» {naming.image(target)}: {_size(engine, naming.image(target), base)}")
    refuse_when_large(engine, naming.image("concord"), base)


def recipe(target: str, base: str, origin: Origin) -> Recipe:
    """Return what a target of the Containerfile is built by."""
    arguments = {"BASE": base, "VERSION": origin.version, "REVISION": origin.revision, "CREATED": origin.created}
    return Recipe(CONTAINERFILE, ROOT, target, arguments, secrets(os.environ))


def secrets(environment: Mapping[str, str]) -> dict[str, Path]:
    """Return the files that reach the build stage and no image: whom pip trusts here, and where it finds packages.

    PIP_CONF names a pip.conf for the build, such as one with an index of one's own.
    """
    authorities = environment.get("PIP_CERT") or ssl.get_default_verify_paths().cafile
    given = {"authorities": authorities, "pip.conf": environment.get("PIP_CONF")}
    return {name: Path(path) for name, path in given.items() if path and Path(path).is_file()}


def above_base(engine: Engine, image: str, base: str) -> int | None:
    """Return how many bytes an image takes above its base; None if the engine keeps no copy of the base."""
    whole, below = engine.size(image), engine.size(base)
    return None if whole is None or below is None else whole - below


def refuse_when_large(engine: Engine, image: str, base: str) -> None:
    """Raise ImageError when the image takes more than it may."""
    taken = above_base(engine, image, base)
    if taken is not None and taken > LIMIT_MB * 10**6:
        raise ImageError(f"{image} takes {taken / 1e6:.0f} MB above its base; {LIMIT_MB} MB are allowed")


def _size(engine: Engine, image: str, base: str) -> str:
    taken = above_base(engine, image, base)
    return (
        f"{engine.name} keeps no copy of {base} to compare with"
        if taken is None
        else f"{taken / 1e6:.0f} MB above its base"
    )


def _revision() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    return described.stdout.strip() or "unknown"
