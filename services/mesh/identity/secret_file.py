"""Files with secrets: who may be able to read them."""

import os
import stat
from pathlib import Path

_OTHERS_OR_GROUP_WRITES = 0o027


def read_secret_file(path: Path) -> str:
    """Return the text of a file that nobody reads but its owner and, where another user owns it, the group.

    A mounted Secret belongs to root and is readable by the group that its pod runs in (mode 0440). Raises OSError,
    UnicodeDecodeError, and PermissionError for a file that is open to more.
    """
    with path.open(encoding="utf-8") as file:
        require_closed(path, os.fstat(file.fileno()), os.geteuid())
        return file.read()


def require_closed(path: Path, status: os.stat_result, user: int) -> None:
    """Raise PermissionError when a file of this state tells its secret to more than `user` and the user's group."""
    mode = stat.S_IMODE(status.st_mode)
    if mode & _OTHERS_OR_GROUP_WRITES:
        raise PermissionError(f"{path}: must be closed to others, and to its group but for reading")
    if mode & stat.S_IRGRP and status.st_uid == user:
        raise PermissionError(f"{path}: must be readable by its owner only (chmod 600)")
