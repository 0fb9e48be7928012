"""Secrets as a kubelet mounts them: files behind one symbolic link, which is replaced at once when a Secret changes."""

import itertools
import os
from collections.abc import Mapping
from pathlib import Path

_DATA = "..data"


class MountedSecrets:
    """A directory for each Secret, with a file for each of its keys."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._numbers = itertools.count(1)

    def file(self, secret: str, key: str) -> Path:
        """Return where a key's file is."""
        return self.directory / secret / key

    def put(self, secret: str, data: Mapping[str, bytes]) -> None:
        """Mount a Secret, or let a changed one take the place of what is mounted."""
        mount = self.directory / secret
        fresh = mount / f"..{next(self._numbers)}"
        fresh.mkdir(parents=True)
        for key, value in data.items():
            with os.fdopen(os.open(fresh / key, os.O_CREAT | os.O_WRONLY, 0o400), "wb") as file:
                file.write(value)
        link = mount / "..data_tmp"
        link.symlink_to(fresh.name)
        link.replace(mount / _DATA)
        for key in data:
            if not (mount / key).is_symlink():
                (mount / key).symlink_to(Path(_DATA) / key)
