"""The witness's key: Ed25519, written as C2SP signed notes write keys, with the type of a cosignature."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clients.verifier.checkpoint import cosigned_message
from clients.verifier.encoding import from_base64
from clients.verifier.errors import UnreadableError
from clients.verifier.note import COSIGNATURE, is_key_name

_PREFIX = "PRIVATE+KEY+"
_SEED_BYTES = 32


@dataclass(frozen=True)
class SigningKey:
    """A witness's name and the 32 secret bytes that its key is made from."""

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a name that no key may have. Raises UnreadableError."""
        if not is_key_name(self.name) or len(self.seed) != _SEED_BYTES:
            raise UnreadableError("a key has a name without spaces and plus, and 32 secret bytes")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key as `written` writes it. Raises UnreadableError, without telling what was read."""
        name, _, rest = text.strip().removeprefix(_PREFIX).partition("+")
        data = from_base64(rest.partition("+")[2], "the witness's key")
        if not text.startswith(_PREFIX) or data[:1] != bytes([COSIGNATURE]):
            raise UnreadableError("the witness's key is not a private key for cosignatures")
        key = cls(name, data[1:])
        if key.written != text.strip():
            raise UnreadableError("the witness's key has another id than stated")
        return key

    @property
    def written(self) -> str:
        """The key as its file holds it; secret."""
        return f"{_PREFIX}{self.name}+{self._key_id.hex()}+{_typed(self.seed)}"

    @property
    def verifier_key(self) -> str:
        """The public key, to be handed out: `name+id+key`."""
        return f"{self.name}+{self._key_id.hex()}+{_typed(self._public)}"

    def cosign(self, text: str, at_s: int) -> str:
        """Return the signature line of a checkpoint's text, at a time in seconds since the epoch."""
        signed = Ed25519PrivateKey.from_private_bytes(self.seed).sign(cosigned_message(at_s, text))
        encoded = base64.b64encode(self._key_id + at_s.to_bytes(8, "big") + signed).decode()
        return f"— {self.name} {encoded}\n"

    @property
    def _public(self) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    @property
    def _key_id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([COSIGNATURE]) + self._public).digest()[:4]


def _typed(key: bytes) -> str:
    return base64.b64encode(bytes([COSIGNATURE]) + key).decode()
