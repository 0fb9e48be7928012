"""Signed notes after C2SP signed-note: a text, and Ed25519 signatures of it by named keys.

Keys are written as in Go's `sumdb/note`: a verifier key is `name+hash+base64`, a signing key is that with
`PRIVATE+KEY+` before it and the private half in place of the public one.
"""

import base64
import binascii
import functools
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MOST_SIGNATURES = 64

_ED25519 = b"\x01"
_KEY_BYTES = 32
_ID_BYTES = 4
_PRIVATE = "PRIVATE+KEY+"
_KEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")
_SIGNATURE = re.compile(r"\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f]")


class MalformedKeyError(ValueError):
    """A text is not a key; the message does not repeat it."""


class MalformedNoteError(ValueError):
    """A text is not a signed note."""


class UnverifiedNoteError(Exception):
    """A signature by a known key does not hold, or no known key has signed."""


@dataclass(frozen=True)
class VerifierKey:
    """The public half of a key: who verifies needs it, and nothing in it is secret."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name+hash+base64`. Raises MalformedKeyError."""
        name, told_id, public = _key_parts(text)
        key = cls(name, public)
        if key.key_id != told_id:
            raise MalformedKeyError("a verifier key's hash is not that of its name and key")
        try:
            Ed25519PublicKey.from_public_bytes(public)
        except ValueError as error:
            raise MalformedKeyError("a verifier key is not a point of the curve") from error
        return key

    @functools.cached_property
    def key_id(self) -> bytes:
        """The four bytes that signatures name the key by."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:_ID_BYTES]

    def has_signed(self, text: str, signature: bytes) -> bool:
        """Tell whether this is the key's signature of a note's text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_base64(_ED25519 + self.public)}"


@dataclass(frozen=True)
class SigningKey:
    """A key that signs notes under its name; `secret` is the seed of 32 bytes (RFC 8032)."""

    name: str
    secret: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `PRIVATE+KEY+name+hash+base64`. Raises MalformedKeyError."""
        if not text.startswith(_PRIVATE):
            raise MalformedKeyError(f"a signing key begins with {_PRIVATE}")
        name, told_id, secret = _key_parts(text.removeprefix(_PRIVATE))
        key = cls(name, secret)
        if key.verifier.key_id != told_id:
            raise MalformedKeyError("a signing key's hash is not that of its name and key")
        return key

    @functools.cached_property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self._private.public_key().public_bytes_raw())

    def sign(self, text: str) -> bytes:
        """Return the signature of a note's text, 64 bytes."""
        return self._private.sign(text.encode())

    def written(self) -> str:
        """Return it as it stands in a key file: a secret."""
        return f"{_PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{_base64(_ED25519 + self.secret)}"

    @functools.cached_property
    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.secret)


class Signature(NamedTuple):
    """A signature of a note: the name and the id of the key, and what it signed with."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A note as it was read; nothing is verified yet. `text` ends in a newline."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, note: str) -> Self:
        """Take a note apart. Raises MalformedNoteError."""
        text, separator, below = note.rpartition("\n\n")
        lines = below.split("\n")
        if not separator or not text or lines.pop() or not lines or _CONTROLS.search(note):
            raise MalformedNoteError("a signed note is a text, an empty line and lines of signatures")
        if len(lines) > MOST_SIGNATURES:
            raise MalformedNoteError(f"a note has at most {MOST_SIGNATURES} signatures")
        return cls(f"{text}\n", tuple(_signature(line) for line in lines))

    def signers(self, known: Sequence[VerifierKey]) -> list[VerifierKey]:
        """Return which of the known keys have signed, at least one. Raises UnverifiedNoteError."""
        found = []
        for name, key_id, signature in self.signatures:
            key = next((each for each in known if (each.name, each.key_id) == (name, key_id)), None)
            if key is not None:
                if not key.has_signed(self.text, signature):
                    raise UnverifiedNoteError(f"the signature of {name} with key {key_id.hex()} does not hold")
                found.append(key)
        if not found:
            signed_by = ", ".join(f"{name} with key {key_id.hex()}" for name, key_id, _ in self.signatures)
            raise UnverifiedNoteError(f"signed by no known key, but by {signed_by}")
        return found


def sign(text: str, keys: Sequence[SigningKey]) -> str:
    """Return the note of a text, which ends in a newline, with a signature of each key in their order."""
    lines = [_line(key, text) for key in keys]
    return f"{text}\n{''.join(lines)}"


def _line(key: SigningKey, text: str) -> str:
    return f"\u2014 {key.name} {_base64(key.verifier.key_id + key.sign(text))}\n"


def _signature(line: str) -> Signature:
    match = _SIGNATURE.fullmatch(line)
    if match is None:
        raise MalformedNoteError("a line of a signature is a dash, a name and base64")
    try:
        data = base64.b64decode(match[2], validate=True)
    except binascii.Error as error:
        raise MalformedNoteError("a signature is not base64") from error
    if len(data) <= _ID_BYTES:
        raise MalformedNoteError("a signature holds the key's id and what it signed with")
    return Signature(match[1], data[:_ID_BYTES], data[_ID_BYTES:])


def _key_parts(text: str) -> tuple[str, bytes, bytes]:
    """Return a key's name, the id that is told, and the key."""
    match = _KEY.fullmatch(text)
    if match is None:
        raise MalformedKeyError("a key is name+hash+base64")
    try:
        data = base64.b64decode(match[3], validate=True)
    except binascii.Error as error:
        raise MalformedKeyError("a key's last part is not base64") from error
    if data[:1] != _ED25519 or len(data) != 1 + _KEY_BYTES:
        raise MalformedKeyError("a key is one of Ed25519")
    return match[1], bytes.fromhex(match[2]), data[1:]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
