"""Cosignatures of witnesses after C2SP tlog-cosignature, and the key that verifies them."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.audit.domain.signed_note import MalformedKeyError, MalformedNoteError, Signature, SignedNote

_TYPE = b"\x04"
_KEY_BYTES, _ID_BYTES, _TIME_BYTES = 32, 4, 8
_KEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")


class FalseCosignatureError(Exception):
    """What a witness answered is no cosignature of the checkpoint by the key that is known."""


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's line below a checkpoint, and what it says: whose it is, and when it was given."""

    witness: str
    key_id: bytes
    line: str
    cosigned_at: datetime


@dataclass(frozen=True)
class WitnessKey:
    """A witness's public key."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name+hash+base64`, of the type for cosignatures. Raises MalformedKeyError."""
        match = _KEY.fullmatch(text.strip())
        try:
            data = b"" if match is None else base64.b64decode(match[3], validate=True)
        except binascii.Error as error:
            raise MalformedKeyError("a key's last part is not base64") from error
        if match is None or data[:1] != _TYPE or len(data) != 1 + _KEY_BYTES:
            raise MalformedKeyError("a witness's key is name+hash+base64, of type 04")
        key = cls(match[1], data[1:])
        if key.key_id.hex() != match[2]:
            raise MalformedKeyError("a witness's key has another hash than is told")
        return key

    @property
    def key_id(self) -> bytes:
        """The four bytes that cosignatures name the key by."""
        return hashlib.sha256(self.name.encode() + b"\n" + _TYPE + self.public).digest()[:_ID_BYTES]

    def cosignature(self, note: str, answer: str) -> Cosignature:
        """Return this witness's cosignature of a note, among the lines that it answered.

        Raises FalseCosignatureError.
        """
        try:
            cosigned = SignedNote.parse(note + answer)
        except MalformedNoteError as error:
            raise FalseCosignatureError(f"{self.name} answered no signature: {error}") from error
        own = [each for each in cosigned.signatures if (each.name, each.key_id) == (self.name, self.key_id)]
        if not own:
            raise FalseCosignatureError(f"{self.name} answered without a signature of the key that is known")
        return self._verified(own[-1], cosigned.text)

    def _verified(self, signature: Signature, text: str) -> Cosignature:
        at_s = int.from_bytes(signature.signature[:_TIME_BYTES], "big")
        message = f"cosignature/v1\ntime {at_s}\n{text}".encode()
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature.signature[_TIME_BYTES:], message)
            cosigned_at = datetime.fromtimestamp(at_s, UTC)
        except (InvalidSignature, ValueError, OverflowError) as error:
            raise FalseCosignatureError(f"the cosignature of {self.name} does not hold") from error
        encoded = base64.b64encode(signature.key_id + signature.signature).decode()
        return Cosignature(self.name, self.key_id, f"\u2014 {self.name} {encoded}\n", cosigned_at)
