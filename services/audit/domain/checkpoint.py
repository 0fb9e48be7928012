"""Checkpoints after C2SP tlog-checkpoint: what the log signs, once a commit."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from services.audit.domain import signed_note
from services.audit.domain.merkle import HASH_BYTES
from services.audit.domain.signed_note import SigningKey, VerifierKey

_TEXT = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]+=)\n(?:[^\n]+\n)*")


class MalformedCheckpointError(ValueError):
    """A note's text is not a checkpoint."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Which log, how many leaves, and the root of the tree of them."""

    origin: str
    tree_size: int
    root: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a note's text; lines behind the third are passed over. Raises MalformedCheckpointError."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise MalformedCheckpointError("a checkpoint is an origin, a size and a root, a line each")
        try:
            root = base64.b64decode(match[3], validate=True)
        except binascii.Error as error:
            raise MalformedCheckpointError("a checkpoint's root is not base64") from error
        if len(root) != HASH_BYTES:
            raise MalformedCheckpointError(f"a checkpoint's root has {HASH_BYTES} bytes")
        return cls(match[1], int(match[2]), root)

    def text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.tree_size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint that the log signed: its note, the first key that signed it, and when."""

    tree_size: int
    root: bytes
    note: str
    key_id: bytes
    signed_at: datetime


@dataclass(frozen=True)
class LogSigner:
    """Signs the checkpoints of one log. `verifiers` are all keys that ever signed for it, retired ones included."""

    origin: str
    keys: tuple[SigningKey, ...]
    verifiers: tuple[VerifierKey, ...]

    def __post_init__(self) -> None:
        """Refuse what could not be verified later: ValueError."""
        if not self.keys:
            raise ValueError("a log needs a key to sign with")
        strangers = sorted({key.name for key in self.verifiers if key.name != self.origin})
        if strangers:
            raise ValueError(f"the log is {self.origin!r}, its keys are named {', '.join(map(repr, strangers))}")

    @classmethod
    def of(cls, origin: str, keys: Sequence[SigningKey], retired: Sequence[VerifierKey] = ()) -> Self:
        """Return the signer with these keys, all of which sign, the newest first; retired ones only verify."""
        return cls(origin, tuple(keys), (*(key.verifier for key in keys), *retired))

    def sign(self, tree_size: int, root: bytes, signed_at: datetime) -> SignedCheckpoint:
        """Sign a tree's head."""
        note = signed_note.sign(Checkpoint(self.origin, tree_size, root).text(), self.keys)
        return SignedCheckpoint(tree_size, root, note, self.keys[0].verifier.key_id, signed_at)
