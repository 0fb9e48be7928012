"""Signed notes and the keys that verify them, after C2SP signed-note."""

import hashlib
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from clients.verifier.encoding import from_base64
from clients.verifier.errors import UnreadableError

LARGEST_NOTE_BYTES = 65_536
ED25519, COSIGNATURE = 0x01, 0x04
"""Signature types: a log's own, and a witness's with its time."""

_KEY_ID_BYTES = 4
_KEY_BYTES = 32
_MARK = "— "
_SPACE = " "


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: whose, by which key, and the bytes behind the key's id."""

    name: str
    key_id: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its last newline, and the signatures below it; nothing is verified yet."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a note. Raises UnreadableError."""
        text, signatures = _parts(_characters(data))
        return cls(text, tuple(_signature(line) for line in signatures))


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key as it is handed out: `name+id+key`, the id in hexadecimal digits, type and key in Base64."""

    name: str
    key_id: bytes
    kind: int
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key. Raises UnreadableError for another format, another type, and an id that is not the key's."""
        name, _, rest = text.strip().partition("+")
        stated, _, encoded = rest.partition("+")
        if not is_key_name(name) or not encoded:
            raise UnreadableError("a public key is written as name+id+key")
        kind, public = _typed(from_base64(encoded, f"the public key of {name}"), name)
        key_id = _key_id(name, kind, public)
        if stated != key_id.hex():
            raise UnreadableError(f"the public key of {name} has another id than stated")
        return cls(name, key_id, kind, public)

    def made(self, signature: Signature) -> bool:
        """Tell whether a signature says that it is this key's."""
        return (signature.name, signature.key_id) == (self.name, self.key_id)

    def verifies(self, signed: bytes, message: bytes) -> bool:
        """Tell whether the 64 bytes are this key's Ed25519 signature of the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signed, message)
        except InvalidSignature:
            return False
        return True


def is_key_name(name: str) -> bool:
    """Tell whether a key may be named so: not empty, no space of any kind, no plus."""
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


def _characters(data: bytes) -> str:
    if len(data) > LARGEST_NOTE_BYTES:
        raise UnreadableError(f"a note has at most {LARGEST_NOTE_BYTES} bytes")
    try:
        characters = data.decode()
    except UnicodeDecodeError as error:
        raise UnreadableError("a note is text in UTF-8") from error
    if any(character < _SPACE and character != "\n" for character in characters):
        raise UnreadableError("a note holds no control characters")
    return characters


def _parts(characters: str) -> tuple[str, list[str]]:
    text, empty_line, signatures = characters.rpartition("\n\n")
    if not empty_line or not text or not signatures.endswith("\n"):
        raise UnreadableError("a note is a text, an empty line and lines with signatures")
    return text + "\n", signatures[:-1].split("\n")


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_MARK).partition(" ")
    if not line.startswith(_MARK) or not is_key_name(name):
        raise UnreadableError("a signature line is a dash, a name and Base64")
    data = from_base64(encoded, f"the signature of {name}")
    if len(data) <= _KEY_ID_BYTES:
        raise UnreadableError(f"the signature of {name} is too short")
    return Signature(name, data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])


def _typed(data: bytes, name: str) -> tuple[int, bytes]:
    if len(data) != 1 + _KEY_BYTES or data[0] not in (ED25519, COSIGNATURE):
        raise UnreadableError(f"the public key of {name} is not of a type that is known here: Ed25519, 01 or 04")
    return data[0], data[1:]


def _key_id(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:_KEY_ID_BYTES]
