"""Sealing: RESTRICTED values leave the body for a part encrypted under the record's own key; tokens find them."""

import base64
import hmac
import re
from dataclasses import dataclass
from typing import Self, TypeVar

from google.protobuf.message import Message

from services.mesh.records import cutting
from services.mesh.records.keys import KeyRing, RecordKey, decrypt, encrypt

M = TypeVar("M", bound=Message)

_TOKEN = re.compile(r"t([1-9][0-9]{0,8}):[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class CutContent:
    """A message in two: `body` without RESTRICTED values, `secrets` with only them, or None if it has none."""

    body: bytes
    secrets: bytes | None

    @classmethod
    def of(cls, message: Message) -> Self:
        """Cut a message (not changed).

        Fields unknown to the contract are dropped: nobody could say how sensitive they are.
        """
        open_part, secret_part = cutting.cut(message)
        secrets = secret_part.SerializeToString(deterministic=True) if secret_part is not None else None
        return cls(open_part.SerializeToString(deterministic=True), secrets)


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
        return self.seal_cut(key, revision, CutContent.of(message))

    def seal_cut(self, key: RecordKey, revision: int, content: CutContent) -> SealedContent:
        """Do the same with what is cut already."""
        if content.secrets is None:
            return SealedContent(content.body, None)
        return SealedContent(content.body, encrypt(key.cipher, content.secrets, _content_context(key, revision)))

    def unseal(self, key: RecordKey | None, revision: int, content: SealedContent, kind: type[M]) -> M:
        """Return the message that was sealed; without `key` (not asked for, or destroyed) only what `body` holds.

        Raises SealBroken.
        """
        message = kind.FromString(content.body)
        if key is not None and content.sealed is not None:
            plain = decrypt(key.cipher, content.sealed, _content_context(key, revision))
            cutting.join(message, kind.FromString(plain))
        return message

    def seal_bytes(self, key: RecordKey, purpose: str, plain: bytes) -> bytes:
        """Encrypt bytes that are no message (quarantined originals, inputs) under the record's key."""
        return encrypt(key.cipher, plain, _bytes_context(key, purpose))

    def unseal_bytes(self, key: RecordKey, purpose: str, sealed: bytes) -> bytes:
        """Open what `seal_bytes` made for the same record and purpose. Raises SealBroken."""
        return decrypt(key.cipher, sealed, _bytes_context(key, purpose))

    @property
    def version(self) -> int:
        """The version of the newest key: what tokens are made under."""
        return self.ring.versions[0]

    def token(self, value: str | bytes, purpose: str) -> str:
        """Return `t<version>:…`: equal for equal (value, purpose), tells nothing else; under the newest key."""
        return self._token(self.version, value, purpose)

    def tokens(self, value: str | bytes, purpose: str) -> tuple[str, ...]:
        """Return the value's token under every key version, newest first: what a search asks for during a rotation."""
        return tuple(self._token(version, value, purpose) for version in self.ring.versions)

    def matches(self, token: str, value: str | bytes, purpose: str) -> bool:
        """Tell in constant time whether `token` is the token of `value`, under the key version that it names."""
        match = _TOKEN.fullmatch(token)
        if match is None or int(match[1]) not in self.ring.versions:
            return False
        return hmac.compare_digest(self._token(int(match[1]), value, purpose), token)

    def _token(self, version: int, value: str | bytes, purpose: str) -> str:
        data = value.encode() if isinstance(value, str) else value
        digest = hmac.digest(self.ring.token_key(version, purpose), data, "sha256")
        return f"t{version}:{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def token_version(text: str) -> int:
    """Return the key version that a token was made under; 0 = the text is no token."""
    match = _TOKEN.fullmatch(text)
    return int(match[1]) if match else 0


def _content_context(key: RecordKey, revision: int) -> bytes:
    return f"content {revision} {key.stored.record}".encode()


def _bytes_context(key: RecordKey, purpose: str) -> bytes:
    return f"bytes {purpose} {key.stored.record}".encode()
