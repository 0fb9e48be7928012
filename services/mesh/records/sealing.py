"""Sealing: RESTRICTED values leave the body for a part encrypted under the record's own key; tokens find them."""

from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from services.mesh.records.keys import KeyRing, RecordKey

M = TypeVar("M", bound=Message)


class SealBroken(Exception):  # noqa: N818 - a state of the data, not a mistake of the caller
    """Sealed bytes do not open: altered, moved from another record or revision, or under another key."""


@dataclass(frozen=True)
class SealedContent:
    """A message as it is stored: `body` without RESTRICTED values; `sealed` with only them, or None if it has none."""

    body: bytes
    sealed: bytes | None


class Sealer:
    """Seals and opens records' content and makes keyed tokens; stateless but for its key ring, safe in threads."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring

    def seal(self, key: RecordKey, revision: int, message: Message) -> SealedContent:
        """Cut the RESTRICTED values out of `message` (not changed) and encrypt them for this record and revision."""
        raise NotImplementedError

    def unseal(self, key: RecordKey | None, revision: int, content: SealedContent, kind: type[M]) -> M:
        """Return the message that was sealed; without `key` (not asked for, or destroyed) only what `body` holds.

        Raises SealBroken.
        """
        raise NotImplementedError

    def seal_bytes(self, key: RecordKey, purpose: str, plain: bytes) -> bytes:
        """Encrypt bytes that are no message (quarantined originals, inputs) under the record's key."""
        raise NotImplementedError

    def unseal_bytes(self, key: RecordKey, purpose: str, sealed: bytes) -> bytes:
        """Open what `seal_bytes` made for the same record and purpose. Raises SealBroken."""
        raise NotImplementedError

    def token(self, value: str | bytes, purpose: str) -> str:
        """Return `t<version>:…`: equal for equal (value, purpose), tells nothing else; under the newest key."""
        raise NotImplementedError

    def tokens(self, value: str | bytes, purpose: str) -> tuple[str, ...]:
        """Return the value's token under every key version, newest first: what a search asks for during a rotation."""
        raise NotImplementedError

    def matches(self, token: str, value: str | bytes, purpose: str) -> bool:
        """Tell in constant time whether `token` is the token of `value`, under the key version that it names."""
        raise NotImplementedError
