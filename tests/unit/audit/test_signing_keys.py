"""The log's key file: what it may hold, who may read it, and how one begins."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.audit.signing_keys import read_signer, write_key_file
from services.mesh.configuration import ConfigurationError
from tests.support.audit.log_keys import KEY, NEWER_KEY, ORIGIN

OTHER_LOG = "other.example.org/log"


def key_file(directory: Path, *lines: str) -> Path:
    path = directory / "log.keys"
    path.touch(mode=0o600)
    path.write_text("\n".join(lines))
    return path


def test_a_file_that_was_begun_signs_under_its_name_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "log.keys"
    verifier = write_key_file(ORIGIN, path)
    signer = read_signer(ORIGIN, path)
    assert signer.verifiers == (verifier,)
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError):
        write_key_file(ORIGIN, path)


def test_a_rotation_passes_through_a_file_of_two_signing_keys(tmp_path: Path) -> None:
    overlapping = read_signer(ORIGIN, key_file(tmp_path, NEWER_KEY.written(), "", KEY.written(), ""))
    assert overlapping.keys == (NEWER_KEY, KEY)
    rotated = read_signer(ORIGIN, key_file(tmp_path, NEWER_KEY.written(), str(KEY.verifier)))
    assert rotated.keys == (NEWER_KEY,)
    assert rotated.verifiers == overlapping.verifiers == (NEWER_KEY.verifier, KEY.verifier)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ((), "needs a key"),
        ((str(KEY.verifier),), "needs a key"),
        ((str(NEWER_KEY.verifier), KEY.written()), "key 2"),
        (("PRIVATE+KEY+nonsense",), "key 1"),
        ((KEY.written().replace(ORIGIN, OTHER_LOG),), "hash"),
    ],
)
def test_a_file_that_does_not_sign_is_refused_without_showing_a_key(
    tmp_path: Path, lines: tuple[str, ...], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told) as refused:
        read_signer(ORIGIN, key_file(tmp_path, *lines))
    assert KEY.written().rpartition("+")[2] not in str(refused.value)


def test_keys_of_another_log_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=OTHER_LOG):
        read_signer(OTHER_LOG, key_file(tmp_path, KEY.written()))


def test_a_file_that_others_may_read_or_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = key_file(tmp_path, KEY.written())
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_signer(ORIGIN, path)
    with pytest.raises(ConfigurationError, match="FileNotFoundError"):
        read_signer(ORIGIN, tmp_path / "none")


def test_operators_begin_a_file_by_a_command_that_tells_the_verifier_key(tmp_path: Path) -> None:
    path = tmp_path / "log.keys"
    command = [sys.executable, "-m", "services.audit.signing_keys", ORIGIN, str(path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told == f"{read_signer(ORIGIN, path).verifiers[0]}\n"
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stdout) == (1, "")
    assert "no key was made" in again.stderr
