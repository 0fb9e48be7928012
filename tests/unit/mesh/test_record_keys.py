"""Key files and record keys."""

import base64
import hmac
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from services.mesh.records.keys import KeyedHash, KeyFileError, KeyRing, SealBroken, derive, write_key_file
from tests.support.waiting import eventually

OTHER = f"v2 {base64.b64encode(bytes(32)).decode()}"
LINE = f"v1 {base64.b64encode(bytes(32)).decode()}"


def key_file(directory: Path, text: str, mode: int = 0o600) -> Path:
    path = directory / "keys"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_written_key_file_can_be_read(tmp_path: Path) -> None:
    write_key_file(tmp_path / "keys")
    assert KeyRing.from_file(tmp_path / "keys").versions == (1,)
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        write_key_file(tmp_path / "keys")


def test_the_newest_version_wraps_and_every_version_unwraps(tmp_path: Path) -> None:
    old = KeyRing.from_file(key_file(tmp_path, LINE))
    newer = base64.b64encode(bytes(range(32))).decode()
    rotated = KeyRing.from_file(key_file(tmp_path, f"v2 {newer}\n\n{LINE}\n"))
    key = old.new_record_key("suppliers/1")
    assert rotated.unwrap(key.stored).secret == key.secret
    assert rotated.new_record_key("suppliers/2").stored.version == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v1",
        f"{LINE}x",
        LINE.replace("v1", "v0"),
        f"{LINE}\n{LINE}",
        "v1 AAAA",
    ],
)
def test_a_file_of_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(KeyFileError):
        KeyRing.from_file(key_file(tmp_path, text))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(KeyFileError, match="must be"):
        KeyRing.from_file(key_file(tmp_path, LINE, mode))


def test_a_version_that_is_added_to_the_file_is_taken_up_and_the_old_one_still_opens(tmp_path: Path) -> None:
    ring = KeyRing.from_file(key_file(tmp_path, LINE))
    key = ring.new_record_key("suppliers/1")
    key_file(tmp_path, f"{LINE}\n{OTHER}")
    assert eventually(lambda: ring.versions == (1, 2))
    key_file(tmp_path, f"{OTHER}\n{LINE}")
    assert eventually(lambda: ring.new_record_key("suppliers/2").stored.version == 2)
    assert ring.unwrap(key.stored).secret == key.secret


def test_a_version_that_another_process_uses_already_is_looked_for_at_once(tmp_path: Path) -> None:
    ring = KeyRing.from_file(key_file(tmp_path, LINE))
    assert ring.versions == (1,)
    key_file(tmp_path, f"{LINE}\n{OTHER}")
    others = KeyRing({2: bytes(32)}).new_record_key("suppliers/1")
    assert ring.unwrap(others.stored).secret == others.secret


def test_a_file_that_becomes_unusable_leaves_its_keys_in_use(tmp_path: Path) -> None:
    ring = KeyRing.from_file(key_file(tmp_path, LINE))
    others = KeyRing({2: bytes(32)}).new_record_key("suppliers/1")
    for damage in ("", f"{OTHER}x"):
        key_file(tmp_path, damage)
        with pytest.raises(SealBroken):
            ring.unwrap(others.stored)
        assert ring.versions == (1,)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="FileNotFoundError"):
        KeyRing.from_file(tmp_path / "nowhere")


def test_a_record_key_opens_for_its_record_and_version_only() -> None:
    ring = KeyRing({1: bytes(32)})
    stored = ring.new_record_key("suppliers/1").stored
    for other in (replace(stored, record="suppliers/2"), replace(stored, version=2), replace(stored, wrapped=b"")):
        with pytest.raises(SealBroken):
            ring.unwrap(other)


def test_a_key_does_not_show_itself() -> None:
    key = KeyRing({1: bytes(32)}).new_record_key("suppliers/1")
    assert key.secret.hex() not in repr(key)
    assert repr(key.secret) not in repr(key)


@given(st.binary(max_size=64), st.binary(max_size=100), st.lists(st.binary(max_size=200), min_size=1))
def test_a_keyed_hash_is_hmac_however_often_it_is_asked(key: bytes, beginning: bytes, rests: list[bytes]) -> None:
    digest = KeyedHash(key).beginning_with(beginning)
    assert [digest(rest) for rest in rests] == [hmac.digest(key, beginning + rest, "sha256") for rest in rests]


@given(st.binary(min_size=32, max_size=32), st.text(max_size=100))
def test_keys_are_derived_by_hkdf_of_rfc_5869(secret: bytes, purpose: str) -> None:
    library = HKDF(hashes.SHA256(), 32, salt=b"concord", info=purpose.encode()).derive(secret)
    assert derive(secret, purpose) == library
