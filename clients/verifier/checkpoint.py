"""Checkpoints of a log, its own signature and the cosignatures of witnesses: C2SP tlog-checkpoint, tlog-cosignature."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from clients.verifier.encoding import hash_of, number_of
from clients.verifier.errors import RefutedError, UnreadableError
from clients.verifier.note import COSIGNATURE, ED25519, Note, Signature, VerifierKey

_LINES = 3  # origin, size, root; what follows is the log's own business
_TIME_BYTES = 8
_SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself: `origin` has `size` leaves and this root. As good as its signatures."""

    origin: str
    size: int
    root: bytes
    note: Note

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a checkpoint; nothing is verified yet. Raises UnreadableError."""
        note = Note.parse(data)
        lines = note.text[:-1].split("\n")
        if len(lines) < _LINES or not all(lines):
            raise UnreadableError("a checkpoint is an origin, a size and a root, each on a line")
        return cls(lines[0], number_of(lines[1], "the checkpoint's size"), hash_of(lines[2], "the root"), note)


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's word that, at this time, the checkpoint continued all that it had seen of the log."""

    witness: str
    at: datetime


def check_log_signature(checkpoint: Checkpoint, keys: Sequence[VerifierKey]) -> str:
    """Check that one of the log's keys signed, none of them wrongly; return its name and id. Raises RefutedError.

    A key is trusted for the log that it is named after, no other.
    """
    signed = [
        key
        for key in keys
        if key.kind == ED25519 and key.name == checkpoint.origin
        for signature in checkpoint.note.signatures
        if key.made(signature) and _checked(key, signature, checkpoint)
    ]
    if not signed:
        raise RefutedError(f"no given key signed this checkpoint of {checkpoint.origin}")
    return f"{signed[0].name}+{signed[0].key_id.hex()}"


def cosignatures(checkpoint: Checkpoint, witnesses: Iterable[VerifierKey]) -> list[Cosignature]:
    """Return the newest cosignature of each of these witnesses that cosigned. Raises RefutedError for a false one."""
    found = []
    for key in witnesses:
        times = [_cosigned_at(key, each, checkpoint) for each in checkpoint.note.signatures if key.made(each)]
        if times:
            found.append(Cosignature(key.name, max(times)))
    return found


def cosigned_message(at_s: int, text: str) -> bytes:
    """Return what a witness signs: its time, in seconds since the epoch, and the checkpoint's text."""
    return f"cosignature/v1\ntime {at_s}\n{text}".encode()


def _checked(key: VerifierKey, signature: Signature, checkpoint: Checkpoint) -> bool:
    if not key.verifies(signature.data, checkpoint.note.text.encode()):
        raise RefutedError(f"the signature of {key.name} is false")
    return True


def _cosigned_at(key: VerifierKey, signature: Signature, checkpoint: Checkpoint) -> datetime:
    if key.kind != COSIGNATURE or len(signature.data) != _TIME_BYTES + _SIGNATURE_BYTES:
        raise RefutedError(f"the cosignature of {key.name} is not one")
    at_s = int.from_bytes(signature.data[:_TIME_BYTES], "big")
    if not key.verifies(signature.data[_TIME_BYTES:], cosigned_message(at_s, checkpoint.note.text)):
        raise RefutedError(f"the cosignature of {key.name} is false")
    try:
        return datetime.fromtimestamp(at_s, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise RefutedError(f"the cosignature of {key.name} is of no time") from error
