"""What a log sends to a witness, and whether it may be cosigned: C2SP tlog-witness, add-checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from clients.verifier.checkpoint import Checkpoint, check_log_signature
from clients.verifier.encoding import hash_of, number_of
from clients.verifier.errors import RefutedError, UnreadableError
from clients.verifier.merkle import EMPTY_ROOT, LONGEST_PATH, check_consistency
from clients.verifier.note import VerifierKey

_OLD = "old "


class Status(IntEnum):
    """What the protocol answers a refusal with."""

    MALFORMED = 400
    NOT_SIGNED = 403
    UNKNOWN_LOG = 404
    CONFLICT = 409
    NOT_PROVEN = 422


class RefusalError(Exception):
    """Why a checkpoint is not cosigned."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status


class OtherSizeError(RefusalError):
    """The log does not know which checkpoint was cosigned last: `size` is that one's."""

    def __init__(self, size: int) -> None:
        super().__init__(Status.CONFLICT, f"the checkpoint that was cosigned last has {size} leaves")
        self.size = size


class ContradictionError(RefusalError):
    """The log signed a checkpoint that does not continue the one that was cosigned last: an alarm."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint, and the proof that it continues the one of `old_size` leaves."""

    old_size: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a request's body. Raises RefusalError."""
        try:
            return cls._parsed(body)
        except UnreadableError as error:
            raise RefusalError(Status.MALFORMED, str(error)) from error

    def require_trusted(self, keys: Sequence[VerifierKey]) -> None:
        """Require a log that is known, and its signature. Raises RefusalError."""
        origin = self.checkpoint.origin
        known = [key for key in keys if key.name == origin]
        if not known:
            raise RefusalError(Status.UNKNOWN_LOG, f"no log {origin} is witnessed here")
        try:
            check_log_signature(self.checkpoint, known)
        except RefutedError as error:
            raise RefusalError(Status.NOT_SIGNED, str(error)) from error

    def require_continuing(self, cosigned: Checkpoint | None) -> None:
        """Require that it continues what was cosigned last. Raises RefusalError; ContradictionError when it does not.

        The submission has to be trusted before: only what the log itself signed can contradict it.
        """
        size = 0 if cosigned is None else cosigned.size
        if self.old_size > self.checkpoint.size:
            raise RefusalError(Status.MALFORMED, "the old size is above the checkpoint's")
        if self.old_size != size:
            raise OtherSizeError(size)
        if cosigned is None or size == 0:
            self._require_beginning()
        elif size == self.checkpoint.size and cosigned.root != self.checkpoint.root:
            raise ContradictionError(Status.CONFLICT, f"another tree of {size} leaves was cosigned")
        else:
            self._require_proven(cosigned)

    @classmethod
    def _parsed(cls, body: bytes) -> Self:
        head, empty_line, checkpoint = body.partition(b"\n\n")
        old, *path = head.decode("ascii", "replace").split("\n")
        if not empty_line or not old.startswith(_OLD) or len(path) > LONGEST_PATH:
            raise UnreadableError("the body is an old size, a consistency proof, an empty line and a checkpoint")
        return cls(
            number_of(old.removeprefix(_OLD), "the old size"),
            tuple(hash_of(line, "a hash of the proof") for line in path),
            Checkpoint.parse(checkpoint),
        )

    def _require_beginning(self) -> None:
        if self.path or (self.checkpoint.size == 0 and self.checkpoint.root != EMPTY_ROOT):
            raise RefusalError(Status.NOT_PROVEN, "a log's beginning has no consistency proof")

    def _require_proven(self, cosigned: Checkpoint) -> None:
        checkpoint = self.checkpoint
        try:
            check_consistency(cosigned.size, cosigned.root, checkpoint.size, checkpoint.root, self.path)
        except RefutedError as error:
            raise ContradictionError(Status.NOT_PROVEN, str(error)) from error
