"""Keys: the key-encryption keys from a file, the record keys that they wrap, and what is derived from either."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self


class KeyFileError(Exception):
    """The key file is missing, readable by others, or not made of `v<N> <base64 of 32 bytes>` lines."""


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


class KeyRing:
    """The versions of the key-encryption key; the newest wraps, all unwrap."""

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read `v<N> <base64>` lines, newest first. Raises KeyFileError; the file must be closed to group and others."""
        raise NotImplementedError

    def new_record_key(self, record: str) -> RecordKey:
        """Draw a fresh key for `record`."""
        raise NotImplementedError

    def unwrap(self, stored: WrappedKey) -> RecordKey:
        """Open a stored key. Raises SealBroken when it was altered or belongs to another record."""
        raise NotImplementedError


def write_key_file(path: Path) -> None:
    """Make a key file with one fresh key `v1`, readable by its owner only; FileExistsError if it is there."""
    raise NotImplementedError
