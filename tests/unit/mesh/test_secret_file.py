"""Who may be able to read a file with a secret."""

import os
from pathlib import Path

import pytest

from services.mesh.identity.secret_file import read_secret_file, require_closed

ROOT, OWN = 0, 10001


def state(mode: int, owner: int) -> os.stat_result:
    return os.stat_result((0o100000 | mode, 0, 0, 1, owner, OWN, 0, 0, 0, 0))


@pytest.mark.parametrize(("mode", "owner"), [(0o600, OWN), (0o400, OWN), (0o440, ROOT), (0o400, ROOT), (0o640, ROOT)])
def test_what_is_ours_alone_or_mounted_for_our_group_is_closed(mode: int, owner: int) -> None:
    require_closed(Path("key"), state(mode, owner), OWN)


@pytest.mark.parametrize(
    ("mode", "owner"), [(0o640, OWN), (0o440, OWN), (0o444, ROOT), (0o604, OWN), (0o460, ROOT), (0o620, OWN)]
)
def test_what_more_people_can_read_or_the_group_can_write_is_not(mode: int, owner: int) -> None:
    with pytest.raises(PermissionError, match="must be"):
        require_closed(Path("key"), state(mode, owner), OWN)


def test_a_closed_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("secret\n")
    file.chmod(0o600)
    assert read_secret_file(file) == "secret\n"
    file.chmod(0o640)
    with pytest.raises(PermissionError):
        read_secret_file(file)
