"""A base image where no registry is in reach: Debian's packages, unpacked by mmdebstrap."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.image.building import ROOT
from tools.image.engine import Engine, ImageError, Recipe

CONTAINERFILE = ROOT / "deploy" / "image" / "base.Containerfile"
SUITE = "bookworm"
NAME = f"localhost/concord-base:{SUITE}"
PACKAGES = ("ca-certificates", "python3")


def build(engine: Engine, mirror: str = "") -> None:
    """Make the base image from Debian's archive, or from a mirror of it. Raises ImageError."""
    if not shutil.which("mmdebstrap"):
        raise ImageError("mmdebstrap is not installed: `apt-get install mmdebstrap`")
    print(f"» mmdebstrap unpacks Debian {SUITE}, {engine.name} makes {NAME} of it")
    with tempfile.TemporaryDirectory(prefix="concord-base-") as context:
        _unpack(Path(context) / "base.tar", mirror)
        engine.build(Recipe(CONTAINERFILE, Path(context)), NAME)
    print(f"» {NAME}: `make image BASE={NAME}` builds on it")


def _unpack(archive: Path, mirror: str) -> None:
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(archive)]
    if subprocess.run([*command, *([mirror] if mirror else [])], check=False).returncode != 0:
        raise ImageError("mmdebstrap failed; it says above why")
