"""Keys: the key-encryption keys from a file, the record keys that they wrap, and what is derived from either."""

import base64
import binascii
import functools
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.mesh.configuration import ConfigurationError
from services.mesh.identity.followed_files import FollowedFiles
from services.mesh.identity.secret_file import read_secret_file

_KEY_BYTES = 32
_NONCE_BYTES = 12
_BLOCK_BYTES = 64
_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))
_LOOK_EVERY_S = 1.0
_LINE = re.compile(r"v([1-9][0-9]{0,8}) ([A-Za-z0-9+/]{43}=)")


class KeyFileError(ConfigurationError):
    """The key file is missing, open to others, or not made of `v<N> <base64 of 32 bytes>` lines."""

    def __init__(self, mistake: str) -> None:
        super().__init__([mistake])


class SealBroken(Exception):  # noqa: N818 - a state of the data, not a mistake of the caller
    """Sealed bytes do not open: altered, moved from another record or revision, or under another key."""


@dataclass(frozen=True)
class WrappedKey:
    """A record's key as it is stored: encrypted under version `version` of the key-encryption key."""

    record: str
    wrapped: bytes
    version: int


@dataclass(frozen=True, repr=False)
class RecordKey:
    """A record's own key in the clear, in memory only, with its stored form."""

    stored: WrappedKey
    secret: bytes

    @functools.cached_property
    def cipher(self) -> AESGCM:
        """What content and inputs are sealed with."""
        return AESGCM(derive(self.secret, "content"))


class KeyedHash:
    """HMAC-SHA256 (RFC 2104) under one key, for many digests: the key's two blocks are hashed only once."""

    def __init__(self, key: bytes) -> None:
        """Take a key of at most 64 bytes."""
        block = key.ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER_PAD))
        self._outer = hashlib.sha256(block.translate(_OUTER_PAD))

    def beginning_with(self, beginning: bytes) -> Callable[[bytes], bytes]:
        """Return what gives the 32 bytes for data that begins alike, from the rest of it."""
        begun = self._inner.copy()
        begun.update(beginning)
        copy_inner, copy_outer = begun.copy, self._outer.copy

        def digest(rest: bytes) -> bytes:
            inner, outer = copy_inner(), copy_outer()
            inner.update(rest)
            outer.update(inner.digest())
            return outer.digest()

        return digest


_extracted = KeyedHash(b"concord").beginning_with(b"")


class KeyRing:
    """The versions of the key-encryption key; the first wraps, all unwrap. Safe in threads.

    A ring from a file follows it: a version that is added is in use within two seconds.
    """

    def __init__(self, keys: "Mapping[int, bytes] | FollowedFiles[_Keys]") -> None:
        """Take the 32-byte keys by version, the one that wraps first."""
        self._keys = keys if isinstance(keys, FollowedFiles) else _Keys(keys)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Follow a file of `v<N> <base64>` lines, the version that wraps first; it must be closed to others.

        Raises KeyFileError. A file that later can't be used leaves the keys from before in use.
        """
        try:
            files = FollowedFiles(f"the key file {path}", [path], lambda: _read(path), look_every_s=_LOOK_EVERY_S)
        except OSError as error:
            raise KeyFileError(f"{path}: {type(error).__name__}") from error
        return cls(files)

    @property
    def versions(self) -> tuple[int, ...]:
        """The versions, the one that wraps first."""
        return self._present().versions

    def new_record_key(self, record: str) -> RecordKey:
        """Draw a fresh key for `record`."""
        secret = secrets.token_bytes(_KEY_BYTES)
        keys = self._present()
        version = keys.versions[0]
        wrapped = encrypt(keys.wrapping[version], secret, record.encode())
        return RecordKey(WrappedKey(record, wrapped, version), secret)

    def unwrap(self, stored: WrappedKey) -> RecordKey:
        """Open a stored key. Raises SealBroken when it was altered or belongs to another record."""
        # Another replica may have seen a new version a moment earlier than this one.
        wrapping = self._present().wrapping.get(stored.version) or self._seen_now().wrapping.get(stored.version)
        if wrapping is None:
            raise SealBroken(f"{stored.record}: key-encryption key v{stored.version} is not in the key file")
        return RecordKey(stored, decrypt(wrapping, stored.wrapped, stored.record.encode()))

    def token_key(self, version: int, purpose: str) -> bytes:
        """Return the key of the tokens of one purpose; KeyError for a version that the ring does not have."""
        return self._present().token_key(version, purpose)

    def _present(self) -> "_Keys":
        return self._keys.present() if isinstance(self._keys, FollowedFiles) else self._keys

    def _seen_now(self) -> "_Keys":
        return self._keys.look() if isinstance(self._keys, FollowedFiles) else self._keys


class _Keys:
    """What one state of a key file holds."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self.versions = tuple(keys)
        self.wrapping = {version: AESGCM(derive(key, "record keys")) for version, key in keys.items()}
        self.token_key = functools.lru_cache(maxsize=256)(
            lambda version, purpose: derive(keys[version], f"tokens of {purpose}")
        )


def new_key_line(version: int) -> str:
    """Return the line of a key file with a fresh key; secret."""
    return f"v{version} {base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()}\n"


def write_key_file(path: Path) -> None:
    """Make a key file with one fresh key `v1`, readable by its owner only; FileExistsError if it is there."""
    line = new_key_line(1)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(line)


def derive(secret: bytes, purpose: str) -> bytes:
    """Return 32 bytes for one purpose (HKDF-SHA256, RFC 5869: extract, and the first block of expand)."""
    return hmac.digest(_extracted(secret), purpose.encode() + b"\x01", "sha256")


def encrypt(cipher: AESGCM, plain: bytes, context: bytes) -> bytes:
    """Return nonce + AES-GCM ciphertext, bound to `context`."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, context)


def decrypt(cipher: AESGCM, sealed: bytes, context: bytes) -> bytes:
    """Open what `encrypt` made in the same context. Raises SealBroken."""
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:
        raise SealBroken(f"does not open in the context {context.decode(errors='replace')!r}") from error


def _read(path: Path) -> _Keys:
    try:
        text = read_secret_file(path)
    except UnicodeDecodeError as error:
        raise KeyFileError(f"{path}: is not text") from error
    except PermissionError as error:
        raise KeyFileError(str(error)) from error
    return _Keys(_parsed(path, [line.strip() for line in text.splitlines() if line.strip()]))


def _parsed(path: Path, lines: list[str]) -> dict[int, bytes]:
    keys: dict[int, bytes] = {}
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise KeyFileError(f"{path}: line {number} is not `v<N> <base64 of 32 bytes>`")
        version = int(match[1])
        if version in keys:
            raise KeyFileError(f"{path}: line {number}: version v{version} is there twice")
        try:
            keys[version] = base64.b64decode(match[2], validate=True)
        except binascii.Error as error:
            raise KeyFileError(f"{path}: line {number} is not base64") from error
    if not keys:
        raise KeyFileError(f"{path}: holds no key")
    return keys
